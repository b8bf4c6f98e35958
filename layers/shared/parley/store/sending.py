"""The statements of sending. The one rule: order and exclusion are constraints (`messages_one_sending`,
`messages_client_key`), so whoever loses a race learns it from Postgres.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from .database import Row, Transaction, jsonb
from .queries import queries

_SQL = queries("sending")


def lock_conversation(tx: Transaction, conversation_id: UUID) -> Row | None:
    """Lock the conversation to write into it; None if the tenant has no such one."""
    return tx.row(_SQL["lock_conversation"], id=conversation_id)


def find_by_client_key(tx: Transaction, principal: str, client_key: str) -> Row | None:
    """The message (id, integration_id, request_hash) that this caller's key already made."""
    return tx.row(_SQL["find_by_client_key"], principal=principal, client_key=client_key)


def unseen(tx: Transaction, conversation_id: UUID, number: int) -> list[Row]:
    """Messages (id, direction, sender_id) written after this number, at most 100."""
    return tx.rows(_SQL["unseen"], conversation_id=conversation_id, number=number)


def provider_id_of(tx: Transaction, conversation_id: UUID, message_id: UUID) -> str | None:
    """The gateway's id of a message of this conversation, if it has one."""
    found: str | None = tx.value(_SQL["provider_id_of"], conversation_id=conversation_id, id=message_id)
    return found


def failed_message(tx: Transaction, message_id: UUID) -> Row | None:
    """What it takes to send a message again; `resent` where somebody did. Ask under its conversation's lock."""
    return tx.row(_SQL["failed_message"], id=message_id)


def conversation_of(tx: Transaction, message_id: UUID) -> UUID | None:
    """The conversation a message is in; None if the tenant has no such message."""
    found: UUID | None = tx.value(_SQL["conversation_of"], id=message_id)
    return found


def copy_files(tx: Transaction, to_message: UUID, copies: Mapping[UUID, UUID]) -> None:
    """Give a message copies of these files; `copies`: new id → the file's."""
    rows = [{"id": id_, "original": original} for id_, original in copies.items()]
    tx.execute(_SQL["copy_files"], to_message=to_message, copies=jsonb(rows))


def count_ahead(tx: Transaction, conversation_id: UUID) -> int:
    """How many messages of a conversation wait already."""
    return int(tx.value(_SQL["count_ahead"], conversation_id=conversation_id))


def insert_outgoing(tx: Transaction, row: Mapping[str, Any]) -> datetime:
    """Insert a queued message; answer its time. Raises DataRefused (`messages_client_key`) where the key is taken."""
    jsons = {"content": jsonb(row["content"]), "metadata": jsonb(row["metadata"])}
    written: datetime = tx.value(_SQL["insert_outgoing"], **{**row, **jsons})
    return written


def append_to_conversation(
    tx: Transaction, conversation_id: UUID, *, number: int, message_id: UUID, occurred_at: datetime, newest: bool
) -> None:
    """Move the locked conversation's summary on to its new message."""
    tx.execute(
        _SQL["append_to_conversation"],
        id=conversation_id,
        number=number,
        message_id=message_id,
        occurred_at=occurred_at,
        newest=newest,
    )


def lapsed_claims(tx: Transaction, conversation_id: UUID) -> list[Row]:
    """Lock and answer the messages (id, attempt_id, attempts, provider) whose sender let its lease run out."""
    return tx.rows(_SQL["lapsed_claims"], conversation_id=conversation_id)


def lock_head(tx: Transaction, conversation_id: UUID) -> Row | None:
    """Lock and answer the oldest queued message, with its address and account; `due_in` in seconds, `busy` where
    another message of the conversation is on its way.
    """
    return tx.row(_SQL["head"], conversation_id=conversation_id)


def put_off(tx: Transaction, message_id: UUID, wait: timedelta, *, has_turn: bool) -> Row | None:
    """Make the head wait for its turn; who asks hints at it for then. Answers it (id, conversation_id, is_last)."""
    return tx.row(_SQL["put_off"], id=message_id, wait=wait, has_turn=has_turn)


def note_hint(tx: Transaction, message_id: UUID) -> None:
    """Remember that somebody is told to come when this message is due."""
    tx.execute(_SQL["note_hint"], id=message_id)


def claim(
    tx: Transaction, message_id: UUID, attempt_id: UUID, lease: timedelta, counted_for: UUID | None = None
) -> None:
    """Claim a message; `counted_for`: the integration whose attempts of a day are counted.

    Raises DataRefused (`messages_one_sending`) where another one is on its way.
    """
    tx.execute(_SQL["claim"], id=message_id, attempt_id=attempt_id, lease=lease)
    tx.execute(_SQL["insert_attempt"], id=message_id, attempt_id=attempt_id, lease=lease, counted_for=counted_for)


def end_attempt(tx: Transaction, attempt_id: UUID, outcome: str, detail: Mapping[str, Any]) -> None:
    """Write how a claim ended: accepted, refused, not_sent, uncertain or lapsed."""
    tx.execute(_SQL["end_attempt"], attempt_id=attempt_id, outcome=outcome, detail=jsonb(dict(detail)))


def settle(
    tx: Transaction,
    message_id: UUID,
    attempt_id: UUID,
    status: str,
    *,
    error: Mapping[str, Any] | None = None,
    delay: timedelta | None = None,
    may_have_left: bool = False,
) -> Row | None:
    """Set the status my claim ended with (`delay`: not due again before then; `may_have_left`: the gateway may have it,
    whatever the status); None where evidence said more already.
    """
    return tx.row(
        _SQL["settle"],
        id=message_id,
        attempt_id=attempt_id,
        status=status,
        error=jsonb(dict(error)) if error is not None else None,
        delay=delay,
        may_have_left=may_have_left,
    )


def shown(tx: Transaction, message_id: UUID) -> Row:
    """A message as its status event shows it."""
    row = tx.row(_SQL["shown"], id=message_id)
    if row is None:
        raise LookupError(message_id)
    return row


def hand_back(tx: Transaction, message_id: UUID, attempt_id: UUID) -> Row | None:
    """Queue the message of my claim again, as if it had not been tried; None where evidence said more already."""
    return tx.row(_SQL["hand_back"], id=message_id, attempt_id=attempt_id)


def now(tx: Transaction) -> datetime:
    """The database's clock."""
    at: datetime = tx.value(_SQL["now"])
    return at


def start_check(tx: Transaction, integration_id: UUID, every: timedelta) -> Row | None:
    """A lost account with what it takes to ask its gateway; None where it is not lost or was asked of just now."""
    return tx.row(_SQL["start_check"], id=integration_id, every=every)


def note_check(tx: Transaction, integration_id: UUID) -> None:
    """Remember that the account was just found lost."""
    tx.execute(_SQL["note_check"], id=integration_id)


def waiting_conversations(tx: Transaction, integration_id: UUID, at_most: int) -> list[UUID]:
    """The conversations with messages queued for an account, the longest waiting first."""
    return [
        row["conversation_id"] for row in tx.rows(_SQL["waiting_conversations"], id=integration_id, at_most=at_most)
    ]
