"""A model of a standard SQS queue. The one rule: time is a number that the test moves, and whatever SQS may do (deliver
again, deliver late, deliver out of order), this may do.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import count
from typing import Any

LARGEST_MESSAGE = 1024 * 1024
LONGEST_DELAY = 900


class Clock:
    """The time of everything outside the database, in seconds."""

    def __init__(self) -> None:
        self.now = 0.0


@dataclass
class Held:
    """A message in the queue."""

    id: str
    body: str
    group: str
    visible_at: float
    received: int = 0


class ModelQueue:
    """One queue and its dead letters. `visibility` and `most_receives` as in template.yaml; `order`: chance, for a
    queue that delivers in any order. `away`: SQS does not answer those who send.
    """

    def __init__(
        self, clock: Clock, *, visibility: int, most_receives: int = 100, order: random.Random | None = None
    ) -> None:
        self._clock = clock
        self._visibility = visibility
        self._most_receives = most_receives
        self._order = order
        self._ids = count(1)
        self._held: dict[str, Held] = {}
        self.dead_letters: list[str] = []
        self.deleted: list[tuple[str, str]] = []
        self.most_received = 0
        self.away = False

    def __len__(self) -> int:
        return len(self._held)

    def send(self, body: str, group_id: str, delay_seconds: int = 0) -> None:
        """Take a message in."""
        assert len(body.encode()) <= LARGEST_MESSAGE, "SQS would refuse this message"
        assert 0 <= delay_seconds <= LONGEST_DELAY, "SQS would refuse this delay"
        id_ = f"message-{next(self._ids)}"
        self._held[id_] = Held(id_, body, group_id, self._clock.now + delay_seconds)

    def receive(self, most: int = 10) -> list[dict[str, Any]]:
        """Visible messages, as records of a Lambda event; what came too often goes to the dead letters."""
        visible = [held for held in self._held.values() if held.visible_at <= self._clock.now]
        if self._order is not None:
            self._order.shuffle(visible)
        records = []
        for held in visible[:most]:
            if held.received >= self._most_receives:
                self.dead_letters.append(self._held.pop(held.id).body)
                continue
            held.received += 1
            held.visible_at = self._clock.now + self._visibility
            self.most_received = max(self.most_received, held.received)
            records.append(
                {
                    "messageId": held.id,
                    "receiptHandle": held.id,
                    "body": held.body,
                    "attributes": {"ApproximateReceiveCount": str(held.received), "MessageGroupId": held.group},
                }
            )
        return records

    def delete(self, receipt: str) -> None:
        """Forget a message for good."""
        held = self._held.pop(receipt, None)
        if held is not None:
            self.deleted.append((held.body, held.group))

    def change_visibility(self, receipt: str, seconds: int) -> None:
        """Show a message again after `seconds`."""
        if receipt in self._held:
            self._held[receipt].visible_at = self._clock.now + seconds

    def redrive(self, which: int) -> None:
        """Deliver once more what was dealt with long ago, as a late duplicate or an operator's redrive does."""
        if self.deleted:
            self.send(*self.deleted[which % len(self.deleted)])

    def next_visible(self) -> float | None:
        """When the next message can be received; None for an empty queue."""
        return min((held.visible_at for held in self._held.values()), default=None)
