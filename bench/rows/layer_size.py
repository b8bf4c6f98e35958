"""The layer's size, unzipped, where `make build` has made one."""

from __future__ import annotations

from collections.abc import Iterator

from bench.bed import Bed
from bench.measure import Row
from local.options import ROOT

TITLE = "layer, unzipped"
BUILT = ROOT / ".aws-sam" / "build" / "SharedLayer"


def rows(bed: Bed) -> Iterator[Row]:
    """Measure."""
    if not BUILT.is_dir():
        bed.say("no layer has been built: make build")
        return
    size = sum(path.stat().st_size for path in BUILT.rglob("*") if path.is_file()) / 1e6
    compiled = any(BUILT.rglob("*.pyc"))
    note = "with bytecode" if compiled else "without bytecode: no Python 3.13 was at hand"
    yield Row(TITLE, f"{size:.0f} MB", "the limit is 250 MB", size, "MB", 80, 45, note=note)
