"""The routes of the ledger as HTTP: who may, what is refused, and that a replay is where its answer says."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from parley import wiring
from parley.domain.principal import Principal
from parley.store.database import Database
from parley.store.ids import new_id

from .conftest import Reply, ask, event

INSERT = """
insert into ledger (tenant_id, day, id, integration_id, provider, body_hash, headers, body, state, reason,
    correlation_id, received_at)
  values (%(tenant_id)s, (now() at time zone 'UTC')::date, %(id)s, %(integration)s, 'meta',
    decode(md5(%(id)s::text), 'hex'), '{"content-type": "application/json", "z-api-token": "a-secret"}', 'Olá',
    %(state)s, %(reason)s, %(id)s, now() - %(ago)s * interval '1 minute')
"""


@pytest.fixture
def call(deployed: Any, make_user: Any, tenant: uuid.UUID, token_of: Callable[..., str]) -> Callable[..., Reply]:
    """Ask as an admin: `call("GET /v1/ledger", query={…})`."""
    admin: Principal = make_user(tenant, "Clara", role="admin")
    headers = {"authorization": f"Bearer {token_of(admin)}"}
    return lambda route, **more: ask(wiring.admin_api(), event(route, headers=headers, **more))


@pytest.fixture
def rows(database: Database, tenant: uuid.UUID, integration: uuid.UUID) -> list[uuid.UUID]:
    """Five rows, the latest first; every other is parked."""
    ids = [new_id() for _ in range(5)]
    with database.transaction(tenant) as tx:
        for ago, id_ in enumerate(ids):
            state, reason = ("parked", "KeyError while reading it") if ago % 2 == 0 else ("processed", None)
            tx.execute(INSERT, id=id_, integration=integration, state=state, reason=reason, ago=ago)
    return ids


def ids_of(reply: Reply) -> list[str]:
    assert reply.status == 200, reply.text
    return [row["id"] for row in reply.body["data"]]


def test_the_ledger_is_searched_page_by_page(call: Callable[..., Reply], rows: list[uuid.UUID]) -> None:
    wanted = [str(id_) for id_ in rows[::2]]
    first = call("GET /v1/ledger", query={"state": "parked", "q": "KEY", "limit": "2"})
    assert ids_of(first) == wanted[:2]
    cursor = first.body["pagination"]["nextCursor"]
    then = call("GET /v1/ledger", query={"state": "parked", "q": "KEY", "limit": "2", "cursor": cursor})
    assert ids_of(then) == wanted[2:]
    assert then.body["pagination"] == {"nextCursor": None, "hasMore": False}
    assert call("GET /v1/ledger", query={"state": "ignored", "cursor": cursor}).status == 400
    assert ids_of(call("GET /v1/ledger", query={"correlationId": str(rows[3])})) == [str(rows[3])]


def test_a_row_shows_its_body_and_no_token(call: Callable[..., Reply], rows: list[uuid.UUID]) -> None:
    reply = call("GET /v1/ledger/{id}", path={"id": str(rows[0])})
    assert (reply.status, reply.body["data"]["bodyEncoding"]) == (200, "text")
    assert reply.body["data"]["headers"]["content-type"] == "application/json"
    assert "a-secret" not in reply.text


@pytest.mark.parametrize(
    ("route", "more"),
    [
        ("GET /v1/ledger", {"query": {"state": "lost"}}),
        ("GET /v1/ledger", {"query": {"q": "a\0b"}}),
        ("GET /v1/ledger", {"query": {"q": "x" * 201}}),
        ("GET /v1/ledger", {"query": {"from": "yesterday"}}),
        ("GET /v1/ledger", {"query": {"integrationId": "7"}}),
        ("GET /v1/ledger", {"query": {"cursor": "x"}}),
        ("GET /v1/ledger", {"query": {"before": "x"}}),
        ("POST /v1/ledger/replay", {"body": {"ids": []}}),
        ("POST /v1/ledger/replay", {"body": {"q": "\ud800"}}),
        ("POST /v1/ledger/replay", {"body": {"from": 7}}),
        ("POST /v1/ledger/replay", {"body": []}),
        ("GET /v1/ledger/replays", {"query": {"cursor": "x"}}),
    ],
)
def test_what_is_asked_wrongly_is_refused(call: Callable[..., Reply], route: str, more: dict[str, Any]) -> None:
    assert call(route, **more).status == 400


@pytest.mark.parametrize(
    "route",
    ["GET /v1/ledger/{id}", "POST /v1/ledger/{id}/replay", "GET /v1/ledger/replays/{id}",
     "GET /v1/ledger/replays/{id}/rows", "POST /v1/ledger/replays/{id}/cancel"],
)  # fmt: skip
@pytest.mark.parametrize(
    "id_", ["0192d3a4-5b6c-7d8e-9f01-23456789abcd", str(uuid.UUID(int=0)), "f" * 8 + "-ffff-ffff-ffff-" + "f" * 12, "x"]
)
def test_what_is_not_there_is_404(call: Callable[..., Reply], route: str, id_: str) -> None:
    assert call(route, path={"id": id_}).status == 404


def test_replays_are_not_taken_for_rows(call: Callable[..., Reply], rows: list[uuid.UUID], monkeypatch: Any) -> None:
    sent: list[str] = []
    monkeypatch.setattr("parley.cloud.sqs.Queue.send", lambda self, body, group, delay=0: sent.append(body))
    begun = call("POST /v1/ledger/replay", body={"state": "parked"})
    alone = call("POST /v1/ledger/{id}/replay", path={"id": str(rows[1])})
    assert [begun.status, alone.status] == [202, 202]
    assert (begun.body["data"]["total"], alone.body["data"]["asked"]["ledgerId"]) == (3, str(rows[1]))
    assert ids_of(call("GET /v1/ledger/replays")) == [alone.body["data"]["id"], begun.body["data"]["id"]]
    assert [json.loads(body)["replay"]["replayId"] for body in sent] == [
        begun.body["data"]["id"], alone.body["data"]["id"]
    ]  # fmt: skip
    path = {"id": alone.body["data"]["id"]}
    assert [row["ledgerId"] for row in call("GET /v1/ledger/replays/{id}/rows", path=path).body["data"]] == [
        str(rows[1])
    ]
    assert call("POST /v1/ledger/replays/{id}/cancel", path=path).body["data"]["state"] == "cancelled"
    assert call("GET /v1/ledger/replays/{id}", path=path).body["data"]["state"] == "cancelled"
