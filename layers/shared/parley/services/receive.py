"""Receiving: one transaction a tenant, a handful of set-based statements whatever the batch size.

The one rule: every effect is keyed by what the gateway said, never by when or how often it said it. Any permutation and
repetition of the same webhooks ends in the same inbox.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

from parley.domain import events
from parley.domain.events import NewEvent
from parley.domain.incoming import MessageReceived, Receipt
from parley.domain.thread import Arrived, Summary
from parley.domain.timestamps import believable
from parley.store import receiving as store
from parley.store.database import Row, Transaction
from parley.store.event_log import append_events
from parley.store.ids import new_id

from .identify import Sighting, identify
from .project import project

_SUMMARY = tuple(field.name for field in fields(Summary))

Said = TypeVar("Said", bound=MessageReceived | Receipt)


@dataclass(frozen=True)
class Arrival(Generic[Said]):
    """One fact of one webhook, with the integration it belongs to. `webhook` is the caller's index."""

    webhook: int
    integration_id: UUID
    received_at: datetime
    correlation_id: UUID
    fact: Said

    @property
    def key(self) -> store.ProviderKey:
        """The gateway's name of the message it is about."""
        return self.integration_id, self.fact.provider_message_id

    @property
    def occurred_at(self) -> datetime:
        """When it happened, as far as the gateway can be believed."""
        return believable(self.fact.occurred_at, self.received_at)


@dataclass(frozen=True, slots=True)
class Policy:
    """What an integration wants. `window`: how long one may answer freely. `reopen`: resolved conversations go on."""

    window: timedelta | None
    reopen: bool = True


@dataclass(frozen=True, slots=True)
class Touched:
    """What the arrivals of one webhook touched, for its ledger row."""

    message_ids: set[UUID]
    contact_ids: set[UUID]


def receive(
    tx: Transaction,
    messages: Sequence[Arrival[MessageReceived]],
    receipts: Sequence[Arrival[Receipt]],
    policies: Mapping[UUID, Policy],
) -> tuple[dict[int, Touched], bool]:
    """Store everything these webhooks say.

    Answers what each webhook touched, and whether anything changed that listeners should hear of. `policies` by
    integration. The transaction's tenant owns all of them.
    """
    touched: dict[int, Touched] = defaultdict(lambda: Touched(set(), set()))
    identified = identify(
        tx, [Sighting(a.integration_id, a.fact.sender, a.occurred_at, a.correlation_id) for a in messages]
    )
    known = store.find_messages(tx, [*(a.key for a in messages), *(a.key for a in receipts)])
    log = _store_messages(tx, messages, identified.contacts, known, policies)
    for arrival, contact_id in zip(messages, identified.contacts, strict=True):
        touched[arrival.webhook].contact_ids.add(contact_id)
    log += [events.contact_updated(id_, messages[0].correlation_id) for id_ in identified.renamed]
    log += _store_receipts(tx, receipts)
    for webhook, key in [*((a.webhook, a.key) for a in messages), *((a.webhook, a.key) for a in receipts)]:
        if key in known:
            touched[webhook].message_ids.add(known[key])
    append_events(tx, log)
    return dict(touched), bool(log)


def _store_messages(
    tx: Transaction,
    arrivals: Sequence[Arrival[MessageReceived]],
    contacts: Sequence[UUID],
    known: dict[store.ProviderKey, UUID],
    policies: Mapping[UUID, Policy],
) -> list[NewEvent]:
    """Store the messages that are new, move their conversations' summaries on; add their ids to `known`."""
    new: dict[store.ProviderKey, tuple[Arrival[MessageReceived], UUID]] = {}
    for arrival, contact_id in zip(arrivals, contacts, strict=True):
        if arrival.key not in known:
            new.setdefault(arrival.key, (arrival, contact_id))
    if not new:
        return []
    conversations, created = _conversations(tx, {(a.integration_id, contact) for a, contact in new.values()}, policies)
    rows = _numbered(new.values(), conversations)
    stored = store.insert_messages(tx, [row for _, row in rows])
    arrived: dict[UUID, list[Arrived]] = defaultdict(list)
    log: list[NewEvent] = []
    for arrival, row in rows:
        if row["id"] in stored:
            known[arrival.key] = row["id"]
            arrived[row["conversation_id"]].append(_arrived(arrival, row))
            if row["conversation_id"] in created:
                created.remove(row["conversation_id"])
                log.append(events.conversation_new(row["conversation_id"], arrival.correlation_id))
            log.append(events.message_new(row["conversation_id"], row["id"], arrival.correlation_id))
    by_id = {row["id"]: row for row in conversations.values()}
    store.update_conversations(
        tx,
        [
            {
                "id": id_,
                **_columns(_summary(by_id[id_]).absorb(new_ones, policies[by_id[id_]["integration_id"]].window)),
            }
            for id_, new_ones in sorted(arrived.items())
        ],
    )
    return log


def _conversations(
    tx: Transaction, wanted: set[tuple[UUID, UUID]], policies: Mapping[UUID, Policy]
) -> tuple[dict[tuple[UUID, UUID], Row], set[UUID]]:
    """The locked conversation of each (integration, contact), made where there is none; and the ids of those made."""
    found = store.lock_conversations(tx, wanted)
    missing = sorted(
        pair
        for pair in wanted
        if pair not in found or (found[pair]["status"] == "resolved" and not policies[pair[0]].reopen)
    )
    if not missing:
        return found, set()
    made = [{"id": new_id(), "integration_id": integration, "contact_id": contact} for integration, contact in missing]
    store.insert_conversations(tx, made)
    found |= store.lock_conversations(tx, missing)
    return found, {row["id"] for row in made}


def _numbered(
    new: Iterable[tuple[Arrival[MessageReceived], UUID]], conversations: Mapping[tuple[UUID, UUID], Row]
) -> list[tuple[Arrival[MessageReceived], dict[str, Any]]]:
    """The rows of new messages, numbered on from each conversation's last."""
    numbers = {row["id"]: row["last_number"] for row in conversations.values()}
    rows = []
    for arrival, contact_id in new:
        fact = arrival.fact
        conversation_id = conversations[arrival.integration_id, contact_id]["id"]
        numbers[conversation_id] += 1
        row = {
            "id": new_id(),
            "integration_id": arrival.integration_id,
            "conversation_id": conversation_id,
            "number": numbers[conversation_id],
            "kind": fact.kind,
            "body": fact.text,
            "content": fact.content,
            "provider_message_id": fact.provider_message_id,
            "occurred_at": arrival.occurred_at,
            "reply_to": fact.reply_to,
            "sender_id": contact_id,
            "correlation_id": arrival.correlation_id,
        }
        rows.append((arrival, row))
    return rows


def _arrived(arrival: Arrival[MessageReceived], row: Mapping[str, Any]) -> Arrived:
    fact = arrival.fact
    return Arrived(row["id"], row["number"], arrival.occurred_at, fact.provider_message_id, fact.sender.reply_address)


def _summary(row: Row) -> Summary:
    return Summary(**{name: row[name] for name in _SUMMARY})


def _columns(summary: Summary) -> dict[str, Any]:
    # Not asdict(): it copies every id and time deeply.
    return {name: getattr(summary, name) for name in _SUMMARY}


def _store_receipts(tx: Transaction, arrivals: Sequence[Arrival[Receipt]]) -> list[NewEvent]:
    """Keep the receipts and move their messages up; a receipt whose message is not there yet waits for it."""
    if not arrivals:
        return []
    store.lock_provider_ids(tx, [arrival.key for arrival in arrivals])
    references: dict[UUID, dict[str, Any]] = {}
    facts: dict[tuple[object, ...], dict[str, Any]] = {}
    for arrival in arrivals:
        fact = arrival.fact
        ids = {"integration_id": arrival.integration_id, "provider_message_id": fact.provider_message_id}
        reference = _message_id(fact.client_reference)
        if reference is not None:
            references[reference] = {**ids, "message_id": reference}
        row = {
            **ids,
            "status": fact.status,
            "participant": fact.participant,
            "occurred_at": arrival.occurred_at,
            "error": fact.error,
        }
        key = (arrival.key, fact.status, fact.participant)
        if key not in facts or row["occurred_at"] < facts[key]["occurred_at"]:
            facts[key] = row
    store.heal_references(tx, [references[id_] for id_ in sorted(references)])
    store.insert_receipts(tx, list(facts.values()))
    return project(tx, {arrival.key: arrival.correlation_id for arrival in arrivals})


def _message_id(reference: str | None) -> UUID | None:
    """Our message's id, if that is what the gateway echoed; other tools may send through the same account."""
    try:
        return UUID(reference) if reference else None
    except ValueError:
        return None
