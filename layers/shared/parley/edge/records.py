"""SQS records at the door: which of a batch to try again, and when. The one rule: whatever goes wrong, all other
records are answered for.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from logging import Logger
from typing import Any, Protocol

from parley.domain.errors import ParleyError

LONGEST_PAUSE_SECONDS = 900


class Visibility(Protocol):
    """A queue whose records can be put off."""

    def change_visibility(self, receipt: str, seconds: int) -> None:
        """Show a received record again after so many seconds."""


def partial_failure(records: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The answer that keeps these records in the queue and lets the rest of the batch go."""
    return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in records]}


def put_off(queue: Visibility, record: Mapping[str, Any], error: Exception, log: Logger, **about: object) -> None:
    """Let a record that failed come again later, and say so."""
    log.warning("put off", exc_info=error, extra={"code": getattr(error, "code", None), **about})
    try:
        queue.change_visibility(record["receiptHandle"], pause_seconds(record))
    except ParleyError as failure:
        # The queue's own visibility timeout brings it back.
        log.warning("visibility unchanged", exc_info=failure)


def pause_seconds(record: Mapping[str, Any]) -> int:
    """How long a record that failed for a passing reason should wait: twice as long each time, jittered, 15 minutes at
    most.
    """
    received = int(record["attributes"]["ApproximateReceiveCount"])
    longest = min(LONGEST_PAUSE_SECONDS, 2 ** min(received, 10))
    return random.randint(max(1, longest // 2), longest)  # noqa: S311 - spreads load, guards nothing
