"""What the housekeeper looks for, across tenants through narrow functions, and clears away, tenant by tenant."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from .database import Row, Transaction
from .queries import queries

_SQL = queries("housekeeping")


def make_partitions(tx: Transaction) -> None:
    """Make the partitions of the coming week."""
    tx.execute(_SQL["make_partitions"])


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
