"""The statements of joining two contacts that one webhook proved to be the same person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from .database import Row, Transaction, jsonb
from .queries import queries

_SQL = queries("joining")


def lock_unresolved(tx: Transaction, kept: UUID, merged: UUID) -> list[Row]:
    """Lock the unresolved conversations of both contacts, lowest id first."""
    return tx.rows(_SQL["lock_unresolved"], contacts=[kept, merged])


def move_messages(tx: Transaction, from_: UUID, into: UUID, above: int) -> list[UUID]:
    """Move a conversation's messages behind number `above` of another; answer their ids."""
    return [row["id"] for row in tx.rows(_SQL["move_messages"], **{"from": from_, "into": into, "above": above})]


def close_conversation(tx: Transaction, from_: UUID, into: UUID) -> None:
    """Resolve a conversation that went on in another."""
    tx.execute(_SQL["close_conversation"], **{"from": from_, "into": into})


def move_contact(tx: Transaction, kept: UUID, merged: UUID) -> dict[str, list[Any]]:
    """Point everything of one contact to the other; answer what was moved."""
    ids = {"kept": kept, "merged": merged}
    moved = {
        "conversations": [row["id"] for row in tx.rows(_SQL["move_conversations"], **ids)],
        "aliases": [[row["scope"], row["kind"], row["value"]] for row in tx.rows(_SQL["move_aliases"], **ids)],
        "senders": [row["id"] for row in tx.rows(_SQL["move_senders"], **ids)],
    }
    tx.execute(_SQL["move_reactions"], **ids)
    tx.execute(_SQL["merge_contact"], **ids)
    return moved


def insert_merge(
    tx: Transaction, merge_id: UUID, kept: UUID, merged: UUID, evidence: Mapping[str, Any], moved: Mapping[str, Any]
) -> None:
    """Keep the evidence and what was moved."""
    tx.execute(
        _SQL["insert_merge"],
        id=merge_id,
        kept=kept,
        merged=merged,
        evidence=jsonb(dict(evidence)),
        moved=jsonb(dict(moved)),
    )
