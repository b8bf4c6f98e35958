"""The statements that look for an erased person where no id leads: ledger, event log, notices, dead letters, bucket.
The one rule: each reads a piece that begins where the last one ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from .database import Row, Transaction, jsonb
from .erasing import Erasure
from .queries import queries

_SQL = queries("erasing")

LedgerPlace = tuple[date, UUID]
THE_BEGINNING: LedgerPlace = (date(1970, 1, 1), UUID(int=0))


def ledger_end(tx: Transaction, after: LedgerPlace, at_most: int) -> LedgerPlace | None:
    """Where the next piece of the ledger ends; None: there is none."""
    row = tx.row(_SQL["ledger_end"], day=after[0], id=after[1], at_most=at_most)
    return (row["day"], row["id"]) if row else None


def ledger_page(
    tx: Transaction,
    after: LedgerPlace,
    last: LedgerPlace,
    erasure: Erasure,
    spellings: Iterable[str],
) -> list[Row]:
    """The rows of a piece that name the erased contacts or messages (`named`), or may: day, id, pointer, body."""
    return tx.rows(
        _SQL["ledger_page"],
        day=after[0],
        id=after[1],
        last_day=last[0],
        last_id=last[1],
        erasure=erasure.id,
        until=erasure.erased_at,
        contacts=erasure.contact_ids,
        spellings=[one.encode() for one in spellings],
    )


def empty_ledger(tx: Transaction, rows: Sequence[Row]) -> None:
    """Take the bodies out of these rows."""
    if rows:
        tx.execute(_SQL["empty_ledger"], rows=jsonb([{"day": row["day"], "id": row["id"]} for row in rows]))


def forget_bodies(tx: Transaction, webhooks: Sequence[tuple[date, UUID, bytes]]) -> None:
    """Take the bodies out of the rows of these webhooks (day, integration, hash)."""
    named = [{"day": day, "integration_id": integration, "hash": hash_.hex()} for day, integration, hash_ in webhooks]
    tx.execute(_SQL["forget_bodies"], webhooks=jsonb(named))


def events_end(tx: Transaction, after: int, at_most: int) -> int | None:
    """Where the next piece of the event log ends; None: there is none."""
    found: int | None = tx.value(_SQL["events_end"], after=after, at_most=at_most)
    return found


def events_page(tx: Transaction, after: int, last: int, spellings: Sequence[str]) -> list[Row]:
    """Events of a piece that may name somebody (ordinal, delta)."""
    return tx.rows(_SQL["events_page"], after=after, last=last, spellings=list(spellings))


def rewrite_event(tx: Transaction, ordinal: int, delta: Mapping[str, Any]) -> None:
    """Give an event another delta."""
    tx.execute(_SQL["rewrite_event"], ordinal=ordinal, delta=jsonb(dict(delta)))


def notices(tx: Transaction, after: str | None, spellings: Sequence[str], at_most: int) -> list[Row]:
    """The next notices of accounts that may name somebody (id, detail)."""
    return tx.rows(_SQL["notices"], after=after, spellings=list(spellings), at_most=at_most)


def rewrite_notice(tx: Transaction, notice_id: UUID, detail: Mapping[str, Any]) -> None:
    """Give a notice another detail."""
    tx.execute(_SQL["rewrite_notice"], id=notice_id, detail=jsonb(dict(detail)))


def dead_letters(tx: Transaction, after: str | None, at_most: int) -> list[Row]:
    """The next dead letters (id, payload)."""
    return tx.rows(_SQL["dead_letters"], after=after, at_most=at_most)


def delete_dead_letters(tx: Transaction, ids: Sequence[UUID]) -> None:
    """Delete dead letters."""
    tx.execute(_SQL["delete_dead_letters"], ids=list(ids))


def next_objects(tx: Transaction, erasure_id: UUID, at_most: int) -> list[Row]:
    """The next objects to be deleted (object_key), `needed` where somebody else has the same file."""
    return tx.rows(_SQL["next_objects"], erasure=erasure_id, at_most=at_most)


def forget_objects(tx: Transaction, erasure_id: UUID, keys: Sequence[str]) -> None:
    """Say that these objects are deleted."""
    tx.execute(_SQL["forget_objects"], erasure=erasure_id, keys=list(keys))


def is_needed(tx: Transaction, object_key: str) -> bool:
    """Whether a row of the company has this file."""
    return bool(tx.value(_SQL["is_needed"], key=object_key))


def alias_page(tx: Transaction, after: tuple[UUID, str, str], at_most: int) -> list[Row]:
    """The next addresses of a company (scope, kind, value, contact_id)."""
    return tx.rows(_SQL["alias_page"], scope=after[0], kind=after[1], value=after[2], at_most=at_most)


def known_before(tx: Transaction, contacts: Sequence[UUID], at: datetime) -> list[UUID]:
    """Which of these contacts there are that were there, or said something, at or before a time."""
    return [row["id"] for row in tx.rows(_SQL["known_before"], contacts=list(contacts), at=at)]
