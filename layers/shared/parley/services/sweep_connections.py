"""Look after connections: those that are dead, those that lag behind the log, and who is said to be here. The one rule:
whoever is dropped though they are there after all, hears that they must come again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from typing import Final
from uuid import UUID

from parley.domain.metrics import Meter
from parley.store import housekeeping as store
from parley.store.database import Database
from parley.store.presence import find_due

from .farewell import Reason
from .notice import LOST_AFTER

_LAGGING_AFTER: Final = timedelta(seconds=2)
_AT_MOST: Final = 500
"""Each is told, so more would not fit into a minute."""


def count_open(database: Database, meter: Meter) -> int:
    """Measure how many sockets are open, of all tenants."""
    with database.unscoped() as tx:
        connections = store.count_open_connections(tx)
    meter("realtime.connections", connections)
    return connections


def drop_silent(
    database: Database,
    silent_for: timedelta,
    dismiss: Callable[[str, Reason], object],
    announce: Callable[[UUID], object],
) -> int:
    """Forget connections unheard for so long, and tickets that nobody used; answer how many connections there were."""
    with database.unscoped() as tx:
        silent = store.find_silent_connections(tx, silent_for)[:_AT_MOST]
    by_tenant: dict[UUID, list[str]] = defaultdict(list)
    for row in silent:
        by_tenant[row["tenant_id"]].append(row["id"])
    for tenant_id, ids in by_tenant.items():
        with database.transaction(tenant_id) as tx:
            dropped = store.delete_silent_connections(tx, ids, silent_for)
            store.delete_expired_tickets(tx)
        for row in dropped:
            dismiss(row["id"], "revoked" if row["revoked"] else "unknown_connection")
        if dropped:
            announce(tenant_id)
    return len(silent)


def push_lagging(database: Database, wake: Callable[[UUID], None]) -> int:
    """Push to tenants with listeners that an event has not reached; answer to how many."""
    with database.unscoped() as tx:
        lagging = store.find_lagging_tenants(tx, _LAGGING_AFTER)
    for tenant_id in lagging:
        wake(tenant_id)
    return len(lagging)


def announce_due(database: Database, announce: Callable[[UUID], object]) -> int:
    """Tell changes of presence whose hint was lost; answer to how many tenants."""
    with database.unscoped() as tx:
        due = find_due(tx, LOST_AFTER)
    for tenant_id in due:
        announce(tenant_id)
    return len(due)
