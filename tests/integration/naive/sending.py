"""Sending as it is usually written: call the gateway, then write `sent`; on any error try again. Kept to prove that the
crash tests can fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from parley.cloud.ports import Queue, Sealer
from parley.domain.errors import Unavailable
from parley.domain.identity import Address
from parley.domain.outgoing import Accepted, Draft, Refused
from parley.providers.base import Account, Provider
from parley.store.database import Database

_OLDEST = """
select m.id, m.kind, m.body, m.integration_id, c.reply_kind, c.reply_address, i.provider, i.account_id, i.credentials
from messages m
join conversations c on c.id = m.conversation_id
join integrations i on i.id = m.integration_id
where m.conversation_id = %(conversation_id)s and m.status = 'queued' order by m.number limit 1
"""


class NaiveDeliverer:
    """Has Deliverer's `deliver`."""

    def __init__(
        self,
        database: Database,
        providers: Mapping[str, Provider],
        sealer: Callable[[], Sealer],
        queue: Queue,
        wake: Callable[[UUID], None],
        *,
        lease: timedelta,
        backoff: timedelta,
    ) -> None:
        self._database = database
        self._providers = providers
        self._sealer = sealer

    def deliver(self, tenant_id: UUID, conversation_id: UUID, *, may_go_on: Callable[[], bool]) -> int:
        sent = 0
        while True:
            with self._database.transaction(tenant_id) as tx:
                message = tx.row(_OLDEST, conversation_id=conversation_id)
            if message is None:
                return sent
            outcome = self._call(tenant_id, message)
            if isinstance(outcome, Accepted):
                status, provider_id = "sent", outcome.provider_message_id
            elif isinstance(outcome, Refused):
                status, provider_id = "failed", None
            else:
                raise Unavailable("Try again.")
            with self._database.transaction(tenant_id) as tx:
                tx.execute(
                    "update messages set status = %(status)s, provider_message_id = %(provider_id)s"
                    " where id = %(id)s and status = 'queued'",
                    status=status,
                    provider_id=provider_id,
                    id=message["id"],
                )
            sent += 1

    def _call(self, tenant_id: UUID, message: dict[str, Any]) -> object:
        credentials = self._sealer().open(message["credentials"], tenant_id, message["integration_id"], "provider")
        draft = Draft(
            reference=message["id"],
            to=Address(message["reply_kind"], message["reply_address"]),
            kind=message["kind"],
            text=message["body"],
        )
        return self._providers[message["provider"]].send(draft, Account(message["account_id"], credentials))
