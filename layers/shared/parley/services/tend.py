"""Tend the inbox by the clock: snoozes that are over, messages for later that are due soon, counters to be summed up,
conversations that wait for somebody. The one rule: each step is bounded and harmless to repeat.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final
from uuid import UUID

from parley.cloud.ports import Queue
from parley.store.conversations import compact_counts
from parley.store.database import Database

from .change import wake_snoozed
from .schedule import hint_due

_AT_MOST: Final = 500
_MOST_COUNTS: Final = 100_000


class Tending:
    """`overdue`: a message for later that is due for so long has lost its hint. `distribute`: gives waiting
    conversations of all tenants to people; answers to how many.
    """

    def __init__(
        self,
        database: Database,
        outbound: Queue,
        wake: Callable[[UUID], None],
        overdue: timedelta,
        distribute: Callable[[], int] | None = None,
    ) -> None:
        self._database = database
        self._outbound = outbound
        self._wake = wake
        self._overdue = overdue
        self._distribute = distribute

    def tend(self) -> int:
        """Do what is due; answer how much that was."""
        done = wake_snoozed(self._database, self._wake, _AT_MOST)
        done += hint_due(self._database, self._outbound, self._overdue, _AT_MOST)
        with self._database.unscoped() as tx:
            compact_counts(tx, _MOST_COUNTS)
        return done + (self._distribute() if self._distribute else 0)
