"""Normalising one webhook, from its bytes to Parley's facts, beside `json.loads` of the same bytes: every recorded
message and status of Meta's in turn. With `--with-pywa` also pywa, in a virtual environment of the moment.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.bed import Bed
from bench.measure import Row, interleave, median, timed, us
from local.options import ROOT
from parley.providers.meta import incoming

TITLE = "normalising one webhook, from bytes"
SAMPLES = ROOT / "tests" / "samples" / "meta"
KINDS = ("message__*.json", "message_status__*.json")
PYWA = "pywa==4.5.0"
PYWA_SCRIPT = Path(__file__).with_name("normalising_pywa.py")


def rows(bed: Bed) -> Iterator[Row]:
    """Measure."""
    bodies = [_compact(path) for kind in KINDS for path in sorted(SAMPLES.glob(kind))]
    text = _compact(SAMPLES / "message__text.json")
    yield _row(bed, TITLE, bodies, f"{len(bodies)} recorded messages and statuses in turn")
    yield _row(bed, f"{TITLE}: a text", [text], "message__text.json")
    if bed.with_pywa:
        yield _against_pywa(bed, text)


def _row(bed: Bed, title: str, bodies: list[bytes], note: str) -> Row:
    def normalise() -> None:
        for body in bodies:
            incoming.read(body)

    def load() -> None:
        for body in bodies:
            json.loads(body)

    times = max(1, 1000 // len(bodies))
    found = interleave({"ours": timed(normalise, times), "loads": timed(load, times)}, bed.size(40, 15))
    ours, loads = (median(found[name]) / len(bodies) for name in ("ours", "loads"))
    return Row(title, us(ours), f"json.loads {us(loads)}", ours / loads, "×", 8, 3.6, note=note)


def _against_pywa(bed: Bed, body: bytes) -> Row:
    bed.say(f"installing {PYWA} into an environment of the moment …")
    place = bed.directory / "pywa"
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
    python = str(place / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", PYWA], check=True)

    def pywa() -> float:
        said = subprocess.run([python, str(PYWA_SCRIPT)], input=body, capture_output=True, check=True).stdout
        return float(said)

    ours = timed(lambda: incoming.read(body), 2000)
    load = timed(lambda: json.loads(body), 2000)
    found = interleave({"ours": ours, "pywa": pywa, "loads": load}, bed.size(15, 5))
    mine, theirs, loads = (median(found[name]) for name in ("ours", "pywa", "loads"))
    note = f"pywa is {theirs / loads:.1f} × json.loads; level or ahead is the aim"
    return Row("normalising a text, beside pywa", us(mine), f"{PYWA} {us(theirs)}", mine / theirs, note=note)


def _compact(path: Path) -> bytes:
    """A recorded body as it came over the wire, without the indentation it is kept in."""
    return json.dumps(json.loads(path.read_bytes()), separators=(",", ":")).encode()
