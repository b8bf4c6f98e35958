"""How often somebody asked. The one rule: counting is one statement (the generic cell rate algorithm), so that nobody
gets two answers for one place.
"""

from __future__ import annotations

from datetime import timedelta

from .database import Transaction
from .queries import queries

_SQL = queries("rate_limits")


def take(tx: Transaction, subject: str, apart: timedelta, burst: timedelta) -> tuple[bool, float]:
    """Count one more; whether it is granted, and how many seconds its subject is ahead of the rate now."""
    row = tx.row(_SQL["take"], subject=subject, apart=apart, burst=burst) or {}
    return bool(row["granted"]), float(row["ahead"])
