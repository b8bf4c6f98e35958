"""When to stop taking from a queue: too much of what was taken lately had to be parked. The one rule: one account of
several, however much it sends, never stops the others.

The share is asked twice: of the webhooks, and of the accounts they were for. A bug in an adapter parks what everybody
sends; a broken or hostile account parks its own.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Limits:
    """It trips at `minimum` parked webhooks within `window`, where those are more than `share` of all, and so are their
    accounts.
    """

    minimum: int = 20
    share: float = 0.5
    window: timedelta = timedelta(minutes=5)

    @property
    def on_trial(self) -> int:
        """How many parked webhooks are enough while a queue is taken from on trial."""
        return max(1, self.minimum // 4)


@dataclass(frozen=True, slots=True)
class Trip:
    """What it tripped at."""

    parked: int
    webhooks: int
    accounts_parked: int
    accounts: int

    def __str__(self) -> str:
        return (
            f"{self.parked} of the last {self.webhooks} webhooks could not be read, "
            f"of {self.accounts_parked} of {self.accounts} accounts"
        )


class Breaker:
    """One consumer's own look at what it took lately. Keep one a process."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._window: deque[tuple[float, Counter[UUID], Counter[UUID]]] = deque()

    def note(
        self, now: float, ended: Mapping[UUID, int], parked: Mapping[UUID, int], *, on_trial: bool = False
    ) -> Trip | None:
        """Count a batch (webhooks that ended and of those the parked ones, by account); what it trips at, if it does.

        Only a batch with something parked in it trips: what was parked before a pause does not bring the next one.
        """
        self._window.append((now, Counter(ended), Counter(parked)))
        while self._window[0][0] < now - self._limits.window.total_seconds():
            self._window.popleft()
        if not any(parked.values()):
            return None
        found = self._found()
        enough = self._limits.on_trial if on_trial else self._limits.minimum
        share = self._limits.share
        if found.parked < enough or found.parked <= share * found.webhooks:
            return None
        return found if found.accounts_parked > share * found.accounts else None

    def forget(self) -> None:
        """Begin anew."""
        self._window.clear()

    def _found(self) -> Trip:
        ended: Counter[UUID] = Counter()
        parked: Counter[UUID] = Counter()
        for _, of_batch, parked_of_batch in self._window:
            ended.update(of_batch)
            parked.update(parked_of_batch)
        return Trip(parked.total(), ended.total(), len(+parked), len(+ended))
