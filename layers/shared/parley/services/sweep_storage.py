"""Look after what is stored: partitions of the coming days, and what limits or tells nobody any more. The one rule:
what is dropped is of no use to anybody.
"""

from __future__ import annotations

from typing import Final

from parley.store import housekeeping as store
from parley.store.conversations import compact_counts
from parley.store.database import Database

DAYS_AHEAD: Final = 7
_MOST_COUNTS: Final = 100_000


def make_partitions(database: Database) -> int:
    """Make the partitions of the coming week that are missing; answer how many."""
    with database.unscoped() as tx:
        return store.make_partitions(tx, DAYS_AHEAD)


def forget_spent(database: Database) -> int:
    """Forget paces, limits, signals and leases of long ago."""
    with database.unscoped() as tx:
        store.forget_pacing(tx)
        store.forget_signals(tx)
    return 0


def sum_up_counts(database: Database) -> int:
    """Sum up the inbox's counters, so that they stay few."""
    with database.unscoped() as tx:
        compact_counts(tx, _MOST_COUNTS)
    return 0
