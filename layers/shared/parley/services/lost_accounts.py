"""Accounts that are disconnected, or whose credential is dead. The one rule: nothing is sent through a lost account,
and nothing that waits for it is failed for it; it all goes out once the account is back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from uuid import UUID

from parley.cloud.ports import NotSealedHere, Queue, Sealer
from parley.domain import events
from parley.domain.errors import Unavailable
from parley.domain.events import NewEvent
from parley.domain.outgoing import Refused
from parley.providers.base import Account, Provider
from parley.store import accounts
from parley.store import sending as store
from parley.store.database import Database, Transaction
from parley.store.event_log import append_events

from .hints import hint

LOG = logging.getLogger(__name__)
CHECK_EVERY = timedelta(seconds=45)
"""Less than the housekeeper's minute: each of its hints may ask the gateway."""
_AT_MOST = 1000


def pause(tx: Transaction, integration_id: UUID, why: Refused, correlation_id: UUID | None) -> list[NewEvent]:
    """Say that an account is lost, and why; answer what to tell."""
    row = accounts.set_state(tx, integration_id, "paused", why.message, store.now(tx), why.code)
    store.note_check(tx, integration_id)
    return [] if row is None else [events.integration_updated(row, correlation_id)]


def hint_waiting(database: Database, queue: Queue, tenant_id: UUID, integration_id: UUID) -> int:
    """The account is back: hint at what waits for it, most of it; the rest is the housekeeper's. Raises Unavailable."""
    with database.transaction(tenant_id) as tx:
        waiting = store.waiting_conversations(tx, integration_id, _AT_MOST)
    for conversation_id in waiting:
        hint(queue, tenant_id, conversation_id, integration_id)
    return len(waiting)


def resume(database: Database, queue: Queue, accounts: Collection[tuple[UUID, UUID]]) -> None:
    """These accounts (tenant, integration) are back: hint at what waits; a hint that is lost the housekeeper makes up
    for.
    """
    for tenant_id, integration_id in sorted(accounts):
        try:
            hint_waiting(database, queue, tenant_id, integration_id)
        except Unavailable as error:
            about = {"tenant_id": tenant_id, "integration_id": integration_id, "code": error.code}
            LOG.warning("outbound hints lost", extra=about)


class Recovery:
    """Asks gateways whether lost accounts are back; `every`: how often at most of one account."""

    def __init__(
        self,
        database: Database,
        providers: Mapping[str, Provider],
        sealer: Callable[[], Sealer],
        queue: Queue,
        *,
        every: timedelta = CHECK_EVERY,
    ) -> None:
        self._database = database
        self._providers = providers
        self._sealer = sealer
        self._queue = queue
        self._every = every

    def is_back(self, tenant_id: UUID, integration_id: UUID) -> bool:
        """Ask the gateway, if nobody did just now; if the account works again, say so and hint at all that waits."""
        row = self._database.run(tenant_id, lambda tx: store.start_check(tx, integration_id, self._every))
        if row is None:
            return False
        try:
            credentials = self._sealer().open(row["credentials"], tenant_id, integration_id, "provider")
        except NotSealedHere:
            return False
        account = Account(row["account_id"], credentials, row["settings"])
        if not self._providers[row["provider"]].check(account).ok:
            return False
        self._database.run(tenant_id, lambda tx: _connected(tx, integration_id))
        hint_waiting(self._database, self._queue, tenant_id, integration_id)
        return True


def _connected(tx: Transaction, integration_id: UUID) -> None:
    row = accounts.set_state(tx, integration_id, "connected", None, store.now(tx))
    if row is not None:
        append_events(tx, [events.integration_updated(row, None)])
