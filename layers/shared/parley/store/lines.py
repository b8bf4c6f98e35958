"""Connected accounts as a company manages them. The one rule: what the API shows of one never holds a credential."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from .database import Row, Transaction, jsonb
from .health import shown as health_shown
from .queries import queries
from .views import View, timestamp

_SQL = queries("lines")


def page(tx: Transaction, after: UUID | None, limit: int) -> list[View]:
    """The next accounts after one, as the API shows them."""
    return [shown(row) for row in tx.rows(_SQL["page"], after=after, limit=limit)]


def one(tx: Transaction, integration_id: UUID) -> Row | None:
    """An account's row, with its sealed `credentials` and `token_generation`."""
    return tx.row(_SQL["one"], id=integration_id)


def lock(tx: Transaction, integration_id: UUID) -> Row | None:
    """An account's row, locked to be changed."""
    return tx.row(_SQL["lock"], id=integration_id)


def removed(tx: Transaction, provider: str, account_id: str) -> Row | None:
    """The account as it was once connected (`id`, `token_generation`), locked."""
    return tx.row(_SQL["removed"], provider=provider, account_id=account_id)


def take_up(tx: Transaction, integration_id: UUID, line: Mapping[str, Any]) -> None:
    """Connect an account again (`name`, `phone`, `settings`, sealed `credentials`)."""
    tx.execute(_SQL["take_up"], id=integration_id, **{**line, "settings": jsonb(line["settings"])})


def change(tx: Transaction, integration_id: UUID, line: Mapping[str, Any]) -> None:
    """Change an account to this (`name`, `phone`, `settings`, `held`)."""
    tx.execute(_SQL["change"], id=integration_id, **{**line, "settings": jsonb(line["settings"])})


def rotate(tx: Transaction, integration_id: UUID, credentials: bytes, token_generation: int) -> None:
    """Give an account other sealed credentials and a generation of its webhook's token."""
    tx.execute(_SQL["rotate"], id=integration_id, credentials=credentials, token_generation=token_generation)


def remove(tx: Transaction, integration_id: UUID, reason: str, credentials: bytes) -> None:
    """Disconnect an account; `credentials`: nothing, sealed."""
    tx.execute(_SQL["remove"], id=integration_id, reason=reason, credentials=credentials)


def shown(row: Row) -> View:
    """An account as the API shows it."""
    return {
        "id": str(row["id"]),
        "provider": row["provider"],
        "channel": row["channel"],
        "name": row["name"],
        "accountId": row["account_id"],
        "phone": row["phone"],
        "state": row["state"],
        "reason": row["state_reason"],
        "held": row["held_at"] is not None,
        "health": health_shown(row["health"], row["health_reason"], row["health_since"]),
        "settings": row["settings"],
        "createdAt": timestamp(row["created_at"]),
        "updatedAt": timestamp(row["updated_at"]),
        "version": row["version"],
    }
