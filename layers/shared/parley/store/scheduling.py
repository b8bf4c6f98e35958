"""The statements of messages that no gateway has: those for later, and notes."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from .database import Row, Transaction
from .queries import queries

_SQL = queries("scheduling")


def schedule(tx: Transaction, message_id: UUID, at: datetime, soon: timedelta) -> None:
    """Make a message wait until then; within `soon` somebody hints at it already."""
    tx.execute(_SQL["schedule"], id=message_id, at=at, soon=soon)


def is_any_due(tx: Transaction, conversation_id: UUID) -> bool:
    """Whether a scheduled message of a conversation is due."""
    return bool(tx.value(_SQL["is_any_due"], conversation_id=conversation_id))


def release(tx: Transaction, conversation_id: UUID) -> list[Row]:
    """Queue the due messages of a locked conversation; answer them (id, occurred_at, correlation_id)."""
    return sorted(tx.rows(_SQL["release"], conversation_id=conversation_id), key=lambda row: row["occurred_at"])


def put_on_top(tx: Transaction, conversation_id: UUID, message_id: UUID, occurred_at: datetime) -> None:
    """Make a message the newest of a locked conversation."""
    tx.execute(_SQL["put_on_top"], id=conversation_id, message_id=message_id, occurred_at=occurred_at)


def find_due(tx: Transaction, within: timedelta, overdue: timedelta, at_most: int) -> list[Row]:
    """Messages (tenant_id, integration_id, conversation_id, message_id, due_in) of all tenants to hint at."""
    return tx.rows(_SQL["find_due"], within=within, overdue=overdue, at_most=at_most)


def lock_unsent(tx: Transaction, message_id: UUID) -> Row | None:
    """Lock and answer a note or a message for later; None for any other."""
    return tx.row(_SQL["unsent"], id=message_id)


def rewrite(tx: Transaction, message_id: UUID, text: str) -> None:
    """Give a locked unsent message another text."""
    tx.execute(_SQL["rewrite"], id=message_id, text=text)


def withdraw(tx: Transaction, message_id: UUID) -> datetime:
    """Take a locked unsent message away; answer when."""
    at: datetime = tx.value(_SQL["withdraw"], id=message_id)
    return at
