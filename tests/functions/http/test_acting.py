"""Acting by HTTP: what may be asked, by whom, and what is answered."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from parley.cloud.sealing import Sealer
from parley.domain.outgoing import Accepted, NotSent, Outcome, Refused
from parley.domain.principal import Principal
from parley.edge.api import Api
from parley.edge.authentication import Authenticator
from parley.edge.routes_acting import add_acting_routes
from parley.providers.base import Capabilities
from parley.services.act import Acting
from parley.store.database import Database

from .conftest import Reply, Thread, ask, event

REACT = "POST /v1/messages/{id}/reactions"
EDIT = "PATCH /v1/messages/{id}"
DELETE = "DELETE /v1/messages/{id}"
READ = "POST /v1/conversations/{id}/read"
TYPING = "POST /v1/conversations/{id}/typing"


class Gateway:
    """A gateway that does what it is asked, or answers `outcome`."""

    name = "meta"
    capabilities = Capabilities(
        kinds=frozenset({"text"}), reactions=True, edit=True, delete=True, mark_read=True, typing=True
    )

    def __init__(self) -> None:
        self.outcome: Outcome = Accepted("")

    def answer(self, *_: object) -> Outcome:
        return self.outcome

    react = edit = delete = mark_read = show_typing = answer


@pytest.fixture
def gateway() -> Gateway:
    """The gateway of this test."""
    return Gateway()


@pytest.fixture
def api(database: Database, authenticator: Authenticator, sealer: Sealer, gateway: Gateway) -> Api:
    """The acting routes on the test's database."""
    api = Api("send_message", authenticator)
    acting = Acting(database, {"meta": gateway}, lambda: sealer, lambda _tenant: None)  # type: ignore[dict-item]
    add_acting_routes(api, lambda: acting)
    return api


@pytest.fixture
def call(api: Api, agent: Principal, token_of: Callable[..., str]) -> Callable[..., Reply]:
    """Ask as the one agent: `call(REACT, message_id, {"emoji": "👍"})`."""
    headers = {"authorization": f"Bearer {token_of(agent)}"}
    return lambda route, id_, body=None: ask(api, event(route, path={"id": str(id_)}, headers=headers, body=body))


@pytest.fixture
def theirs(make_message: Callable[..., uuid.UUID], tenant: uuid.UUID, thread: Thread) -> uuid.UUID:
    """The customer's message."""
    return make_message(tenant, thread)


@pytest.fixture
def ours(make_message: Callable[..., uuid.UUID], tenant: uuid.UUID, thread: Thread, agent: Principal) -> uuid.UUID:
    """A text of the agent's."""
    about = {"direction": "outgoing", "status": "sent", "sender_kind": "user", "sender_id": agent.id}
    return make_message(tenant, thread, 1, **about)


def test_each_deed_answers_what_it_left(
    call: Callable[..., Reply], thread: Thread, theirs: uuid.UUID, ours: uuid.UUID
) -> None:
    reacted = call(REACT, theirs, {"emoji": "👨‍👩‍👧‍👦"})
    assert (reacted.status, [one["emoji"] for one in reacted.body["data"]["reactions"]]) == (200, ["👨‍👩‍👧‍👦"])
    assert call(REACT, theirs, {"emoji": None}).body["data"]["reactions"] == []
    edited = call(EDIT, ours, {"text": "new"})
    assert (edited.status, edited.body["data"]["text"], edited.body["data"]["edited"]) == (200, "new", True)
    deleted = call(DELETE, ours)
    assert (deleted.status, deleted.body["data"]["deleted"]) == (200, True)
    read = call(READ, thread.id, {"upTo": str(theirs)})
    assert (read.status, read.body["data"]["id"], read.body["data"]["unreadCount"]) == (200, str(thread.id), 0)
    typing = call(TYPING, thread.id, {"on": True})
    assert (typing.status, typing.body["data"]) == (200, {"conversationId": str(thread.id), "on": True})


INVALID: list[tuple[str, Any, str]] = [
    (REACT, {}, "emoji"),
    (REACT, {"emoji": ""}, "emoji"),
    (REACT, {"emoji": "nice one"}, "emoji"),
    (REACT, {"emoji": "👍" * 33}, "emoji"),
    (REACT, {"emoji": 7}, "emoji"),
    (REACT, {"emoji": "👍", "by": "me"}, "by"),
    (EDIT, {}, "text"),
    (EDIT, {"text": ""}, "text"),
    (EDIT, {"text": "x" * 4097}, "text"),
    (EDIT, {"text": None}, "text"),
    (READ, {}, "upTo"),
    (READ, {"upTo": "nope"}, "upTo"),
    (READ, {"upTo": str(uuid.UUID(int=7))}, "upTo"),
    (READ, {"up_to": str(uuid.UUID(int=7))}, "up_to"),
    (TYPING, {}, "on"),
    (TYPING, {"on": "yes"}, "on"),
    (TYPING, {"on": 1}, "on"),
]


def test_a_field_that_is_not_valid_is_named(
    call: Callable[..., Reply], thread: Thread, theirs: uuid.UUID, ours: uuid.UUID
) -> None:
    targets = {REACT: theirs, EDIT: ours, READ: thread.id, TYPING: thread.id}
    for route, body, path in INVALID:
        reply = call(route, targets[route], body)
        assert (reply.status, reply.body["code"]) == (400, "invalid_request"), (route, body, reply.text)
        assert path in [error["path"] for error in reply.body["errors"]], (route, body)
    for route, target in targets.items():
        for body in ("", "{", "[]", "null"):
            assert call(route, target, body).status == 400, (route, body)


def test_what_is_not_there_is_404(
    call: Callable[..., Reply], make_tenant: Callable[..., uuid.UUID], make_integration: Callable[..., uuid.UUID],
    make_conversation: Callable[..., Thread], make_message: Callable[..., uuid.UUID],
) -> None:  # fmt: skip
    other = make_tenant("Other")
    thread = make_conversation(other, make_integration(other))
    foreign = make_message(other, thread)
    bodies: dict[str, Any] = {
        REACT: {"emoji": "👍"},
        EDIT: {"text": "x"},
        DELETE: None,
        READ: {"upTo": str(foreign)},
        TYPING: {"on": True},
    }
    for route, body in bodies.items():
        for id_ in (uuid.uuid4(), foreign, thread.id, "nope"):
            assert call(route, id_, body).status == 404, (route, id_)


def test_what_the_gateway_does_not_do_says_why(
    call: Callable[..., Reply], gateway: Gateway, theirs: uuid.UUID, ours: uuid.UUID
) -> None:
    gateway.outcome = Refused("too_late", "It was sent too long ago.", {"code": 7})
    reply = call(DELETE, ours)
    assert (reply.status, reply.body["code"], reply.body["detail"]) == (
        409, "provider_rejected", "It was sent too long ago.",
    )  # fmt: skip
    assert (reply.body["reason"], reply.body["provider"]) == ("too_late", {"code": 7})
    gateway.outcome = Refused("account_disconnected", "The phone is off.", account_lost=True)
    assert (call(REACT, theirs, {"emoji": "👍"}).status) == 502
    gateway.outcome = NotSent("throttled")
    away = call(EDIT, ours, {"text": "x"})
    assert (away.status, away.body["code"], away.headers["retry-after"]) == (503, "unavailable", "1")


def test_a_key_needs_the_scope_of_each_deed(
    api: Api, tenant: uuid.UUID, make_key: Callable[..., str], thread: Thread, theirs: uuid.UUID
) -> None:
    reader = {"x-api-key": make_key(tenant, "messages:read", "conversations:read")}
    writer = {"x-api-key": make_key(tenant, "messages:write", "conversations:write")}
    for route, id_, body in [
        (REACT, theirs, {"emoji": "👍"}),
        (READ, thread.id, {"upTo": str(theirs)}),
        (TYPING, thread.id, {"on": True}),
    ]:
        given = event(route, path={"id": str(id_)}, headers=reader, body=body)
        assert ask(api, given).status == 403, route
        assert ask(api, {**given, "headers": writer}).status == 200, route
    shown = ask(api, event(REACT, path={"id": str(theirs)}, headers=writer, body={"emoji": "❤"}))
    assert [(one["by"]["kind"], one["by"]["name"]) for one in shown.body["data"]["reactions"]] == [("bot", "Robot")]
