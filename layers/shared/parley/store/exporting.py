"""The statements of exporting a contact. The one rule: every list goes on after a key that does not change."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from .database import Row, Transaction
from .queries import queries

_SQL = queries("exporting")


def people(tx: Transaction, contact_id: UUID) -> list[UUID]:
    """The contact an id names now, first, and all that were joined to it; nobody where there is none."""
    return [row["id"] for row in tx.rows(_SQL["people"], contact=contact_id)]


def addresses(tx: Transaction, contacts: Sequence[UUID]) -> list[Row]:
    """Every address, and how it came to be known."""
    return tx.rows(_SQL["addresses"], contacts=list(contacts))


def joins(tx: Transaction, contacts: Sequence[UUID]) -> list[Row]:
    """With whom they were found to be one person."""
    return tx.rows(_SQL["joins"], contacts=list(contacts))


def conversations(tx: Transaction, contacts: Sequence[UUID], after: UUID | None, at_most: int) -> list[Row]:
    """The next conversations they are in; those of groups name the group."""
    return tx.rows(_SQL["conversations"], contacts=list(contacts), after=after, at_most=at_most)


def happenings(tx: Transaction, contacts: Sequence[UUID], after: UUID | None, at_most: int) -> list[Row]:
    """What happened next to their conversations."""
    return tx.rows(_SQL["happenings"], contacts=list(contacts), after=after, at_most=at_most)


def messages(
    tx: Transaction, contacts: Sequence[UUID], after: tuple[UUID, int] | None, at_most: int
) -> list[tuple[UUID, UUID, int]]:
    """The next messages (id, conversation, number), thread by thread."""
    found: list[tuple[UUID, UUID, int]] = []
    since = after[0] if after else None
    for thread in tx.rows(_SQL["threads"], contacts=list(contacts), **{"from": since}):
        if len(found) >= at_most:
            break
        rows = tx.rows(
            _SQL["messages"],
            contacts=list(contacts),
            conversation=thread["id"],
            own=thread["own"],
            after=after[1] if after and thread["id"] == after[0] else 0,
            at_most=at_most - len(found),
        )
        found += [(row["id"], thread["id"], row["number"]) for row in rows]
    return found


def receipts(tx: Transaction, messages: Sequence[UUID]) -> list[Row]:
    """What gateways told of these messages (message_id, status, participant, occurred_at, error)."""
    return tx.rows(_SQL["receipts"], messages=list(messages))


def revisions(tx: Transaction, messages: Sequence[UUID]) -> list[Row]:
    """How these messages were changed (message_id, kind, body, content, occurred_at)."""
    return tx.rows(_SQL["revisions"], messages=list(messages))


def reactions(tx: Transaction, contacts: Sequence[UUID], after: tuple[UUID, str] | None, at_most: int) -> list[Row]:
    """Their next reactions."""
    key, id_ = after or (None, "")
    return tx.rows(_SQL["reactions"], contacts=list(contacts), after=key, after_id=id_, at_most=at_most)
