"""`parley ledger`: strays against a real Postgres, and what it refuses before it asks anybody."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from cli.main import main
from parley.domain.webhook import Webhook
from parley.store.database import Database
from parley.store.ledger import record_stray, returned_strays


@pytest.fixture
def stray(database: Database) -> Webhook:
    """A webhook of an integration that nobody knows."""
    webhook = Webhook("meta", uuid4(), 1, datetime(2026, 3, 1, 12, tzinfo=UTC), uuid4(), {}, b"{}")
    with database.unscoped() as tx:
        record_stray(tx, webhook, "unknown\x1b[2Jintegration")
    return webhook


def test_the_owner_lists_strays_and_gives_them_back(
    database: Database, owner_url: str, stray: Webhook, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ledger", "strays", "--json", "--database", owner_url]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {
        "id": str(stray.correlation_id),
        "provider": "meta",
        "integrationId": str(stray.integration_id),
        "reason": "unknown\x1b[2Jintegration",
        "bodyHash": stray.body_hash.hex(),
        "bytes": 2,
        "correlationId": str(stray.correlation_id),
        "receivedAt": "2026-03-01T12:00:00.000Z",
    }
    assert main(["ledger", "strays", "--database", owner_url]) == 0
    assert "\x1b" not in capsys.readouterr().out
    assert main(["ledger", "strays", "replay", "--id", str(uuid4()), "--database", owner_url]) == 0
    with database.unscoped() as tx:
        assert returned_strays(tx, 10) == []
    assert main(["ledger", "strays", "replay", "--json", "--database", owner_url]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"given": 1}
    with database.unscoped() as tx:
        assert [one.correlation_id for one in returned_strays(tx, 10)] == [stray.correlation_id]


def test_the_functions_role_is_told_whose_the_strays_are(
    database_url: str, stray: Webhook, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ledger", "strays", "--database", database_url]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == "parley: strays are for the role that owns the database, which migrates it\n"


@pytest.mark.parametrize("given", [[], ["0192d3a4-5b6c-7d8e-9f01-23456789abcd", "--state", "parked"]])
def test_nothing_is_replayed_that_was_not_named(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ledger", "replay", *given]) == 1
    assert "say which webhooks" in capsys.readouterr().err
