"""The pace a gateway allows, kept in the database. The one rule: a turn is taken in one statement, so that however many
ask at once, each has its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from .database import Transaction, jsonb
from .queries import queries

_SQL = queries("pacing")


@dataclass(frozen=True, slots=True)
class Limit:
    """`burst` turns at once, then one `every` so long."""

    subject: str
    every: timedelta
    burst: int


def take_turn(tx: Transaction, integration_id: UUID, limits: Sequence[Limit]) -> timedelta:
    """Take the next turn of all limits; answer how long until it comes. A turn is never given back."""
    wait: timedelta | None = tx.value(_SQL["take_turn"], integration_id=integration_id, limits=_rows(limits))
    return wait or timedelta(0)


def foresee_turn(tx: Transaction, integration_id: UUID, limits: Sequence[Limit], ahead: int) -> timedelta:
    """How long a message with so many of its conversation before it would wait; takes nothing."""
    wait: timedelta | None = tx.value(
        _SQL["foresee_turn"], integration_id=integration_id, limits=_rows(limits), ahead=ahead
    )
    return wait or timedelta(0)


def day_is_full(tx: Transaction, integration_id: UUID, per_day: int, day: timedelta, *, lock: bool) -> timedelta | None:
    """How long until an account may send again that has made so many attempts in a day; None where it may now.

    `lock`: until the transaction ends nobody else counts, so that the last place is given once.
    """
    if lock:
        tx.execute(_SQL["lock_day"], integration_id=integration_id)
    wait: timedelta | None = tx.value(_SQL["day_is_full"], integration_id=integration_id, per_day=per_day, day=day)
    return wait


def _rows(limits: Sequence[Limit]) -> object:
    return jsonb(
        [
            {"subject": limit.subject, "every": f"{limit.every.total_seconds():.6f} seconds", "burst": limit.burst}
            for limit in limits
        ]
    )
