"""Connections of the socket, what they listen to, and how far each was told. The one rule: a position only ever rises,
but for a hello, which says where the client is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from parley.domain.audience import Listener

from .database import Row, Transaction, jsonb
from .queries import queries

Ending = Literal["expired", "rights", "revoked"]

_SQL = queries("connections")


@dataclass(frozen=True, slots=True)
class Seat:
    """A connection as the frame that just came finds it. `ending`: why it may not go on, if so."""

    tenant_id: UUID
    id: str
    user_id: UUID
    active: bool
    sent_seq: int
    eval_seq: int
    rights_version: int
    expires_at: datetime
    ending: Ending | None


@dataclass(frozen=True, slots=True)
class Ear:
    """A connection as an audience, in one snapshot with the events. `seq`: everything up to it was told or examined."""

    id: str
    listener: Listener
    sent_seq: int
    seq: int
    hellos: int
    ending: Ending | None


@dataclass(frozen=True, slots=True)
class Position:
    """How far a connection was told since its last hello."""

    id: str
    hellos: int
    sent_seq: int
    eval_seq: int


def find_connection(tx: Transaction, connection_id: str) -> tuple[UUID, UUID] | None:
    """Tenant and person of a connection; works without a tenant."""
    row = tx.row(_SQL["find_connection"], id=connection_id)
    return (row["tenant_id"], row["user_id"]) if row and row["user_id"] else None


def admit(
    tx: Transaction, connection_id: str, user_id: UUID, rights_version: int, term: timedelta, allowed: int
) -> list[str]:
    """Add a connection of a person; answer those that had to make room, the oldest, already deleted."""
    tx.execute(_SQL["lock_user"], user_id=user_id)
    tx.execute(_SQL["insert_connection"], id=connection_id, user_id=user_id, rights_version=rights_version, term=term)
    return [row["id"] for row in tx.rows(_SQL["delete_surplus"], user_id=user_id, allowed=allowed)]


def count_connections(tx: Transaction) -> int:
    """How many connections the tenant has."""
    return int(tx.value(_SQL["count_connections"]))


def delete_connection(tx: Transaction, connection_id: str) -> bool:
    """Forget a connection; whether there was one."""
    return tx.execute(_SQL["delete_connection"], id=connection_id) == 1


def touch(tx: Transaction, connection_id: str, visible: bool | None, idle_ms: int | None) -> Seat | None:
    """Note that a connection lives, and read it."""
    row = tx.row(_SQL["touch"], id=connection_id, visible=visible, idle_ms=idle_ms)
    if row is None or tx.tenant_id is None:
        return None
    return Seat(
        tenant_id=tx.tenant_id,
        id=row["id"],
        user_id=row["user_id"],
        active=row["state"] == "active",
        sent_seq=row["sent_seq"],
        eval_seq=row["eval_seq"],
        rights_version=row["rights_version"],
        expires_at=row["expires_at"],
        ending=_ending(row),
    )


def activate(
    tx: Transaction, connection_id: str, seq: int, topics: Collection[str], tab: str | None, *, visible: bool
) -> int:
    """Begin to push to a connection, from this position, with exactly these topics; answer its count of hellos."""
    hellos = tx.value(_SQL["activate"], id=connection_id, seq=seq, tab=tab, visible=visible)
    if hellos is None:
        return 0
    tx.execute(_SQL["clear_subscriptions"], id=connection_id)
    add_topics(tx, connection_id, topics)
    return int(hellos)


def add_topics(tx: Transaction, connection_id: str, topics: Collection[str]) -> int:
    """Listen to more topics; answer how many there are then."""
    tx.execute(_SQL["insert_subscriptions"], id=connection_id, topics=list(topics))
    return int(tx.value(_SQL["count_subscriptions"], id=connection_id))


def drop_topics(tx: Transaction, connection_id: str, topics: Collection[str]) -> None:
    """Listen to fewer topics."""
    tx.execute(_SQL["delete_subscriptions"], id=connection_id, topics=list(topics))


def known_conversations(tx: Transaction, ids: Collection[UUID]) -> set[UUID]:
    """Which of these conversations this tenant has."""
    return {row["id"] for row in tx.rows(_SQL["known_conversations"], ids=list(ids))} if ids else set()


def renew(tx: Transaction, connection_id: str, term: timedelta) -> datetime | None:
    """Let a connection live for `term` from now; None if it is gone."""
    row = tx.row(_SQL["renew"], id=connection_id, term=term)
    return None if row is None else row["expires_at"]


def listener(tx: Transaction, connection_id: str) -> tuple[Listener, Ending | None] | None:
    """One connection as an audience, and why it may not go on, if so."""
    row = tx.row(_SQL["listener"], id=connection_id)
    if row is None:
        return None
    return Listener(row["user_id"], frozenset(row["topics"])), _ending(row)


def listeners(tx: Transaction) -> list[Ear]:
    """Everybody who is pushed to."""
    return [
        Ear(
            id=row["id"],
            listener=Listener(row["user_id"], frozenset(row["topics"])),
            sent_seq=row["sent_seq"],
            seq=max(row["sent_seq"], row["eval_seq"]),
            hellos=row["hellos"],
            ending=_ending(row),
        )
        for row in tx.rows(_SQL["listeners"])
    ]


def raise_positions(tx: Transaction, positions: Iterable[Position]) -> None:
    """Note how far connections were told."""
    rows: list[Mapping[str, Any]] = [
        {"id": at.id, "hellos": at.hellos, "sent_seq": at.sent_seq, "eval_seq": at.eval_seq} for at in positions
    ]
    if rows:
        tx.execute(_SQL["raise_positions"], positions=jsonb(rows))


def people(tx: Transaction, idle_for: timedelta, silent_for: timedelta) -> list[Row]:
    """Who has a live connection: `id`, `name`, `last_seen_at`, `present` (not hidden or idle everywhere), `viewing`."""
    return tx.rows(_SQL["people"], idle_ms=int(idle_for.total_seconds() * 1000), silent_for=silent_for)


def _ending(row: Row) -> Ending | None:
    if row["revoked"]:
        return "revoked"
    if row["stale"]:
        return "rights"
    return "expired" if row["expired"] else None
