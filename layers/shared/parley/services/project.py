"""Project what receipts prove onto their messages. Called by whoever stores a receipt or learns a provider id."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from parley.domain import events
from parley.domain.events import NewEvent
from parley.store import receiving as store
from parley.store.database import Transaction
from parley.store.views import timestamp


def project(tx: Transaction, touched: Mapping[store.ProviderKey, UUID]) -> list[NewEvent]:
    """Move the messages with these provider ids up; answer their events. `touched`: key → correlation id. Call under
    `lock_provider_ids`.
    """
    return [
        events.message_status(
            row["conversation_id"],
            row["id"],
            status=row["status"],
            version=row["version"],
            occurred_at=timestamp(row["occurred_at"]),
            error=row["error"],
            is_last=bool(row["is_last"]),
            correlation_id=touched[row["integration_id"], row["provider_message_id"]],
        )
        for row in store.project_statuses(tx, touched)
    ]
