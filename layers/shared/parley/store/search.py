"""Looking for messages and contacts. The one rule: what is said often costs no more than what is rare, so messages are
found in pools: the newest that fit, ranked among themselves, then those before them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from .database import Transaction
from .queries import queries

_SQL = queries("search")


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for; None asks for no restriction. `since` and `before`: when a message was written."""

    text: str
    since: datetime | None = None
    before: datetime | None = None
    integration_id: UUID | None = None
    conversation_id: UUID | None = None


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a message stands in time."""

    at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class Found:
    """A message that fits, and how well."""

    place: Place
    score: int

    @property
    def rank(self) -> tuple[int, Place]:
        """What its pool is sorted by."""
        return (self.score, self.place)


def newest_messages(tx: Transaction, wanted: Search, below: Place | None, limit: int) -> list[Found]:
    """The newest messages that fit, of those before a place."""
    return _messages(tx, wanted, below, None, limit, inclusive=False)


def messages_between(tx: Transaction, wanted: Search, newest: Place, oldest: Place, limit: int) -> list[Found]:
    """The messages that fit from one place back to another, both of them included."""
    return _messages(tx, wanted, newest, oldest, limit, inclusive=True)


def best_contacts(
    tx: Transaction, wanted: Search, after: tuple[int, UUID] | None, limit: int
) -> list[tuple[int, UUID]]:
    """The next contacts that fit, as (score, id), the best first."""
    rows = tx.rows(
        _SQL["contacts"],
        given=wanted.text,
        integration_id=wanted.integration_id,
        after_score=after[0] if after else None,
        after_id=after[1] if after else None,
        limit=limit,
    )
    return [(row["score"], row["id"]) for row in rows]


def hits(tx: Transaction, text: str, words: Collection[str]) -> set[str]:
    """Of these words, those that the search is about."""
    return {row["word"] for row in tx.rows(_SQL["hits"], given=text, words=list(words))} if words else set()


def _messages(
    tx: Transaction, wanted: Search, until: Place | None, oldest: Place | None, limit: int, *, inclusive: bool
) -> list[Found]:
    rows = tx.rows(
        _SQL["messages"],
        given=wanted.text,
        since=wanted.since,
        before=wanted.before,
        integration_id=wanted.integration_id,
        conversation_id=wanted.conversation_id,
        until_at=until.at if until else None,
        until_id=until.id if until else None,
        inclusive=inclusive,
        from_at=oldest.at if oldest else None,
        from_id=oldest.id if oldest else None,
        limit=limit,
    )
    return [Found(Place(row["occurred_at"], row["id"]), row["score"]) for row in rows]
