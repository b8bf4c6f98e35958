"""The statements of working on conversations. The one rule: what is decided by comparing is decided under the
conversation's row lock.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from parley.domain.principal import Actor

from .database import Row, Transaction, jsonb
from .ids import new_id
from .queries import queries

_SQL = queries("conversations")


@dataclass(frozen=True, slots=True)
class Happened:
    """Something that was done to a conversation, for its timeline."""

    conversation_id: UUID
    kind: str
    detail: Mapping[str, Any]
    by: Actor


def lock(tx: Transaction, conversation_id: UUID) -> Row | None:
    """Lock a conversation to change it; None if the tenant has no such one. `now` is the database's clock."""
    return tx.row(_SQL["lock"], id=conversation_id)


def change(
    tx: Transaction,
    conversation_id: UUID,
    *,
    status: str,
    snoozed_until: datetime | None,
    priority: str,
    labels: Sequence[str],
) -> None:
    """Set what people set. Raises DataRefused (`conversations_one_unresolved`) where the customer has another one."""
    tx.execute(
        _SQL["change"],
        id=conversation_id,
        status=status,
        snoozed_until=snoozed_until,
        priority=priority,
        labels=list(labels),
    )


def assign(tx: Transaction, conversation_id: UUID, assignee_id: UUID | None, *, automatic: bool = False) -> None:
    """Give a locked conversation to a person, or to nobody."""
    tx.execute(_SQL["assign"], id=conversation_id, assignee_id=assignee_id, automatic=automatic)


def reopen(tx: Transaction, conversation_id: UUID, by: Actor) -> bool:
    """Open a locked conversation that was resolved, and write down who did; False where it was not.

    Raises DataRefused (`conversations_one_unresolved`) where the customer has another one.
    """
    if not tx.execute(_SQL["reopen"], id=conversation_id):
        return False
    keep_timeline(tx, [Happened(conversation_id, "status", {"from": "resolved", "to": "open"}, by)])
    return True


def keep_timeline(tx: Transaction, happened: Iterable[Happened]) -> None:
    """Write down what was done to conversations."""
    rows = [
        {
            "id": new_id(),
            "conversation_id": one.conversation_id,
            "kind": one.kind,
            "detail": dict(one.detail),
            "actor_kind": one.by.kind,
            "actor_id": one.by.id,
        }
        for one in happened
    ]
    if rows:
        tx.execute(_SQL["insert_timeline"], entries=jsonb(rows))


def active_people(tx: Transaction, ids: Collection[UUID]) -> set[UUID]:
    """Which of these are people of the tenant who may work."""
    return {row["id"] for row in tx.rows(_SQL["active_people"], ids=list(ids))} if ids else set()


def insert_note(tx: Transaction, row: Mapping[str, Any]) -> None:
    """Write a note into a locked conversation. Raises DataRefused (`messages_client_key`) where the key is taken."""
    jsons = {"content": jsonb(row["content"]), "metadata": jsonb(row["metadata"])}
    tx.execute(_SQL["insert_note"], **{**row, **jsons})
    tx.execute(_SQL["count_number"], id=row["conversation_id"], number=row["number"])


def follow(tx: Transaction, conversation_id: UUID, user_id: UUID) -> bool:
    """Make a person follow a conversation; whether they did not before."""
    return _follows(tx, "follow", conversation_id, user_id)


def unfollow(tx: Transaction, conversation_id: UUID, user_id: UUID) -> bool:
    """Let a person follow a conversation no more; whether they did."""
    return _follows(tx, "unfollow", conversation_id, user_id)


def _follows(tx: Transaction, deed: str, conversation_id: UUID, user_id: UUID) -> bool:
    """Followers are shown with the conversation, and of two showings the higher version is the newer one."""
    changed = tx.execute(_SQL[deed], id=conversation_id, user_id=user_id) > 0
    if changed:
        tx.execute(_SQL["count_change"], id=conversation_id)
    return changed


def followers(tx: Transaction, conversation_id: UUID) -> list[Row]:
    """Who follows a conversation (id, name), who came first is first."""
    return tx.rows(_SQL["followers"], id=conversation_id)


def find_due_snoozes(tx: Transaction, at_most: int) -> list[Row]:
    """Conversations (tenant_id, conversation_id) of all tenants whose snooze is over."""
    return tx.rows(_SQL["find_due_snoozes"], at_most=at_most)


def wake(tx: Transaction, conversation_id: UUID) -> bool:
    """Open a conversation whose snooze is over; False where somebody was faster."""
    return tx.row(_SQL["wake"], id=conversation_id) is not None


def compact_counts(tx: Transaction, at_most: int) -> int:
    """Make few rows of counters out of many, of all tenants; answer by how many there are less."""
    return int(tx.value(_SQL["compact_counts"], at_most=at_most))
