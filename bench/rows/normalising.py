"""Normalising one webhook, from its bytes to Parley's facts, beside `json.loads` of the same bytes: every recorded
message and status of Meta's in turn. Then the same bodies through pywa's parser.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from bench.bed import Bed
from bench.measure import Row, interleave, median, timed, us
from local.options import ROOT
from parley.providers.meta import incoming

TITLE = "normalising one webhook, from bytes"
SAMPLES = ROOT / "tests" / "samples" / "meta"
KINDS = ("message__*.json", "message_status__*.json")
DUTIES = (
    "both: JSON to typed objects. Ours also: every entry of a batch, one vocabulary for all gateways, the identity "
    "rules (BSUID, groups, device), errors put in classes, times checked, NUL and half surrogates taken out. "
    "pywa also: an object to answer through"
)


def rows(bed: Bed) -> Iterator[Row]:
    """Measure."""
    bodies = [_compact(path) for kind in KINDS for path in sorted(SAMPLES.glob(kind))]
    text = _compact(SAMPLES / "message__text.json")
    yield _row(bed, TITLE, bodies, f"{len(bodies)} recorded messages and statuses in turn")
    yield _row(bed, f"{TITLE}: a text", [text], "message__text.json")
    yield from _against_pywa(bed, bodies)


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


def _against_pywa(bed: Bed, bodies: list[bytes]) -> Iterator[Row]:
    """The same bodies through pywa's parser, in this process: `json.loads` and the class of the body's kind. Its
    finding of that class is left out of its time, and so is the check of the signature out of both.
    """
    parsers = _pywa_parsers(bodies)
    if not parsers:
        bed.say("pywa is not installed here (it is in requirements/dev.txt): its row is left out")
        return

    def ours() -> None:
        for body, _ in parsers:
            incoming.read(body)

    def theirs() -> None:
        for body, parse in parsers:
            parse(json.loads(body))

    times = max(1, 1000 // len(parsers))
    found = interleave({"ours": timed(ours, times), "pywa": timed(theirs, times)}, bed.size(40, 15))
    mine, pywa = (median(found[name]) / len(parsers) for name in ("ours", "pywa"))
    yield Row(f"{TITLE}, beside pywa", us(mine), f"pywa {us(pywa)}", mine / pywa, "×", aim=1, must=1.5, note=DUTIES)


def _pywa_parsers(bodies: list[bytes]) -> list[tuple[bytes, Callable[[Any], object]]]:
    """Each body that pywa has a class for, with that class's parser; none where pywa is not installed."""
    try:
        pywa: Any = import_module("pywa")
        updates: Any = import_module("pywa.types.base_update")
    except ImportError:
        return []
    client = pywa.WhatsApp(phone_id="1122334455667", token="none", filter_updates=False)
    found: list[tuple[bytes, Callable[[Any], object]]] = []
    kind_of, classes = client._get_handler_type, client._handlers_to_updates  # noqa: SLF001 - as its server does
    for body in bodies:
        kind = kind_of(updates.RawUpdate(body, hmac_header=None, update_hash=None))
        parse = partial(classes[kind].from_update, client) if kind else None
        with suppress(Exception):  # a shape that pywa does not take
            if parse is not None and parse(json.loads(body)) is not None:
                found.append((body, parse))
    return found


def _compact(path: Path) -> bytes:
    """A recorded body as it came over the wire, without the indentation it is kept in."""
    return json.dumps(json.loads(path.read_bytes()), separators=(",", ":")).encode()
