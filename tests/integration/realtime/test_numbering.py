"""The numbers of the log: dense, none twice, the same order for every reader, whoever numbers, whatever rolls back.

The naive variant numbers in one statement (naive/numbering.py); the same check must catch it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from threading import Event
from types import ModuleType
from typing import Any
from uuid import UUID

from parley.domain.errors import ParleyError
from parley.domain.events import NewEvent
from parley.store.database import Database, Transaction
from parley.store.event_log import append_events, number_events, read_events, read_stream

Number = Callable[[Database, UUID], None]
InThreads = Callable[[Sequence[Callable[[], object]]], list[Any]]

WRITERS = 12
READERS = 6


class GaveUpError(Exception):
    """A writer changed its mind."""


@dataclass
class Reading:
    """What one reader saw, in its order, and what went wrong for it."""

    seen: list[tuple[int, str]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def problems(self) -> list[str]:
        """What no reader may ever see."""
        seqs = [seq for seq, _ in self.seen]
        found = list(self.errors)
        if seqs != list(range(1, len(seqs) + 1)):
            found.append("numbers are missing, double or out of order")
        if len({id_ for _, id_ in self.seen}) != len(self.seen):
            found.append("an event has two numbers")
        return found


class Bench:
    """Writers and readers at one tenant's log."""

    def __init__(self, database: Database, tenant: UUID, in_threads: InThreads, number: Number) -> None:
        self.database = database
        self.tenant = tenant
        self.in_threads = in_threads
        self.number = number
        self.done = Event()
        self.failed = Event()

    def run(self, chance: random.Random, transactions: int, raw: Any) -> list[str]:
        """Let them loose; answer every problem found."""
        readings = [Reading() for _ in range(READERS)]
        writers = [partial(self._write, random.Random(chance.random()), transactions, raw) for _ in range(WRITERS)]
        work = [*(partial(self._count_down, writers, index) for index in range(len(writers)))]
        self._left = set(range(len(writers)))
        self.in_threads([*work, *(partial(self._read, reading) for reading in readings)])
        for reading in readings:
            self._read_once(reading)
        with self.database.transaction(self.tenant) as tx:
            written = tx.value("select count(*) from events")
            last = read_stream(tx).last
        problems = [problem for reading in readings for problem in reading.problems()]
        if {tuple(reading.seen) for reading in readings} != {tuple(readings[0].seen)}:
            problems.append("readers disagree")
        if len(readings[0].seen) != written or last != written:
            problems.append(f"{written} written, {len(readings[0].seen)} read, head at {last}")
        return problems

    def _count_down(self, writers: Sequence[Callable[[], None]], index: int) -> None:
        try:
            writers[index]()
        finally:
            self._left.discard(index)
            if not self._left:
                self.done.set()

    def _write(self, chance: random.Random, transactions: int, raw: Any) -> None:
        for _ in range(transactions):
            if self.failed.is_set():
                return
            try:
                with self.database.transaction(self.tenant) as tx:
                    self._write_some(tx, chance, raw)
            except GaveUpError:
                continue

    @staticmethod
    def _write_some(tx: Transaction, chance: random.Random, raw: Any) -> None:
        for _ in range(chance.randint(1, 3)):
            raw.write_in(tx)
        if chance.random() < 0.3:
            tx.execute("savepoint here")
            raw.write_in(tx)
            tx.execute("rollback to savepoint here")
            raw.write_in(tx)
        if chance.random() < 0.2:
            raise GaveUpError

    def _read(self, reading: Reading) -> None:
        while not self.done.is_set() and not self.failed.is_set():
            self._read_once(reading)

    def _read_once(self, reading: Reading) -> None:
        try:
            self.number(self.database, self.tenant)
        except ParleyError as error:
            reading.errors.append(f"numbering failed: {error.code}")
            self.failed.set()
        with self.database.transaction(self.tenant) as tx:
            while rows := read_events(tx, reading.seen[-1][0] if reading.seen else 0):
                reading.seen.extend((row["seq"], str(row["id"])) for row in rows)


def test_twelve_writers_and_six_readers_agree_on_every_number(
    database: Database, tenant: UUID, in_threads: InThreads, chance: random.Random, raw: Any, full_proof: bool
) -> None:
    bench = Bench(database, tenant, in_threads, number_events)

    problems = bench.run(chance, 1200 if full_proof else 200, raw)

    assert problems == []


def test_the_same_check_catches_numbering_in_one_statement(
    database: Database,
    tenant: UUID,
    in_threads: InThreads,
    chance: random.Random,
    raw: Any,
    naive: Callable[[str], ModuleType],
) -> None:
    bench = Bench(database, tenant, in_threads, naive("numbering").number_events)

    problems = bench.run(chance, 60, raw)

    assert problems


def test_a_number_is_given_in_the_order_in_which_commits_became_visible(
    database: Database, tenant: UUID, raw: Any
) -> None:
    with database.transaction(tenant) as late:
        raw.write_in(late, name="began first, committed last")
        other = Database(database._conninfo)
        with other.transaction(tenant) as tx:
            raw.write_in(tx, name="committed first")
        number_events(other, tenant)
        other.close()
    number_events(database, tenant)

    with database.transaction(tenant) as tx:
        names = [row["delta"]["name"] for row in read_events(tx, 0)]

    assert names == ["committed first", "began first, committed last"]


def test_a_backlog_that_nobody_listened_to_is_numbered_within_the_statements_time(
    database: Database, tenant: UUID
) -> None:
    """The planner knows nothing of a new tenant: joined by ordinal, this many events take minutes."""
    backlog = [NewEvent("backlog.test", ("tenant",)) for _ in range(10_000)]
    with database.transaction(tenant) as tx:
        append_events(tx, backlog)

    number_events(database, tenant)

    with database.transaction(tenant) as tx:
        found = tx.row("select count(*) as n, min(seq) as lowest, max(seq) as highest from events")
    assert found == {"n": 10_000, "lowest": 1, "highest": 10_000}
