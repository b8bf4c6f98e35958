"""SQS records at the door: which of a batch to try again, and when. The one rule: whatever goes wrong, the batch's other
records are answered for."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import Any

LONGEST_PAUSE_SECONDS = 900


def partial_failure(receipts: Iterable[str]) -> dict[str, Any]:
    """The answer that keeps these message ids in the queue and lets the rest of the batch go."""
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in receipts]}


def pause_seconds(record: Mapping[str, Any]) -> int:
    """How long a record that failed for a passing reason should wait: twice as long each time, jittered, 15 minutes at
    most."""
    received = int(record["attributes"]["ApproximateReceiveCount"])
    longest = min(LONGEST_PAUSE_SECONDS, 2 ** min(received, 10))
    return random.randint(max(1, longest // 2), longest)  # noqa: S311 - spreads load, guards nothing
