"""Receive what is said about accounts and people without a message: connection states, notices, names and pictures, new
numbers. The one rule: the latest telling wins; of states by receive time, because gateways give them none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from parley.domain import events
from parley.domain.events import NewEvent
from parley.domain.incoming import AccountNotice, AccountState, ContactSeen, NumberChanged
from parley.store import accounts as store
from parley.store.database import Transaction

from .arrivals import Arrival, Storable


def receive_accounts(tx: Transaction, arrivals: Sequence[Arrival[Storable]]) -> list[NewEvent]:
    """Store these facts, one after the other: they are few."""
    log: list[NewEvent] = []
    for arrival in arrivals:
        fact = arrival.fact
        if isinstance(fact, AccountState):
            row = store.set_state(tx, arrival.integration_id, fact.state, fact.reason, arrival.received_at)
            log += _told(row, arrival.correlation_id)
        elif isinstance(fact, AccountNotice):
            row = store.add_notice(
                tx, arrival.integration_id, arrival.correlation_id, fact.kind, fact.detail, arrival.received_at
            )
            log += _told(row, arrival.correlation_id, notice={"kind": fact.kind, "detail": dict(fact.detail)})
        elif isinstance(fact, ContactSeen):
            log += _seen(tx, arrival.integration_id, fact, arrival)
        elif isinstance(fact, NumberChanged):
            _renumber(tx, arrival.integration_id, fact, arrival.correlation_id)
    return log


def _told(row: dict[str, Any] | None, correlation_id: UUID, **more: object) -> list[NewEvent]:
    return [] if row is None else [events.integration_updated({**row, **more}, correlation_id)]


def _seen(tx: Transaction, integration_id: UUID, fact: ContactSeen, arrival: Arrival[Storable]) -> list[NewEvent]:
    addresses = [(a.scope(integration_id), a.kind, a.key) for a in fact.person.addresses]
    changed = store.freshen_contact(tx, addresses, fact.person.name, fact.avatar_url, arrival.occurred_at)
    return [events.contact_updated(contact_id, arrival.correlation_id) for contact_id in changed]


def _renumber(tx: Transaction, integration_id: UUID, fact: NumberChanged, correlation_id: UUID) -> None:
    """The new address belongs to whom the old one belongs to."""
    old = (fact.old.scope(integration_id), fact.old.kind, fact.old.key)
    new = (fact.new.scope(integration_id), fact.new.kind, fact.new.key)
    evidence = {"correlationId": str(correlation_id), "numberChanged": True}
    store.add_alias_beside(tx, old, new, fact.new.value, evidence)
