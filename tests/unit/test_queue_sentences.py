"""What a queue's figures say in words, and how old the oldest webhook in the spool is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from parley.domain.queue_figures import QueueMinute, QueueState
from parley.domain.queue_sentences import sentence
from parley.services.accept import SPOOL
from parley.services.sweep_spool import oldest_spooled

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


def queue(age: float | None = None, completed: int = 0, failed: int = 0, minutes_ago: int = 0) -> QueueState:
    minutes = [QueueMinute(NOW - timedelta(minutes=n), 0, 0) for n in range(59, -1, -1)]
    minutes[-1 - minutes_ago] = QueueMinute(NOW, completed, failed)
    return QueueState("push", 0, 0, age, minutes)


@pytest.mark.parametrize(
    ("state", "dead", "said"),
    [
        (queue(), 0, None),
        (queue(age=299), 0, None),
        (queue(completed=9, failed=3), 0, None),
        (queue(failed=2), 0, None),
        (queue(failed=9, minutes_ago=5), 0, None),
        (queue(), 1, "1 message was given up: see the dead letters."),
        (queue(age=300.4), 0, "The oldest message has been there for 300 seconds."),
        (queue(completed=1, failed=3), 0, "Of 4 tries in the last 5 minutes 3 failed."),
        (
            queue(age=600, failed=3),
            2,
            (
                "2 messages were given up: see the dead letters. The oldest message has been there for 600 seconds. "
                "Of 3 tries in the last 5 minutes 3 failed."
            ),
        ),
    ],
)
def test_a_queue_says_what_is_wrong_and_nothing_else(state: QueueState, dead: int, said: str | None) -> None:
    assert sentence(state, dead) == said


class Spool:
    def __init__(self, *names: str) -> None:
        self.names = names

    def list_prefix(self, prefix: str, limit: int) -> list[str]:
        return [prefix + name for name in self.names[:limit]]


@pytest.mark.parametrize(
    ("names", "seconds"),
    [((), 0), (("2026-11-23T09:53:00.000Z-x.json", "2026-11-23T09:59:00.000Z-y.json"), 420), (("no time",), 0)],
)
def test_the_spool_is_as_old_as_the_name_of_its_oldest_webhook_says(names: tuple[str, ...], seconds: float) -> None:
    spool: Any = Spool(*names)
    assert (SPOOL, oldest_spooled(spool, NOW)) == ("spool/", seconds)
