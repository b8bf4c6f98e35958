"""Sending by HTTP into conversations that are over, and to customers whom the company wants to hear nothing of."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from parley.domain.principal import Principal
from parley.services.read_inbox import Inbox
from parley.services.read_more import Reading
from parley.store.database import Database
from tests.functions.http.conftest import Reply, Thread

from .conftest import TEXT, stored

Send = Callable[..., Reply]
BLOCK = "update contacts set blocked = %(blocked)s where tenant_id = %(tenant_id)s and id = %(id)s"


@pytest.fixture
def set_status(database: Database, tenant: uuid.UUID) -> Callable[[uuid.UUID, str], None]:
    """Set a conversation's status, beside all services."""

    def change(conversation_id: uuid.UUID, status: str) -> None:
        with database.transaction(tenant) as tx:
            tx.execute(
                "update conversations set status = %(status)s where id = %(id)s", id=conversation_id, status=status
            )

    return change


@pytest.fixture
def told(database: Database, tenant: uuid.UUID) -> Callable[[], list[str]]:
    """The types of the events so far."""

    def read() -> list[str]:
        with database.transaction(tenant) as tx:
            return [row["type"] for row in tx.rows("select type from events order by ordinal")]

    return read


def test_a_blocked_contact_is_not_written_to_but_noted_about(
    send: Send, send_short: Send, database: Database, tenant: uuid.UUID, thread: Thread, told: Callable[[], list[str]]
) -> None:
    with database.transaction(tenant) as tx:
        tx.execute(BLOCK, id=thread.contact_id, blocked=True)
    refused = send()
    assert (refused.status, refused.body["code"]) == (409, "conflict")
    assert "blocked" in refused.body["detail"]
    short = send_short()
    assert (short.status, short.body["success"], short.body["code"]) == (409, False, "conflict")
    assert (stored(database, tenant), told()) == ([], [])
    assert send({"type": "note", "text": "Blocked for insults."}).status == 201
    with database.transaction(tenant) as tx:
        tx.execute(BLOCK, id=thread.contact_id, blocked=False)
    assert send().status == 202


def test_writing_into_a_resolved_conversation_opens_it_again_and_says_so(
    send: Send,
    database: Database,
    agent: Principal,
    thread: Thread,
    set_status: Callable[[uuid.UUID, str], None],
    told: Callable[[], list[str]],
) -> None:
    set_status(thread.id, "resolved")
    before = Inbox(database).conversation(agent, thread.id)
    assert send().status == 202
    after = Inbox(database).conversation(agent, thread.id)
    assert (after["status"], after["version"] > before["version"]) == ("open", True)
    assert told() == ["message.new"], "it carries the conversation"
    happened: list[dict[str, Any]] = Reading(database).timeline(agent, thread.id, None, 10).items
    assert [(one["type"], one["data"]) for one in happened[:1]] == [("status", {"from": "resolved", "to": "open"})]
    assert happened[0]["by"] == {"kind": "user", "id": str(agent.id), "name": agent.name}


@pytest.mark.parametrize("status", ["open", "pending", "snoozed"])
def test_a_conversation_that_is_not_resolved_keeps_its_status(
    send: Send,
    database: Database,
    agent: Principal,
    thread: Thread,
    set_status: Callable[[uuid.UUID, str], None],
    status: str,
) -> None:
    set_status(thread.id, status)
    assert send().status == 202
    assert Inbox(database).conversation(agent, thread.id)["status"] == status
    assert [one["type"] for one in Reading(database).timeline(agent, thread.id, None, 10).items] == ["created"]


def test_neither_a_note_nor_a_message_for_later_opens_a_resolved_conversation(
    send: Send, database: Database, agent: Principal, thread: Thread, set_status: Callable[[uuid.UUID, str], None]
) -> None:
    set_status(thread.id, "resolved")
    in_an_hour = (datetime.now(UTC) + timedelta(minutes=30)).isoformat()
    assert send({"type": "note", "text": "Done."}).status == 201
    assert send({**TEXT, "scheduledAt": in_an_hour}).status == 202
    assert Inbox(database).conversation(agent, thread.id)["status"] == "resolved"


def test_a_resolved_conversation_is_not_written_into_beside_another_of_the_same_customer(
    send: Send,
    database: Database,
    agent: Principal,
    thread: Thread,
    set_status: Callable[[uuid.UUID, str], None],
    told: Callable[[], list[str]],
) -> None:
    set_status(thread.id, "resolved")
    another = """insert into conversations (tenant_id, id, integration_id, contact_id)
                 values (%(tenant_id)s, %(id)s, %(integration_id)s, %(contact_id)s)"""
    with database.transaction(agent.tenant_id) as tx:
        tx.execute(another, id=uuid.uuid4(), integration_id=thread.integration_id, contact_id=thread.contact_id)
    refused = send()
    assert (refused.status, refused.body["code"]) == (409, "conflict")
    assert (stored(database, agent.tenant_id), told()) == ([], [])
