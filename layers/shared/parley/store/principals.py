"""Rows of those who may call: users and API keys of a tenant."""

from __future__ import annotations

from uuid import UUID

from .database import Row, Transaction
from .queries import queries

_SQL = queries("principals")


def find_user(tx: Transaction, issuer: str, subject: str) -> Row | None:
    """The person a token names: `id`, `name`, `role`, `rights_version`, `disabled`."""
    return tx.row(_SQL["user"], issuer=issuer, subject=subject)


def find_api_key(tx: Transaction, key_id: UUID) -> Row | None:
    """An API key: `id`, `name`, `secret_hash`, `scopes`, `ended` (expired or revoked)."""
    return tx.row(_SQL["api_key"], id=key_id)
