"""Search by HTTP: what is answered, what is refused, and who may ask."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import TypeAdapter

from parley.domain.principal import Principal
from parley.edge.api import Api
from parley.edge.authentication import Authenticator
from parley.edge.routes_search import Result, add_search_routes
from parley.services.search import Searching
from parley.store.database import Database

from .conftest import Reply, Thread, ask, event

SEARCH = "GET /v1/search"


@pytest.fixture
def api(database: Database, authenticator: Authenticator) -> Api:
    """The route that searches."""
    api = Api("inbox_api", authenticator)
    add_search_routes(api, lambda: Searching(database))
    return api


@pytest.fixture
def call(api: Api, agent: Principal, token_of: Callable[..., str]) -> Callable[..., Reply]:
    """Search as an agent: `call(q="boleto")`."""

    def asked(*, key: str | None = None, **query: Any) -> Reply:
        headers = {"x-api-key": key} if key else {"authorization": f"Bearer {token_of(agent)}"}
        given = {{"in_": "in", "from_": "from"}.get(name, name): str(value) for name, value in query.items()}
        return ask(api, event(SEARCH, headers=headers, query=given))

    return asked


@pytest.fixture
def written(make_message: Callable[..., uuid.UUID], tenant: uuid.UUID, thread: Thread) -> uuid.UUID:
    """A message of Maria's."""
    return make_message(tenant, thread, body="O boleto da <b>Maria</b> já chegou?")


def test_contacts_come_first_and_then_messages_each_with_its_excerpt(
    call: Callable[..., Reply], written: uuid.UUID, thread: Thread
) -> None:
    reply = call(q="maria")
    assert reply.status == 200
    contact, message = TypeAdapter(list[Result]).validate_python(reply.body["data"])
    assert (contact["type"], contact["message"], message["type"], message["contact"]) == (
        "contact", None, "message", None,
    )  # fmt: skip
    assert reply.body["data"][0]["contact"]["id"] == str(thread.contact_id)
    assert reply.body["data"][1]["message"]["id"] == str(written)
    assert message["excerpt"] == [
        {"text": "O boleto da <b>", "hit": False},
        {"text": "Maria", "hit": True},
        {"text": "</b> já chegou?", "hit": False},
    ]
    assert contact["excerpt"] == [{"text": "Maria", "hit": True}]
    assert reply.body["pagination"] == {"nextCursor": None, "hasMore": False}


def test_in_chooses_and_cursors_go_on_in_their_own_list_only(
    call: Callable[..., Reply], make_message: Callable[..., uuid.UUID], tenant: uuid.UUID, thread: Thread
) -> None:
    for minute in range(5):
        make_message(tenant, thread, minute, body=f"maria {minute}")
    assert [one["type"] for one in call(q="maria", in_="contacts").body["data"]] == ["contact"]
    assert {one["type"] for one in call(q="maria", in_="messages").body["data"]} == {"message"}
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = call(q="maria", in_="messages,contacts", limit=2, **cursor).body
        found += [one[one["type"]]["id"] for one in page["data"]]
        if page["pagination"]["nextCursor"] is None:
            break
        cursor = {"cursor": page["pagination"]["nextCursor"]}
    assert len(found) == len(set(found)) == 6
    assert call(q="another", in_="messages,contacts", **cursor).status == 400


def test_a_time_or_a_thread_is_about_messages_alone(
    call: Callable[..., Reply], written: uuid.UUID, thread: Thread
) -> None:
    for narrowed in (
        {"from_": "2026-01-01T00:00:00Z"}, {"to": "2027-01-01T00:00:00Z"}, {"conversationId": thread.id},
    ):  # fmt: skip
        assert [one["type"] for one in call(q="maria", **narrowed).body["data"]] == ["message"]
    assert call(q="maria", integrationId=uuid.uuid4()).body["data"] == []


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"q": ""},
        {"q": "a\x00b"},
        {"q": "a" * 4096},
        {"q": "a", "in": "users"},
        {"q": "a", "from": "yesterday"},
        {"q": "a", "cursor": "x"},
        {"q": "a", "limit": "0"},
        {"q": "a", "unknown": "1"},
    ],
)
def test_what_is_no_search_is_refused(call: Callable[..., Reply], query: dict[str, str]) -> None:
    reply = call(**query)
    assert (reply.status, reply.body["code"]) == (400, "invalid_request")


@pytest.mark.parametrize("q", [" ", "&|!", "'\"", "\\", "%_", "((((", "😀", "a" * 256, "\ud800"])
def test_whatever_is_asked_is_no_error_of_ours(call: Callable[..., Reply], written: uuid.UUID, q: str) -> None:
    reply = call(q=q)
    assert reply.status in (200, 400)
    if reply.status == 200:
        assert [one for one in reply.body["data"] if one["type"] == "message"] == []


def test_a_key_finds_what_its_scopes_read(
    call: Callable[..., Reply], make_key: Callable[..., str], tenant: uuid.UUID, written: uuid.UUID
) -> None:
    reader = make_key(tenant, "messages:read")
    assert [one["type"] for one in call(key=reader, q="maria").body["data"]] == ["message"]
    assert call(key=reader, q="maria", in_="contacts").status == 403
    assert call(key=make_key(tenant, "contacts:read"), q="maria").status == 403
    both = make_key(tenant, "messages:read", "contacts:read")
    assert [one["type"] for one in call(key=both, q="maria").body["data"]] == ["contact", "message"]
