"""What was done to keys, credentials, roles and settings, and by whom. The one rule: it is written in the transaction
that does it, is never changed, and holds no secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from parley.domain.principal import Principal

from .database import Row, Transaction, jsonb
from .ids import new_id
from .queries import queries
from .views import View, timestamp

_SQL = queries("audit")


def record(
    tx: Transaction,
    by: Principal,
    action: str,
    subject: tuple[str, UUID | None],
    detail: Mapping[str, Any],
    correlation_id: UUID | None,
) -> None:
    """Write down what `by` does; `subject`: a kind and an id."""
    tx.execute(
        _SQL["insert"],
        id=new_id(),
        action=action,
        actor_kind=by.sender_kind,
        actor_id=by.id,
        actor_name=by.name,
        subject_kind=subject[0],
        subject_id=subject[1],
        detail=jsonb(dict(detail)),
        correlation_id=correlation_id,
    )


def page(
    tx: Transaction,
    after: UUID | None,
    limit: int,
    *,
    action: str | None,
    since: datetime | None,
    until: datetime | None,
) -> list[View]:
    """The next deeds before one, as the API shows them."""
    rows = tx.rows(_SQL["page"], after=after, limit=limit, action=action, since=since, until=until)
    return [_shown(row) for row in rows]


def _shown(row: Row) -> View:
    return {
        "id": str(row["id"]),
        "action": row["action"],
        "actor": {
            "kind": row["actor_kind"],
            "id": str(row["actor_id"]) if row["actor_id"] else None,
            "name": row["actor_name"],
        },
        "subject": {"kind": row["subject_kind"], "id": str(row["subject_id"]) if row["subject_id"] else None},
        "detail": row["detail"],
        "correlationId": str(row["correlation_id"]) if row["correlation_id"] else None,
        "occurredAt": timestamp(row["occurred_at"]),
    }
