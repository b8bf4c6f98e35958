"""The names under which things are measured (namespace `Parley`). The one rule: dashboards and alarms know these names,
so one that was released is never renamed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, Protocol

Metric = Literal[
    "webhook.received",
    "webhook.rejected",
    "webhook.ack.latency",
    "webhook.parked",
    "webhook.oldest.age",
    "inbound.latency",
    "realtime.latency",
    "realtime.connections",
    "realtime.reconnects",
    "realtime.push.success",
    "realtime.push.failure",
    "send.success",
    "send.failure",
    "send.latency",
    "media.failure",
    "api.requests",
    "api.latency",
    "queue.processing",
    "queue.dead",
    "integration.unhealthy",
    "housekeeper.run",
    "database.unreachable",
]

UNITS: Final[Mapping[Metric, str]] = {
    "webhook.received": "Count",
    "webhook.rejected": "Count",
    "webhook.ack.latency": "Milliseconds",
    "webhook.parked": "Count",
    "webhook.oldest.age": "Seconds",
    "inbound.latency": "Milliseconds",
    "realtime.latency": "Milliseconds",
    "realtime.connections": "Count",
    "realtime.reconnects": "Count",
    "realtime.push.success": "Count",
    "realtime.push.failure": "Count",
    "send.success": "Count",
    "send.failure": "Count",
    "send.latency": "Milliseconds",
    "media.failure": "Count",
    "api.requests": "Count",
    "api.latency": "Milliseconds",
    "queue.processing": "Milliseconds",
    "queue.dead": "Count",
    "integration.unhealthy": "Count",
    "housekeeper.run": "Count",
    "database.unreachable": "Count",
}


class Meter(Protocol):
    """Takes measurements."""

    def __call__(self, metric: Metric, *values: float) -> None:
        """Note one value or more."""


class Gauges(Protocol):
    """Takes several measurements of one thing that happened."""

    def together(self, measured: Mapping[Metric, float]) -> None:
        """Note a value of each."""


def unmeasured(metric: Metric, *values: float) -> None:
    """A meter that notes nothing."""
