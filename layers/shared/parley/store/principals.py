"""Rows of those who may call: users and API keys of a tenant, and the keys their issuer signs with."""

from __future__ import annotations

from uuid import UUID

from .database import Row, Transaction
from .ids import new_id
from .queries import queries

_SQL = queries("principals")


def find_user(tx: Transaction, issuer: str, subject: str) -> Row | None:
    """The person a token names: `id`, `name`, `role`, `rights_version`, `disabled`, `restricted`."""
    return tx.row(_SQL["user"], issuer=issuer, subject=subject)


def tenants_of_subject(tx: Transaction, issuer: str, subject: str, email: str | None) -> list[UUID]:
    """The companies (two at most) that know a subject or invited its address; works without a tenant."""
    rows = tx.rows(_SQL["find_subject"], issuer=issuer, subject=subject, email=email)
    return sorted({row["tenant_id"] for row in rows})


def accept_invitation(tx: Transaction, issuer: str, subject: str, email: str) -> bool:
    """Let somebody in who was invited under this address; whether anybody was."""
    return tx.row(_SQL["accept_invitation"], issuer=issuer, subject=subject, email=email) is not None


def provision(tx: Transaction, issuer: str, subject: str, *, name: str, email: str | None, role: str) -> bool:
    """Add somebody where the company adds whoever comes; whether it does."""
    given = {"id": new_id(), "issuer": issuer, "subject": subject, "name": name, "email": email, "role": role}
    return tx.row(_SQL["provision"], **given) is not None


def find_api_key(tx: Transaction, key_id: UUID) -> Row | None:
    """An API key: `id`, `name`, `secret_hash`, `previous_hash`, `scopes`, `per_minute`, `ended` (expired or revoked),
    `unnoticed`.
    """
    return tx.row(_SQL["api_key"], id=key_id)


def note_use(tx: Transaction, key_id: UUID) -> None:
    """Note that a key is in use, to the hour."""
    tx.execute(_SQL["note_use"], id=key_id)


def keep_issuer_keys(tx: Transaction, url: str, document: str) -> None:
    """Keep an issuer's key set; works without a tenant."""
    tx.execute(_SQL["keep_issuer_keys"], url=url, document=document)


def kept_issuer_keys(tx: Transaction, url: str) -> str | None:
    """An issuer's key set as it was last kept; works without a tenant."""
    found = tx.value(_SQL["kept_issuer_keys"], url=url)
    return None if found is None else str(found)
