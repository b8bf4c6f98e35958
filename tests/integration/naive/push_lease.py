"""The naive lease: look whether anybody wants more, then release. Whoever wakes between the two finds the lease taken,
leaves the push to its holder, and the holder is gone.
"""

from __future__ import annotations

from uuid import UUID

from parley.services.push import Pusher
from parley.store.push_leases import Lease

LOOK = "select wanted from push_leases where tenant_id = %(tenant_id)s and lease = %(lease)s"
RELEASE = (
    "update push_leases set lease = null, lease_until = null where tenant_id = %(tenant_id)s and lease = %(lease)s"
)


class LookThenRelease(Pusher):
    """A pusher that lets go without a condition."""

    def _let_go(self, tenant_id: UUID, lease: Lease) -> bool:
        with self._database.transaction(tenant_id) as tx:
            wanted = tx.value(LOOK, lease=lease.id)
        if wanted != lease.wanted:
            return False
        with self._database.transaction(tenant_id) as tx:
            tx.execute(RELEASE, lease=lease.id)
        return True
