"""Join two contacts that one webhook proved to be the same person. The one rule: the older contact stays, everything
points to it, and the evidence is kept beside what was moved.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from parley.domain import events
from parley.domain.events import NewEvent
from parley.store import joining as store
from parley.store.database import Row, Transaction
from parley.store.ids import new_id
from parley.store.receiving import update_conversations


def join(tx: Transaction, one: UUID, other: UUID, evidence: Mapping[str, Any]) -> list[NewEvent]:
    """Make two contacts one; answer the events. Both are locked by the caller. Ids grow with time, so the lower id is
    the older contact.
    """
    kept, merged = sorted((one, other))
    moved: dict[str, Any] = {"messages": {}}
    log: list[NewEvent] = []
    by_integration: dict[UUID, list[Row]] = defaultdict(list)
    for row in store.lock_unresolved(tx, kept, merged):
        by_integration[row["integration_id"]].append(row)
    for rows in by_integration.values():
        if len(rows) == 2:
            older, younger = rows
            moved["messages"][str(younger["id"])] = _join_conversations(tx, older, younger)
            log += [events.conversation_updated(row["id"], None) for row in rows]
    moved |= store.move_contact(tx, kept, merged)
    store.insert_merge(tx, new_id(), kept, merged, evidence, moved)
    return [*log, events.contact_updated(kept, None)]


def _join_conversations(tx: Transaction, older: Row, younger: Row) -> list[UUID]:
    """The older conversation takes the younger one's messages and is as new as the newer of the two."""
    messages = store.move_messages(tx, younger["id"], older["id"], older["last_number"])
    store.close_conversation(tx, younger["id"], older["id"])
    latest = max(older, younger, key=lambda row: _position(row, "last_message"))
    answered = max(older, younger, key=lambda row: _position(row, "reply"))
    read = max(older, younger, key=lambda row: _position(row, "read"))
    update_conversations(
        tx,
        [
            {
                "id": older["id"],
                "status": "open" if "open" in (older["status"], younger["status"]) else older["status"],
                "unread_count": older["unread_count"] + younger["unread_count"],
                "last_number": older["last_number"] + len(messages),
                **{name: latest[name] for name in ("last_message_id", "last_message_at", "last_message_key")},
                **{name: answered[name] for name in ("reply_kind", "reply_address", "reply_at", "reply_key")},
                **{name: read[name] for name in ("read_at", "read_key")},
                "window_expires_at": max(
                    (row["window_expires_at"] for row in (older, younger) if row["window_expires_at"]), default=None
                ),
            }
        ],
    )
    return messages


def _position(row: Row, what: str) -> tuple[bool, Any, str]:
    at = row[f"{what}_at"]
    return at is not None, at.timestamp() if at else 0, row[f"{what}_key"]
