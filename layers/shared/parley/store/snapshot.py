"""The inbox as a client begins with it. The one rule: it is read in one snapshot with the position it stands for."""

from __future__ import annotations

from uuid import UUID

from .database import Transaction
from .queries import queries

_SQL = queries("snapshot")


def newest_open(tx: Transaction, limit: int) -> list[UUID]:
    """The ids of the open conversations with the newest messages, in that order."""
    return [row["id"] for row in tx.rows(_SQL["newest_open"], limit=limit)]


def inbox_counts(tx: Transaction, user_id: UUID | None) -> dict[str, int]:
    """How many conversations are `open`, `mine`, `unassigned`, `unread`."""
    return dict(tx.row(_SQL["counts"], user_id=user_id) or {})
