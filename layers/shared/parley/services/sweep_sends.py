"""Find sends that nobody looks after. The one rule: nothing is sent here; who finds one hints at it again."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from parley.cloud.ports import Queue
from parley.store import housekeeping as store
from parley.store.database import Database

from .hints import hint

_AT_MOST: Final = 500


def hint_stuck(database: Database, outbound: Queue, stuck_for: timedelta) -> int:
    """Hint at conversations with a message that has been queued or claimed for so long: its hint is lost, or its sender
    dead. Answer at how many. Raises Unavailable.
    """
    with database.unscoped() as tx:
        stuck = store.find_stuck_sends(tx, stuck_for, _AT_MOST)
    for row in stuck:
        hint(outbound, row["tenant_id"], row["conversation_id"], row["integration_id"])
    return len(stuck)
