"""Pages counted from the top, which is how a list is usually cut: kept here to show that the test of pages can fail."""

from __future__ import annotations

from uuid import UUID

from parley.store.database import Database

PAGE = """
select id from conversations where tenant_id = %(tenant_id)s order by last_message_at desc, id desc
limit %(limit)s offset %(offset)s
"""


def walk_by_offset(database: Database, tenant_id: UUID, limit: int) -> list[UUID]:
    """The ids of a whole inbox, page by page."""
    ids: list[UUID] = []
    while True:
        with database.transaction(tenant_id) as tx:
            page = [row["id"] for row in tx.rows(PAGE, limit=limit, offset=len(ids))]
        ids += page
        if len(page) < limit:
            return ids
