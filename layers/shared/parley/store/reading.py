"""What can be read beside the inbox and its threads: timelines, receipts, members, messages of all threads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from .database import Row, Transaction, jsonb
from .inbox import MessagePosition
from .queries import queries

_SQL = queries("reading")
_APART: Final = timedelta(minutes=10)
"""So far a row's id and its time may lie apart: an id is made before its transaction, or long after that began."""


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """Which messages, of all threads; None asks for no restriction. `since` and `before`: when they were written."""

    status: str | None = None
    integration_id: UUID | None = None
    since: datetime | None = None
    before: datetime | None = None


def page_of_timeline(
    tx: Transaction, conversation_id: UUID, after: tuple[datetime, UUID] | None, limit: int
) -> list[Row]:
    """The next happenings (id, kind, detail, actor_*, occurred_at) of a conversation, the latest first."""
    return tx.rows(
        _SQL["timeline"],
        conversation_id=conversation_id,
        resumes=after is not None,
        after_at=after[0] if after else None,
        after_id=after[1] if after else None,
        limit=limit,
    )


def place_of(tx: Transaction, message_id: UUID) -> Row | None:
    """Where a message stands: conversation_id, occurred_at, provider_message_id, id, integration_id."""
    return tx.row(_SQL["place"], id=message_id)


def newer_in_thread(tx: Transaction, place: Row, limit: int) -> list[MessagePosition]:
    """The messages that follow a place (see `place_of`), the next first."""
    rows = tx.rows(
        _SQL["newer_in_thread"],
        conversation_id=place["conversation_id"],
        at=place["occurred_at"],
        key=place["provider_message_id"],
        id=place["id"],
        limit=limit,
    )
    return [MessagePosition(row["occurred_at"], row["provider_message_id"], row["id"]) for row in rows]


def page_of_receipts(tx: Transaction, place: Row, after: tuple[datetime, str, str] | None, limit: int) -> list[Row]:
    """The next receipts (status, participant, occurred_at, error) of a message, in their order."""
    at, status, participant = after or (None, None, None)
    return tx.rows(
        _SQL["receipts"],
        integration_id=place["integration_id"],
        provider_message_id=place["provider_message_id"],
        resumes=after is not None,
        after_at=at,
        after_status=status,
        after_participant=participant,
        limit=limit,
    )


def page_of_all_messages(tx: Transaction, wanted: MessageFilter, after: UUID | None, limit: int) -> list[UUID]:
    """The next messages of all threads, the latest written first."""
    rows = tx.rows(
        _SQL["messages"],
        after=after,
        status=wanted.status,
        integration_id=wanted.integration_id,
        since=wanted.since,
        before=wanted.before,
        lowest=_bound(wanted.since, -1) if wanted.since else None,
        highest=_bound(wanted.before, 1) if wanted.before else None,
        limit=limit,
    )
    return [row["id"] for row in rows]


def page_of_members(tx: Transaction, conversation_id: UUID, after: UUID | None, limit: int) -> list[Row]:
    """The next members (id, seen_at) of a conversation's group, by contact."""
    return tx.rows(_SQL["members"], conversation_id=conversation_id, after=after, limit=limit)


def see_members(tx: Transaction, members: Sequence[dict[str, Any]]) -> None:
    """Remember who wrote in groups (group_id, contact_id, seen_at)."""
    if members:
        tx.execute(_SQL["see_members"], members=jsonb(list(members)))


def _bound(at: datetime, sign: int) -> UUID:
    """An id below (-1) or above (1) all that belong to rows of this time."""
    seconds = at.timestamp() + sign * _APART.total_seconds()
    milliseconds = min(max(int(seconds * 1000), 0), 2**48 - 1)
    rest = 0 if sign < 0 else 2**80 - 1
    return UUID(int=milliseconds << 80 | rest)
