"""Metrics as lines of the log, in CloudWatch's embedded metric format. The one rule: a line is all it takes; nothing is
called, and nothing can fail.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Final

from parley.domain.metrics import UNITS, Metric

NAMESPACE: Final = "Parley"
MOST_VALUES: Final = 100
"""As many as CloudWatch takes of one metric in a line."""


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")


class Meter:
    """Writes what is measured in one stage of the deployment."""

    def __init__(
        self, stage: str, write: Callable[[str], None] = _print, clock: Callable[[], float] = time.time
    ) -> None:
        self._stage = stage
        self._write = write
        self._clock = clock

    def __call__(self, metric: Metric, *values: float) -> None:
        """Note one value or more; none is no line."""
        for start in range(0, len(values), MOST_VALUES):
            some = values[start : start + MOST_VALUES]
            self._write(self._line({metric: some[0] if len(some) == 1 else list(some)}))

    def together(self, measured: Mapping[Metric, float]) -> None:
        """Note a value of each, in one line: what many requests a second write should be short."""
        self._write(self._line(measured))

    def _line(self, measured: Mapping[Metric, float | list[float]]) -> str:
        described = {
            "Namespace": NAMESPACE,
            "Dimensions": [["stage"]],
            "Metrics": [{"Name": metric, "Unit": UNITS[metric]} for metric in measured],
        }
        about = {"Timestamp": round(self._clock() * 1000), "CloudWatchMetrics": [described]}
        return json.dumps({"_aws": about, "stage": self._stage, **measured})
