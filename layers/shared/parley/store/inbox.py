"""Pages of the inbox and of threads, by position. The one rule: a page continues after a position, never after a
count, so that what arrives meanwhile neither repeats nor hides anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from .database import Transaction
from .queries import queries

_SQL = queries("inbox")
MOST_OWNERS: Final = 2000
"""Customers and groups that fit what is looked for: of more than these, the inbox is walked and each is asked."""


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
    """Which conversations; None asks for no restriction. `unassigned` and `assignee` exclude each other. `name`: what
    the customer (name, number, what was noted of them) or the group goes by, as search finds them.
    """

    status: str | None = None
    assignee: UUID | None = None
    unassigned: bool = False
    integration_id: UUID | None = None
    label: str | None = None
    unread: bool | None = None
    before: datetime | None = None
    name: str | None = None
    follower: UUID | None = None
    sort: Literal["newest", "oldest"] = "newest"


def page_of_conversations(
    tx: Transaction, wanted: ConversationFilter, after: ConversationPosition | None, limit: int
) -> list[ConversationPosition]:
    """The next `limit` conversations after a position.

    One that moves while somebody walks from page to page may come twice, but none is left out: what changed since the
    first page comes (again) at the end.
    """
    asked = _asked(tx, wanted)
    found: list[ConversationPosition] = []
    if asked is None:
        return found
    if after is None or not after.late:
        found = _in_order(tx, wanted.sort, asked, after, limit)
    if after is not None and len(found) < limit:
        found += _changed(tx, asked, after, [position.id for position in found], limit - len(found))
    return found


def _in_order(
    tx: Transaction, sort: str, asked: Mapping[str, Any], after: ConversationPosition | None, limit: int
) -> list[ConversationPosition]:
    rows = tx.rows(
        _SQL[f"{sort}_conversations"],
        **asked,
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
    tx: Transaction, asked: Mapping[str, Any], after: ConversationPosition, shown: list[UUID], limit: int
) -> list[ConversationPosition]:
    rows = tx.rows(
        _SQL["changed_conversations"],
        **asked,
        settled=after.walk.settled,
        head=after.walk.head,
        began=after.walk.began,
        after_id=after.id if after.late else None,
        shown=shown,
        limit=limit,
    )
    return [ConversationPosition(row["last_message_at"], row["id"], after.walk, late=True) for row in rows]


def _asked(tx: Transaction, wanted: ConversationFilter) -> dict[str, Any] | None:
    """The filter's parameters; None where nobody goes by that name."""
    asked = {
        "status": wanted.status,
        "assignee": wanted.assignee,
        "unassigned": wanted.unassigned,
        "integration_id": wanted.integration_id,
        "label": wanted.label,
        "unread": wanted.unread,
        "before": wanted.before,
        "follower": wanted.follower,
        "owners": None,
        "patterns": None,
    }
    if wanted.name is None:
        return asked
    patterns = tx.value(_SQL["patterns"], given=wanted.name)
    if not patterns:
        return None
    owners = [row["id"] for row in tx.rows(_SQL["find_owners"], patterns=patterns, at_most=MOST_OWNERS + 1)]
    if not owners:
        return None
    tx.execute(_SQL["plan_each_time"])
    return asked | ({"patterns": patterns} if len(owners) > MOST_OWNERS else {"owners": owners})


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
