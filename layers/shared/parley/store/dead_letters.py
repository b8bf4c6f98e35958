"""Dead letters: what left its queue after too many tries; and why messages fail before they get there. The one rule: a
letter is what it says, so the same payload once more is the same row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

import psycopg
from psycopg import errors as pg

from parley.domain.queues import QUEUES, QueueName

from .database import Row, Transaction, jsonb
from .ids import new_id
from .queries import queries

_SQL = queries("dead_letters")
LONGEST_LISTED: Final = 12_000
"""Letters of base64 that a list shows of a webhook's body: 9 kB."""
_STRAYS: Final = UUID("5d1f2a5e-6f0b-5c0e-9a57-0c2f4e7b9d31")
"""What the ids of strays are derived under, so that one message is one stray."""


@dataclass(frozen=True, slots=True)
class Failure:
    """How a message failed: the last error, how often, and since when."""

    error: str
    count: int
    first_failed_at: datetime


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that died: `payload` as the queue carries it."""

    queue: QueueName
    fingerprint: bytes
    payload: Mapping[str, Any]
    correlation_id: UUID | None
    failure: Failure


def keep(tx: Transaction, letter: Letter) -> None:
    """Keep a letter; the same payload again is the same one."""
    tx.execute(
        _SQL["keep"],
        id=new_id(),
        queue=letter.queue,
        fingerprint=letter.fingerprint,
        payload=jsonb(dict(letter.payload)),
        error=letter.failure.error,
        failure_count=letter.failure.count,
        correlation_id=letter.correlation_id,
        first_failed_at=letter.failure.first_failed_at,
    )


def keep_stray(tx: Transaction, queue: QueueName, fingerprint: bytes, body: str, why: str, sent_at: datetime) -> None:
    """Keep a message that names no tenant, for the operator; the same one again is the same stray."""
    tx.execute(
        _SQL["keep_stray"],
        id=uuid5(_STRAYS, f"{queue} {fingerprint.hex()}"),
        fingerprint=fingerprint,
        body=body.encode(errors="backslashreplace"),
        reason=f"dead_letter of {queue}: {why}",
        sent_at=sent_at,
    )


def count(tx: Transaction) -> Mapping[str, int]:
    """How many of the transaction's tenant lie there, by queue."""
    return _by_queue(tx.rows(_SQL["count"]))


def count_all(tx: Transaction) -> Mapping[str, int]:
    """How many of all tenants lie there, by queue."""
    return _by_queue(tx.rows(_SQL["count_all"]))


def page(tx: Transaction, queue: QueueName, after: UUID | None, limit: int) -> list[Row]:
    """The next letters before one, the latest first; without the bodies that are too long for a list."""
    return tx.rows(_SQL["page"], queue=queue, after=after, limit=limit, longest_body=LONGEST_LISTED)


def find(tx: Transaction, queue: QueueName, ids: Sequence[UUID]) -> list[Row]:
    """These letters, whole; unknown ids are absent."""
    return tx.rows(_SQL["find"], queue=queue, ids=list(ids))


def oldest(tx: Transaction, queue: QueueName, limit: int) -> list[UUID]:
    """The ids of the letters that lie there longest."""
    return [row["id"] for row in tx.rows(_SQL["oldest"], queue=queue, limit=limit)]


def remove(tx: Transaction, queue: QueueName, ids: Sequence[UUID]) -> int:
    """Remove letters; how many were still there."""
    return tx.execute(_SQL["remove"], queue=queue, ids=list(ids))


def is_own(tx: Transaction, queue: QueueName, id_: UUID) -> bool:
    """Whether what a hint of this queue names is the transaction's tenant's own."""
    return bool(tx.value(_SQL["has_attachment" if queue == "media" else "has_conversation"], id=id_))


def note_error(tx: Transaction, queue: QueueName, fingerprint: bytes, error: str) -> None:
    """Note why a message was put off just now."""
    tx.execute(_SQL["note_error"], queue=queue, fingerprint=fingerprint, error=error)


def find_error(tx: Transaction, queue: QueueName, fingerprint: bytes) -> Failure | None:
    """Why a message failed, or None where nobody could say."""
    row = tx.row(_SQL["find_error"], queue=queue, fingerprint=fingerprint)
    return Failure(row["error"], row["failure_count"], row["first_failed_at"]) if row else None


def forget_errors(tx: Transaction, older_than: timedelta, at_most: int) -> int:
    """Forget why messages failed that have not failed for so long; how many."""
    return int(tx.value(_SQL["forget_errors"], older_than=older_than, at_most=at_most))


def is_database_away(error: Exception) -> bool:
    """Whether an error says that there is no database to write it to."""
    cause = error.__cause__
    busy = (pg.LockNotAvailable, pg.QueryCanceled, pg.DeadlockDetected, pg.SerializationFailure)
    return isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError) and not isinstance(cause, busy)


def _by_queue(rows: Sequence[Row]) -> dict[str, int]:
    return {**dict.fromkeys(QUEUES, 0), **{row["queue"]: row["letters"] for row in rows}}
