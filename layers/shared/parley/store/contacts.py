"""The statements of contacts, as people keep them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from .database import Row, Transaction, jsonb
from .queries import queries

_SQL = queries("contacts")


def page_of_contacts(
    tx: Transaction,
    after: UUID | None,
    limit: int,
    *,
    phone: str | None = None,
    blocked: bool | None = None,
    restricted: bool = False,
) -> list[UUID]:
    """The next contacts, the newest first; `phone`: only whose number this is (its canonical key); `restricted`: the
    transaction has a viewer, who sees some only.
    """
    query = _SQL["page_in_sight" if restricted else "page"]
    rows = tx.rows(query, after=after, limit=limit, phone=phone, blocked=blocked)
    return [row["id"] for row in rows]


def contact_by_phone(tx: Transaction, phone: str) -> UUID | None:
    """Whose number this is (its canonical key)."""
    found: UUID | None = tx.value(_SQL["by_phone"], phone=phone)
    return found


def lock_contact(tx: Transaction, contact_id: UUID) -> Row | None:
    """Lock and answer what people say of a contact (id, name, attributes, blocked, version)."""
    return tx.row(_SQL["lock"], id=contact_id)


def change_contact(
    tx: Transaction, contact_id: UUID, *, name: str | None, attributes: Mapping[str, Any], blocked: bool
) -> None:
    """Set what people say of a locked contact."""
    tx.execute(_SQL["change"], id=contact_id, name=name, attributes=jsonb(dict(attributes)), blocked=blocked)
