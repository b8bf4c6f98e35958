"""Who calls: tokens and keys as the database knows them, and everything people send instead."""

from __future__ import annotations

import base64
import json
import time
import uuid
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from parley.domain.errors import Forbidden, Unauthenticated
from parley.domain.principal import Principal
from parley.edge.authentication import Authenticator
from parley.services.recognise import Directory
from parley.store.database import Database

from .conftest import AUDIENCE, ISSUER, JWT_SECRET, sign


@pytest.fixture
def offline() -> Authenticator:
    """Fails the test where a credential gets as far as the database."""

    def directory() -> Directory:
        raise AssertionError("the database was asked")

    return Authenticator(directory, lambda: JWT_SECRET, ISSUER, AUDIENCE)


@pytest.fixture
def valid() -> dict[str, Any]:
    """Claims of somebody nobody knows."""
    return {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "exp": int(time.time()) + 600,
        "sub": "nobody",
        "tenant_id": str(uuid.uuid4()),
    }


def part(value: object) -> str:
    """One part of a token by hand."""
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def test_a_token_is_its_user_with_the_role_of_the_row(
    authenticator: Authenticator, agent: Principal, token_of: Callable[..., str]
) -> None:
    for scheme in ("Bearer", "bearer", "BEARER"):
        found = authenticator.authenticate({"authorization": f"{scheme} {token_of(agent, role='owner', name='Root')}"})
        assert replace(found, until=None) == agent
    assert replace(authenticator.authenticate_token(token_of(agent)), until=None) == agent


def test_a_changed_role_counts_from_the_next_request(
    database: Database, authenticator: Authenticator, agent: Principal, token_of: Callable[..., str]
) -> None:
    token = token_of(agent)
    with database.transaction(agent.tenant_id) as tx:
        tx.execute("update users set role = 'admin', rights_version = 4 where id = %(id)s", id=agent.id)
    found = authenticator.authenticate_token(token)
    assert (found.role, found.rights_version) == ("admin", 4)


def test_a_subject_nobody_added_or_somebody_disabled_is_forbidden(
    database: Database, authenticator: Authenticator, agent: Principal, make_tenant: Callable[..., uuid.UUID],
    token_of: Callable[..., str],
) -> None:  # fmt: skip
    foreign = str(make_tenant("Other"))
    for claims in ({"sub": "nobody"}, {"tenant_id": foreign}, {"tenant_id": str(uuid.uuid4())}):
        with pytest.raises(Forbidden):
            authenticator.authenticate_token(token_of(agent, **claims))
    token = token_of(agent)
    with database.transaction(agent.tenant_id) as tx:
        tx.execute("update users set disabled_at = now() where id = %(id)s", id=agent.id)
    with pytest.raises(Forbidden):
        authenticator.authenticate_token(token)


def bad_claims() -> Iterator[dict[str, Any]]:
    """What makes a token of otherwise valid claims worthless."""
    now = int(time.time())
    for name in ("iss", "aud", "exp", "sub"):
        yield {name: None}
    for name in ("iss", "aud", "sub", "tenant_id", "exp", "nbf", "iat"):
        for value in ([], {}, [1], {"a": 1}, "", "\0", "\ud800", "x" * 300):
            yield {name: value}
    for name in ("iss", "sub", "tenant_id"):
        yield from ({name: value} for value in (7, True, 1.5, ["tests"]))
    yield from ({"exp": value} for value in (now - 60, 0, -1, -(10**30), -1e300, False))
    yield from ({"nbf": now + 600}, {"iat": now + 600}, {"aud": ["else"]}, {"iss": "tests/"}, {"iss": ["tests"]})
    yield from ({"tenant_id": value} for value in ("null", str(uuid.uuid4()) + "x", "{}", "urn:uuid:"))


def test_a_token_with_a_claim_missing_wrong_or_wild_is_refused_before_the_database(
    offline: Authenticator, valid: dict[str, Any]
) -> None:
    for change in bad_claims():
        claims = {name: value for name, value in {**valid, **change}.items() if value is not None}
        token = jwt.PyJWS().encode(json.dumps(claims).encode(), JWT_SECRET, algorithm="HS256")
        with pytest.raises(Unauthenticated):
            pytest.fail(f"believed {change}: {offline.read({'authorization': f'Bearer {token}'})}")


def test_a_token_signed_otherwise_is_refused_before_the_database(offline: Authenticator, valid: dict[str, Any]) -> None:
    pair = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = pair.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    good = sign(valid)
    head, claims, signature = good.split(".")
    tokens = [
        sign(valid, "another secret, also of more than 32 bytes"),
        sign(valid, JWT_SECRET * 2, "HS384"),
        sign(valid, JWT_SECRET * 2, "HS512"),
        sign(valid, private, "RS256"),
        jwt.encode(valid, "", algorithm="none"),
        f"{part({'alg': 'none'})}.{claims}.",
        f"{part({'alg': 'NONE', 'typ': 'JWT'})}.{claims}.{signature}",
        f"{part({'typ': 'JWT'})}.{claims}.{signature}",
        f"{part({'alg': ['HS256']})}.{claims}.{signature}",
        f"{part({'alg': 'HS256', 'crit': ['x'], 'x': 1})}.{claims}.{signature}",
        f"{part({'alg': 'HS256', 'kid': '../../dev/null'})}.{claims}.{signature}",
        f"{part([])}.{claims}.{signature}",
        f"{part(b'[' * 4000)}.{claims}.{signature}",
        f"{head}.{part({**valid, 'sub': 'owner'})}.{signature}",
        f"{head}.{claims}.",
        f"{head}.{claims}",
        f"{head}.{claims}.{signature}.{signature}",
        good + "A" * 9000,
        good[:-2],
        ".",
        "..",
        "",
        "null",
    ]
    for token in tokens:
        with pytest.raises(Unauthenticated):
            offline.authenticate_token(token)
    assert offline.read({"authorization": f"Bearer {good}"}) is not None


def test_a_header_that_is_no_credential_is_refused_before_the_database(
    offline: Authenticator, valid: dict[str, Any]
) -> None:
    good = sign(valid)
    headers = ["", " ", "Bearer", "Bearer ", f"Basic {good}", good, f"Bearer {good} x", f"Bearer {good},Bearer {good}"]
    headers += [
        f"Bearer é{good}",
        f"Bearer {good}\0",
        f"Bearer\t{good}",
        "Bearer \ud800",
        "Bearer 🙂.🙂.🙂",
        "B" * 10**6,
    ]
    for text in headers:
        with pytest.raises(Unauthenticated):
            offline.authenticate({"authorization": text})
    with pytest.raises(Unauthenticated):
        offline.authenticate({})


def test_without_a_secret_no_token_is_believed(database: Database, valid: dict[str, Any]) -> None:
    for secret in (None, ""):
        authenticator = Authenticator(lambda: Directory(database), lambda text=secret: text, ISSUER, AUDIENCE)  # type: ignore[misc]
        with pytest.raises(Unauthenticated):
            authenticator.authenticate_token(sign(valid))


def test_a_key_is_its_tenants_robot_with_its_scopes(
    authenticator: Authenticator, tenant: uuid.UUID, make_key: Callable[..., str]
) -> None:
    key = make_key(tenant, "messages:read", "events:read", expires_at=datetime.now(UTC) + timedelta(hours=1))
    found = authenticator.authenticate({"x-api-key": key})
    assert (found.tenant_id, found.kind, found.name) == (tenant, "api_key", "Robot")
    assert found.scopes == {"messages:read", "events:read"}
    assert found.may("events:read")
    assert not found.may("messages:write")


def test_a_key_that_ended_or_never_was_is_refused_with_the_same_words(
    database: Database, authenticator: Authenticator, tenant: uuid.UUID, make_tenant: Callable[..., uuid.UUID],
    make_key: Callable[..., str],
) -> None:  # fmt: skip
    key, other = make_key(tenant), make_key(make_tenant("Other"))
    revoked, expired = make_key(tenant), make_key(tenant, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    with database.transaction(tenant) as tx:
        tx.execute("update api_keys set revoked_at = now() where id = %(id)s", id=uuid.UUID(revoked[35:67]))
    refused = [
        revoked,
        expired,
        rewritten(key[:68] + other[68:132]),
        rewritten("pk_" + other[3:35] + key[35:132]),
        rewritten(key[:68] + "0" * 64),
        rewritten("pk_" + "0" * 64 + key[67:132]),
    ]
    words = set()
    for text in refused:
        with pytest.raises(Unauthenticated) as caught:
            authenticator.authenticate({"x-api-key": text})
        words.add(caught.value.detail)
    assert len(words) == 1
    assert authenticator.authenticate({"x-api-key": key}).kind == "api_key"


def test_a_key_with_a_slip_of_the_pen_is_refused_before_the_database(
    offline: Authenticator, tenant: uuid.UUID, make_key: Callable[..., str]
) -> None:
    key = make_key(tenant)
    slips = [
        key[:-1],
        key + "0",
        key.upper(),
        key[3:],
        key[:40] + "g" + key[41:],
        "pk_",
        "",
        "\0",
        "é",
        "\ud800",
        "k" * 10**6,
    ]
    slips += [key[:place] + ("0" if key[place] != "0" else "1") + key[place + 1 :] for place in (3, 40, 68, 131, 140)]
    for slip in slips:
        with pytest.raises(Unauthenticated):
            offline.authenticate({"x-api-key": slip})


def test_a_bearer_goes_before_a_key(
    authenticator: Authenticator, tenant: uuid.UUID, make_key: Callable[..., str]
) -> None:
    with pytest.raises(Unauthenticated):
        authenticator.authenticate({"authorization": "Bearer no.such.token", "x-api-key": make_key(tenant)})


def rewritten(body: str) -> str:
    """A key with the checksum of what it says."""
    return f"{body}_{zlib.crc32(body.encode()):08x}"
