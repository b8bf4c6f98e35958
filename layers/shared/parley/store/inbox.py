"""Pages of the inbox and of threads, by position. The one rule: a page continues after a position, never after a
count, so that what arrives meanwhile neither repeats nor hides anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from .database import Transaction
from .queries import queries

_SQL = queries("inbox")
_FEWEST_DIGITS: Final = 3
"""Of a number that is looked for: less would find everybody."""


@dataclass(frozen=True, slots=True)
class Walk:
    """What the first page of a walk through the inbox saw: all transactions below `settled`, none from `head` on; no
    conversation was made after `began`.
    """

    settled: int
    head: int
    began: datetime


@dataclass(frozen=True, slots=True)
class ConversationPosition:
    """Where a conversation stands in the inbox; `at` None: it has no message. `late`: among those that come at the end
    of the walk because they changed while it went on.
    """

    at: datetime | None
    id: UUID
    walk: Walk
    late: bool = False


@dataclass(frozen=True, slots=True)
class MessagePosition:
    """Where a message stands in its thread; `key` is the gateway's id, None before it has one."""

    at: datetime
    key: str | None
    id: UUID


@dataclass(frozen=True, slots=True)
class ConversationFilter:
    """Which conversations; None asks for no restriction. `unassigned` and `assignee` exclude each other. `name`: a part
    of the customer's or group's name, or of the customer's number.
    """

    status: str | None = None
    assignee: UUID | None = None
    unassigned: bool = False
    integration_id: UUID | None = None
    label: str | None = None
    unread: bool | None = None
    before: datetime | None = None
    name: str | None = None
    sort: Literal["newest", "oldest"] = "newest"


def page_of_conversations(
    tx: Transaction, wanted: ConversationFilter, after: ConversationPosition | None, limit: int
) -> list[ConversationPosition]:
    """The next `limit` conversations after a position.

    One that moves while somebody walks from page to page may come twice, but none is left out: what changed since the
    first page comes (again) at the end.
    """
    found: list[ConversationPosition] = []
    if after is None or not after.late:
        found = _in_order(tx, wanted, after, limit)
    if after is not None and len(found) < limit:
        found += _changed(tx, wanted, after, [position.id for position in found], limit - len(found))
    return found


def _in_order(
    tx: Transaction, wanted: ConversationFilter, after: ConversationPosition | None, limit: int
) -> list[ConversationPosition]:
    rows = tx.rows(
        _SQL[f"{wanted.sort}_conversations"],
        **_asked(wanted),
        resumes=after is not None,
        after_at=after.at if after else None,
        after_id=after.id if after else None,
        head=after.walk.head if after else None,
        limit=limit,
    )
    return [
        ConversationPosition(
            row["last_message_at"],
            row["id"],
            after.walk if after else Walk(row["settled"], row["head"], row["began"]),
        )
        for row in rows
    ]


def _changed(
    tx: Transaction, wanted: ConversationFilter, after: ConversationPosition, shown: list[UUID], limit: int
) -> list[ConversationPosition]:
    rows = tx.rows(
        _SQL["changed_conversations"],
        **_asked(wanted),
        settled=after.walk.settled,
        head=after.walk.head,
        began=after.walk.began,
        after_id=after.id if after.late else None,
        shown=shown,
        limit=limit,
    )
    return [ConversationPosition(row["last_message_at"], row["id"], after.walk, late=True) for row in rows]


def _asked(wanted: ConversationFilter) -> dict[str, Any]:
    digits = re.sub(r"\D", "", wanted.name or "")
    return {
        "status": wanted.status,
        "assignee": wanted.assignee,
        "unassigned": wanted.unassigned,
        "integration_id": wanted.integration_id,
        "label": wanted.label,
        "unread": wanted.unread,
        "before": wanted.before,
        "name_like": _like(wanted.name) if wanted.name else None,
        "digits_like": _like(digits) if len(digits) >= _FEWEST_DIGITS else None,
    }


def _like(part: str) -> str:
    escaped = re.sub(r"([%_\\])", r"\\\1", part)
    return f"%{escaped}%"


def page_of_messages(
    tx: Transaction, conversation_id: UUID, after: MessagePosition | None, limit: int
) -> list[MessagePosition]:
    """The next `limit` messages of a thread after a position, the newest first."""
    rows = tx.rows(
        _SQL["thread"],
        conversation_id=conversation_id,
        resumes=after is not None,
        after_at=after.at if after else None,
        after_key=after.key if after else None,
        after_id=after.id if after else None,
        limit=limit,
    )
    return [MessagePosition(row["occurred_at"], row["provider_message_id"], row["id"]) for row in rows]


def has_conversation(tx: Transaction, conversation_id: UUID) -> bool:
    """Whether the tenant has this conversation."""
    return bool(tx.value(_SQL["has_conversation"], id=conversation_id))


def is_reachable(tx: Transaction) -> bool:
    """Whether the database answers."""
    return bool(tx.value(_SQL["reachable"]))
