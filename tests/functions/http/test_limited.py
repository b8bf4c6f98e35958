"""The rate limit at the door: every answer to a key says what is left, and 429 says when to come again."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from parley.edge.api import Api
from parley.edge.authentication import Authenticator
from parley.edge.routes_inbox import add_inbox_routes
from parley.services.limit import Limiter, Rates
from parley.services.read_inbox import Inbox
from parley.store.database import Database

from .conftest import ask, event

LEFT = ("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset")


@pytest.fixture
def api(database: Database, authenticator: Authenticator) -> Api:
    api = Api("inbox_api", authenticator, Limiter(database, Rates(key=3, person=0)))
    add_inbox_routes(api, lambda: Inbox(database))
    return api


def test_every_answer_to_a_key_says_what_is_left(
    api: Api, tenant: uuid.UUID, make_key: Callable[..., str], agent: object, token_of: Callable[..., str]
) -> None:
    headers = {"x-api-key": make_key(tenant, "conversations:read")}
    asked = [
        event("GET /v1/conversations", headers=headers),
        event("GET /v1/conversations", headers=headers, query={"limit": "x"}),
        event("GET /v1/messages/{id}", headers=headers, path={"id": str(uuid.uuid4())}),
        event("GET /v1/conversations", headers=headers),
    ]
    replies = [ask(api, one) for one in asked]
    assert [reply.status for reply in replies] == [200, 400, 403, 429]
    assert [reply.headers["ratelimit-remaining"] for reply in replies] == ["2", "1", "0", "0"]
    assert {name in reply.headers for reply in replies for name in LEFT} == {True}
    last = replies[-1]
    assert (last.body["code"], last.headers["retry-after"]) == ("rate_limited", "20")
    assert "headers" not in last.body
    person = ask(api, event("GET /v1/conversations", headers={"authorization": f"Bearer {token_of(agent)}"}))
    assert (person.status, "ratelimit-limit" in person.headers) == (200, False)


def test_a_credential_that_is_none_costs_nobody_a_turn(
    api: Api, database: Database, tenant: uuid.UUID, make_key: Callable[..., str]
) -> None:
    make_key(tenant)
    for _ in range(9):
        assert ask(api, event("GET /v1/conversations", headers={"x-api-key": "pk_no"})).status == 401
    with database.transaction(tenant) as tx:
        assert tx.rows("select subject from rate_limits") == []
