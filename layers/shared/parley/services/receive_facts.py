"""Receive what is said about messages: receipts, reactions, edits, deletions. The one rule: a fact is kept whether or
not its message is there, and the message shows what its facts say, in whatever order they came.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from parley.domain import events
from parley.domain.events import NewEvent
from parley.domain.incoming import Deletion, Edit, Reaction, Receipt
from parley.store import receiving as store
from parley.store.database import Transaction

from .arrivals import Arrival, key_of
from .one_message import settle_id
from .project import project, revise

OURSELVES = "us"
"""Who reacted, where it was the company's own phone."""

Correlations = Mapping[store.ProviderKey, UUID]


def receive_receipts(tx: Transaction, arrivals: Sequence[Arrival[Receipt]], touched: Correlations) -> list[NewEvent]:
    """Keep receipts and move their messages up. `touched`: messages whose provider id was learnt just now, for receipts
    that came before.
    """
    if not arrivals and not touched:
        return []
    correlations = {**touched, **{key_of(arrival): arrival.correlation_id for arrival in arrivals}}
    store.lock_provider_ids(tx, correlations)
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
        told = (key_of(arrival), fact.status, fact.participant)
        if told not in facts or row["occurred_at"] < facts[told]["occurred_at"]:
            facts[told] = row
    log: list[NewEvent] = []
    for other in store.heal_references(tx, [references[id_] for id_ in sorted(references)]):
        key = (other["integration_id"], other["provider_message_id"])
        log += settle_id(tx, other["message_id"], key, correlations[key])
    store.insert_receipts(tx, list(facts.values()))
    return [*log, *project(tx, correlations)]


def receive_reactions(
    tx: Transaction,
    arrivals: Sequence[Arrival[Reaction]],
    contacts: Sequence[UUID | None],
) -> list[NewEvent]:
    """Keep each person's latest reaction. `contacts`: of each arrival; None: the company's own phone."""
    latest: dict[tuple[object, ...], dict[str, Any]] = {}
    correlations: dict[store.ProviderKey, UUID] = {}
    for arrival, contact_id in zip(arrivals, contacts, strict=True):
        row = {
            "integration_id": arrival.integration_id,
            "provider_message_id": arrival.fact.provider_message_id,
            "actor": str(contact_id) if contact_id else OURSELVES,
            "contact_id": contact_id,
            "emoji": arrival.fact.emoji,
            "occurred_at": arrival.occurred_at,
        }
        key = (key_of(arrival), row["actor"])
        order = (row["occurred_at"], row["emoji"] or "")
        if key not in latest or order > (latest[key]["occurred_at"], latest[key]["emoji"] or ""):
            latest[key] = row
        correlations[key_of(arrival)] = arrival.correlation_id
    changed = store.upsert_reactions(tx, [latest[key] for key in sorted(latest, key=str)])
    return [
        events.message_reaction(
            row["conversation_id"],
            row["id"],
            is_last=bool(row["is_last"]),
            correlation_id=correlations[row["integration_id"], row["provider_message_id"]],
        )
        for row in store.touch_messages(tx, changed)
    ]


def receive_revisions(
    tx: Transaction, arrivals: Sequence[Arrival[Edit] | Arrival[Deletion]], revised: Correlations
) -> list[NewEvent]:
    """Keep edits and deletions, and bring their messages to what they say; `revised`: messages that came after."""
    rows: dict[tuple[object, ...], dict[str, Any]] = {}
    correlations = dict(revised)
    for arrival in arrivals:
        fact = arrival.fact
        edit = isinstance(fact, Edit)
        row = {
            "integration_id": arrival.integration_id,
            "provider_message_id": fact.provider_message_id,
            "kind": "edit" if isinstance(fact, Edit) else "delete",
            "revision_key": fact.revision if isinstance(fact, Edit) else "",
            "body": fact.text if isinstance(fact, Edit) else None,
            "occurred_at": arrival.occurred_at,
        }
        rows.setdefault((key_of(arrival), edit, row["revision_key"]), row)
        correlations[key_of(arrival)] = arrival.correlation_id
    return revise(tx, [rows[key] for key in sorted(rows, key=str)], correlations)


def _message_id(reference: str | None) -> UUID | None:
    """Our message's id, if that is what the gateway echoed; other tools may send through the same account."""
    try:
        return UUID(reference) if reference else None
    except ValueError:
        return None
