"""Give strays back to the queue of webhooks: what named no tenant then may name one now. The one rule: a stray goes
only once the queue has it, and stays if it has become one again meanwhile.
"""

from __future__ import annotations

from typing import Final

from parley.cloud.ports import Queue
from parley.store.database import Database
from parley.store.ledger import forget_stray, returned_strays

from .accept import APP

_AT_MOST: Final = 100


def hand_back_strays(database: Database, inbound: Queue) -> int:
    """Queue the strays that the operator returned; answer how many. Raises Unavailable."""
    with database.unscoped() as tx:
        strays = returned_strays(tx, _AT_MOST)
    for stray in strays:
        group = APP if stray.is_app_wide else str(stray.integration_id)
        inbound.send(stray.encode(), group)
        with database.unscoped() as tx:
            forget_stray(tx, stray.correlation_id)
    return len(strays)
