"""Recognise a caller. The one rule: role, status and scopes come from the row, on each request, never from what was
presented; that counts only where somebody comes for the first time.
"""

from __future__ import annotations

import hashlib
import hmac
from uuid import UUID

from parley.domain.errors import Forbidden, Unauthenticated
from parley.domain.principal import Principal
from parley.store import principals as store
from parley.store.database import Database, Row, Transaction


class Directory:
    """Everybody who may call."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def user(
        self,
        tenant_id: UUID | None,
        issuer: str,
        subject: str,
        *,
        email: str | None = None,
        name: str | None = None,
        role: str | None = None,
    ) -> Principal:
        """The person whom the issuer knows as `subject`, in this tenant or, where the token names none, in theirs.

        `email`: an address that the issuer has checked; whoever was invited under it comes in. `name`, `role`: of
        somebody whom the company adds of itself. Raises Forbidden for a subject nobody added and for one that was
        disabled.
        """
        home = tenant_id or self._home(issuer, subject, email)
        with self._database.transaction(home) as tx:
            row = store.find_user(tx, issuer, subject)
            if row is None and _admit(tx, issuer, subject, email, name, role):
                row = store.find_user(tx, issuer, subject)
        if row is None:
            raise Forbidden("Nobody has added you here.")
        if row["disabled"]:
            raise Forbidden("Your access was taken away.")
        return Principal(
            home,
            "user",
            row["id"],
            row["name"],
            role=row["role"],
            rights_version=row["rights_version"],
            restricted=row["restricted"],
            busy=row["status"] == "busy",
        )

    def api_key(self, tenant_id: UUID, key_id: UUID, secret: str) -> Principal:
        """The API key of this tenant with this id.

        Raises Unauthenticated, always with the same words, for one that never was, has ended, or has another secret.
        """
        with self._database.transaction(tenant_id) as tx:
            row = store.find_api_key(tx, key_id)
            known = row is not None and _matches(row, secret)
            if row is not None and known and row["unnoticed"] and not row["ended"]:
                store.note_use(tx, key_id)
        if row is None or not known or row["ended"]:
            raise Unauthenticated("The API key is not valid.")
        return Principal(
            tenant_id,
            "api_key",
            row["id"],
            row["name"],
            scopes=frozenset(row["scopes"]),
            per_minute=row["per_minute"],
        )

    def keep_issuer_keys(self, url: str, document: bytes) -> None:
        """Keep an issuer's key set for functions that start while it is down. Raises Unavailable, DataRefused."""
        with self._database.unscoped() as tx:
            store.keep_issuer_keys(tx, url, document.decode())

    def kept_issuer_keys(self, url: str) -> bytes | None:
        """An issuer's key set as it was last kept. Raises Unavailable."""
        with self._database.unscoped() as tx:
            found = store.kept_issuer_keys(tx, url)
        return None if found is None else found.encode()

    def _home(self, issuer: str, subject: str, email: str | None) -> UUID:
        """The company of somebody whose token names none."""
        with self._database.unscoped() as tx:
            found = store.tenants_of_subject(tx, issuer, subject, email)
        if not found:
            raise Forbidden("Nobody has added you here.")
        if len(found) > 1:
            raise Forbidden("You belong to several companies: the token has to name one.")
        return found[0]


def _admit(tx: Transaction, issuer: str, subject: str, email: str | None, name: str | None, role: str | None) -> bool:
    """Let somebody in for the first time: who was invited, or anybody where the company wants that."""
    if email is not None and store.accept_invitation(tx, issuer, subject, email):
        return True
    called = name or email or subject
    # A claim can make an agent or an admin; owners are made by owners.
    wanted = role if role in ("agent", "admin") else "agent"
    return store.provision(tx, issuer, subject, name=called, email=email, role=wanted)


def _matches(row: Row, secret: str) -> bool:
    """Whether this is the key's secret, or the one before its last rotation while that is still good."""
    presented = hashlib.sha256(secret.encode()).digest()
    hashes = [bytes(row[name]) for name in ("secret_hash", "previous_hash") if row[name] is not None]
    return sum(hmac.compare_digest(presented, known) for known in hashes) > 0
