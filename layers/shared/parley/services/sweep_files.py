"""Look after files: those that nobody fetches, and those that no message took. The one rule: objects in the bucket go
by the bucket's own rule.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import Final
from uuid import UUID

from parley.cloud.ports import Queue
from parley.store import attachments
from parley.store.database import Database

from .fetch_media import PendingFile, hint

_UNUSED_AFTER: Final = timedelta(days=1)
_AT_MOST: Final = 500


def hint_unfetched(database: Database, media: Queue, stuck_for: timedelta) -> int:
    """Hint at files that have been due for so long; answer at how many. Raises Unavailable."""
    with database.unscoped() as tx:
        stuck = attachments.find_stuck(tx, stuck_for, _AT_MOST)
    for row in stuck:
        hint(media, PendingFile(row["tenant_id"], row["integration_id"], row["attachment_id"]))
    return len(stuck)


def forget_unused(database: Database) -> int:
    """Forget uploads that no message took; answer how many."""
    with database.unscoped() as tx:
        unused = attachments.find_unused(tx, _UNUSED_AFTER, _AT_MOST)
    by_tenant: dict[UUID, list[UUID]] = defaultdict(list)
    for row in unused:
        by_tenant[row["tenant_id"]].append(row["attachment_id"])
    for tenant_id, ids in by_tenant.items():
        with database.transaction(tenant_id) as tx:
            attachments.delete_unused(tx, ids)
    return len(unused)
