"""`parley migrate` and the commands that set a company up, against a real Postgres."""

import json
from collections.abc import Iterator
from importlib.resources import files
from io import StringIO
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from cli.main import main
from parley.cloud.sealing import Sealer
from parley.domain.errors import Unauthenticated
from parley.domain.tokens import DeploymentKeys
from parley.services.recognise import Directory
from parley.store.database import Database
from parley.store.integrations import find_integrations
from parley.wiring import CREDENTIALS_PURPOSE
from tests.conftest import Server

MIGRATIONS = sorted(
    file.name.removesuffix(".sql") for file in (files("parley.store") / "migrations").iterdir() if file.name[0] == "0"
)


@pytest.fixture
def empty_url(server: Server) -> Iterator[str]:
    """An empty database that the migration role owns."""
    name = f"{server.template}_empty"
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute(
            sql.SQL("create database {} owner {}").format(sql.Identifier(name), sql.Identifier(server.migrator))
        )
        yield server.database_url(name, server.migrator)
        admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def test_migrating_says_what_it_applied_and_then_that_nothing_is_missing(
    server: Server, empty_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["migrate", empty_url, "--app-role", server.app_role]
    assert main(arguments) == 0
    assert capsys.readouterr().out.splitlines() == [f"applied {name}" for name in MIGRATIONS]
    assert main(arguments) == 0
    assert capsys.readouterr().out == "nothing to apply: the database is up to date\n"


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        (None, "which database? Give its connection string, or set DATABASE_URL"),
        ("postgresql://127.0.0.1/parley", "the connection string lacks: user"),
        ("nonsense", "the connection string cannot be read"),
        ("postgresql://nobody@127.0.0.1:9/parley", "migrating failed: "),
    ],
)
def test_a_database_that_cannot_be_used_is_one_clear_line(
    url: str | None, complaint: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert main(["migrate", *([url] if url else [])]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"parley: {complaint}")
    assert len(said.err.splitlines()) == 1


def test_a_company_with_a_person_and_a_key_can_be_set_up(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def parley(*arguments: str) -> str:
        assert main(list(arguments)) == 0
        return capsys.readouterr().out.strip()

    monkeypatch.setenv("DATABASE_URL", database_url)
    tenant_id = UUID(parley("tenant", "create", "Acme"))
    person = ["--tenant", str(tenant_id), "--issuer", "https://login.example", "--subject", "ana|1", "--role", "admin"]
    user_id = UUID(parley("user", "create", "Ana", *person))
    key = parley("key", "create", "n8n", "--tenant", str(tenant_id), "--scopes", "events:read,messages:write")

    known = Directory(database).user(tenant_id, "https://login.example", "ana|1")
    assert (known.id, known.name, known.role) == (user_id, "Ana", "admin")
    named, secret, _ = key.removeprefix("pk_").split("_")
    caller = Directory(database).api_key(tenant_id, UUID(named[32:]), secret)
    assert caller.scopes == {"events:read", "messages:write"}
    with pytest.raises(Unauthenticated):
        Directory(database).api_key(tenant_id, UUID(named[32:]), secret[::-1])


def test_what_is_taken_or_unknown_is_said(tenant: UUID, database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--database", database_url]
    person = ["user", "create", "Ana", "--issuer", "i", "--subject", "s", *where, "--tenant"]
    assert main([*person, str(tenant)]) == 0
    assert main([*person, str(tenant)]) == 1
    assert capsys.readouterr().err == "parley: the tenant has a user with this issuer and subject already\n"
    nobody = "00000000-0000-7000-8000-000000000000"
    assert main([*person, nobody]) == 1
    assert capsys.readouterr().err == "parley: there is no such tenant\n"
    assert main(["key", "create", "n8n", *where, "--tenant", nobody, "--scopes", "media"]) == 1
    assert capsys.readouterr().err == "parley: there is no such tenant\n"


def test_a_key_has_scopes_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["key", "create", "n8n", "--tenant", "00000000-0000-7000-8000-000000000000", "--scopes", "everything"])
    assert "unknown: everything" in capsys.readouterr().err


def test_an_account_is_connected_with_credentials_that_open_and_a_url_that_verifies(
    database: Database,
    database_url: str,
    tenant: UUID,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    secret = {"current": "2", "key_1": "1" * 64, "key_2": "2" * 64}
    where = ["--tenant", str(tenant), "--api-url", "https://api.example/", "--deployment-secret", "-"]
    connect = ["integration", "connect", "Shop", *where, "--account-id", "555", "--database", database_url]
    monkeypatch.setenv("META_APP_SECRET", "the-app-secret")
    monkeypatch.setattr("sys.stdin", StringIO(json.dumps(secret)))
    assert main(connect) == 1
    assert capsys.readouterr().err == "parley: META_ACCESS_TOKEN is needed\n"

    monkeypatch.setenv("META_ACCESS_TOKEN", "the-access-token")
    monkeypatch.setattr("sys.stdin", StringIO(json.dumps(secret)))
    assert main(connect) == 0
    made = json.loads(capsys.readouterr().out)
    keys = DeploymentKeys.from_secret(secret)
    prefix, token = made["webhookUrl"].rsplit("/", 1)
    assert prefix == f"https://api.example/webhooks/meta/{made['id']}"
    assert keys.read_url_token(made["id"], token) == 1
    assert made["verifyToken"] in keys.verify_tokens(made["id"])
    with database.unscoped() as tx:
        stored = find_integrations(tx, {UUID(made["id"])})[UUID(made["id"])]
    sealer = Sealer(keys.derive_all(CREDENTIALS_PURPOSE), keys.current)
    opened = sealer.open(stored.credentials, tenant, stored.id, "provider")
    assert opened == {"app_secret": "the-app-secret", "access_token": "the-access-token"}

    monkeypatch.setattr("sys.stdin", StringIO(json.dumps(secret)))
    assert main(connect) == 1
    assert capsys.readouterr().err == "parley: the tenant has connected this account already\n"


def test_another_gateway_takes_its_own_credentials_and_settings(
    database: Database,
    database_url: str,
    tenant: UUID,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    secret = {"current": "1", "key_1": "1" * 64}
    where = ["--tenant", str(tenant), "--api-url", "https://api.example", "--deployment-secret", "-"]
    connect = ["integration", "connect", "Shop", *where, "--account-id", "shop", "--database", database_url]
    monkeypatch.setenv("EVOLUTION_API_KEY", "the-key")
    monkeypatch.setenv("EVOLUTION_JWT_KEY", "the-jwt-key")
    monkeypatch.setattr("sys.stdin", StringIO(json.dumps(secret)))
    assert main([*connect, "--provider", "evolution", "--setting", "baseUrl=https://evolution.example"]) == 0
    made = json.loads(capsys.readouterr().out)
    with database.unscoped() as tx:
        stored = find_integrations(tx, {UUID(made["id"])})[UUID(made["id"])]
    keys = DeploymentKeys.from_secret(secret)
    opened = Sealer(keys.derive_all(CREDENTIALS_PURPOSE), keys.current).open(
        stored.credentials, tenant, stored.id, "provider"
    )
    assert opened == {"api_key": "the-key", "jwt_key": "the-jwt-key"}
    assert (stored.provider, stored.settings) == ("evolution", {"baseUrl": "https://evolution.example"})
    with pytest.raises(SystemExit):
        main([*connect, "--provider", "evolution", "--setting", "baseUrl"])
    assert "should be NAME=VALUE" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"current": "1", "key_1": "short"}', "not json"])
def test_what_is_no_deployment_secret_is_refused(
    text: str, tenant: UUID, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", StringIO(text))
    where = ["--tenant", str(tenant), "--api-url", "https://api.example", "--deployment-secret", "-"]
    assert main(["integration", "connect", "Shop", *where, "--account-id", "555"]) == 1
    assert capsys.readouterr().err.startswith("parley: this is no deployment secret")
