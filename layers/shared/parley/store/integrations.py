"""Connected accounts. Their credentials stay sealed here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
    app_business: str | None = None
    """Of a number in the operator's own app: what several may belong to there, at Meta the business account."""


def find_integrations(tx: Transaction, ids: Iterable[UUID]) -> dict[UUID, Integration]:
    """Integrations of whatever tenant, by id; for use before the tenant is known."""
    rows = tx.rows(_SQL["find_integrations"], ids=list(set(ids)))
    return {row["id"]: Integration(**row) for row in rows}


def find_account_owners(tx: Transaction, provider: str, names: Sequence[str]) -> list[Integration]:
    """The integrations of these accounts and business accounts in the operator's app, of whatever tenant, the oldest
    first; for use before the tenant is known.
    """
    return [Integration(**row) for row in tx.rows(_SQL["find_account_owners"], provider=provider, names=list(names))]


def integrations_of_business(tx: Transaction, provider: str, business_id: str) -> list[Integration]:
    """The tenant's integrations that belong to a business account of a gateway."""
    rows = tx.rows(_SQL["of_business"], provider=provider, business_id=business_id)
    return [Integration(**row) for row in rows]


def integration_by_account(tx: Transaction, provider: str, account_id: str) -> Integration | None:
    """The tenant's integration for an account of a gateway."""
    row = tx.row(_SQL["by_account"], provider=provider, account_id=account_id)
    return Integration(**row) if row else None


def integration_by_id(tx: Transaction, integration_id: UUID) -> Integration | None:
    """One integration of the tenant."""
    row = tx.row(_SQL["by_id"], id=integration_id)
    return Integration(**row) if row else None
