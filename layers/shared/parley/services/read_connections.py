"""Read who is connected: the open sockets of a company, and what each listens to. The one rule: what opened a socket is
not told, only whose it is.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from parley.domain.events import user_topic
from parley.domain.principal import Principal
from parley.store.connections import page_of_connections
from parley.store.database import Database, Row
from parley.store.views import timestamp

from .read_inbox import Page

ConnectionPosition = tuple[datetime, str]


def connections(
    database: Database, principal: Principal, after: ConnectionPosition | None, limit: int
) -> Page[ConnectionPosition]:
    """The next open sockets, the latest opened first."""
    with database.transaction(principal.tenant_id) as tx:
        rows = page_of_connections(tx, after, limit + 1)
    last = rows[limit - 1] if len(rows) > limit else None
    return Page([_connection(row) for row in rows[:limit]], (last["connected_at"], last["id"]) if last else None)


def _connection(row: Row) -> dict[str, Any]:
    own = user_topic(row["user_id"]) if row["user_id"] else None
    return {
        "id": row["id"],
        "user": {"id": str(row["user_id"]), "name": row["name"]} if row["user_id"] else None,
        "state": row["state"],
        "visible": row["visible"],
        "subscriptions": ["user" if topic == own else topic for topic in row["topics"]],
        "connectedAt": timestamp(row["connected_at"]),
        "lastSeenAt": timestamp(row["seen_at"]),
        "expiresAt": timestamp(row["expires_at"]),
    }
