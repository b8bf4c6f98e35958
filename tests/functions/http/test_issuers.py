"""Tokens of an identity provider, under the keys it shows: what is believed, what is not, and how often it is asked."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from parley.cloud.issuer import fetch_keys
from parley.domain.errors import Forbidden, ParleyError, Unauthenticated, Unavailable
from parley.domain.principal import Principal
from parley.edge.authentication import Authenticator, Credential
from parley.edge.issuer_keys import COOLDOWN_SECONDS, TERM_SECONDS, IssuerKeys, read_keys
from parley.edge.tokens import ClaimPaths, Subject
from parley.services.recognise import Directory
from parley.store.database import Database
from tests.identity_provider import AUDIENCE, ISSUER, Issuer, attacks, claims


@pytest.fixture(params=["RS256", "ES256"])
def issuer(request: pytest.FixtureRequest) -> Issuer:
    return Issuer(request.param)


def offline() -> Directory:
    raise AssertionError("the database was asked")


def never() -> str:
    raise AssertionError("the deployment's secret was asked")


def reader(issuer: Issuer, **paths: str) -> Authenticator:
    """Believes this issuer alone, and looks nobody up."""
    return Authenticator(offline, never, ISSUER, AUDIENCE, claims=ClaimPaths(**paths), keys=issuer.client())


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def is_ana(found: Credential) -> bool:
    """Whether a credential was read as what it says."""
    return isinstance(found, Subject) and found.subject == "ana"


def test_a_token_under_a_key_of_the_issuer_is_believed(issuer: Issuer) -> None:
    found = reader(issuer).read(bearer(issuer.sign(claims())))
    assert isinstance(found, Subject)
    assert (found.issuer, found.subject, found.tenant_id) == (ISSUER, "ana", None)


def test_no_forged_foreign_or_timed_out_token_is_believed_and_good_ones_go_on(issuer: Issuer) -> None:
    reading, believed = reader(issuer), []
    good = issuer.sign(claims())
    for what, token in attacks(issuer):
        try:
            believed.append((what, reading.read(bearer(token))))
        except Unauthenticated:
            assert is_ana(reading.read(bearer(good)))
    assert believed == []
    # The first read, and one look for keys nobody knows.
    assert issuer.asked <= 2


def test_a_clock_that_is_a_little_off_is_forgiven(issuer: Issuer) -> None:
    now = int(time.time())
    assert is_ana(reader(issuer).read(bearer(issuer.sign(claims(exp=now - 5, iat=now + 5, nbf=now + 5)))))


def test_a_flood_of_unknown_keys_asks_the_issuer_once_a_minute(issuer: Issuer) -> None:
    reading = reader(issuer)
    assert is_ana(reading.read(bearer(issuer.sign(claims()))))
    for turn in range(1, 4):
        issuer.now += COOLDOWN_SECONDS + 1
        for number in range(200):
            with pytest.raises(Unauthenticated):
                reading.read(bearer(issuer.sign(claims(), f"unknown-{turn}-{number}", issuer.keys["one"])))
        assert issuer.asked == 1 + turn
        assert is_ana(reading.read(bearer(issuer.sign(claims()))))


def test_a_new_key_of_the_issuer_is_found_at_its_first_token(issuer: Issuer) -> None:
    reading = reader(issuer)
    reading.read(bearer(issuer.sign(claims())))
    issuer.add("two")
    issuer.now += COOLDOWN_SECONDS + 1
    assert is_ana(reading.read(bearer(issuer.sign(claims(), "two"))))
    assert issuer.asked == 2


def test_a_key_that_the_issuer_no_longer_shows_is_gone_within_the_hour(issuer: Issuer) -> None:
    reading = reader(issuer)
    old = issuer.sign(claims())
    reading.read(bearer(old))
    issuer.add("two")
    del issuer.keys["one"]
    issuer.now += TERM_SECONDS + 1
    with pytest.raises(Unauthenticated):
        reading.read(bearer(old))


def test_good_tokens_go_on_while_the_issuer_is_down_and_bad_ones_do_not(issuer: Issuer) -> None:
    reading, stranger = reader(issuer), Issuer(issuer.algorithm)
    good = issuer.sign(claims())
    reading.read(bearer(good))
    issuer.down = True
    for _ in range(5):
        issuer.now += TERM_SECONDS * 5
        assert is_ana(reading.read(bearer(good)))
        for token in (stranger.sign(claims()), stranger.sign(claims(), "new", stranger.keys["one"])):
            with pytest.raises(Unauthenticated):
                reading.read(bearer(token))
    assert issuer.asked == 1 + 5
    issuer.down = False
    issuer.add("two")
    issuer.now += TERM_SECONDS
    assert is_ana(reading.read(bearer(issuer.sign(claims(), "two"))))


def test_a_function_that_starts_while_the_issuer_is_down_goes_on_with_the_keys_that_were_kept(issuer: Issuer) -> None:
    good = issuer.sign(claims())
    reader(issuer).read(bearer(good))
    issuer.down = True
    assert is_ana(reader(issuer).read(bearer(good)))
    issuer.kept = None
    started = reader(issuer)
    asked = issuer.asked
    for _ in range(20):
        with pytest.raises(Unavailable):
            started.read(bearer(good))
    assert issuer.asked == asked + 1
    issuer.down = False
    issuer.now += COOLDOWN_SECONDS + 1
    assert is_ana(started.read(bearer(good)))


@pytest.mark.parametrize(
    "shown",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"keys": null}',
        b'{"keys": []}',
        b'{"keys": [1, null, {}]}',
        b"[" * 100_000,
        b"\xff",
    ],
)
def test_what_is_no_key_set_is_as_if_the_issuer_were_down(shown: bytes, issuer: Issuer) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_keys(shown, issuer.algorithm)  # type: ignore[arg-type]
    good = issuer.sign(claims())
    keys = IssuerKeys(issuer.algorithm, lambda: shown, kept=issuer.shown)  # type: ignore[arg-type]
    assert is_ana(Authenticator(offline, never, ISSUER, AUDIENCE, keys=keys).read(bearer(good)))


def test_keys_for_another_use_or_too_short_are_not_used() -> None:
    issuer = Issuer()
    item = json.loads(issuer.shown())["keys"][0]
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()  # noqa: S505
    short = {**jwt.algorithms.RSAAlgorithm.to_jwk(small, as_dict=True), "kid": "short"}
    useless = [
        {**item, "use": "enc"},
        {**item, "alg": "RS512"},
        {**item, "kty": "oct", "k": "AA"},
        short,
        {**item, "kid": 7},
    ]
    for one in useless:
        with pytest.raises(ValueError, match="no key"):
            read_keys(json.dumps({"keys": [one]}).encode(), "RS256")
    assert list(read_keys(json.dumps({"keys": [*useless, item]}).encode(), "RS256")) == ["one"]


@pytest.mark.parametrize(
    ("paths", "given"),
    [
        ({"tenant": "app_metadata.tenant_id"}, {"app_metadata": {"tenant_id": "ID"}}),
        ({"tenant": "custom:tenant_id"}, {"custom:tenant_id": "ID"}),
        ({"tenant": "https://acme.example/tenant_id"}, {"https://acme.example/tenant_id": "ID"}),
    ],
)
def test_the_company_is_read_where_the_provider_puts_it(paths: dict[str, str], given: dict[str, Any]) -> None:
    issuer, tenant_id = Issuer(), uuid.uuid4()
    filled = json.loads(json.dumps(given).replace("ID", str(tenant_id)))
    found = reader(issuer, **paths).read(bearer(issuer.sign(claims(**filled))))
    assert found.tenant_id == tenant_id
    empty = reader(issuer, **paths).read(bearer(issuer.sign(claims(app_metadata="x"))))
    assert empty.tenant_id is None


@pytest.fixture
def believed(database: Database) -> Callable[..., Principal]:
    """Who a token of the issuer's turns out to be in the test's database."""
    issuer = Issuer()
    authenticator = Authenticator(lambda: Directory(database), never, ISSUER, AUDIENCE, keys=issuer.client())
    return lambda **given: authenticator.authenticate_token(issuer.sign(claims(**given)))


def test_a_token_without_a_company_is_its_persons_own(
    database: Database, believed: Callable[..., Principal], make_tenant: Callable[..., uuid.UUID], make_user: Any
) -> None:
    home = make_tenant()
    ana = make_user(home, issuer=ISSUER)
    with database.transaction(home) as tx:
        subject = tx.value("select subject from users where id = %(id)s", id=ana.id)
    assert believed(sub=subject).id == ana.id
    with pytest.raises(Forbidden):
        believed(sub="somebody else")
    with pytest.raises(Forbidden):
        believed(sub=subject, tenant_id=str(make_tenant("Other")))
    second = make_tenant("Second")
    with database.transaction(second) as tx:
        tx.execute(
            "insert into users (tenant_id, id, issuer, subject, name, role)"
            " values (%(tenant_id)s, gen_random_uuid(), %(issuer)s, %(subject)s, 'Ana', 'agent')",
            issuer=ISSUER,
            subject=subject,
        )
    with pytest.raises(Forbidden, match="several companies"):
        believed(sub=subject)
    assert believed(sub=subject, tenant_id=str(second)).tenant_id == second


def test_nobody_unknown_comes_in_unless_the_company_adds_whoever_comes(
    database: Database, believed: Callable[..., Principal], tenant: uuid.UUID
) -> None:
    who: dict[str, Any] = {"sub": "new", "tenant_id": str(tenant), "name": "Nina", "role": "owner"}
    with pytest.raises(Forbidden):
        believed(**who)
    with database.transaction(tenant) as tx:
        tx.execute("update tenants set settings = '{\"provisionAutomatically\": true}'")
    added = believed(**who)
    assert (added.name, added.role) == ("Nina", "agent"), "nobody becomes an owner by a claim"
    assert believed(**who).id == added.id
    assert believed(**who | {"sub": "boss", "role": "admin"}).role == "admin"


def test_an_invitation_is_accepted_with_an_address_that_the_issuer_has_checked(
    database: Database, believed: Callable[..., Principal], tenant: uuid.UUID
) -> None:
    with database.transaction(tenant) as tx:
        tx.execute(
            "insert into users (tenant_id, id, name, email, role)"
            " values (%(tenant_id)s, gen_random_uuid(), 'Nina', 'Nina@acme.example', 'admin')"
        )
    with pytest.raises(Forbidden):
        believed(sub="n1", email="nina@acme.example")
    with pytest.raises(Forbidden):
        believed(sub="n1", email="nina@acme.example", email_verified=False)
    found = believed(sub="n1", email="nina@acme.example", email_verified=True)
    assert (found.name, found.role, found.tenant_id) == ("Nina", "admin", tenant)
    assert believed(sub="n1").id == found.id
    with pytest.raises(Forbidden):
        believed(sub="n2", email="nina@acme.example", email_verified=True)


def test_kept_keys_are_in_the_database(database: Database) -> None:
    directory = Directory(database)
    assert directory.kept_issuer_keys("https://login.example/keys") is None
    for document in (b"{}", b'{"keys": []}'):
        directory.keep_issuer_keys("https://login.example/keys", document)
        assert directory.kept_issuer_keys("https://login.example/keys") == document


class Shop(BaseHTTPRequestHandler):
    """Answers by path, as servers do that are not what they should be."""

    def do_GET(self) -> None:
        answers: dict[str, tuple[int, bytes]] = {"/keys": (200, b'{"keys": []}'), "/large": (200, b"x" * 300_000)}
        status, body = answers.get(self.path, (404, b""))
        if self.path == "/moved":
            status = 302
        self.send_response(status)
        if status == 302:
            self.send_header("location", "/keys")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def test_the_key_set_is_read_from_its_own_address_only_and_never_a_large_one() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Shop) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        base = f"http://127.0.0.1:{server.server_port}"
        try:
            assert fetch_keys(f"{base}/keys") == b'{"keys": []}'
            for place in (
                f"{base}/large",
                f"{base}/moved",
                f"{base}/none",
                "http://login.example/keys",
                "file:///etc/passwd",
            ):
                with pytest.raises(ParleyError):
                    fetch_keys(place)
        finally:
            server.shutdown()
            thread.join()
    with pytest.raises(Unavailable):
        fetch_keys(f"{base}/keys")
