"""Queues that nobody is to take from: rows of the deployment, the same for every tenant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from parley.domain.queues import QueueName

from .database import Transaction
from .queries import queries

_SQL = queries("queue_pauses")


@dataclass(frozen=True, slots=True)
class Pause:
    """`probing`: taken from again, on trial. `by_hand`: a person said so, and no clock ends it."""

    queue: QueueName
    since: datetime
    changed_at: datetime
    reason: str
    by_hand: bool
    probing: bool


def read(tx: Transaction) -> dict[QueueName, Pause]:
    """Every queue that is paused or on trial."""
    return {row["queue"]: Pause(**row) for row in tx.rows(_SQL["read"])}


def pause(tx: Transaction, queue: QueueName, reason: str, *, by_hand: bool) -> bool:
    """Pause a queue; whether that changed anything."""
    return bool(tx.value(_SQL["pause"], queue=queue, reason=reason, by_hand=by_hand))


def probe(tx: Transaction, queue: QueueName) -> bool:
    """Let a paused queue be taken from on trial; whether it was paused."""
    return bool(tx.value(_SQL["probe"], queue=queue))


def probe_due(tx: Transaction, paused_for: timedelta) -> list[QueueName]:
    """Let be taken from on trial what the breaker paused long enough ago."""
    return [row["queue"] for row in tx.rows(_SQL["probe_due"], paused_for=paused_for)]


def end_trials(tx: Transaction, tried_for: timedelta) -> list[QueueName]:
    """End pauses whose trial went well for long enough."""
    return [row["queue"] for row in tx.rows(_SQL["end_trials"], tried_for=tried_for)]
