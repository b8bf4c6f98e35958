"""Issue API keys. The one rule: a key is answered once, when it is made or given another secret, and only the hash of
its secret is kept.
"""

from __future__ import annotations

import hashlib
import secrets
import zlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from parley.domain.errors import Forbidden, NotFound
from parley.domain.principal import Principal
from parley.store import api_keys as store
from parley.store.audit import record
from parley.store.database import Database
from parley.store.ids import new_id
from parley.store.views import View

from .read_inbox import Page


class Keys:
    """The API keys of each tenant."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, by: Principal, after: UUID | None, limit: int) -> Page[UUID]:
        """The next keys after one."""
        with self._database.transaction(by.tenant_id) as tx:
            items = store.page(tx, after, limit + 1)
        return Page(items[:limit], UUID(items[limit - 1]["id"]) if len(items) > limit else None)

    def issue(self, by: Principal, key: Mapping[str, Any], correlation_id: UUID) -> View:
        """Make a key (`name`, `scopes`, `expires_at`, `per_minute`); the answer's `key` is shown this once."""
        key_id, secret = new_id(), secrets.token_hex(32)
        owner = by.id if by.kind == "user" else None
        columns = {name: key.get(name) for name in ("name", "expires_at", "per_minute")}
        with self._database.transaction(by.tenant_id) as tx:
            store.insert(tx, key_id, _hash(secret), {**columns, "scopes": sorted(key["scopes"]), "created_by": owner})
            about = {"name": key["name"], "scopes": sorted(key["scopes"])}
            record(tx, by, "api_key.created", ("api_key", key_id), about, correlation_id)
            made = store.one(tx, key_id) or {}
        return {**made, "key": _written(by.tenant_id, key_id, secret)}

    def rotate(self, by: Principal, key_id: UUID, overlap: timedelta, correlation_id: UUID) -> View:
        """Give a key another secret; the one before stays good for `overlap`. Raises NotFound."""
        secret = secrets.token_hex(32)
        with self._database.transaction(by.tenant_id) as tx:
            if not store.rotate(tx, key_id, _hash(secret), overlap):
                raise NotFound
            about = {"overlapSeconds": int(overlap.total_seconds())}
            record(tx, by, "api_key.rotated", ("api_key", key_id), about, correlation_id)
            made = store.one(tx, key_id) or {}
        return {**made, "key": _written(by.tenant_id, key_id, secret)}

    def revoke(self, by: Principal, key_id: UUID, correlation_id: UUID) -> View:
        """End a key; answer it as it was. Raises NotFound, Forbidden for the key that asks."""
        if key_id == by.id:
            raise Forbidden("A key does not revoke itself.")
        with self._database.transaction(by.tenant_id) as tx:
            was = store.one(tx, key_id)
            if was is None or not store.revoke(tx, key_id):
                raise NotFound
            record(tx, by, "api_key.revoked", ("api_key", key_id), {"name": was["name"]}, correlation_id)
        return was


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _written(tenant_id: UUID, key_id: UUID, secret: str) -> str:
    """`pk_<tenant and key id>_<secret>_<crc>`, all hexadecimal."""
    body = f"pk_{tenant_id.hex}{key_id.hex}_{secret}"
    return f"{body}_{zlib.crc32(body.encode()):08x}"
