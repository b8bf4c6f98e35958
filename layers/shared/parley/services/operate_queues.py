"""Look at the queues, pause and resume them. The one rule: a queue is everybody's, so its figures name nobody, and only
whoever may speak for everybody stops it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from uuid import UUID

from parley.cloud.ports import Consumers, QueueFigures
from parley.domain.errors import Forbidden, Unavailable
from parley.domain.metrics import Meter
from parley.domain.principal import Principal
from parley.domain.queue_figures import QueueState
from parley.domain.queue_sentences import sentence
from parley.domain.queues import QUEUES, QueueName
from parley.store import dead_letters
from parley.store import queue_pauses as store
from parley.store.audit import record
from parley.store.database import Database
from parley.store.queue_pauses import Pause
from parley.store.views import View, timestamp

LOG = logging.getLogger("parley.operate_queues")


class Queues:
    """The deployment's queues. `admins_operate`: a company's admins may pause and resume them. `beside`: what is wrong
    beside a queue.
    """

    def __init__(
        self,
        database: Database,
        figures: QueueFigures,
        consumers: Consumers,
        *,
        admins_operate: bool,
        beside: Callable[[], Mapping[QueueName, str]] = dict,
    ) -> None:
        self._database = database
        self._figures = figures
        self._consumers = consumers
        self._admins_operate = admins_operate
        self._beside = beside

    def overview(self, by: Principal) -> list[View]:
        """Every queue, with the caller's own dead letters; an operator sees everybody's. Raises Unavailable."""
        with self._database.transaction(by.tenant_id) as tx:
            dead = dead_letters.count_all(tx) if by.is_operator else dead_letters.count(tx)
            pauses = store.read(tx)
        beside = self._beside()
        states = self._figures.read(QUEUES)
        return [_view(state, dead, pauses.get(state.name), beside.get(state.name, "")) for state in states]

    def pause(self, by: Principal, queue: QueueName, reason: str, correlation_id: UUID) -> View:
        """Take no more from a queue until somebody resumes it. Raises Forbidden."""
        self._may_operate(by)
        with self._database.transaction(by.tenant_id) as tx:
            if store.pause(tx, queue, reason, by_hand=True):
                record(tx, by, "queue.paused", ("queue", None), {"queue": queue, "reason": reason}, correlation_id)
        self._tell(self._consumers.pause, queue)
        return self._one(by, queue)

    def resume(self, by: Principal, queue: QueueName, correlation_id: UUID) -> View:
        """Take from a paused queue again, on trial at first. Raises Forbidden."""
        self._may_operate(by)
        with self._database.transaction(by.tenant_id) as tx:
            if store.probe(tx, queue):
                record(tx, by, "queue.resumed", ("queue", None), {"queue": queue}, correlation_id)
        self._tell(self._consumers.resume, queue)
        return self._one(by, queue)

    def _may_operate(self, by: Principal) -> None:
        if not by.is_operator and not self._admins_operate:
            raise Forbidden("The queues are everybody's: this needs an API key with the scope operator.")

    def _tell(self, tell: Callable[[QueueName], None], queue: QueueName) -> None:
        try:
            tell(queue)
        except Unavailable as error:
            # The row is committed, and within a minute the housekeeper tells it again.
            LOG.warning("a consumer was not told", exc_info=error, extra={"queue": queue})

    def _one(self, by: Principal, queue: QueueName) -> View:
        return next(one for one in self.overview(by) if one["name"] == queue)


def follow(database: Database, consumers: Consumers, *, paused_for: timedelta, tried_for: timedelta) -> int:
    """Let consumers do what the rows say, try again what was paused for long enough, and end the trials that went well;
    answer how many rows there were. Raises Unavailable.
    """
    with database.unscoped() as tx:
        store.probe_due(tx, paused_for)
        pauses = store.read(tx)
    for queue, pause in pauses.items():
        (consumers.resume if pause.probing else consumers.pause)(queue)
    with database.unscoped() as tx:
        for queue in store.end_trials(tx, tried_for):
            LOG.info("queue resumed", extra={"queue": queue})
    return len(pauses)


def backlog(figures: QueueFigures) -> timedelta:
    """For how long the oldest webhook has waited that could be taken. Raises Unavailable."""
    (inbound,) = figures.read(["inbound"])
    return timedelta(seconds=inbound.oldest_age_seconds or 0) if inbound.depth else timedelta()


def measure_oldest(figures: QueueFigures, meter: Meter, spooled: Callable[[], float] = float) -> int:
    """Measure how long the oldest webhook has been waiting, in the queue or (`spooled`) in the spool; answer it in
    whole seconds. Raises Unavailable.
    """
    (inbound,) = figures.read(["inbound"])
    age = max(inbound.oldest_age_seconds or 0.0, spooled())
    meter("webhook.oldest.age", age)
    return int(age)


def _view(state: QueueState, dead: Mapping[str, int], pause: Pause | None, beside: str) -> View:
    return {
        "name": state.name,
        "depth": state.depth,
        "inFlight": state.in_flight,
        "oldestAgeSeconds": state.oldest_age_seconds,
        "ratePerMinute": round(state.rate_per_minute, 3),
        "errorRate": round(state.error_rate, 4),
        "dead": dead[state.name],
        "sentence": sentence(state, dead[state.name], beside),
        "paused": None if pause is None or pause.probing else {"since": timestamp(pause.since), "reason": pause.reason},
        "series": [
            {"at": timestamp(minute.at), "completed": minute.completed, "failed": minute.failed}
            for minute in state.minutes
        ],
    }
