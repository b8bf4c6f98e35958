"""One-time tickets for the socket. The one rule: a ticket opens one connection, within seconds, for the person it was
issued to, and for no longer than that person's token is good; it names its tenant, so that looking it up needs no look
across tenants.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import timedelta
from typing import Any
from uuid import UUID

from parley.domain.errors import Forbidden, Unauthenticated
from parley.domain.principal import Principal
from parley.store.database import Database
from parley.store.tickets import consume_ticket, insert_ticket

SECRET_BYTES = 32

_TICKET = re.compile(r"([0-9a-f]{32})([A-Za-z0-9_-]{43})", re.ASCII)


def issue(database: Database, principal: Principal, url: str, ttl: timedelta) -> dict[str, Any]:
    """Answer `POST /v1/realtime/ticket`. Raises Forbidden for an API key: a connection is a person's."""
    if principal.kind != "user":
        raise Forbidden("A ticket is for a person; a key reads GET /v1/events.")
    secret = secrets.token_urlsafe(SECRET_BYTES)
    with database.transaction(principal.tenant_id) as tx:
        insert_ticket(tx, _hash(secret), principal.id, ttl, principal.until)
    ticket = f"{principal.tenant_id.hex}{secret}"
    return {"data": {"ticket": ticket, "url": url, "expiresIn": max(1, round(ttl.total_seconds()))}}


def consume(database: Database, ticket: str) -> Principal:
    """Use a ticket up; answer its person, with the rights they have now. Raises Unauthenticated."""
    match = _TICKET.fullmatch(ticket)
    if match is None:
        raise Unauthenticated("The ticket is not valid.")
    tenant_id = UUID(match[1])
    with database.transaction(tenant_id) as tx:
        row = consume_ticket(tx, _hash(match[2]))
    if row is None:
        raise Unauthenticated("The ticket is not valid.")
    return Principal(
        tenant_id,
        "user",
        row["id"],
        row["name"],
        role=row["role"],
        rights_version=row["rights_version"],
        until=row["session_until"],
    )


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
