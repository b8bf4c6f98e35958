"""What is answered about the health of integrations, as types (shapes.py says why)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from typing_extensions import TypedDict

from parley.domain.health import HealthState

from .shapes import Natural


class HealthNote(TypedDict):
    """What the last look said of an account: the worst that is wrong, why, and since when (docs/operations.md)."""

    state: HealthState
    reason: str | None
    since: datetime | None


class Figures(TypedDict):
    """What was counted since then: webhooks by what became of them, sends by whether they were delivered, received
    files. `sent`: sends that have had time enough, of which `delivered`, `undelivered` and `failed`.
    """

    since: datetime
    received: Natural
    processed: Natural
    ignored: Natural
    rejected: Natural
    parked: Natural
    sent: Natural
    delivered: Natural
    undelivered: Natural
    failed: Natural
    mediaStored: Natural
    mediaFailed: Natural


class HourOfFigures(Figures):
    """The last hour's; `awaitingDelivery`: sends that are too young to be judged."""

    awaitingDelivery: Natural


class Expected(TypedDict):
    """How many webhooks came in this hour of the last weeks, in the quietest and the busiest of them."""

    low: Natural
    high: Natural
    weeks: Natural


class IntegrationHealth(HealthNote):
    """An account's health as of now. `countedTo`: webhooks received by then are in the figures. `checkedAt`: when the
    gateway itself was last asked. `expected`: null without a history.
    """

    integrationId: UUID
    asOf: datetime
    countedTo: datetime
    checkedAt: datetime | None
    lastReceivedAt: datetime | None
    lastSentAt: datetime | None
    expected: Expected | None
    lastHour: HourOfFigures
    lastDay: Figures
