"""Give conversations that wait to people who are online, by turns. The one rule: nobody is given more than they have
room for, whoever was given one the longest ago is next, and what does not fit waits for the next look.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from parley.domain.errors import ParleyError
from parley.domain.principal import SYSTEM
from parley.domain.terms import Terms
from parley.store import distributing as store
from parley.store.database import Database, Row, Transaction

from .assign import hand_over

LOG = logging.getLogger("parley.distribute")
MOST_AT_ONCE: Final = 100


@dataclass(slots=True)
class Taker:
    """Somebody who takes conversations. `integrations`: only of these; None: of all."""

    id: UUID
    capacity: int | None
    load: int
    integrations: frozenset[UUID] | None

    def has_room(self, integration_id: UUID, capacity: int | None) -> bool:
        """Whether a conversation of this account fits; `capacity`: where nobody set the person's own."""
        most = self.capacity if self.capacity is not None else capacity
        sees = self.integrations is None or integration_id in self.integrations
        return sees and (most is None or self.load < most)


class Distributor:
    """Gives conversations to people. Somebody who has been gone for `grace` loses those in which a customer waits."""

    def __init__(self, database: Database, wake: Callable[[UUID], None], terms: Terms, grace: timedelta) -> None:
        self._database = database
        self._wake = wake
        self._terms = terms
        self._grace = grace

    def distribute(self, tenant_id: UUID, *, thorough: bool = False) -> int:
        """Give what waits; `thorough`: also what people left behind who are gone. Answer how many were given.

        Never raises: whoever calls has done its own work, and the housekeeper looks every minute.
        """
        try:
            given = self._database.run(tenant_id, lambda tx: self._give(tx, thorough))
        except ParleyError as error:
            LOG.warning("not distributed", extra={"tenant_id": tenant_id, "code": error.code})
            return 0
        if given:
            self._wake(tenant_id)
        return given

    def distribute_all(self) -> int:
        """Look thoroughly in every tenant that wants it; answer how many conversations were given."""
        with self._database.unscoped() as tx:
            tenants = store.find_tenants(tx)
        return sum(self.distribute(tenant_id, thorough=True) for tenant_id in tenants)

    def _give(self, tx: Transaction, thorough: bool) -> int:
        rules = {row["id"]: row for row in store.rules(tx)}
        if not rules or not (thorough or store.is_any_waiting(tx, rules)):
            return 0
        store.take_the_turn(tx)
        if thorough:
            store.note_who_is_here(tx, self._terms)
        queue = [_taker(row, rules) for row in store.people(tx, self._terms)]
        waiting = store.left_behind(tx, rules, self._grace, MOST_AT_ONCE) if thorough and queue else []
        waiting += store.unassigned(tx, rules, MOST_AT_ONCE) if queue else []
        given = 0
        for conversation in waiting:
            integration_id = conversation["integration_id"]
            capacity = rules[integration_id]["capacity"]
            taker = next((one for one in queue if one.has_room(integration_id, capacity)), None)
            if taker is None:
                continue
            hand_over(tx, conversation, taker.id, SYSTEM, None, automatic=True)
            store.count_turn(tx, taker.id)
            taker.load += 1
            queue.remove(taker)
            queue.append(taker)
            given += 1
        return given


def _taker(row: Row, rules: Mapping[UUID, Row]) -> Taker:
    members_only = any(rule["members_only"] for rule in rules.values())
    limited = members_only and row["role"] == "agent"
    return Taker(row["id"], row["capacity"], row["load"], frozenset(row["integrations"]) if limited else None)
