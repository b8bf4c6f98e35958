"""Messages of which nobody knows whether they left."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from .database import Row, Transaction, jsonb
from .queries import queries

_SQL = queries("unknown")


def find_unsaid(tx: Transaction, older_than: timedelta, at_most: int) -> list[Row]:
    """Messages (tenant_id, message_id) that have been unknown for so long and of which nobody was told."""
    return tx.rows(_SQL["find_unsaid"], older_than=older_than, at_most=at_most)


def lock_unsaid(tx: Transaction, message_id: UUID) -> Row | None:
    """Lock such a message; None where it is none any more."""
    return tx.row(_SQL["lock_unsaid"], id=message_id)


def echoes(tx: Transaction, message_id: UUID) -> list[Row]:
    """What was typed on the phone in its conversation while it was being sent, the oldest first."""
    return tx.rows(_SQL["echoes"], id=message_id)


def say(tx: Transaction, message_id: UUID, error: Mapping[str, Any]) -> Row | None:
    """Write what people are told; answer the message as its status event shows it."""
    return tx.row(_SQL["say"], id=message_id, error=jsonb(error))
