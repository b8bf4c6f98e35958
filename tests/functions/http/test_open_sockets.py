"""`GET /v1/realtime/connections`: an admin sees which sockets are open, whose they are and what they listen to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from parley import wiring
from parley.domain.events import TENANT_TOPIC, conversation_topic, user_topic
from parley.domain.principal import Principal
from parley.store.connections import activate, admit
from parley.store.database import Database

from .conftest import Reply, Thread, ask, event

ROUTE = "GET /v1/realtime/connections"
TERM = timedelta(hours=2)


@pytest.fixture
def look(deployed: Any, token_of: Callable[..., str]) -> Callable[..., Reply]:
    """Ask for the open sockets as somebody."""

    def ask_for(as_: Principal, **query: Any) -> Reply:
        given = {name: str(value) for name, value in query.items()}
        return ask(wiring.inbox_api(), event(ROUTE, query=given, headers={"authorization": f"Bearer {token_of(as_)}"}))

    return ask_for


@pytest.fixture
def open_socket(database: Database) -> Callable[..., str]:
    """Open a socket of somebody; with topics it has said hello."""

    def make(person: Principal, connection_id: str, *topics: str, term: timedelta = TERM) -> str:
        with database.transaction(person.tenant_id) as tx:
            admit(tx, connection_id, person, term, allowed=10)
            if topics:
                activate(tx, connection_id, 0, topics, "tab-1", visible=True)
        return connection_id

    return make


def test_an_admin_sees_whose_sockets_are_open_and_what_they_listen_to(
    look: Callable[..., Reply],
    open_socket: Callable[..., str],
    agent: Principal,
    make_user: Callable[..., Principal],
    thread: Thread,
) -> None:
    clara = make_user(agent.tenant_id, "Clara", role="admin")
    topics = (TENANT_TOPIC, user_topic(agent.id), conversation_topic(thread.id))
    open_socket(agent, "first", *topics)
    open_socket(clara, "second")
    answer = look(clara)
    assert answer.status == 200
    second, first = answer.body["data"]
    assert (first["id"], second["id"]) == ("first", "second"), "the latest opened comes first"
    assert first["user"] == {"id": str(agent.id), "name": agent.name}
    assert (first["state"], second["state"]) == ("active", "opening")
    assert sorted(first["subscriptions"]) == sorted([TENANT_TOPIC, "user", conversation_topic(thread.id)])
    assert second["subscriptions"] == []
    assert first["connectedAt"] <= first["lastSeenAt"] < first["expiresAt"]


def test_the_sockets_of_another_company_and_those_that_ended_are_not_there(
    look: Callable[..., Reply],
    open_socket: Callable[..., str],
    agent: Principal,
    make_tenant: Callable[..., Any],
    make_user: Callable[..., Principal],
) -> None:
    clara, stranger = make_user(agent.tenant_id, "Clara", role="admin"), make_user(make_tenant("Other"), "Davi")
    open_socket(stranger, "theirs", TENANT_TOPIC)
    open_socket(agent, "ended", TENANT_TOPIC, term=timedelta(0))
    open_socket(agent, "ours", TENANT_TOPIC)
    assert [one["id"] for one in look(clara).body["data"]] == ["ours"]


def test_the_list_of_sockets_goes_on_where_its_page_ended(
    look: Callable[..., Reply], open_socket: Callable[..., str], agent: Principal, make_user: Callable[..., Principal]
) -> None:
    clara = make_user(agent.tenant_id, "Clara", role="admin")
    opened = [open_socket(agent, f"socket-{number}") for number in range(5)]
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = look(clara, limit=2, **cursor).body
        found += [one["id"] for one in page["data"]]
        if not page["pagination"]["hasMore"]:
            break
        cursor = {"cursor": page["pagination"]["nextCursor"]}
    assert found == opened[::-1]
    assert look(clara, cursor="bm9uZQ").status == 400


def test_an_agent_does_not_see_the_sockets(look: Callable[..., Reply], agent: Principal) -> None:
    assert look(agent).status == 403
