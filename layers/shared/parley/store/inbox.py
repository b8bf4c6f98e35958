"""Pages of the inbox and of threads, by position. The one rule: a page continues after a position, never after a
count, so that what arrives meanwhile neither repeats nor hides anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from .database import Transaction
from .queries import queries

_SQL = queries("inbox")


@dataclass(frozen=True, slots=True)
class ConversationPosition:
    """Where a conversation stands in the inbox; `at` None: it has no message."""

    at: datetime | None
    id: UUID


@dataclass(frozen=True, slots=True)
class MessagePosition:
    """Where a message stands in its thread; `key` is the gateway's id, None before it has one."""

    at: datetime
    key: str | None
    id: UUID


@dataclass(frozen=True, slots=True)
class ConversationFilter:
    """Which conversations; None asks for no restriction. `unassigned` and `assignee` exclude each other."""

    status: str | None = None
    assignee: UUID | None = None
    unassigned: bool = False
    integration_id: UUID | None = None
    label: str | None = None
    unread: bool | None = None
    before: datetime | None = None
    sort: Literal["newest", "oldest"] = "newest"


def page_of_conversations(
    tx: Transaction, wanted: ConversationFilter, after: ConversationPosition | None, limit: int
) -> list[ConversationPosition]:
    """The next `limit` conversations after a position."""
    rows = tx.rows(
        _SQL[f"{wanted.sort}_conversations"],
        status=wanted.status,
        assignee=wanted.assignee,
        unassigned=wanted.unassigned,
        integration_id=wanted.integration_id,
        label=wanted.label,
        unread=wanted.unread,
        before=wanted.before,
        resumes=after is not None,
        after_at=after.at if after else None,
        after_id=after.id if after else None,
        limit=limit,
    )
    return [ConversationPosition(row["last_message_at"], row["id"]) for row in rows]


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
