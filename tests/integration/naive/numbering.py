"""The naive numbering: lock and number in one statement. Its snapshot is older than the lock it waited for, so it does
not see what the numberer before it did: numbers come twice, or rows are numbered again.
"""

from __future__ import annotations

from uuid import UUID

from parley.store.database import Database

ONE_STATEMENT = """
with stream as (
  select last_seq from streams where tenant_id = %(tenant_id)s for update
), fresh as (
  select e.ordinal, stream.last_seq + row_number() over (order by e.ordinal) as seq
  from events e, stream
  where e.tenant_id = %(tenant_id)s and e.seq is null
), numbered as (
  update events e set seq = fresh.seq from fresh
  where e.tenant_id = %(tenant_id)s and e.ordinal = fresh.ordinal
  returning e.seq
)
update streams set last_seq = greatest(last_seq, (select max(seq) from numbered))
where tenant_id = %(tenant_id)s and exists (select from numbered)
"""


def number_events(database: Database, tenant_id: UUID) -> None:
    """Number what is visible, in one statement."""
    with database.transaction(tenant_id) as tx:
        tx.execute(ONE_STATEMENT)
