"""What the housekeeper looks for, across tenants through narrow functions, and clears away, tenant by tenant."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from .database import Row, Transaction
from .queries import queries

_SQL = queries("housekeeping")


def make_partitions(tx: Transaction, days: int) -> int:
    """Make the partitions that are missing, up to so many days ahead; answer how many."""
    return int(tx.value(_SQL["make_partitions"], days=days))


def missing_partitions(tx: Transaction, days: int) -> list[Row]:
    """The partitions (`parent`, `first_missing`: its first day) that are missing, up to so many days ahead."""
    return tx.rows(_SQL["missing_partitions"], days=days)


def forget_pacing(tx: Transaction) -> None:
    """Drop what limits nobody any more."""
    tx.execute(_SQL["forget_pacing"])


def forget_signals(tx: Transaction) -> None:
    """Drop who typed, whom a limit held back and which chunk was pushed, long ago."""
    tx.execute(_SQL["forget_signals"])


def count_open_connections(tx: Transaction) -> int:
    """How many sockets are open, of all tenants."""
    return int(tx.value(_SQL["count_open_connections"]))


def find_stuck_sends(tx: Transaction, older_than: timedelta, at_most: int) -> list[Row]:
    """Conversations (tenant_id, integration_id, conversation_id) with a send nobody looks after."""
    return tx.rows(_SQL["find_stuck_sends"], older_than=older_than, at_most=at_most)


def count_stuck_sends(tx: Transaction, older_than: timedelta, at_most: int) -> int:
    """How many conversations have a send nobody looks after, counted up to so many."""
    return int(tx.value(_SQL["count_stuck_sends"], older_than=older_than, at_most=at_most))


def find_silent_connections(tx: Transaction, silent_for: timedelta) -> list[Row]:
    """Connections (tenant_id, id) unheard for so long."""
    return tx.rows(_SQL["find_silent_connections"], silent_for=silent_for)


def delete_silent_connections(tx: Transaction, ids: Sequence[str], silent_for: timedelta) -> list[Row]:
    """Drop connections of the tenant, unless one spoke meanwhile; answer which: `id`, and whether the person was
    `revoked`.
    """
    return tx.rows(_SQL["delete_silent_connections"], ids=list(ids), silent_for=silent_for)


def delete_expired_tickets(tx: Transaction) -> None:
    """Drop the tenant's tickets that nobody used in time."""
    tx.execute(_SQL["delete_expired_tickets"])


def find_lagging_tenants(tx: Transaction, older_than: timedelta) -> list[UUID]:
    """Tenants with listeners that an event has not reached for so long."""
    return [row["tenant_id"] for row in tx.rows(_SQL["find_lagging_tenants"], older_than=older_than)]


def read(tx: Transaction) -> list[Row]:
    """How each step went, the one that was begun the longest ago first."""
    return tx.rows(_SQL["read"])


def begin(tx: Transaction, step: str) -> None:
    """Note that a step begins."""
    tx.execute(_SQL["begin"], step=step)


def end(tx: Transaction, step: str, found: int, ms: int, error: str | None) -> None:
    """Note how a step ended."""
    tx.execute(_SQL["end"], step=step, found=found, ms=ms, error=error)


def now(tx: Transaction) -> datetime:
    """The database's clock."""
    moment: datetime = tx.value(_SQL["now"])
    return moment
