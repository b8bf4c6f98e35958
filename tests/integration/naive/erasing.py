"""Asking for tombstones before receiving alone: kept here to show what slips through beside an erasure, and why the
question is put again once everything is locked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from parley.domain.tombstones import Hashing
from parley.services.arrivals import Arrival, Policy, Storable
from parley.services.receive import Received, receive
from parley.services.suppress import Sieved, Suppression
from parley.store.database import Transaction


class AskedBefore(Suppression):
    """Looks whether somebody is erased, and then takes in what they said; `meanwhile` comes between the two."""

    def __init__(self, hashing: Callable[[], Hashing], meanwhile: Callable[[], Any]) -> None:
        super().__init__(hashing)
        self._meanwhile = meanwhile

    def receive(
        self, tx: Transaction, arrivals: Sequence[Arrival[Storable]], policies: Mapping[UUID, Policy], *, sieved: bool
    ) -> tuple[Received, Sieved]:
        parted = self.sieve(tx, arrivals)
        self._meanwhile()
        return receive(tx, parted.kept, policies), parted
