"""Watch over the health of integrations: count what came and went, look at what that means, tell what changed. The one
rule: looking costs one query, however many accounts there are, and only what changed is written.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from parley.domain import events
from parley.domain.errors import Unavailable
from parley.domain.health import FEWEST_UNDELIVERED, HEALTHY, Health, judge
from parley.domain.metrics import Meter, unmeasured
from parley.providers.base import Provider
from parley.store import health as store
from parley.store.database import Database, Transaction
from parley.store.event_log import append_events

Found = tuple[UUID, Health, datetime]
_SECONDS: Final = 5.0
_STEPS: Final = 500
_STEP: Final = timedelta(minutes=15)
_LONGEST_STEP: Final = timedelta(hours=2)
_FEW: Final = 1000
_AT_MOST: Final = 20_000


@dataclass(frozen=True, slots=True)
class Tempo:
    """How long things take. `quarter`: of the hours that figures are kept for. `settle`: whoever writes a row has
    committed by then (a function's transaction is over in half of it). `patience`: what was sent should be delivered by
    then. `quiet`: nobody asks sooner where the webhooks are. `backlog`: while a webhook has waited for so long, nobody
    knows who is silent. `keep`: as long as the longest look back needs, and a week.
    """

    quarter: timedelta = timedelta(minutes=15)
    settle: timedelta = timedelta(seconds=60)
    patience: timedelta = timedelta(minutes=15)
    quiet: timedelta = timedelta(minutes=30)
    backlog: timedelta = timedelta(minutes=5)
    keep: timedelta = timedelta(weeks=5)

    @classmethod
    def sped(cls, factor: float) -> Tempo:
        """Everything in less time, on the local stack's fast clock; but a transaction takes as long as it takes."""
        usual = cls()
        faster = {name: getattr(usual, name) / factor for name in cls.__slots__}
        return replace(cls(**faster), settle=max(usual.settle / factor, timedelta(seconds=5)))

    def lag_of(self, source: store.Source) -> timedelta:
        """How long after the fact a source is counted."""
        return max(self.patience, self.settle) if source == "sent" else self.settle


def no_backlog() -> timedelta:
    """Nothing waits to be processed, or nobody can tell."""
    return timedelta()


class HealthWatch:
    """Counts, looks and forgets, each minute. `backlog`: for how long the oldest webhook has waited to be processed; it
    may raise Unavailable.
    """

    def __init__(
        self,
        database: Database,
        providers: Mapping[str, Provider],
        wake: Callable[[UUID], None],
        *,
        tempo: Tempo | None = None,
        meter: Meter = unmeasured,
        backlog: Callable[[], timedelta] = no_backlog,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._providers = providers
        self._wake = wake
        self._tempo = tempo or Tempo()
        self._meter = meter
        self._backlog = backlog
        self._clock = clock

    def count(self) -> int:
        """Count what came to be since the last time, stretch by stretch; a long arrear takes several runs."""
        until = self._clock() + _SECONDS
        return sum(self._count(source, until) for source in store.SOURCES)

    def look(self) -> int:
        """Look at every account, tell what changed and answer how many accounts that were."""
        with self._database.unscoped() as tx:
            known = store.figures(tx, self._tempo.quarter, self._tempo.quiet)
        silence = self._knows_silence(known)
        changed: dict[UUID, list[Found]] = defaultdict(list)
        unhealthy = 0
        for one in known:
            health = judged(one, self._providers, silence=silence or one.told_state == "silent")
            unhealthy += health.state not in HEALTHY
            if health.state != one.told_state:
                changed[one.tenant_id].append((one.integration_id, health, one.figures.now))
        told = 0
        for tenant_id, found in sorted(changed.items()):
            told += self._tell(tenant_id, found)
        self._meter("integration.unhealthy", unhealthy)
        return told

    def forget(self) -> int:
        """Drop counters that are too old."""
        with self._database.unscoped() as tx:
            return store.forget(tx, self._tempo.keep, _AT_MOST)

    def _count(self, source: store.Source, until: float) -> int:
        total, lag, step = 0, self._tempo.lag_of(source), _STEP
        for _ in range(_STEPS):
            with self._database.unscoped() as tx:
                counted, more = store.count(tx, source, lag, step, self._tempo.quarter)
            total += counted
            if not more or self._clock() > until:
                break
            step = min(2 * step, _LONGEST_STEP) if counted < _FEW else _STEP
        return total

    def _knows_silence(self, known: list[store.Known]) -> bool:
        """Whether who is silent here is silent: what came is counted, and nothing waits that would tell otherwise. One
        that was called silent stays so meanwhile.
        """
        if not any(one.figures.usual for one in known):
            return False
        figures = known[0].figures
        counted = figures.now - figures.counted_to < self._tempo.settle + self._tempo.backlog
        try:
            return counted and self._backlog() < self._tempo.backlog
        except Unavailable:
            return False

    def _tell(self, tenant_id: UUID, found: list[Found]) -> int:
        told = self._database.run(tenant_id, lambda tx: tell(tx, found))
        if told:
            self._wake(tenant_id)
        return told


def judged(known: store.Known, providers: Mapping[str, Provider], *, silence: bool) -> Health:
    """What an account's figures mean. `silence`: whether one that is silent may be called so."""
    hour = known.figures.hour
    receipts = hour.undelivered + hour.failed < FEWEST_UNDELIVERED or _tells_delivery(providers, known.provider)
    return judge(replace(known.figures, receipts=receipts, caught_up=silence))


def tell(tx: Transaction, found: Iterable[Found], correlation_id: UUID | None = None) -> int:
    """Keep what was found where it is news, and raise its events; answer of how many accounts."""
    news = store.tell(tx, found)
    append_events(tx, [events.integration_updated(one, correlation_id) for one in store.accounts(tx, news)])
    return len(news)


def _tells_delivery(providers: Mapping[str, Provider], name: str) -> bool:
    return name in providers and providers[name].capabilities.receipts
