"""Redriving as it is usually written: take the letters out of the table, then send them. What the queue does not take,
or what the worker dies over, is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from parley.domain.principal import Principal
from parley.domain.queues import QueueName
from parley.services.redrive import DeadLetters


class NaiveDeadLetters(DeadLetters):
    """Has DeadLetters' methods."""

    def _send(
        self,
        by: Principal,
        queue: QueueName,
        messages: Sequence[tuple[UUID, str]],
        correlation_id: UUID,
        **how: Any,
    ) -> int:
        self._remove(by, queue, [letter_id for letter_id, _ in messages], correlation_id, edited=False)
        for _, message in messages:
            self._queues(queue).send(message, "group")
        return len(messages)
