"""Let go of what is past its term: old events, rows of the ledger, attempts to send. The one rule: the oldest goes
first and a bounded part at a time, so that what is left has no hole and nobody waits for it.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from parley.cloud.ports import Bucket
from parley.store import retention as store
from parley.store.database import Database
from parley.store.event_log import number_events
from parley.store.retention import Terms

MOST_PARTITIONS: Final = 5
MOST_TENANTS: Final = 100
MOST_ROWS: Final = 5000


class Retaining:
    """Lets go, for a deployment with these usual terms, of at most so many rows of a tenant in a round."""

    def __init__(self, database: Database, bucket: Bucket, usual: Terms, most_rows: int = MOST_ROWS) -> None:
        self._database = database
        self._bucket = bucket
        self._usual = usual
        self._most_rows = most_rows

    def drop_partitions(self) -> int:
        """Drop partitions that are past every tenant's term; answer how many. Raises Unavailable."""
        with self._database.unscoped() as tx:
            return store.drop_expired_partitions(tx, self._usual, MOST_PARTITIONS)

    def let_go(self) -> int:
        """Delete what is past a tenant's own term; answer how many rows that were. Raises Unavailable."""
        with self._database.unscoped() as tx:
            expired = store.find_expired(tx, self._usual, MOST_TENANTS)
        return sum(self._delete(row["tenant_id"], row["what"], row["days"]) for row in expired)

    def _delete(self, tenant_id: UUID, what: str, days: int) -> int:
        if what == "ledger":
            return self._delete_ledger(tenant_id, days)
        if what == "events":
            # Where nobody ever listened, none has a number yet.
            number_events(self._database, tenant_id)
        delete = store.delete_events if what == "events" else store.delete_attempts
        with self._database.transaction(tenant_id) as tx:
            return delete(tx, days, self._most_rows)

    def _delete_ledger(self, tenant_id: UUID, days: int) -> int:
        with self._database.transaction(tenant_id) as tx:
            pointers = store.delete_ledger(tx, days, self._most_rows)
        for pointer in filter(None, pointers):
            # One that stays behind goes by the bucket's own rule.
            self._bucket.delete(pointer)
        return len(pointers)
