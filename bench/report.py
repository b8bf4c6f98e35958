"""The report: a table for people, the same as JSON for scripts. The one rule: a figure is never shown without what it
was held against and in what conditions.
"""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from .measure import Row

RESULTS = Path(__file__).with_name("results")
COLUMNS = ("row", "ours", "yardstick", "judged", "must", "aim", "verdict")


@dataclass(slots=True)
class Report:
    """What a run found."""

    quick: bool
    rows: list[Row] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def table(self) -> str:
        """The table as a terminal shows it."""
        lines = [COLUMNS, *(_cells(row) for row in self.rows)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
        said = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        ]
        said.insert(1, "  ".join("-" * width for width in widths))
        said += [f"BROKE: {name}: {error}" for name, error in self.broken.items()]
        return "\n".join(["", *said, "", _conditions(self)])

    def keep(self, *, whole: bool, name: str = "latest") -> None:
        """Write the report: a whole run's where it is committed, any other's beside it where it is not."""
        place = RESULTS if whole else RESULTS / "raw"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{name}.md").write_text(self._markdown(), encoding="utf-8")
        (place / f"{name}.json").write_text(self._json(), encoding="utf-8")
        print(f"kept in {place.relative_to(Path.cwd()) if place.is_relative_to(Path.cwd()) else place}/{name}.md")

    def _markdown(self) -> str:
        head = ["# Benchmark", "", _conditions(self), ""]
        table = [f"| {' | '.join((*COLUMNS, 'note'))} |", "|---" * (len(COLUMNS) + 1) + "|"]
        table += [f"| {' | '.join((*_cells(row), row.note))} |" for row in self.rows]
        broken = [f"- **{name} broke**: {error}" for name, error in self.broken.items()]
        return "\n".join([*head, *table, "", *broken]).rstrip() + "\n"

    def _json(self) -> str:
        rows = [{**asdict(row), "judged": round(row.judged, 4), "verdict": row.verdict} for row in self.rows]
        facts = {"at": _now(), "machine": _machine(), "quick": self.quick, "rows": rows}
        return (
            json.dumps({**facts, "seconds": self.seconds, "broken": self.broken}, indent=1, ensure_ascii=False) + "\n"
        )


def show(row: Row) -> str:
    """One row as it comes."""
    return f"{row.what}: {row.ours} beside {row.yardstick or 'nothing'}: {row.shown}, {row.verdict}"


def _cells(row: Row) -> tuple[str, ...]:
    return (row.what, row.ours, row.yardstick, row.shown, row.limit(row.must), row.limit(row.aim), row.verdict)


def _conditions(report: Report) -> str:
    kind = "quick, too few repeats to compare with" if report.quick else "medians of interleaved repeats"
    load = f"load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    took = f"{sum(report.seconds.values()):.0f} s"
    return f"{_now()}, {_machine()}, {load}, {took}; {kind}. Machines are noisy, ratios less so."


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
