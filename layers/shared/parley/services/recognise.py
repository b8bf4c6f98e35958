"""Recognise a caller. The one rule: role, status and scopes come from the row, on each request, never from what was
presented.
"""

from __future__ import annotations

import hashlib
import hmac
from uuid import UUID

from parley.domain.errors import Forbidden, Unauthenticated
from parley.domain.principal import Principal
from parley.store.database import Database
from parley.store.principals import find_api_key, find_user


class Directory:
    """Everybody who may call."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def user(self, tenant_id: UUID, issuer: str, subject: str) -> Principal:
        """The person of this tenant whom the issuer knows as `subject`.

        Raises Forbidden for a subject nobody added and for one that was disabled.
        """
        with self._database.transaction(tenant_id) as tx:
            row = find_user(tx, issuer, subject)
        if row is None:
            raise Forbidden("Nobody has added you here.")
        if row["disabled"]:
            raise Forbidden("Your access was taken away.")
        return Principal(
            tenant_id, "user", row["id"], row["name"], role=row["role"], rights_version=row["rights_version"]
        )

    def api_key(self, tenant_id: UUID, key_id: UUID, secret: str) -> Principal:
        """The API key of this tenant with this id.

        Raises Unauthenticated, always with the same words, for one that never was, has ended, or has another secret.
        """
        with self._database.transaction(tenant_id) as tx:
            row = find_api_key(tx, key_id)
        presented = hashlib.sha256(secret.encode()).digest()
        known = row is not None and hmac.compare_digest(presented, bytes(row["secret_hash"]))
        if row is None or not known or row["ended"]:
            raise Unauthenticated("The API key is not valid.")
        return Principal(tenant_id, "api_key", row["id"], row["name"], scopes=frozenset(row["scopes"]))
