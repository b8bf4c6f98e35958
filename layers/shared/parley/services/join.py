"""Join two contacts that are the same person. The one rule: the older contact stays, everything points to it, and the
evidence is kept beside what was moved, so that it can be undone (part.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from parley.domain import events
from parley.domain.events import NewEvent
from parley.store import joining as store
from parley.store.database import Row, Transaction
from parley.store.ids import new_id
from parley.store.joining import Move
from parley.store.receiving import update_conversations

from .move_messages import start

_BEFORE = ("name", "name_at", "avatar_url", "avatar_at", "attributes", "blocked")


def join(tx: Transaction, one: UUID, other: UUID, evidence: Mapping[str, Any]) -> list[NewEvent]:
    """Make two contacts one; answer the events. Ids grow with time, so the lower id is the older contact."""
    kept, merged = sorted((one, other))
    before = store.lock_contacts(tx, [kept, merged])[kept]
    log: list[NewEvent] = []
    moves: list[Move] = []
    joined: list[dict[str, Any]] = []
    by_integration: dict[UUID, list[Row]] = defaultdict(list)
    numbers: dict[str, int] = {}
    for row in store.lock_unresolved(tx, kept, merged):
        by_integration[row["integration_id"]].append(row)
        numbers[str(row["id"])] = row["last_number"]
    for rows in by_integration.values():
        if len(rows) == 2:
            older, younger = rows
            moves.append(_join_conversations(tx, older, younger))
            joined.append(_record(older, younger))
            numbers[str(older["id"])] += younger["last_number"]
            log += [events.conversation_updated(row["id"], None) for row in rows]
    moved = {
        **store.move_contact(tx, kept, merged),
        "joined": joined,
        "numbers": numbers,
        "before": {name: before[name] for name in _BEFORE},
    }
    merge_id = new_id()
    store.insert_merge(tx, merge_id, kept, merged, evidence, moved)
    start(tx, merge_id, moves)
    return [*log, events.contact_updated(kept, None)]


def _record(older: Row, younger: Row) -> dict[str, Any]:
    """Which numbers the younger conversation's messages got, and up to where each was read."""
    return {
        "kept": older["id"],
        "closed": younger["id"],
        "shift": older["last_number"],
        "count": younger["last_number"],
        "read": [[_time(row["read_at"]), row["read_key"]] for row in (older, younger)],
    }


def _join_conversations(tx: Transaction, older: Row, younger: Row) -> Move:
    """The older conversation takes the younger one's messages and is as new as the newer of the two."""
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
                "last_number": older["last_number"] + younger["last_number"],
                **{name: latest[name] for name in ("last_message_id", "last_message_at", "last_message_key")},
                **{name: answered[name] for name in ("reply_kind", "reply_address", "reply_at", "reply_key")},
                **{name: read[name] for name in ("read_at", "read_key")},
                "window_expires_at": max(
                    (row["window_expires_at"] for row in (older, younger) if row["window_expires_at"]), default=None
                ),
            }
        ],
    )
    return Move(younger["id"], older["id"], 0, younger["last_number"], older["last_number"])


def _position(row: Row, what: str) -> tuple[bool, Any, str]:
    at = row[f"{what}_at"]
    return at is not None, at.timestamp() if at else 0, row[f"{what}_key"]


def _time(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
