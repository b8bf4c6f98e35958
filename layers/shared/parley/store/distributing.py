"""The statements of giving conversations to people by turns."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

from parley.domain.terms import Terms

from .database import Row, Transaction
from .queries import queries

_SQL = queries("distributing")


def rules(tx: Transaction) -> list[Row]:
    """The accounts (id, capacity, members_only) whose conversations go to people by turns."""
    return tx.rows(_SQL["rules"])


def is_any_waiting(tx: Transaction, integrations: Collection[UUID]) -> bool:
    """Whether a conversation of these accounts is nobody's."""
    return bool(tx.value(_SQL["is_any_waiting"], integrations=list(integrations)))


def take_the_turn(tx: Transaction) -> None:
    """Give alone, until the transaction ends."""
    tx.execute(_SQL["take_the_turn"])


def note_who_is_here(tx: Transaction, terms: Terms) -> None:
    """Note who of those that were given conversations has gone, or come back."""
    tx.execute(_SQL["note_who_is_here"], silence=terms.silence, idle_limit=_milliseconds(terms.idle))


def people(tx: Transaction, terms: Terms) -> list[Row]:
    """Who is online (id, capacity, role, load, integrations), in the order of their turns."""
    return tx.rows(_SQL["people"], silence=terms.silence, idle_limit=_milliseconds(terms.idle))


def unassigned(tx: Transaction, integrations: Collection[UUID], at_most: int) -> list[Row]:
    """Lock and answer conversations (id, assignee_id, integration_id) that are nobody's, the longest silence first."""
    return tx.rows(_SQL["unassigned"], integrations=list(integrations), at_most=at_most)


def left_behind(tx: Transaction, integrations: Collection[UUID], grace: timedelta, at_most: int) -> list[Row]:
    """Lock and answer conversations (id, assignee_id, integration_id) in which a customer waits for somebody who has
    been gone for longer than `grace`.
    """
    return tx.rows(_SQL["left_behind"], integrations=list(integrations), grace=grace, at_most=at_most)


def count_turn(tx: Transaction, user_id: UUID) -> None:
    """Note that a person was given a conversation."""
    tx.execute(_SQL["count_turn"], user_id=user_id)


def find_tenants(tx: Transaction) -> list[UUID]:
    """Tenants, of all, in which conversations go to people by turns."""
    return [row["tenant_id"] for row in tx.rows(_SQL["find_tenants"])]


def _milliseconds(time: timedelta) -> int:
    return round(time.total_seconds() * 1000)
