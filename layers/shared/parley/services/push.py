"""Push a tenant's new events to its connections, after a commit. The one rule: a push is a hint; nothing that happens
in here fails what was committed, and whoever is not reached catches up by number.

One pusher a tenant at a time (store/push_leases.py), so that bursts coalesce; two at once are harmless all the same,
because a connection's positions only rise and a client drops the ranges it knows.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from parley.cloud.ports import Connections, Queue
from parley.domain.errors import ParleyError
from parley.store import push_leases
from parley.store.connections import Position, delete_connection, raise_positions
from parley.store.database import Database, Transaction
from parley.store.event_log import number_events
from parley.store.ids import new_id
from parley.store.push_leases import Lease

from .farewell import say_bye
from .plan_push import Delivery, plan_push
from .post import Posted, Poster

LOG = logging.getLogger("parley.push")

ROUNDS = 3
SECONDS = 1.0
TERM = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Round:
    """What became of one round: who was told how far, who is gone, and whether somebody can be told more at once."""

    moved: Sequence[Position] = ()
    gone: Sequence[str] = ()
    more: bool = False


NOTHING = Round()


class Pusher:
    """Pushes after 3 rounds or 1 s no further: the push queue carries it on, so that no request pushes a hot tenant's
    stream for ever. `audience_limit`: above it the queue does all of it (None: no limit). `clock`: seconds.
    """

    def __init__(
        self,
        database: Database,
        connections: Connections,
        push_queue: Queue,
        *,
        audience_limit: int | None = 250,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._database = database
        self._connections = connections
        self._poster = Poster(connections, pause)
        self._push_queue = push_queue
        self._audience_limit = audience_limit
        self._clock = clock

    def wake(self, tenant_id: UUID) -> None:
        """Push what was just committed, or leave it to whoever is pushing; never raises."""
        try:
            self.push(tenant_id)
        except ParleyError as error:
            LOG.warning("push failed: %s", error.code)
        except Exception:
            # Even a fault of ours: what was committed must not fail for a hint.
            LOG.exception("push failed")

    def push(self, tenant_id: UUID) -> None:
        """Push what was just committed, or leave it to whoever is pushing. Raises Unavailable."""
        lease = self._database.run(tenant_id, lambda tx: push_leases.wake(tx, new_id(), TERM))
        if lease is None:
            return
        if self._audience_limit is not None and lease.listeners > self._audience_limit:
            self._hand_over(tenant_id, lease)
            return
        try:
            left = self._push_rounds(tenant_id, lease)
        except Exception:
            # Others would wait for a pusher that is no more, until the lease runs out.
            with suppress(ParleyError), self._database.transaction(tenant_id) as tx:
                push_leases.hand_over(tx, lease)
            raise
        if left is not None:
            self._hand_over(tenant_id, left)

    def _push_rounds(self, tenant_id: UUID, lease: Lease) -> Lease | None:
        """Push until nobody wants more; answer the lease if it is still ours because there is too much to do."""
        stop_at = self._clock() + SECONDS
        for _ in range(ROUNDS):
            # Nobody listening: a hello that comes now reads for itself what was committed before it.
            done = self._push_once(tenant_id) if lease.listeners else NOTHING
            kept = self._settle(tenant_id, lease, done)
            if kept is None:
                return None
            lease = kept
            if self._clock() >= stop_at:
                break
        return lease

    def _push_once(self, tenant_id: UUID) -> Round:
        """Tell everybody who is behind what the log holds now."""
        number_events(self._database, tenant_id)
        with self._database.transaction(tenant_id, repeatable_read=True) as tx:
            plan = plan_push(tx)
        for ear in plan.dismissed:
            if ear.ending is not None:
                self._dismiss(tenant_id, ear.id)
                say_bye(self._connections, ear.id, ear.ending)
        mail = [delivery for delivery in plan.deliveries if delivery.frames]
        posted = self._poster.post_all([(delivery.ear.id, delivery.frames) for delivery in mail])
        outcomes = dict(zip((delivery.ear.id for delivery in mail), posted, strict=True))
        positions = [_position(delivery, outcomes.get(delivery.ear.id)) for delivery in plan.deliveries]
        moved = [position for position in positions if position is not None]
        reached = {position.id for position in moved}
        return Round(
            moved=moved,
            gone=[connection_id for connection_id, outcome in outcomes.items() if outcome.gone],
            more=any(delivery.end < plan.head and delivery.ear.id in reached for delivery in plan.deliveries),
        )

    def _settle(self, tenant_id: UUID, lease: Lease, done: Round) -> Lease | None:
        """Note what became of a round and let go; answer the lease if there is more to do, None if it is not ours."""

        def settle(tx: Transaction) -> Lease | None:
            record(tx, done)
            if not done.more and push_leases.let_go(tx, lease):
                return None
            return push_leases.go_on(tx, lease, TERM)

        return self._database.run(tenant_id, settle)

    def _dismiss(self, tenant_id: UUID, connection_id: str) -> None:
        with self._database.transaction(tenant_id) as tx:
            delete_connection(tx, connection_id)

    def _hand_over(self, tenant_id: UUID, lease: Lease) -> None:
        # Let go first: whoever takes the hint must find the lease free.
        with self._database.transaction(tenant_id) as tx:
            push_leases.hand_over(tx, lease)
        self._push_queue.send(json.dumps({"v": 1, "tenantId": str(tenant_id)}), str(tenant_id))


def _position(delivery: Delivery, posted: Posted | None) -> Position | None:
    """How far a connection got: `sent_seq` moves on success only, `eval_seq` where there was nothing to tell."""
    ear = delivery.ear
    if posted is None:
        return Position(ear.id, ear.hellos, sent_seq=0, eval_seq=delivery.end)
    if posted.end is None or posted.gone:
        return None
    return Position(ear.id, ear.hellos, sent_seq=posted.end, eval_seq=0)


def record(tx: Transaction, done: Round) -> None:
    """Write down how far connections were told, and forget those that are gone."""
    raise_positions(tx, done.moved)
    for connection_id in done.gone:
        delete_connection(tx, connection_id)
