"""The naive lease: look whether anybody wants more, then release. Whoever wakes between the two finds the lease taken,
leaves the push to its holder, and the holder is gone.
"""

from __future__ import annotations

from uuid import UUID

from parley.services.push import Pusher, Round, record
from parley.store.push_leases import Lease

LOOK = "select wanted from push_leases where tenant_id = %(tenant_id)s and lease = %(lease)s"
RELEASE = """
update push_leases set lease = null, lease_until = null
where tenant_id = %(tenant_id)s and lease = %(lease)s
"""


class LookThenRelease(Pusher):
    """A pusher that lets go without a condition."""

    def _settle(self, tenant_id: UUID, lease: Lease, done: Round) -> Lease | None:
        with self._database.transaction(tenant_id) as tx:
            record(tx, done)
            wanted = tx.value(LOOK, lease=lease.id)
        if done.more or wanted != lease.wanted:
            return Lease(lease.id, wanted, listeners=1)
        with self._database.transaction(tenant_id) as tx:
            tx.execute(RELEASE, lease=lease.id)
        return None
