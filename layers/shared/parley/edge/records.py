"""SQS records at the door: which of a batch to try again, and when. The one rule: whatever goes wrong, all other
records are answered for.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from logging import Logger
from typing import Any, Protocol

from parley.domain.errors import ParleyError

LONGEST_PAUSE_SECONDS = 900
HANDED_BACK_SECONDS = 60
"""Long enough that a hundred receives outlast a pause whose event source could not be stopped."""


class Visibility(Protocol):
    """A queue whose records can be put off."""

    def change_visibility(self, receipt: str, seconds: int) -> None:
        """Show a received record again after so many seconds."""


def partial_failure(records: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The answer that keeps these records in the queue and lets the rest of the batch go."""
    return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in records]}


def put_off(
    queue: Visibility,
    record: Mapping[str, Any],
    error: Exception,
    log: Logger,
    note: Callable[[str, Exception], None],
    **about: object,
) -> None:
    """Let a record that failed come again later, and say so; `note` keeps why, should it never come through."""
    log.warning("put off", exc_info=error, extra={"code": getattr(error, "code", None), **about})
    note(record["body"], error)
    try:
        queue.change_visibility(record["receiptHandle"], pause_seconds(record))
    except ParleyError as failure:
        # The queue's own visibility timeout brings it back.
        log.warning("visibility unchanged", exc_info=failure)


def hand_back(queue: Visibility, records: Sequence[Mapping[str, Any]], log: Logger) -> dict[str, Any]:
    """Leave a whole batch in its queue, untried, for nothing is to be taken from it just now."""
    log.warning("handed back: the queue is paused", extra={"records": len(records)})
    for record in records:
        try:
            queue.change_visibility(record["receiptHandle"], HANDED_BACK_SECONDS)
        except ParleyError as failure:
            log.warning("visibility unchanged", exc_info=failure)
    return partial_failure(records)


def pause_seconds(record: Mapping[str, Any]) -> int:
    """How long a record that failed for a passing reason should wait: twice as long each time, jittered, 15 minutes at
    most.
    """
    received = int(record["attributes"]["ApproximateReceiveCount"])
    longest = min(LONGEST_PAUSE_SECONDS, 2 ** min(received, 10))
    return random.randint(max(1, longest // 2), longest)  # noqa: S311 - spreads load, guards nothing
