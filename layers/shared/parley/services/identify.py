"""Find or create the contact behind each webhook's person. The one rule: who inserts an address first owns it; everyone
else finds it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from parley.domain.events import NewEvent
from parley.domain.identity import Address, Person
from parley.store import receiving as store
from parley.store.database import Row, Transaction
from parley.store.ids import new_id

from .join import join


@dataclass(frozen=True, slots=True)
class Sighting:
    """A person seen on an integration at a time, and the webhook that is the evidence; `why`: what else is."""

    integration_id: UUID
    person: Person
    seen_at: datetime
    correlation_id: UUID
    why: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Identified:
    """`contacts`: the contact of each sighting, in order. `renamed`: contacts that existed and have a new name. `log`:
    what to tell of contacts that became one.
    """

    contacts: list[UUID]
    renamed: list[UUID]
    log: list[NewEvent]


_NEW: Mapping[str, Any] = {"name": None, "name_at": None}


def identify(tx: Transaction, sightings: Sequence[Sighting]) -> Identified:
    """Find, create and lock the contacts of these sightings, and keep their names fresh."""
    if not sightings:
        return Identified([], [], [])
    log, created = _join_the_same(tx, sightings), set[UUID]()
    while True:
        found = _resolve(tx, sightings, created)
        joined = _join_the_same(tx, sightings) if found is None or found.divided else []
        log += joined
        if found is not None and not joined:
            break
    contacts, locked = found.contacts, found.locked
    newest: dict[UUID, tuple[datetime, str]] = {}
    for contact_id, sighting in zip(contacts, sightings, strict=True):
        if sighting.person.name:
            told = (sighting.seen_at, sighting.person.name)
            newest[contact_id] = max(told, newest.get(contact_id, told))
    changes: list[dict[str, Any]] = []
    renamed: list[UUID] = []
    for contact_id, told in sorted(newest.items()):
        known = locked.get(contact_id, _NEW)
        if known["name_at"] is None or told > (known["name_at"], known["name"]):
            changes.append({"id": contact_id, "name": told[1], "name_at": told[0]})
            if contact_id not in created and told[1] != known["name"]:
                renamed.append(contact_id)
    store.rename_contacts(tx, changes)
    return Identified(contacts, renamed, log)


def _join_the_same(tx: Transaction, sightings: Sequence[Sighting]) -> list[NewEvent]:
    """Join contacts that one sighting shows to be one person, until no sighting names two."""
    log: list[NewEvent] = []
    several = [sighting for sighting in sightings if len(sighting.person.addresses) > 1]
    while several:
        found = store.find_aliases(tx, {key for sighting in several for key in _keys(sighting)})
        pair = next(((s, ids) for s in several if len(ids := _found(s, found)) > 1), None)
        if pair is None:
            break
        sighting, (one, other, *_) = pair
        log += join(tx, one, other, _evidence(sighting))
    return log


def _found(sighting: Sighting, found: Mapping[store.AliasKey, Row]) -> list[UUID]:
    return sorted({found[key]["contact_id"] for key in _keys(sighting) if key in found})


@dataclass(frozen=True, slots=True)
class _Resolved:
    """The contact of each sighting, what is known of those that existed, locked, and whether a sighting names two."""

    contacts: list[UUID]
    locked: dict[UUID, Row]
    divided: bool


def _resolve(tx: Transaction, sightings: Sequence[Sighting], created: set[UUID]) -> _Resolved | None:
    """Find or create each sighting's contact; add those created to `created`. None: another worker was faster with an
    address, which can be seen now.
    """
    found = store.find_aliases(tx, {key for s in sightings for key in _keys(s)})
    known = {key: row["contact_id"] for key, row in found.items()}
    contacts: list[UUID] = []
    firsts: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    for sighting in sightings:
        keys = _keys(sighting)
        anchor = next((key for key in keys if key in known), None)
        if anchor is None:
            anchor = keys[0]
            known[anchor] = new_id()
            firsts.append(_alias(sighting, sighting.person.addresses[0], known[anchor]))
        contact_id = known[anchor]
        for key, address in zip(keys, sighting.person.addresses, strict=True):
            if key not in known:
                known[key] = contact_id
                others.append(_alias(sighting, address, contact_id, anchor))
        contacts.append(contact_id)
    inserted = store.insert_contacts(tx, firsts)
    created |= inserted
    if len(inserted) < len(firsts) or store.insert_aliases(tx, others) < len(others):
        return None
    divided = any(len({known[key] for key in _keys(sighting)}) > 1 for sighting in sightings)
    return _Resolved(contacts, {row["contact_id"]: row for row in found.values()}, divided)


def _keys(sighting: Sighting) -> list[store.AliasKey]:
    return [
        (address.scope(sighting.integration_id), address.kind, address.key) for address in sighting.person.addresses
    ]


def _alias(
    sighting: Sighting, address: Address, contact_id: UUID, anchor: store.AliasKey | None = None
) -> dict[str, Any]:
    """An address to be kept; `anchor`: the one beside which it was seen, by which the contact was known."""
    evidence = _evidence(sighting)
    if anchor is not None:
        evidence["beside"] = f"{anchor[1]}:{anchor[2]}"
    return {
        "scope": address.scope(sighting.integration_id),
        "kind": address.kind,
        "value": address.key,
        "address": address.value,
        "contact_id": contact_id,
        "evidence": evidence,
    }


def _evidence(sighting: Sighting) -> dict[str, Any]:
    ids = {"correlationId": str(sighting.correlation_id), "integrationId": str(sighting.integration_id)}
    return {**ids, **sighting.why}
