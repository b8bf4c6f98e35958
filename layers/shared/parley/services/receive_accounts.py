"""Receive what is said about accounts, people and groups without a message: connection states, notices, names and
pictures, new numbers. The one rule: the latest telling wins; of states by receive time, since gateways give them none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from parley.domain import events
from parley.domain.events import NewEvent
from parley.domain.identity import Person
from parley.domain.incoming import AccountNotice, AccountState, ContactSeen, GroupSeen, NumberChanged
from parley.store import accounts as store
from parley.store.database import Transaction
from parley.store.receiving import find_aliases

from .arrivals import Arrival, Storable
from .identify import Sighting, identify


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
        elif isinstance(fact, GroupSeen) and fact.group.name:
            group = (arrival.integration_id, fact.group.id)
            renamed = store.rename_group(tx, group, fact.group.name, arrival.occurred_at)
            log += [events.conversation_updated(id_, arrival.correlation_id) for id_ in renamed]
        elif isinstance(fact, NumberChanged):
            log += _renumber(tx, fact, arrival)
    return log


def _told(row: dict[str, Any] | None, correlation_id: UUID, **more: object) -> list[NewEvent]:
    return [] if row is None else [events.integration_updated({**row, **more}, correlation_id)]


def _seen(tx: Transaction, integration_id: UUID, fact: ContactSeen, arrival: Arrival[Storable]) -> list[NewEvent]:
    addresses = [(a.scope(integration_id), a.kind, a.key) for a in fact.person.addresses]
    changed = store.freshen_contact(tx, addresses, fact.person.name, fact.avatar_url, arrival.occurred_at)
    return [events.contact_updated(contact_id, arrival.correlation_id) for contact_id in changed]


def _renumber(tx: Transaction, fact: NumberChanged, arrival: Arrival[Storable]) -> list[NewEvent]:
    """Who has either address has both, and two who have one each are one; an unknown person makes no contact."""
    sighting = Sighting(
        arrival.integration_id,
        Person((fact.new, fact.old)),
        arrival.occurred_at,
        arrival.correlation_id,
        {"numberChanged": True},
    )
    keys = {(a.scope(arrival.integration_id), a.kind, a.key) for a in sighting.person.addresses}
    return identify(tx, [sighting]).log if find_aliases(tx, keys) else []
