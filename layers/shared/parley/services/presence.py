"""Who is here. The one rule: presence is read from live connections, so it cannot be wrong for longer than a heartbeat;
only whoever went a moment ago is shown as they were.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from parley.domain.audience import conversation_of
from parley.domain.batches import dumps
from parley.domain.principal import Principal
from parley.domain.terms import Terms
from parley.store.connections import known_conversations
from parley.store.database import Database, Row, Transaction
from parley.store.presence import people, set_status
from parley.store.views import timestamp


def presence(database: Database, principal: Principal, terms: Terms) -> dict[str, Any]:
    """Answer `GET /v1/presence`: everybody who is here, and how many of them are online."""
    with database.transaction(principal.tenant_id, viewer=principal.viewer) as tx:
        users = [seen_as(row) for row in people(tx, terms)]
        if principal.viewer is not None:
            users = _in_sight(tx, users)
    return {"data": {"online": sum(user["state"] == "online" for user in users), "users": users}}


def say_busy(database: Database, principal: Principal, *, busy: bool) -> None:
    """Note that a person is busy, or no longer."""
    with database.transaction(principal.tenant_id) as tx:
        set_status(tx, principal.id, "busy" if busy else None)


def who_is_here(tx: Transaction, terms: Terms) -> list[dict[str, Any]]:
    """The people of the transaction's tenant who are here, by name, as everybody may know it."""
    return [told_to_all(row) for row in people(tx, terms)]


def _in_sight(tx: Transaction, users: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same people; of what is before their eyes only what the transaction's viewer may see."""
    seen = known_conversations(tx, {UUID(id_) for user in users for id_ in user["viewing"]})
    return [{**user, "viewing": [id_ for id_ in user["viewing"] if UUID(id_) in seen]} for user in users]


def fitting_people(users: list[dict[str, Any]], room: int) -> list[dict[str, Any]]:
    """As many people as fit into `room` bytes of a frame, those online first; `GET /v1/presence` has them all."""
    kept: list[dict[str, Any]] = []
    for user in sorted(users, key=lambda user: user["state"] != "online"):
        room -= len(dumps(user).encode()) + 1
        if room < 0:
            break
        kept.append(user)
    return kept


def seen_as(row: Row) -> dict[str, Any]:
    """A person as others see them."""
    return {
        "userId": str(row["id"]),
        "name": row["name"],
        "state": row["state"],
        "viewing": viewed(row),
        "lastSeenAt": timestamp(row["last_seen_at"]),
    }


def told_to_all(row: Row) -> dict[str, Any]:
    """A person as all of the company may see them: without what they look at, where not everybody may look at it."""
    return {**seen_as(row), "viewing": []} if row["agents_differ"] else seen_as(row)


def viewed(row: Row) -> list[str]:
    """The conversations somebody has before their eyes: subscribed to on a visible connection."""
    return sorted(str(conversation_of(topic) or topic) for topic in row["viewing"])
