"""The statements by which a message of ours and its echo become one row again."""

from __future__ import annotations

from uuid import UUID

from .database import Row, Transaction
from .queries import queries
from .receiving import ProviderKey

_SQL = queries("echoes")


def lock_own(tx: Transaction, message_id: UUID, integration_id: UUID) -> Row | None:
    """Lock a message of ours on this integration."""
    return tx.row(_SQL["lock_own"], id=message_id, integration_id=integration_id)


def lock_holder(tx: Transaction, key: ProviderKey) -> Row | None:
    """Lock the message (id, conversation_id, sender_kind) that has a gateway's id."""
    return tx.row(_SQL["lock_holder"], integration_id=key[0], provider_message_id=key[1])


def drop_echo(tx: Transaction, message_id: UUID) -> bool:
    """Delete an echo's row; whether it was the last message of its conversation."""
    tx.execute(_SQL["drop_files"], id=message_id)
    return tx.row(_SQL["drop_message"], id=message_id) is not None


def set_provider_id(tx: Transaction, message_id: UUID, provider_message_id: str) -> bool:
    """Set the gateway's id of a message; whether it is the last of its conversation."""
    return bool(tx.value(_SQL["set_provider_id"], id=message_id, provider_message_id=provider_message_id))


def restore_echo(
    tx: Transaction, message_id: UUID, like: UUID, provider_message_id: str, correlation_id: UUID | None
) -> None:
    """Make the row of what was typed on the phone, with the words of the message it was taken for."""
    ids = {"id": message_id, "like": like, "correlation_id": correlation_id}
    tx.execute(_SQL["restore_echo"], **ids, provider_message_id=provider_message_id)
    tx.execute(_SQL["bring_up"], id=message_id)
