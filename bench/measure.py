"""The harness. The one rule: a subject and its yardstick run interleaved, so that whatever else the machine does
meanwhile happens to both; what counts is the ratio of their medians.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Unit = Literal["×", "ms", "MB"]
Verdict = Literal["aim reached", "reached", "MISSED", "for information"]
ROUNDING: dict[Unit, int] = {"×": 2, "ms": 1, "MB": 1}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the report. `judged` is what is held against `must` and `aim` (None: nothing is asked), in `unit`;
    `at_least` where more is better.
    """

    what: str
    ours: str
    yardstick: str
    judged: float
    unit: Unit = "×"
    must: float | None = None
    aim: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def verdict(self) -> Verdict:
        """How it ended, judged on the figure as it is printed."""
        if self.must is None:
            return "for information"
        if self.aim is not None and self._holds(self.aim):
            return "aim reached"
        return "reached" if self._holds(self.must) else "MISSED"

    @property
    def shown(self) -> str:
        """The judged figure as people read it."""
        return f"{self.judged:.{ROUNDING[self.unit]}f} {self.unit}"

    def limit(self, value: float | None) -> str:
        """A limit as people read it."""
        return "" if value is None else f"{'≥' if self.at_least else '≤'} {value:g} {self.unit}"

    def _holds(self, limit: float) -> bool:
        judged = round(self.judged, ROUNDING[self.unit])
        return judged >= limit if self.at_least else judged <= limit


def interleave(pieces: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Run the pieces in turn, `rounds` times, every other round backwards; answer what each of them measured."""
    found: dict[str, list[float]] = {name: [] for name in pieces}
    names = list(pieces)
    for number in range(rounds):
        for name in names if number % 2 == 0 else reversed(names):
            found[name].append(pieces[name]())
    return found


def timed(work: Callable[[], object], times: int = 1) -> Callable[[], float]:
    """Make a piece of `work`: it answers the seconds one of `times` calls took."""

    def piece() -> float:
        began = time.perf_counter()
        for _ in range(times):
            work()
        return (time.perf_counter() - began) / times

    return piece


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def percentile(values: Sequence[float], part: float) -> float:
    """The value below which `part` (0 to 1) of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def ms(seconds: float) -> str:
    """Seconds as people read them here."""
    return f"{seconds * 1000:.2f} ms" if seconds < 0.01 else f"{seconds * 1000:.0f} ms"


def us(seconds: float) -> str:
    """Very short times as people read them here."""
    return f"{seconds * 1e6:.1f} µs"
