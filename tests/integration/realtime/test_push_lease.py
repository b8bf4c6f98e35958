"""The push lease: whoever is woken while another pushes may leave it to that one, and no wake-up is ever lost.

The naive variant looks and then releases (naive/push_lease.py); the same check must catch it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from threading import Barrier, Event
from types import ModuleType
from typing import Any
from uuid import UUID

from parley.domain.principal import Principal
from parley.services.push import Pusher
from parley.store import push_leases
from parley.store.database import Database
from parley.store.ids import new_id

InThreads = Callable[[Sequence[Callable[[], object]]], list[Any]]

WAKERS = 6
PATIENCE = 30


class Race:
    """Rounds in which one waker begins to push and the others commit and wake while it is about to let go; then all of
    it must have arrived.
    """

    def __init__(
        self, pusher: Pusher, tenant: UUID, connection: str, chance: random.Random, raw: Any, wires: Any, hints: Any
    ) -> None:
        self.pusher = pusher
        self.tenant = tenant
        self.connection = connection
        self.chance = chance
        self.raw = raw
        self.wires = wires
        self.hints = hints
        self.lost = 0
        self.wakes = 0
        self.barrier = Barrier(WAKERS)
        self.posting = Event()
        wires.before_post = lambda _connection_id: self.posting.set()

    def run(self, rounds: int, *, until_lost: bool, first: bool) -> None:
        for number in range(1, rounds + 1):
            self.barrier.wait(PATIENCE)
            if not first:
                # The first waker's push has read the log by now; a little chance spreads the others over its end.
                self.posting.wait(PATIENCE)
                Event().wait(self.chance.random() / 1000)
            self.raw.write(self.tenant)
            self.pusher.wake(self.tenant)
            self.barrier.wait(PATIENCE)
            if first:
                self._count(number * WAKERS)
            self.barrier.wait(PATIENCE)
            if until_lost and self.lost:
                return

    def _count(self, written: int) -> None:
        self.wakes = written
        while self.hints.sent:
            self.hints.sent.pop()
            self.pusher.push(self.tenant)
        if len(set(self.wires.seqs(self.connection))) < written:
            self.lost += 1
            # So that the next round counts its own.
            self.pusher.push(self.tenant)
        self.posting.clear()


def race(in_threads: InThreads, race_: Race, rounds: int, *, until_lost: bool) -> int:
    """Run all wakers; answer in how many rounds something was lost."""
    in_threads([partial(race_.run, rounds, until_lost=until_lost, first=index == 0) for index in range(WAKERS)])
    return race_.lost


def test_of_1500_racing_wake_ups_none_is_lost(
    in_threads: InThreads,
    chance: random.Random,
    agent: Principal,
    office: Any,
    pusher: Pusher,
    raw: Any,
    wires: Any,
    hints: Any,
    full_proof: bool,
) -> None:
    connection = office.listen(agent)
    rounds = 2500 if full_proof else 250

    lost = race(
        in_threads, Race(pusher, agent.tenant_id, connection, chance, raw, wires, hints), rounds, until_lost=False
    )

    assert lost == 0
    assert wires.seqs(connection) == sorted(set(wires.seqs(connection)))


def test_the_same_race_catches_looking_and_then_releasing(
    database: Database,
    in_threads: InThreads,
    chance: random.Random,
    agent: Principal,
    office: Any,
    raw: Any,
    wires: Any,
    hints: Any,
    naive: Callable[[str], ModuleType],
) -> None:
    connection = office.listen(agent)
    pusher = naive("push_lease").LookThenRelease(database, wires, hints)

    lost = race(in_threads, Race(pusher, agent.tenant_id, connection, chance, raw, wires, hints), 1500, until_lost=True)

    assert lost > 0


def test_a_dead_pushers_lease_frees_itself(database: Database, tenant: UUID) -> None:
    with database.transaction(tenant) as tx:
        assert push_leases.wake(tx, new_id(), timedelta(seconds=60)) is not None
        assert push_leases.wake(tx, new_id(), timedelta(seconds=60)) is None
        tx.execute("update push_leases set lease_until = now() - interval '1 second'")
        assert push_leases.wake(tx, new_id(), timedelta(seconds=60)) is not None


def test_a_lease_wanted_meanwhile_is_not_let_go(database: Database, tenant: UUID) -> None:
    with database.transaction(tenant) as tx:
        lease = push_leases.wake(tx, new_id(), timedelta(seconds=60))
        assert lease is not None
        push_leases.wake(tx, new_id(), timedelta(seconds=60))
        assert not push_leases.let_go(tx, lease)
        again = push_leases.go_on(tx, lease, timedelta(seconds=60))
        assert again is not None
        assert push_leases.let_go(tx, again)


def test_a_pusher_that_fails_leaves_the_lease_free(
    database: Database, agent: Principal, office: Any, pusher: Pusher, raw: Any, wires: Any
) -> None:
    connection = office.listen(agent)
    wires.troubles[connection].append(RuntimeError("a fault of ours"))
    raw.write(agent.tenant_id)
    pusher.wake(agent.tenant_id)
    assert wires.seqs(connection) == []

    pusher.wake(agent.tenant_id)

    assert wires.seqs(connection) == [1]
