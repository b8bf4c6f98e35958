"""Notice that somebody came, went or looks elsewhere. The one rule: nothing is told here; one delayed hint on the push
queue gathers all changes of a company until somebody looks (announce.py).
"""

from __future__ import annotations

import json
import logging
import math
from datetime import timedelta
from uuid import UUID

from parley.cloud.ports import Queue
from parley.domain.errors import ParleyError
from parley.domain.terms import Terms
from parley.store import presence as store
from parley.store.database import Database

LOG = logging.getLogger("parley.notice")

LOST_AFTER = timedelta(seconds=10)
"""A look so long overdue will not come: its hint was lost."""


class Notices:
    """Asks for looks at presence, one at a time for a company."""

    def __init__(self, database: Database, push_queue: Queue, terms: Terms) -> None:
        self._database = database
        self._push_queue = push_queue
        self._terms = terms

    def presence_changed(self, tenant_id: UUID, within: timedelta | None = None) -> None:
        """Have somebody look at presence soon, or `within` a time; never raises: the housekeeper looks as well."""
        delay = self._terms.coalesce if within is None else within
        try:
            with self._database.transaction(tenant_id) as tx:
                asked = store.ask_for_look(tx, delay, LOST_AFTER)
            if asked:
                body = json.dumps({"v": 1, "tenantId": str(tenant_id), "presence": True})
                self._push_queue.send(body, str(tenant_id), math.ceil(delay.total_seconds()))
        except ParleyError as error:
            LOG.warning("nobody was asked to look at presence", extra={"tenant_id": tenant_id, "code": error.code})
