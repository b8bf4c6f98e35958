"""Messages for later. The one rule: a scheduled message is nobody's business until its time comes; then it is queued
like any other, and is as new as it is then.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from parley.cloud.ports import Queue
from parley.domain import events
from parley.domain.errors import InvalidRequest
from parley.store import scheduling as store
from parley.store import sending
from parley.store.database import Database, Transaction
from parley.store.event_log import append_events

from .hints import LONGEST_HINT, hint

FARTHEST: Final = timedelta(days=366)


def until(tx: Transaction, scheduled_at: datetime | None) -> timedelta | None:
    """How long a message for then will wait; None where it is not for later. Raises InvalidRequest."""
    if scheduled_at is None:
        return None
    wait = scheduled_at - sending.now(tx)
    if wait <= timedelta(0) or wait > FARTHEST:
        problem = {"path": "scheduledAt", "message": "should be in the future, within a year"}
        raise InvalidRequest("The message cannot be sent at that time.", errors=[problem])
    return wait


def schedule(tx: Transaction, message_id: UUID, scheduled_at: datetime) -> None:
    """Make a message that was just queued wait for its time; who does so hints at it if that is soon."""
    store.schedule(tx, message_id, scheduled_at, LONGEST_HINT)


def release_due(tx: Transaction, conversation_id: UUID) -> bool:
    """Queue the messages of a conversation whose time has come; whether there were any."""
    if not store.is_any_due(tx, conversation_id):
        return False
    conversation = sending.lock_conversation(tx, conversation_id)
    if conversation is None:
        return False
    released = store.release(tx, conversation_id)
    for row in released:
        last = (conversation["last_message_at"], conversation["last_message_key"])
        newest = last[0] is None or (row["occurred_at"], str(row["id"])) > last
        if newest:
            store.put_on_top(tx, conversation_id, row["id"], row["occurred_at"])
            conversation |= {"last_message_at": row["occurred_at"], "last_message_key": str(row["id"])}
        event = events.message_updated(conversation_id, row["id"], is_last=newest, correlation_id=row["correlation_id"])
        append_events(tx, [event])
    if released:
        append_events(tx, [events.conversation_updated(conversation_id, released[-1]["correlation_id"])])
    return bool(released)


def hint_due(database: Database, outbound: Queue, overdue: timedelta, at_most: int) -> int:
    """Hint at messages, of all tenants, that are due soon, or that have been due for so long; answer at how many."""
    with database.unscoped() as tx:
        due = store.find_due(tx, LONGEST_HINT, overdue, at_most)
    for row in due:
        delay = max(row["due_in"], timedelta(0))
        hint(outbound, row["tenant_id"], row["conversation_id"], row["integration_id"], delay=delay)
        with database.transaction(row["tenant_id"]) as tx:
            sending.note_hint(tx, row["message_id"])
    return len(due)
