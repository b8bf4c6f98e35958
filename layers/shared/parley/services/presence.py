"""Who is here. The one rule: presence is read from live connections, never kept, so it cannot be wrong for longer than
a heartbeat.
"""

from __future__ import annotations

from typing import Any

from parley.domain.audience import conversation_of
from parley.domain.batches import dumps
from parley.domain.principal import Principal
from parley.domain.terms import Terms
from parley.store.connections import people
from parley.store.database import Database, Row, Transaction
from parley.store.views import timestamp


def presence(database: Database, principal: Principal, terms: Terms | None = None) -> dict[str, Any]:
    """Answer `GET /v1/presence`: everybody with a live connection, and how many of them are online."""
    with database.transaction(principal.tenant_id) as tx:
        users = who_is_here(tx, terms or Terms())
    return {"data": {"online": sum(user["state"] == "online" for user in users), "users": users}}


def who_is_here(tx: Transaction, terms: Terms) -> list[dict[str, Any]]:
    """The people of the transaction's tenant with a live connection, by name."""
    return [_user(row) for row in people(tx, terms.idle, terms.silence)]


def fitting_people(users: list[dict[str, Any]], room: int) -> list[dict[str, Any]]:
    """As many people as fit into `room` bytes of a frame, those online first; `GET /v1/presence` has them all."""
    kept: list[dict[str, Any]] = []
    for user in sorted(users, key=lambda user: user["state"] != "online"):
        room -= len(dumps(user).encode()) + 1
        if room < 0:
            break
        kept.append(user)
    return kept


def _user(row: Row) -> dict[str, Any]:
    viewing = (conversation_of(topic) for topic in sorted(row["viewing"]))
    return {
        "userId": str(row["id"]),
        "name": row["name"],
        "state": "online" if row["present"] else "away",
        "viewing": [str(id_) for id_ in viewing if id_],
        "lastSeenAt": timestamp(row["last_seen_at"]),
    }
