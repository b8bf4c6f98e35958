"""Push a tenant's new events to its connections, after a commit. The one rule: a push is a hint; nothing that happens
in here fails what was committed, and whoever is not reached catches up by number.

One pusher a tenant at a time (store/push_leases.py), so that bursts coalesce; two at once are harmless all the same,
because a connection's positions only rise and a client drops the ranges it knows. A large audience goes to the push
queue in chunks, which are pushed beside each other.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from parley.cloud.ports import Connections, Queue
from parley.domain.errors import ParleyError
from parley.domain.metrics import Meter, unmeasured
from parley.store import push_leases
from parley.store.connections import Position, delete_connection, hold, raise_positions
from parley.store.database import Database, Transaction
from parley.store.event_log import number_events
from parley.store.ids import new_id
from parley.store.push_leases import EVERYBODY, Chunk, Lease

from .farewell import say_bye
from .plan_push import Delivery, PushPlan, plan_push
from .post import HOLD, Posted, Poster

LOG = logging.getLogger("parley.push")

CHUNK = 250
"""Connections that one invocation pushes to, where there are many."""
ROUNDS = 3
SECONDS = 1.0
TERM = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Round:
    """What became of one round: who was told how far, who is gone, who was left, and whether somebody can be told more
    at once.
    """

    moved: Sequence[Position] = ()
    gone: Sequence[str] = ()
    more: bool = False
    left: Sequence[str] = ()


NOTHING = Round()


class Pusher:
    """Pushes after 3 rounds or 1 s no further: the push queue carries it on, so that no request pushes a hot tenant's
    stream for ever. `audience_limit`: above it the queue does all of it (None: no limit). `chunk`: how many of a large
    audience at a time. `hold`: for how long one that could not be reached is left alone. `clock`: seconds, `now`:
    seconds since 1970. `presence_changed`: somebody turned out to be gone.
    """

    def __init__(
        self,
        database: Database,
        connections: Connections,
        push_queue: Queue,
        *,
        audience_limit: int | None = CHUNK,
        chunk: int = CHUNK,
        hold: timedelta = HOLD,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        pause: Callable[[float], None] = time.sleep,
        meter: Meter = unmeasured,
        presence_changed: Callable[[UUID], None] | None = None,
    ) -> None:
        self._database = database
        self._connections = connections
        self._poster = Poster(connections, pause)
        self._push_queue = push_queue
        self._audience_limit = audience_limit
        self._chunk = chunk
        self._hold = hold
        self._clock = clock
        self._now = now
        self._meter = meter
        self._presence_changed = presence_changed

    def wake(self, tenant_id: UUID) -> None:
        """Push what was just committed, or leave it to whoever is pushing; never raises."""
        try:
            self.push(tenant_id)
        except ParleyError as error:
            LOG.warning("push failed: %s", error.code)
        except Exception:
            # Even a fault of ours: what was committed must not fail for a hint.
            LOG.exception("push failed")

    def push(self, tenant_id: UUID, chunk: Chunk = EVERYBODY) -> None:
        """Push what was just committed, to all or to a chunk, or leave it to whoever is pushing. Raises Unavailable."""
        lease = self._database.run(tenant_id, lambda tx: push_leases.wake(tx, new_id(), TERM, chunk))
        if lease is None:
            return
        limit = self._audience_limit
        if limit is not None and lease.listeners > limit and chunk == EVERYBODY:
            self._hand_out(tenant_id, lease)
            return
        try:
            left = self._push_rounds(tenant_id, lease)
        except Exception:
            # Others would wait for a pusher that is no more, until the lease runs out.
            with suppress(ParleyError), self._database.transaction(tenant_id) as tx:
                push_leases.hand_over(tx, lease)
            raise
        if left is not None:
            self._hand_over(tenant_id, left, [chunk])

    def _push_rounds(self, tenant_id: UUID, lease: Lease) -> Lease | None:
        """Push until nobody wants more; answer the lease if it is still ours because there is too much to do."""
        stop_at = self._clock() + SECONDS
        for _ in range(ROUNDS):
            # Nobody listening: a hello that comes now reads for itself what was committed before it.
            done = self._push_once(tenant_id, lease.chunk) if lease.listeners else NOTHING
            kept = self._settle(tenant_id, lease, done)
            self._after(tenant_id, lease.chunk, done)
            if kept is None:
                return None
            lease = kept
            if self._clock() >= stop_at:
                break
        return lease

    def _push_once(self, tenant_id: UUID, chunk: Chunk = EVERYBODY) -> Round:
        """Tell everybody who is behind what the log holds now."""
        number_events(self._database, tenant_id)
        with self._database.transaction(tenant_id, repeatable_read=True) as tx:
            plan = plan_push(tx, chunk)
        for ear in plan.dismissed:
            if ear.ending is not None:
                self._dismiss(tenant_id, ear.id)
                say_bye(self._connections, ear.id, ear.ending)
        mail = [delivery for delivery in plan.deliveries if delivery.frames]
        posted = self._poster.post_all([(delivery.ear.id, delivery.frames) for delivery in mail])
        outcomes = dict(zip((delivery.ear.id for delivery in mail), posted, strict=True))
        self._measure(mail, posted)
        return _round(plan, outcomes)

    def _measure(self, mail: Sequence[Delivery], posted: Sequence[Posted]) -> None:
        """Note how long the oldest of what was told took from its commit, and what became of the posts."""
        reached = [delivery.oldest for delivery, outcome in zip(mail, posted, strict=True) if outcome.end is not None]
        oldest = min((at.timestamp() for at in reached if at is not None), default=None)
        if oldest is not None:
            self._meter("realtime.latency", round(max(0.0, self._now() - oldest) * 1000, 1))
        if succeeded := sum(not outcome.failed and not outcome.gone for outcome in posted):
            self._meter("realtime.push.success", succeeded)
        if failed := sum(outcome.failed for outcome in posted):
            self._meter("realtime.push.failure", failed)

    def _settle(self, tenant_id: UUID, lease: Lease, done: Round) -> Lease | None:
        """Note what became of a round and let go; answer the lease if there is more to do, None if it is not ours."""

        def settle(tx: Transaction) -> Lease | None:
            record(tx, done, self._hold)
            if not done.more and push_leases.let_go(tx, lease):
                return None
            return push_leases.go_on(tx, lease, TERM)

        return self._database.run(tenant_id, settle)

    def _after(self, tenant_id: UUID, chunk: Chunk, done: Round) -> None:
        """See to those who were left, once they may be tried again, and to what others should hear of who went."""
        if done.left and self._hold:
            self._hint(tenant_id, chunk, math.ceil(self._hold.total_seconds()))
        if done.gone and self._presence_changed is not None:
            self._presence_changed(tenant_id)

    def _dismiss(self, tenant_id: UUID, connection_id: str) -> None:
        with self._database.transaction(tenant_id) as tx:
            delete_connection(tx, connection_id)

    def _hand_out(self, tenant_id: UUID, lease: Lease) -> None:
        """Give a large audience to the queue, in chunks."""
        with self._database.transaction(tenant_id) as tx:
            parts = push_leases.chunks(tx, self._chunk)
        self._hand_over(tenant_id, lease, parts)

    def _hand_over(self, tenant_id: UUID, lease: Lease, parts: Sequence[Chunk]) -> None:
        # Let go first: whoever takes the hint must find the lease free.
        with self._database.transaction(tenant_id) as tx:
            push_leases.hand_over(tx, lease)
        for part in parts:
            self._hint(tenant_id, part)

    def _hint(self, tenant_id: UUID, chunk: Chunk, delay_seconds: int = 0) -> None:
        body: dict[str, object] = {"v": 1, "tenantId": str(tenant_id)}
        if chunk != EVERYBODY:
            body |= {"after": chunk.after, "upTo": chunk.up_to}
        self._push_queue.send(json.dumps(body), str(tenant_id), delay_seconds)


def _round(plan: PushPlan, outcomes: Mapping[str, Posted]) -> Round:
    positions = [_position(delivery, outcomes.get(delivery.ear.id)) for delivery in plan.deliveries]
    moved = [position for position in positions if position is not None]
    reached = {position.id for position in moved} - {id_ for id_, outcome in outcomes.items() if outcome.failed}
    return Round(
        moved=moved,
        gone=[*(id_ for id_, outcome in outcomes.items() if outcome.gone), *(ear.id for ear in plan.dismissed)],
        more=any(delivery.end < plan.head and delivery.ear.id in reached for delivery in plan.deliveries),
        left=[id_ for id_, outcome in outcomes.items() if outcome.failed],
    )


def _position(delivery: Delivery, posted: Posted | None) -> Position | None:
    """How far a connection got: `sent_seq` moves on success only, `eval_seq` where there was nothing to tell."""
    ear = delivery.ear
    if posted is None:
        return Position(ear.id, ear.hellos, sent_seq=0, eval_seq=delivery.end)
    if posted.end is None or posted.gone:
        return None
    return Position(ear.id, ear.hellos, sent_seq=posted.end, eval_seq=0)


def record(tx: Transaction, done: Round, hold_for: timedelta = HOLD) -> None:
    """Write down how far connections were told, leave alone for a while who could not be reached, and forget those that
    are gone.
    """
    raise_positions(tx, done.moved)
    if hold_for:
        hold(tx, done.left, hold_for)
    for connection_id in done.gone:
        delete_connection(tx, connection_id)
