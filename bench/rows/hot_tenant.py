"""A hot tenant: 12 processes receive one webhook after another for one tenant, on a database whose commits take 3 ms
(`commit_delay`), each waking the pusher after its commit, which numbers the events and posts them to the one that
listens; beside the same twelve without numbering and waking.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from multiprocessing.sharedctypes import Synchronized, SynchronizedArray
from multiprocessing.synchronize import Barrier
from statistics import median

from bench.bed import Bed
from bench.company import Company, Line
from bench.measure import Row
from parley.cloud.connections import Connections
from parley.cloud.sqs import Queue
from parley.services.push import Pusher
from parley.store.database import Database

TITLE = "hot tenant, 12 writers, commits slowed to 3 ms"
WRITERS = 12
CUSTOMERS = 5
COMMIT_DELAY_MICROSECONDS = 3000
PATIENCE_SECONDS = 60.0
STOP, WITHOUT, WITH = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Field:
    """Where the writers meet: what to do next, until when (monotonic seconds), and how much each did."""

    barrier: Barrier
    mode: Synchronized[int]
    until: Synchronized[float]
    done: SynchronizedArray[int]


def rows(bed: Bed) -> Iterator[Row]:
    """Measure."""
    company = bed.company("hot tenant")
    bed.alter_database({"commit_delay": str(COMMIT_DELAY_MICROSECONDS), "commit_siblings": "0"})
    try:
        yield _measure(bed, company)
    finally:
        bed.alter_database({"commit_delay": None, "commit_siblings": None})


def _measure(bed: Bed, company: Company) -> Row:
    agent = company.agent()
    spawn = multiprocessing.get_context("spawn")
    field = Field(spawn.Barrier(WRITERS + 1), spawn.Value("i", STOP), spawn.Value("d", 0.0), spawn.Array("i", WRITERS))
    workers = [
        spawn.Process(
            target=write, args=(number, field, company.line, bed.database_url, bed.pooled, bed.aws_url), daemon=True
        )
        for number in range(WRITERS)
    ]
    for worker in workers:
        worker.start()
    rates: dict[int, list[float]] = {WITHOUT: [], WITH: []}
    seconds = bed.size(3.0, 1.5)
    _segment(field, WITH, 1.0)
    for number in range(bed.size(4, 2)):
        for mode in (WITHOUT, WITH) if number % 2 == 0 else (WITH, WITHOUT):
            company.listen(agent, 1)
            rates[mode].append(_segment(field, mode, seconds))
            bed.say(f"{'with' if mode == WITH else 'without'} numbering and waking: {rates[mode][-1]:.0f} webhooks/s")
    field.mode.value = STOP
    field.barrier.wait(PATIENCE_SECONDS)
    for worker in workers:
        worker.join(PATIENCE_SECONDS)
    ours, theirs = median(rates[WITH]), median(rates[WITHOUT])
    return Row(
        TITLE,
        f"{ours:.0f} webhooks/s",
        f"not numbered or pushed {theirs:.0f}/s",
        ours / theirs,
        "×",
        0.7,
        0.9,
        at_least=True,
        note="a webhook a transaction; one connection listens",
    )


def _segment(field: Field, mode: int, seconds: float) -> float:
    field.mode.value = mode
    field.barrier.wait(PATIENCE_SECONDS)
    field.until.value = time.monotonic() + seconds
    field.barrier.wait(PATIENCE_SECONDS)
    field.barrier.wait(PATIENCE_SECONDS)
    return float(sum(field.done[:])) / seconds


def write(number: int, field: Field, line: Line, database_url: str, pooled: bool, aws_url: str) -> None:
    """One writer, a process of its own."""
    os.environ.update({"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_REGION": "us-east-1"})
    os.environ["AWS_ENDPOINT_URL"] = aws_url
    database = Database(database_url, pooled=pooled)
    company = Company(database, line)
    processor = company.processor()
    pusher = Pusher(database, Connections(aws_url), Queue(f"{aws_url}/000000000000/push"))
    customers = count()
    while True:
        field.barrier.wait(PATIENCE_SECONDS)
        mode, done = field.mode.value, 0
        if mode == STOP:
            break
        field.barrier.wait(PATIENCE_SECONDS)
        until = field.until.value
        while time.monotonic() < until:
            processed = processor.process([company.webhook(number * CUSTOMERS + next(customers) % CUSTOMERS)])
            assert not processed.failed
            if mode == WITH:
                for tenant_id in processed.changed:
                    pusher.wake(tenant_id)
            done += 1
        field.done[number] = done
        field.barrier.wait(PATIENCE_SECONDS)
    database.close()
