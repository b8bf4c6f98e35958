"""Receiving: one transaction a tenant, a handful of set-based statements whatever the batch size.

The one rule: every effect is keyed by what the gateway said, never by when or how often it said it. Any permutation and
repetition of the same webhooks ends in the same inbox.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

from parley.domain import events
from parley.domain.incoming import AccountState, Deletion, Edit, MessageReceived, Reaction, Receipt
from parley.store import receiving as store
from parley.store.database import Transaction
from parley.store.event_log import append_events

from .arrivals import Arrival, OfMessage, Policy, Storable, key_of
from .identify import Sighting, identify
from .receive_accounts import receive_accounts
from .receive_facts import receive_reactions, receive_receipts, receive_revisions
from .receive_messages import receive_messages

Kind = TypeVar("Kind", bound=Storable)


@dataclass(frozen=True, slots=True)
class Touched:
    """What the arrivals of one webhook touched, for its ledger row."""

    message_ids: set[UUID] = field(default_factory=set)
    contact_ids: set[UUID] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Received:
    """`touched`: by webhook. `changed`: listeners should hear of it. `pending`: (integration, attachment) of each file
    that is still to be fetched. `resumed`: integrations whose gateway says they are connected. `unsent`: how many sends
    turned out to have failed.
    """

    touched: Mapping[int, Touched]
    changed: bool
    pending: Sequence[tuple[UUID, UUID]] = ()
    resumed: frozenset[UUID] = frozenset()
    unsent: int = 0


def receive(tx: Transaction, arrivals: Sequence[Arrival[Storable]], policies: Mapping[UUID, Policy]) -> Received:
    """Store everything these webhooks say. `policies` by integration; the transaction's tenant owns all of them."""
    touched: dict[int, Touched] = defaultdict(Touched)
    messages = _of(arrivals, MessageReceived)
    receipts = _of(arrivals, Receipt)
    reactions = _of(arrivals, Reaction)
    revisions: list[Arrival[Edit] | Arrival[Deletion]] = [*_of(arrivals, Edit), *_of(arrivals, Deletion)]
    told: list[Arrival[MessageReceived] | Arrival[Reaction]] = [*messages, *reactions]
    people = [a for a in told if a.fact.person is not None]
    identified = identify(tx, [_sighting(a) for a in people])
    contacts = {id(a): contact_id for a, contact_id in zip(people, identified.contacts, strict=True)}
    about: list[Arrival[OfMessage]] = [*messages, *receipts, *reactions, *revisions]
    looked_up = store.find_messages(tx, {key_of(a) for a in about})
    known = {key: row for key, row in looked_up.items() if row["id"] is not None}
    of_messages = {place: contacts[id(a)] for place, a in enumerate(messages) if id(a) in contacts}
    stored = receive_messages(tx, messages, of_messages, known, policies)
    fresh = {key_of(a): a.correlation_id for a in messages if key_of(a) in stored.known and key_of(a) not in known}
    log = [*identified.log, *stored.log]
    log += [events.contact_updated(id_, people[0].correlation_id) for id_ in identified.renamed]
    own = {key: fresh[key] for key in fresh if key in _own(messages)} | stored.echoes
    log += receive_receipts(tx, [*receipts, *_echo_receipts(messages, stored.echoes)], own)
    log += receive_reactions(tx, reactions, [contacts.get(id(a)) for a in reactions])
    revised = {key: fresh[key] for key in fresh if looked_up[key]["revised"]}
    log += receive_revisions(tx, revisions, revised) if revisions or revised else []
    log += receive_accounts(tx, arrivals)
    for seen in people:
        touched[seen.webhook].contact_ids.add(contacts[id(seen)])
    for arrival in about:
        if key_of(arrival) in stored.known:
            touched[arrival.webhook].message_ids.add(stored.known[key_of(arrival)])
    append_events(tx, log)
    connected = (a for a in arrivals if isinstance(a.fact, AccountState) and a.fact.state == "connected")
    resumed = frozenset(a.integration_id for a in connected)
    unsent = sum(event.type == "message.status" and event.delta.get("status") == "failed" for event in log)
    return Received(dict(touched), bool(log), tuple(stored.pending), resumed, unsent)


def _of(arrivals: Iterable[Arrival[Storable]], kind: type[Kind]) -> list[Arrival[Kind]]:
    return [arrival for arrival in arrivals if isinstance(arrival.fact, kind)]  # type: ignore[misc]


def _own(messages: Iterable[Arrival[MessageReceived]]) -> set[store.ProviderKey]:
    return {key_of(a) for a in messages if a.fact.origin == "device"}


def _sighting(arrival: Arrival[MessageReceived] | Arrival[Reaction]) -> Sighting:
    person = arrival.fact.person
    if person is None:
        raise LookupError("nobody was seen")
    return Sighting(arrival.integration_id, person, arrival.occurred_at, arrival.correlation_id)


def _echo_receipts(
    messages: Iterable[Arrival[MessageReceived]], echoes: Mapping[store.ProviderKey, UUID]
) -> list[Arrival[Receipt]]:
    """An echo proves that the gateway sent our message."""
    return [
        Arrival(
            a.webhook,
            a.integration_id,
            a.received_at,
            a.correlation_id,
            Receipt(a.fact.account, a.fact.provider_message_id, "sent", a.fact.occurred_at),
        )
        for a in messages
        if key_of(a) in echoes
    ]
