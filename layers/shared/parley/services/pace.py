"""Keep the pace a gateway allows. The one rule: who comes too early is given a turn and told when it is, instead of
being refused by the gateway later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from parley.providers.base import Capabilities, Pacing
from parley.store import pacing as store
from parley.store.database import Transaction
from parley.store.pacing import Limit

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Turn:
    """When a message may go: after `wait`. `kept`: the turn is taken, so it need not ask again then."""

    wait: timedelta
    kept: bool


NOW: Final = Turn(timedelta(0), kept=True)


def pacing_of(capabilities: Capabilities, settings: Mapping[str, Any]) -> Pacing:
    """What the gateway allows, lowered by the integration's setting `pacing`."""
    return capabilities.pacing.lowered(settings.get("pacing"))


class Pace:
    """Paces sends; `speed` divides every duration (the local stack's fast clock)."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed

    def take(self, tx: Transaction, pacing: Pacing, integration_id: UUID, partner_id: UUID) -> Turn:
        """Take the next turn to write to a contact or group. Call right before the claim: others wait for its locks."""
        if pacing.per_day is not None:
            wait = store.day_is_full(tx, integration_id, pacing.per_day, _DAY / self._speed, lock=True)
            if wait is not None:
                return Turn(wait, kept=False)
        limits = self._limits(pacing, partner_id)
        return Turn(store.take_turn(tx, integration_id, limits), kept=True) if limits else NOW

    def foresee(self, tx: Transaction, pacing: Pacing, integration_id: UUID, partner_id: UUID, ahead: int) -> timedelta:
        """How long a message with so many before it in its conversation will have to wait, as far as one can tell."""
        wait = timedelta(0)
        limits = self._limits(pacing, partner_id)
        if limits:
            wait = store.foresee_turn(tx, integration_id, limits, ahead)
        if pacing.per_day is not None:
            full = store.day_is_full(tx, integration_id, pacing.per_day, _DAY / self._speed, lock=False)
            wait = max(wait, full or wait)
        return wait

    def _limits(self, pacing: Pacing, partner_id: UUID) -> list[Limit]:
        limits = []
        if pacing.per_second is not None:
            every = timedelta(seconds=1 / pacing.per_second / self._speed)
            limits.append(Limit("account", every, max(1, int(pacing.per_second))))
        if pacing.pair is not None:
            limits.append(Limit(f"pair:{partner_id}", pacing.pair / self._speed, pacing.pair_burst))
        return limits
