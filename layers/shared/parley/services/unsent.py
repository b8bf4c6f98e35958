"""Change and take back what no gateway has: notes, and messages for later. The one rule: a note is its writer's; a
message for later is the company's, until its time comes.
"""

from __future__ import annotations

from uuid import UUID

from parley.domain import events
from parley.domain.errors import Conflict, Forbidden, UnsupportedCapability
from parley.domain.principal import Principal
from parley.store import scheduling as store
from parley.store.database import Row, Transaction
from parley.store.event_log import append_events
from parley.store.views import timestamp


def rewrite_unsent(tx: Transaction, by: Principal, message_id: UUID, text: str, correlation_id: UUID) -> bool:
    """Give a note or a message for later another text; False where it is neither.

    Raises Forbidden, Conflict (it was taken back), UnsupportedCapability.
    """
    message = store.lock_unsent(tx, message_id)
    if message is None:
        return False
    _check_writer(message, by)
    if message["deleted_at"] is not None:
        raise Conflict("The message was taken back.")
    if message["kind"] != "text":
        problem = {"path": "text", "message": "only a text can be changed"}
        raise UnsupportedCapability("Only a text can be changed.", errors=[problem], capability="edit")
    store.rewrite(tx, message_id, text)
    event = events.message_updated(message["conversation_id"], message_id, is_last=False, correlation_id=correlation_id)
    append_events(tx, [event])
    return True


def withdraw_unsent(tx: Transaction, by: Principal, message_id: UUID, correlation_id: UUID) -> bool:
    """Take a note or a message for later away, once; False where it is neither. Raises Forbidden."""
    message = store.lock_unsent(tx, message_id)
    if message is None:
        return False
    _check_writer(message, by, or_admin=True)
    if message["deleted_at"] is not None:
        return True
    at = store.withdraw(tx, message_id)
    event = events.message_deleted(
        message["conversation_id"],
        message_id,
        deleted_at=timestamp(at),
        is_last=False,
        correlation_id=correlation_id,
    )
    append_events(tx, [event])
    return True


def _check_writer(message: Row, by: Principal, *, or_admin: bool = False) -> None:
    if message["direction"] != "internal" or message["sender_id"] == by.id:
        return
    if or_admin and by.role in ("admin", "owner"):
        return
    raise Forbidden("Only who wrote a note may change it.")
