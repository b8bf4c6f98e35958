"""The names under which things are measured (namespace `Parley`). The one rule: dashboards and alarms know these names,
so one that was released is never renamed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, Protocol

Metric = Literal[
    "realtime.latency",
    "realtime.connections",
    "realtime.reconnects",
    "realtime.push.success",
    "realtime.push.failure",
]

UNITS: Final[Mapping[Metric, str]] = {
    "realtime.latency": "Milliseconds",
    "realtime.connections": "Count",
    "realtime.reconnects": "Count",
    "realtime.push.success": "Count",
    "realtime.push.failure": "Count",
}


class Meter(Protocol):
    """Takes measurements."""

    def __call__(self, metric: Metric, *values: float) -> None:
        """Note one value or more."""


def unmeasured(metric: Metric, *values: float) -> None:
    """A meter that notes nothing."""
