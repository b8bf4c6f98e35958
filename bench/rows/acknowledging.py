"""Webhooks acknowledged by the local stack at 8 clients, each posting its next when the last was answered, while the
processors store what comes; beside a bare uvicorn that is posted the same bodies by the same clients.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

from bench.bed import Bed
from bench.measure import Row, interleave, median, ms, percentile
from bench.stack import Bare
from bench.traffic import closed_loop

TITLE = "webhook ack, local stack, 8 clients"
CLIENTS = 8


def rows(bed: Bed) -> Iterator[Row]:
    """Measure."""
    stack = bed.stack
    seconds, rounds = bed.size(2.0, 1.0), bed.size(5, 2)
    acks: list[float] = []
    bare: list[float] = []
    with Bare() as uvicorn:

        def ours() -> float:
            before, began = stack.stored(), time.monotonic()
            taken = asyncio.run(closed_loop(stack, stack.port, stack.webhook_path, CLIENTS, seconds))
            ended = stack.wait_until_stored(before + len(taken))
            acks.extend(taken)
            return len(taken) / (ended - began)

        def theirs() -> float:
            taken = asyncio.run(closed_loop(stack, uvicorn.port, "/", CLIENTS, seconds))
            bare.extend(taken)
            return len(taken) / seconds

        ours()  # warms the workers
        acks.clear()
        found = interleave({"ours": ours, "bare": theirs}, rounds)
    for part, must, aim in ((0.5, 100, 15), (0.99, 250, 50)):
        mine, his = percentile(acks, part), percentile(bare, part)
        note = f"{len(acks)} webhooks; {mine / his:.1f} × the bare POST"
        name = f"{TITLE}, p{part * 100:.0f}"
        yield Row(name, ms(mine), f"bare uvicorn {ms(his)}", mine * 1000, "ms", must, aim, note=note)
    rate, bare_rate = median(found["ours"]), median(found["bare"])
    yield Row(
        "local stack, posted until stored, Meta alone",
        f"{rate:.0f} messages/s",
        f"bare uvicorn {bare_rate:.0f} POSTs/s",
        rate / bare_rate,
        note="all of it was stored; the row asks for 150 messages/s of four gateways",
    )
