"""What is said of a queue. The one rule: what a figure means is the same on AWS and on the local stack; where the two
can know different things, it is what both can know.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from .queues import QueueName

LATELY: Final = 5
"""So many minutes, the current one among them, are what rates are of."""


@dataclass(frozen=True, slots=True)
class QueueMinute:
    """What became of messages in one minute: `completed` left the queue, `failed` came back to it, each time."""

    at: datetime
    completed: int
    failed: int


@dataclass(frozen=True, slots=True)
class QueueState:
    """A queue as it is now. `depth`: messages that wait and could be taken. `in_flight`: taken and not done yet, with a
    consumer or put off until their next try. Messages sent for later count in neither. `oldest_age_seconds`: of the
    oldest of both, since it was sent; None where there is none. `minutes`: the last hour's, the oldest first.
    """

    name: QueueName
    depth: int
    in_flight: int
    oldest_age_seconds: float | None
    minutes: Sequence[QueueMinute]

    @property
    def rate_per_minute(self) -> float:
        """Messages done a minute, lately."""
        return sum(minute.completed for minute in self.minutes[-LATELY:]) / LATELY

    @property
    def error_rate(self) -> float:
        """The share of tries that failed, lately; 0 where nothing was tried."""
        lately = self.minutes[-LATELY:]
        failed = sum(minute.failed for minute in lately)
        tried = failed + sum(minute.completed for minute in lately)
        return failed / tried if tried else 0.0
