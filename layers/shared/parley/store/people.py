"""The people of a company and what it has chosen. The one rule: whatever changes what somebody may see raises their
rights version, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from .database import Row, Transaction, jsonb
from .queries import queries
from .views import View, timestamp

_SQL = queries("people")


def page(tx: Transaction, after: UUID | None, limit: int, status: str | None) -> list[View]:
    """The next people after one, as the API shows them."""
    return [_shown(row) for row in tx.rows(_SQL["page"], after=after, limit=limit, status=status)]


def one(tx: Transaction, user_id: UUID) -> View | None:
    """A person, as the API shows them."""
    row = tx.row(_SQL["one"], id=user_id)
    return None if row is None else _shown(row)


def lock(tx: Transaction, user_id: UUID) -> list[Row]:
    """This person and every owner (`id`, `role`, `disabled_at`), locked."""
    return tx.rows(_SQL["lock"], id=user_id)


def insert(tx: Transaction, user_id: UUID, person: Mapping[str, Any]) -> None:
    """Add a person (`issuer`, `subject`, `name`, `email`, `role`, `capacity`).

    Raises DataRefused with constraint `users_subject` if the subject is taken.
    """
    tx.execute(_SQL["insert"], id=user_id, **person)


def is_invited(tx: Transaction, email: str) -> bool:
    """Whether an address is invited already."""
    return bool(tx.value(_SQL["is_invited"], email=email))


def update(tx: Transaction, user_id: UUID, person: Mapping[str, Any]) -> None:
    """Change a person to this (`name`, `email`, `role`, `capacity`, `disabled`)."""
    tx.execute(_SQL["update"], id=user_id, **person)


def set_integrations(tx: Transaction, user_id: UUID, integrations: Collection[UUID]) -> bool:
    """Set the integrations that a person sees; whether that changed anything. Raises DataRefused for an unknown one."""
    return bool(tx.value(_SQL["set_integrations"], id=user_id, integrations=list(integrations)))


def raise_rights(tx: Transaction, ids: Collection[UUID] | None) -> None:
    """What these people, or all agents, see has changed."""
    tx.execute(_SQL["raise_rights"], ids=None if ids is None else list(ids))


def settings(tx: Transaction) -> dict[str, Any]:
    """What the company has chosen, locked to be changed."""
    return dict(tx.value(_SQL["settings"]) or {})


def set_settings(tx: Transaction, chosen: Mapping[str, Any]) -> None:
    """What the company chooses."""
    tx.execute(_SQL["set_settings"], settings=jsonb(dict(chosen)))


def _shown(row: Row) -> View:
    disabled, invited = row["disabled_at"] is not None, row["subject"] is None
    return {
        "id": str(row["id"]),
        "name": row["name"],
        "email": row["email"],
        "role": row["role"],
        "status": "disabled" if disabled else "invited" if invited else "active",
        "capacity": row["capacity"],
        "integrationIds": [str(id_) for id_ in row["integrations"]],
        "createdAt": timestamp(row["created_at"]),
        "updatedAt": timestamp(row["updated_at"]),
    }
