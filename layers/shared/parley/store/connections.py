"""Connections of the socket, what they listen to, and how far each was told. The one rule: a position only ever rises,
but for a hello, which says where the client is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from parley.domain.audience import Listener, conversation_of
from parley.domain.principal import Principal

from .database import Row, Transaction, jsonb
from .push_leases import EVERYBODY, Chunk
from .queries import queries

Ending = Literal["expired", "rights", "revoked"]

_SQL = queries("connections")


@dataclass(frozen=True, slots=True)
class Seat:
    """A connection as the frame that just came finds it. `ending`: why it may not go on, if so. `stirred`: this frame
    may have changed how present its person looks.
    """

    tenant_id: UUID
    id: str
    user_id: UUID
    name: str
    active: bool
    sent_seq: int
    eval_seq: int
    rights_version: int
    expires_at: datetime
    ending: Ending | None
    stirred: bool = False


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


def admit(tx: Transaction, connection_id: str, person: Principal, term: timedelta, allowed: int) -> list[str]:
    """Add a connection of a person; answer those that had to make room, the oldest, already deleted."""
    tx.execute(_SQL["lock_user"], user_id=person.id)
    tx.execute(
        _SQL["insert_connection"],
        id=connection_id,
        user_id=person.id,
        rights_version=person.rights_version,
        term=term,
        until=person.until,
    )
    return [row["id"] for row in tx.rows(_SQL["delete_surplus"], user_id=person.id, allowed=allowed)]


def count_connections(tx: Transaction) -> int:
    """How many connections the tenant has."""
    return int(tx.value(_SQL["count_connections"]))


def delete_connection(tx: Transaction, connection_id: str) -> bool:
    """Forget a connection; whether there was one."""
    return bool(tx.value(_SQL["delete_connection"], id=connection_id))


def touch(
    tx: Transaction, connection_id: str, visible: bool | None, idle_ms: int | None, idle_for: timedelta
) -> Seat | None:
    """Note that a connection lives, and read it. `idle_for`: after which its person is away."""
    limit = int(idle_for.total_seconds() * 1000)
    row = tx.row(_SQL["touch"], id=connection_id, visible=visible, idle_ms=idle_ms, idle_limit=limit)
    if row is None or tx.tenant_id is None:
        return None
    return Seat(
        tenant_id=tx.tenant_id,
        id=row["id"],
        user_id=row["user_id"],
        name=row["name"],
        active=row["state"] == "active",
        sent_seq=row["sent_seq"],
        eval_seq=row["eval_seq"],
        rights_version=row["rights_version"],
        expires_at=row["expires_at"],
        ending=_ending(row),
        stirred=row["stirred"] and row["state"] == "active",
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


def renew(tx: Transaction, connection_id: str, term: timedelta, until: datetime | None) -> datetime | None:
    """Let a connection live for `term` from now, but not longer than `until`; None if it is gone."""
    row = tx.row(_SQL["renew"], id=connection_id, term=term, until=until)
    return None if row is None else row["expires_at"]


def listener(tx: Transaction, connection_id: str) -> tuple[Listener, Ending | None] | None:
    """One connection as an audience, and why it may not go on, if so."""
    row = tx.row(_SQL["listener"], id=connection_id)
    if row is None:
        return None
    return Listener(row["user_id"], frozenset(row["topics"])), _ending(row)


def listeners(tx: Transaction, chunk: Chunk = EVERYBODY) -> list[Ear]:
    """Everybody who is pushed to, or those of one chunk."""
    return [
        Ear(
            id=row["id"],
            listener=Listener(row["user_id"], frozenset(row["topics"])),
            sent_seq=row["sent_seq"],
            seq=max(row["sent_seq"], row["eval_seq"]),
            hellos=row["hellos"],
            ending=_ending(row),
        )
        for row in tx.rows(_SQL["listeners"], after=chunk.after, up_to=chunk.up_to)
    ]


def page_of_connections(tx: Transaction, after: tuple[datetime, str] | None, limit: int) -> list[Row]:
    """The next open sockets (id, user_id, name, state, visible, connected_at, seen_at, expires_at, topics), the latest
    opened first.
    """
    at, id_ = after or (None, None)
    return tx.rows(_SQL["page"], after_at=at, after_id=id_, limit=limit)


def raise_positions(tx: Transaction, positions: Iterable[Position]) -> None:
    """Note how far connections were told."""
    rows: list[Mapping[str, Any]] = [
        {"id": at.id, "hellos": at.hellos, "sent_seq": at.sent_seq, "eval_seq": at.eval_seq} for at in positions
    ]
    if rows:
        tx.execute(_SQL["raise_positions"], positions=jsonb(rows))


def hold(tx: Transaction, ids: Sequence[str], term: timedelta) -> None:
    """Push nothing to these connections for a while."""
    if ids:
        tx.execute(_SQL["hold"], ids=list(ids), term=term)


def hearers(tx: Transaction, topic: str, but: str | None) -> list[str]:
    """The connections that hear an ephemeral word on a topic, all but one."""
    rows = tx.rows(_SQL["hearers"], topic=topic, but=but, about=conversation_of(topic))
    return [row["id"] for row in rows]


def _ending(row: Row) -> Ending | None:
    if row["revoked"]:
        return "revoked"
    if row["stale"]:
        return "rights"
    return "expired" if row["expired"] else None
