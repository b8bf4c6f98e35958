"""What became of a queue's messages, minute by minute for an hour; one rule: it counts tries, so a message that fails
twice and then goes through is two failures and one success. Under the fast clock a minute is as short as all else.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

MINUTES = 60


class Tally:
    """Counts of one queue. `minute`: how many seconds one has; `clock`: seconds since 1970."""

    def __init__(self, minute: float = 60.0, clock: Callable[[], float] = time.time) -> None:
        self._minute = minute
        self._clock = clock
        self._counts: dict[int, list[int]] = {}

    def add(self, completed: int, failed: int) -> None:
        """Count tries that ended just now."""
        now = int(self._clock() / self._minute)
        counts = self._counts.setdefault(now, [0, 0])
        counts[0] += completed
        counts[1] += failed
        for minute in [minute for minute in self._counts if minute <= now - MINUTES]:
            del self._counts[minute]

    def series(self) -> list[dict[str, Any]]:
        """The last hour's minutes, the oldest first, the current one last."""
        now = int(self._clock() / self._minute)
        return [self._row(minute) for minute in range(now - MINUTES + 1, now + 1)]

    def _row(self, minute: int) -> dict[str, Any]:
        completed, failed = self._counts.get(minute, (0, 0))
        at = datetime.fromtimestamp(minute * self._minute, UTC).isoformat(timespec="milliseconds")
        return {"at": at.replace("+00:00", "Z"), "completed": completed, "failed": failed}
