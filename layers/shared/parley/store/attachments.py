"""Files: of messages, on their way to the bucket, and uploads that no message has taken yet. The one rule: a file's
state changes once, from pending to stored or failed, by the try that is its latest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from .database import Row, Transaction
from .queries import queries

_SQL = queries("attachments")


@dataclass(frozen=True, slots=True)
class Kept:
    """A file in the bucket: what it is and where it lies."""

    object_key: str
    thumbnail_key: str | None
    size: int
    sha256: str
    mime_type: str


def claim(tx: Transaction, attachment_id: UUID, lease: timedelta, most_tries: int) -> Row | None:
    """Take a pending file that is due, with the account it comes from; its `tries` names this try."""
    return tx.row(_SQL["claim"], id=attachment_id, lease=lease, most=most_tries)


def find_waiting(tx: Transaction, attachment_id: UUID) -> Row | None:
    """Why a file could not be claimed: its state, tries, and how long it `waits`."""
    return tx.row(_SQL["find_waiting"], id=attachment_id)


def keep_claim(tx: Transaction, attachment_id: UUID, tries: int, lease: timedelta) -> bool:
    """Lengthen a claim; whether it is still this try's."""
    return bool(tx.execute(_SQL["keep_claim"], id=attachment_id, tries=tries, lease=lease))


def put_off(tx: Transaction, attachment_id: UUID, tries: int, pause: timedelta, *, counts: bool) -> bool:
    """Let the next try come after a pause, and let this one count or not; whether this try may still say so."""
    return bool(tx.execute(_SQL["put_off"], id=attachment_id, tries=tries, pause=pause, counts=counts))


def store(tx: Transaction, attachment_id: UUID, kept: Kept, tries: int | None = None) -> Row | None:
    """Say that a pending file is in the bucket; answers its `message_id`, None where it was settled otherwise."""
    return tx.row(
        _SQL["store"],
        id=attachment_id,
        tries=tries,
        object_key=kept.object_key,
        thumbnail_key=kept.thumbnail_key,
        size=kept.size,
        sha256=kept.sha256,
        mime_type=kept.mime_type,
    )


def fail(tx: Transaction, attachment_id: UUID, reason: str, tries: int | None = None) -> Row | None:
    """Say that a pending file will not come; answers its `message_id`, None where it was settled otherwise."""
    return tx.row(_SQL["fail"], id=attachment_id, tries=tries, reason=reason)


def touch_message(tx: Transaction, message_id: UUID) -> Row | None:
    """Raise a message's version; answers it (id, conversation_id, correlation_id, is_last)."""
    return tx.row(_SQL["touch_message"], message_id=message_id)


def insert_upload(
    tx: Transaction, attachment_id: UUID, kind: str, mime_type: str, file_name: str, size: int, sha256: str | None
) -> None:
    """Announce a file that a browser will put into the bucket."""
    tx.execute(
        _SQL["insert_upload"],
        id=attachment_id,
        kind=kind,
        mime_type=mime_type,
        file_name=file_name,
        size=size,
        sha256=sha256,
    )


def insert_fetched(tx: Transaction, attachment_id: UUID, kind: str, file_name: str | None, kept: Kept) -> None:
    """Write a file that is in the bucket and belongs to no message yet."""
    tx.execute(
        _SQL["insert_fetched"],
        id=attachment_id,
        kind=kind,
        file_name=file_name,
        object_key=kept.object_key,
        thumbnail_key=kept.thumbnail_key,
        size=kept.size,
        sha256=kept.sha256,
        mime_type=kept.mime_type,
    )


def find(tx: Transaction, attachment_id: UUID) -> Row | None:
    """One file, as it is."""
    return tx.row(_SQL["find"], id=attachment_id)


def claim_upload(
    tx: Transaction, attachment_id: UUID, message_id: UUID, *, kind: str | None = None, voice: bool = False
) -> Row | None:
    """Give a stored upload to a message; None where there is none or another message has it. `kind`: what it is sent
    as, where that differs (a sticker, a picture as a document).
    """
    return tx.row(_SQL["claim_upload"], id=attachment_id, message_id=message_id, kind=kind, voice=voice)


def of_message(tx: Transaction, message_id: UUID) -> list[Row]:
    """The stored files of a message, in order."""
    return tx.rows(_SQL["of_message"], message_id=message_id)


def find_stuck(tx: Transaction, older_than: timedelta, at_most: int) -> list[Row]:
    """Files of all tenants that were due so long ago and nobody fetches (tenant_id, integration_id, attachment_id)."""
    return tx.rows(_SQL["find_stuck"], older_than=older_than, at_most=at_most)


def find_unused(tx: Transaction, older_than: timedelta, at_most: int) -> list[Row]:
    """Uploads of all tenants that no message took in so long a time (tenant_id, attachment_id)."""
    return tx.rows(_SQL["find_unused"], older_than=older_than, at_most=at_most)


def delete_unused(tx: Transaction, ids: Sequence[UUID]) -> None:
    """Forget uploads, unless a message took one meanwhile."""
    tx.execute(_SQL["delete_unused"], ids=list(ids))
