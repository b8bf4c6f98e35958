"""Replay: process rows of the ledger again, as a better parser, a mended credential or a new account would have them.
The one rule: a replay is safe because receiving is; so a page may be repeated, by anybody, at any time.

A replay shows nobody typing, and counts as no repetition: those are said of the moment in which a gateway posted.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from parley.cloud.ports import Queue
from parley.store import replays as store
from parley.store.database import Database, Row
from parley.store.ids import new_id

from .process import Processed, Processor

PAGE: Final = 50
TOGETHER: Final = 10
"""As many webhooks as a batch of the queue: one with a large body is in memory as a whole."""
LONGEST_PAUSE: Final = timedelta(minutes=15)
MOST_FAILURES: Final = 20
"""Hours, by then: what still fails is told, and the replay goes on without it."""
KEPT: Final = timedelta(days=30)
_AT_MOST: Final = 500
_OVERDUE: Final = timedelta(seconds=30)


class Replaying:
    """Goes on with replays, a page at a time. `lease`: longer than a page takes."""

    def __init__(self, database: Database, processor: Processor, inbound: Queue, lease: timedelta) -> None:
        self._database = database
        self._processor = processor
        self._inbound = inbound
        self._lease = lease

    def go_on(self, tenant_id: UUID, replay_id: UUID) -> Iterator[Processed]:
        """Process the next page of a replay and hint at the one behind it; nothing where somebody else has it. What was
        processed is yielded as soon as it is stored.

        Raises Unavailable.
        """
        with self._database.transaction(tenant_id) as tx:
            replay = store.lease(tx, replay_id, new_id(), self._lease)
            if replay is None:
                return
            taken, is_last = store.take(tx, replay, PAGE)
        failed = 0
        for place in range(0, len(taken), TOGETHER):
            done, unsettled = self._process(tenant_id, replay, taken[place : place + TOGETHER])
            failed += unsettled
            yield done
        self._let_go(tenant_id, replay, failed, is_last)

    def _process(self, tenant_id: UUID, replay: store.Leased, rows: Sequence[Row]) -> tuple[Processed, int]:
        """What was processed, and of how many rows nobody knows yet how they end."""
        with self._database.transaction(tenant_id) as tx:
            found = store.webhooks(tx, rows)
        there = [webhook for row in rows if (webhook := found.get(row["ledger_id"])) is not None]
        done = self._processor.process(there)
        settled = []
        index = 0
        for row in rows:
            end: tuple[str, str | None] | None
            if found.get(row["ledger_id"]) is None:
                end = ("gone", "its body was erased" if row["ledger_id"] in found else "the ledger no longer has it")
            else:
                end = _end(done, index, replay.failures)
                index += 1
            if end is not None:
                settled.append(store.Settled(row["received_at"], row["ledger_id"], *end))
        with self._database.transaction(tenant_id) as tx:
            store.settle(tx, replay.id, settled)
        return done, len(rows) - len(settled)

    def _let_go(self, tenant_id: UUID, replay: store.Leased, failed: int, is_last: bool) -> None:
        with self._database.transaction(tenant_id) as tx:
            if is_last and not failed:
                store.finish(tx, replay)
                return
            failures = replay.failures + 1 if failed else 0
            pause = min(timedelta(seconds=2**failures), LONGEST_PAUSE) if failed else timedelta(0)
            store.release(tx, replay, failures, pause)
        hint(self._inbound, tenant_id, replay.id, pause)


def _end(done: Processed, index: int, failures: int) -> tuple[str, str | None] | None:
    """How a webhook ended this time (state, reason); None where it is to be tried again."""
    error = done.failed.get(index)
    if error is not None:
        return None if failures < MOST_FAILURES else ("parked", f"given up: {error.detail}")
    entry = done.entries.get(index)
    return ("gone", "its integration is no more") if entry is None else (entry.state, entry.reason)


def hint(inbound: Queue, tenant_id: UUID, replay_id: UUID, delay: timedelta = timedelta(0)) -> None:
    """Say that a replay is to be gone on with. Its pages take turns with everybody's webhooks, as if they were another
    integration's.

    Raises Unavailable; whoever cannot hint leaves it to the housekeeper.
    """
    body = {"replay": {"tenantId": str(tenant_id), "replayId": str(replay_id)}}
    inbound.send(json.dumps(body), f"replay:{replay_id}", math.ceil(delay.total_seconds()))


def hint_stalled(database: Database, inbound: Queue) -> int:
    """Hint at replays that nobody goes on with; answer at how many. Raises Unavailable."""
    with database.unscoped() as tx:
        stalled = store.find_stalled(tx, _OVERDUE, _AT_MOST)
    for row in stalled:
        hint(inbound, row["tenant_id"], row["id"])
    return len(stalled)


def forget_old(database: Database) -> int:
    """Drop what is known of replays that ended long ago; answer how many rows that were. Raises Unavailable."""
    with database.unscoped() as tx:
        return store.forget(tx, KEPT, _AT_MOST)
