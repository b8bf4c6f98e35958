"""The statements of joining contacts that are one person, and of telling them apart again. The one rule: a message's
new number is set aside before it moves, so that moving it is nobody's business but its own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from .database import Row, Transaction, jsonb
from .queries import queries

_SQL = queries("joining")


@dataclass(frozen=True, slots=True)
class Move:
    """Messages that go from one conversation to another: those numbered above `low` and up to `high`, whose number
    grows by `shift`; or those of `message_ids`, numbered from `shift` on.
    """

    from_id: UUID
    into_id: UUID
    low: int
    high: int
    shift: int
    message_ids: Sequence[UUID] | None = None

    @property
    def size(self) -> int:
        """How many messages it may be."""
        return self.high - self.low if self.message_ids is None else len(self.message_ids)


@dataclass(frozen=True, slots=True)
class Merge:
    """A join, as its row stands."""

    id: UUID
    kept_id: UUID
    merged_id: UUID
    evidence: Mapping[str, Any]
    moved: Mapping[str, Any]
    created_at: datetime


# ------------------------------------------------------------------------------------------------------------- joining


def lock_contacts(tx: Transaction, ids: Collection[UUID]) -> dict[UUID, Row]:
    """Lock contacts, in the order in which everybody does; unknown ids are absent."""
    return {row["id"]: row for row in tx.rows(_SQL["lock_contacts"], ids=list(ids))}


def contact_now(tx: Transaction, contact_id: UUID) -> UUID | None:
    """The contact an id names now; None if the tenant has no such one."""
    now: UUID | None = tx.value(_SQL["contact_now"], id=contact_id)
    return now


def lock_unresolved(tx: Transaction, kept: UUID, merged: UUID) -> list[Row]:
    """Lock the unresolved conversations of both contacts, lowest id first."""
    return tx.rows(_SQL["lock_unresolved"], contacts=[kept, merged])


def close_conversation(tx: Transaction, from_: UUID, into: UUID) -> None:
    """Resolve a conversation that went on in another."""
    tx.execute(_SQL["close_conversation"], **{"from": from_, "into": into})


def move_contact(tx: Transaction, kept: UUID, merged: UUID) -> dict[str, list[Any]]:
    """Point everything of one contact to the other; answer what was moved."""
    ids = {"kept": kept, "merged": merged}
    moved = {
        "conversations": [row["id"] for row in tx.rows(_SQL["move_conversations"], **ids)],
        "aliases": tx.rows(_SQL["move_aliases"], **ids),
        "followers": [row["id"] for row in tx.rows(_SQL["move_followers"], **ids)],
        "memberships": tx.rows(_SQL["move_memberships"], **ids),
    }
    tx.execute(_SQL["move_reactions"], **ids)
    tx.execute(_SQL["merge_contact"], **ids)
    return moved


def insert_merge(
    tx: Transaction, merge_id: UUID, kept: UUID, merged: UUID, evidence: Mapping[str, Any], moved: Mapping[str, Any]
) -> None:
    """Keep the evidence and what was moved."""
    row = {"id": merge_id, "kept": kept, "merged": merged}
    tx.execute(_SQL["insert_merge"], **row, evidence=jsonb(dict(evidence)), moved=jsonb(dict(moved)))


# -------------------------------------------------------------------------------------------------------------- moving


def insert_move(tx: Transaction, move_id: UUID, merge_id: UUID, move: Move) -> None:
    """Write down what is to be moved."""
    tx.execute(
        _SQL["insert_move"],
        **{"from": move.from_id, "into": move.into_id},
        id=move_id,
        merge_id=merge_id,
        low=move.low,
        high=move.high,
        shift=move.shift,
        message_ids=None if move.message_ids is None else list(move.message_ids),
    )


def lock_move(tx: Transaction, move_id: UUID) -> Row | None:
    """A move that is not over; None where it is, or somebody is at it. `blocked`: an older one goes first."""
    return tx.row(_SQL["lock_move"], id=move_id)


def move_some(tx: Transaction, move: Row, at_most: int) -> int:
    """Move the next messages of a locked move; answer how many there were.

    Raises DataRefused (`messages_one_sending`) where one is being sent in both conversations.
    """
    statement = _SQL["move_named"] if move["named"] else _SQL["move_numbered"]
    return tx.execute(statement, **move, at_most=at_most)


def finish_move(tx: Transaction, move: Row) -> None:
    """It is over."""
    tx.execute(_SQL["finish_move"], id=move["id"])


def find_moves(tx: Transaction, at_most: int) -> list[Row]:
    """Moves (tenant_id, id) that are not over, the oldest first."""
    return tx.rows(_SQL["find_moves"], at_most=at_most)


# ------------------------------------------------------------------------------------------------------- telling apart


def last_merge(tx: Transaction, contact: UUID) -> Merge | None:
    """The last join of a contact that is not undone, locked."""
    row = tx.row(_SQL["last_merge"], contact=contact)
    return Merge(**row) if row else None


def merge_of(tx: Transaction, contact: UUID) -> Row | None:
    """The join (id, kept_id) that made a contact another one."""
    return tx.row(_SQL["merge_of"], contact=contact)


def is_moving(tx: Transaction, contact: UUID) -> bool:
    """Whether messages of its conversations are still on their way."""
    return bool(tx.value(_SQL["is_moving"], contact=contact))


def finish_merge(tx: Transaction, merge_id: UUID, evidence: Mapping[str, Any]) -> None:
    """A join is undone; `evidence` says by whom."""
    tx.execute(_SQL["finish_merge"], id=merge_id, evidence=jsonb(dict(evidence)))


def conversations_of(tx: Transaction, contact: UUID, since: datetime) -> dict[UUID, Row]:
    """Lock all conversations of a contact, by id; `touched` where something happened after `since`."""
    return {row["id"]: row for row in tx.rows(_SQL["conversations_of"], contact=contact, since=since)}


def part_contact(tx: Transaction, merge: Merge) -> None:
    """Make the merged contact somebody again, with its addresses, its conversations and those it stood for."""
    ids = {"kept": merge.kept_id, "merged": merge.merged_id}
    moved = merge.moved
    tx.execute(_SQL["give_back_aliases"], **ids, aliases=jsonb(moved["aliases"]), since=merge.created_at)
    tx.execute(_SQL["part_contacts"], **ids, before=jsonb(moved["before"]))
    tx.execute(_SQL["give_back_followers"], **ids, ids=[UUID(id_) for id_ in moved["followers"]])
    tx.execute(_SQL["give_back_memberships"], merged=merge.merged_id, memberships=jsonb(moved["memberships"]))
    tx.execute(_SQL["give_back_conversations"], **ids, ids=[UUID(id_) for id_ in moved["conversations"]])


def give_back_reactions(tx: Transaction, merge: Merge) -> None:
    """Reactions in the merged contact's conversations are its own."""
    tx.execute(_SQL["give_back_reactions"], kept=merge.kept_id, merged=merge.merged_id)


def reopen_conversation(tx: Transaction, conversation_id: UUID, status: str, last_number: int) -> None:
    """Give a conversation that went on in another one back to itself."""
    tx.execute(_SQL["reopen_conversation"], id=conversation_id, status=status, last_number=last_number)


def open_conversation(tx: Transaction, conversation_id: UUID) -> None:
    """Open a conversation that was resolved."""
    tx.execute(_SQL["open_conversation"], id=conversation_id)


def number_before(tx: Transaction, conversation_id: UUID, at: datetime) -> int:
    """The last message's number at a time."""
    return int(tx.value(_SQL["number_before"], id=conversation_id, at=at))


def written_by(tx: Transaction, merge: Merge, conversation_id: UUID, above: int, *, of_merged: bool) -> list[UUID]:
    """The messages above a number that are the merged contact's (else: those that are not), in their order."""
    rows = tx.rows(_SQL["written_by"], id=conversation_id, above=above, merged=merge.merged_id, of_merged=of_merged)
    return [row["id"] for row in rows]


def set_aside(tx: Transaction, conversation_id: UUID, count: int) -> int:
    """Set numbers aside for messages on their way; answer the last one before them."""
    return int(tx.value(_SQL["set_aside"], id=conversation_id, count=count))


def summarise(
    tx: Transaction, conversation_id: UUID, read: tuple[datetime | None, str], window: timedelta | None
) -> None:
    """Compute a conversation's summary from its messages, those included that are on their way to it."""
    tx.execute(_SQL["summarise"], id=conversation_id, read_at=read[0], read_key=read[1], window=window)


def provider_of(tx: Transaction, conversation_id: UUID) -> str:
    """The gateway a conversation is on."""
    return str(tx.value(_SQL["provider_of"], id=conversation_id))
