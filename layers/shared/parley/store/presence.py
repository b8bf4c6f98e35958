"""Who is here, who was told so, who types, and how often somebody may. The one rule: all of it may be forgotten; it is
read from live connections again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from parley.domain.identity import Person
from parley.domain.terms import Rate, Terms

from .database import Row, Transaction, jsonb
from .queries import queries

_SQL = queries("presence")


def people(tx: Transaction, terms: Terms) -> list[Row]:
    """Who is here, by name: `id`, `name`, `state`, `viewing` (topics), `last_seen_at`, and for one whose connections
    are all gone `leaves_in` (seconds); `agents_differ`: the company's agents do not all see the same.
    """
    limit = int(terms.idle.total_seconds() * 1000)
    return tx.rows(_SQL["people"], idle_limit=limit, silence=terms.silence, grace=terms.grace)


def set_status(tx: Transaction, user_id: UUID, status: str | None) -> None:
    """Set what a person says of themselves."""
    tx.execute(_SQL["set_status"], user_id=user_id, status=status)


def ask_for_look(tx: Transaction, delay: timedelta, lost_after: timedelta) -> bool:
    """Ask that somebody looks at presence in `delay`; False where somebody will by then."""
    return bool(tx.value(_SQL["ask_for_look"], delay=delay, lost_after=lost_after))


def begin_look(tx: Transaction) -> None:
    """Look at presence, one at a time; what changes from here on needs another look."""
    tx.execute(_SQL["begin_look"])


def told(tx: Transaction) -> dict[UUID, Row]:
    """What was last told of each person: `name`, `state`, `viewing`, `left_at`."""
    return {row["user_id"]: row for row in tx.rows(_SQL["told"])}


def keep_told(tx: Transaction, shown: Sequence[Mapping[str, Any]], gone: Collection[UUID]) -> None:
    """Note what is about to be told."""
    if shown:
        tx.execute(_SQL["keep_told"], people=jsonb(list(shown)))
    if gone:
        tx.execute(_SQL["forget_told"], ids=list(gone))


def find_due(tx: Transaction, older_than: timedelta) -> list[UUID]:
    """Tenants in which a look at presence is overdue; works without a tenant."""
    return [row["tenant_id"] for row in tx.rows(_SQL["find_due"], older_than=older_than)]


def start_typing(tx: Transaction, conversation_id: UUID, actor: str, every: timedelta) -> bool:
    """Note that somebody types; whether that is to be told."""
    return bool(tx.value(_SQL["start_typing"], conversation_id=conversation_id, actor=actor, every=every))


def stop_typing(tx: Transaction, conversation_id: UUID, actor: str, lifetime: timedelta) -> bool:
    """Note that somebody types no more; whether others still believe it."""
    return bool(tx.value(_SQL["stop_typing"], conversation_id=conversation_id, actor=actor, lifetime=lifetime))


def conversation_of_customer(tx: Transaction, integration_id: UUID, person: Person) -> Row | None:
    """The thread of a customer on an integration: `id`, `contact_id`, `name`."""
    addresses = [
        {"scope": address.scope(integration_id), "kind": address.kind, "value": address.key}
        for address in person.addresses
    ]
    return tx.row(_SQL["conversation_of_customer"], integration_id=integration_id, addresses=jsonb(addresses))


def take_turn(tx: Transaction, subject: str, rate: Rate) -> float:
    """Take a turn of what is limited: 0, or the seconds until there is one."""
    limit = {"subject": subject, "apart": rate.apart, "burst": rate.burst}
    if tx.value(_SQL["take_turn"], **limit):
        return 0.0
    return max(0.001, float(tx.value(_SQL["wait_for_turn"], **limit) or 0.0))
