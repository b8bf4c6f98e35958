"""A consumer's own care: it counts what it had to park, pauses its queue when that is too much, and takes nothing from
a paused one. The one rule: the row says whether a queue is paused; the event source and the pump only follow it.

On AWS an event source goes on for up to a minute after it was disabled. Whoever takes a batch meanwhile hands it back.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from uuid import UUID

from parley.cloud.ports import Consumers
from parley.domain.errors import ParleyError
from parley.domain.queues import QueueName
from parley.store import queue_pauses as store
from parley.store.database import Database
from parley.store.queue_pauses import Pause

from .breaker import Breaker, Trip

LOG = logging.getLogger("parley.watch_queue")


class Watch:
    """The watch over one queue, one a process. A new one asks first whether the queue is paused."""

    def __init__(
        self,
        database: Database,
        consumers: Consumers,
        breaker: Breaker,
        queue: QueueName,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._consumers = consumers
        self._breaker = breaker
        self._queue: QueueName = queue
        self._clock = clock
        self._may_be_paused = True

    def is_paused(self) -> bool:
        """Whether nothing is to be taken now. Asks the database only while it may be so."""
        if not self._may_be_paused:
            return False
        try:
            pause = self._read()
        except ParleyError:
            # What is in the way of this is in the way of the webhooks too, and has its own words there.
            return False
        self._may_be_paused = pause is not None and not pause.probing
        if not self._may_be_paused:
            self._breaker.forget()
        return self._may_be_paused

    def note(self, ended: Mapping[UUID, int], parked: Mapping[UUID, int]) -> Trip | None:
        """Count a batch: the webhooks that ended, and the parked ones of them, by account. Pauses the queue where that
        is too much, and answers why. Raises nothing: the batch is committed.
        """
        try:
            pause = self._read() if any(parked.values()) else None
            trip = self._breaker.note(self._clock(), ended, parked, on_trial=pause is not None and pause.probing)
            if pause is not None and not pause.probing:
                self._may_be_paused = True
            elif trip is not None and self._pause(trip):
                return trip
            return None
        except ParleyError as error:
            LOG.warning("the watch over a queue failed", exc_info=error, extra={"queue": self._queue})
            return None

    def _read(self) -> Pause | None:
        with self._database.unscoped() as tx:
            return store.read(tx).get(self._queue)

    def _pause(self, trip: Trip) -> bool:
        with self._database.unscoped() as tx:
            changed = store.pause(tx, self._queue, str(trip), by_hand=False)
        self._may_be_paused = True
        if changed:
            # For the alarm, and for whoever is woken by it.
            LOG.error("queue paused", extra={"queue": self._queue, "reason": str(trip)})
            self._consumers.pause(self._queue)
        return changed
