"""API keys as a company manages them. The one rule: only hashes of secrets are stored."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from .database import Row, Transaction
from .queries import queries
from .views import View, timestamp

_SQL = queries("api_keys")


def page(tx: Transaction, after: UUID | None, limit: int) -> list[View]:
    """The next keys after one, as the API shows them."""
    return [_shown(row) for row in tx.rows(_SQL["page"], after=after, limit=limit)]


def one(tx: Transaction, key_id: UUID) -> View | None:
    """A key, as the API shows it; None where there is none or it was revoked."""
    row = tx.row(_SQL["one"], id=key_id)
    return None if row is None else _shown(row)


def insert(tx: Transaction, key_id: UUID, secret_hash: bytes, key: Mapping[str, Any]) -> None:
    """Add a key (`name`, `scopes`, `per_minute`, `expires_at`, `created_by`)."""
    tx.execute(_SQL["insert"], id=key_id, secret_hash=secret_hash, **key)


def rotate(tx: Transaction, key_id: UUID, secret_hash: bytes, overlap: timedelta) -> bool:
    """Give a key another secret; whether it was still good."""
    return tx.row(_SQL["rotate"], id=key_id, secret_hash=secret_hash, overlap=overlap) is not None


def revoke(tx: Transaction, key_id: UUID) -> bool:
    """End a key; whether it had not ended so already."""
    return tx.row(_SQL["revoke"], id=key_id) is not None


def _shown(row: Row) -> View:
    return {
        "id": str(row["id"]),
        "name": row["name"],
        "scopes": sorted(row["scopes"]),
        "perMinute": row["per_minute"],
        "expiresAt": timestamp(row["expires_at"]),
        "previousUntil": timestamp(row["previous_until"]),
        "lastUsedAt": timestamp(row["last_used_at"]),
        "createdAt": timestamp(row["created_at"]),
    }
