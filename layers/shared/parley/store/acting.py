"""The statements of acting on messages and conversations, beside sending."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from .database import Row, Transaction
from .queries import queries

_SQL = queries("acting")


def find_message(tx: Transaction, message_id: UUID) -> Row | None:
    """A message with its account, its conversation's address and, in a group, its author."""
    return tx.row(_SQL["message"], id=message_id)


def find_conversation(tx: Transaction, conversation_id: UUID) -> Row | None:
    """A conversation with its account and address."""
    return tx.row(_SQL["conversation"], id=conversation_id)


def lock_read_horizon(tx: Transaction, conversation_id: UUID) -> Row | None:
    """Lock a conversation and answer up to where it is read (read_at, read_key)."""
    return tx.row(_SQL["lock_read_horizon"], id=conversation_id)


def move_read_horizon(tx: Transaction, conversation_id: UUID, message_id: UUID) -> Row | None:
    """Read a conversation up to a message of it; the new horizon, None where it was read that far already."""
    return tx.row(_SQL["move_read_horizon"], id=conversation_id, message_id=message_id)


def read_between(tx: Transaction, conversation_id: UUID, before: Row, after: Row, at_most: int) -> list[Row]:
    """The newest customers' messages between two read horizons (provider_message_id, author_*), the newest last."""
    return tx.rows(
        _SQL["read_between"],
        id=conversation_id,
        after_at=before["read_at"],
        after_key=before["read_key"],
        until_at=after["read_at"],
        until_key=after["read_key"],
        at_most=at_most,
    )


def latest_incoming(tx: Transaction, conversation_id: UUID) -> str | None:
    """The gateway's id of the customer's newest message."""
    found: str | None = tx.value(_SQL["latest_incoming"], id=conversation_id)
    return found


def react(tx: Transaction, reaction: Mapping[str, Any]) -> None:
    """Keep the number's own reaction to a message, and who of the company it was."""
    tx.execute(_SQL["react"], **reaction)
