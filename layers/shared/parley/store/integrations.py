"""Connected accounts. Their credentials stay sealed here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from .database import Transaction
from .queries import queries

_SQL = queries("integrations")


@dataclass(frozen=True, slots=True)
class Integration:
    """One connected account, as its row stands."""

    tenant_id: UUID
    id: UUID
    provider: str
    channel: str
    account_id: str
    settings: Mapping[str, Any]
    state: str
    token_generation: int
    credentials: bytes


def find_integrations(tx: Transaction, ids: Iterable[UUID]) -> dict[UUID, Integration]:
    """Integrations of whatever tenant, by id; for use before the tenant is known."""
    rows = tx.rows(_SQL["find_integrations"], ids=list(set(ids)))
    return {row["id"]: Integration(**row) for row in rows}


def integration_by_account(tx: Transaction, provider: str, account_id: str) -> Integration | None:
    """The tenant's integration for an account of a gateway."""
    row = tx.row(_SQL["by_account"], provider=provider, account_id=account_id)
    return Integration(**row) if row else None


def integration_by_id(tx: Transaction, integration_id: UUID) -> Integration | None:
    """One integration of the tenant."""
    row = tx.row(_SQL["by_id"], id=integration_id)
    return Integration(**row) if row else None
