"""Project what is known of messages onto them: what receipts prove, what revisions say. Called by whoever stores such a
fact, or learns a provider id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
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


def revise(
    tx: Transaction, revisions: Sequence[Mapping[str, Any]], correlations: Mapping[store.ProviderKey, UUID]
) -> list[NewEvent]:
    """Keep revisions, and bring the messages of these keys to what they say; answer their events."""
    store.insert_revisions(tx, revisions)
    log = []
    for changed in store.project_revisions(tx, correlations):
        ids = (changed["conversation_id"], changed["id"])
        about: dict[str, Any] = {
            "is_last": bool(changed["is_last"]),
            "correlation_id": correlations[changed["integration_id"], changed["provider_message_id"]],
        }
        if changed["deleted_at"] is not None:
            log.append(events.message_deleted(*ids, deleted_at=timestamp(changed["deleted_at"]), **about))
        else:
            log.append(events.message_updated(*ids, **about))
    return log
