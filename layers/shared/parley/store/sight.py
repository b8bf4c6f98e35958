"""What of the inbox a person may see. The one rule: one function of the database decides (`in_sight`), for what is read
and for what is pushed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from uuid import UUID

from .database import Transaction
from .queries import queries

_SQL = queries("sight")


def sees_conversation(tx: Transaction, viewer: UUID, conversation_id: UUID) -> bool:
    """Whether a person may see a conversation; False where there is none."""
    return bool(tx.value(_SQL["conversation"], viewer=viewer, id=conversation_id))


def sees_message(tx: Transaction, viewer: UUID, message_id: UUID) -> bool:
    """Whether a person may see a message; False where there is none."""
    return bool(tx.value(_SQL["message"], viewer=viewer, id=message_id))


def out_of_sight(
    tx: Transaction, people: Collection[UUID], conversations: Collection[UUID]
) -> Mapping[tuple[UUID, UUID], bool]:
    """The pairs of these people and conversations that may not come together; True where they may while the
    conversation is nobody's.
    """
    if not people or not conversations:
        return {}
    rows = tx.rows(_SQL["out_of_sight"], people=list(people), conversations=list(conversations))
    return {(row["user_id"], row["conversation_id"]): row["if_unassigned"] for row in rows}


def contacts_out_of_sight(
    tx: Transaction, people: Collection[UUID], contacts: Collection[UUID]
) -> frozenset[tuple[UUID, UUID]]:
    """The pairs of these people and contacts that may not come together."""
    if not people or not contacts:
        return frozenset()
    rows = tx.rows(_SQL["contacts_out_of_sight"], people=list(people), contacts=list(contacts))
    return frozenset((row["user_id"], row["contact_id"]) for row in rows)
