"""Keep what was erased erased, on receiving: what an erased person said at or before the erasure is taken in by nobody,
however often it comes. The one rule: it is asked again once everything is locked, so that no webhook slips through
beside an erasure.

An erasure locks the contact; so does receiving. Whoever is second sees what the first one did: an erasure deletes what
was received, and receiving, asking after it has the lock, finds the tombstone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from parley.cloud.ports import Bucket
from parley.domain.errors import Contention
from parley.domain.identity import Address, phone_key
from parley.domain.incoming import (
    ContactSeen,
    Deletion,
    Edit,
    MessageReceived,
    NumberChanged,
    Reaction,
    Receipt,
)
from parley.domain.media import object_key
from parley.domain.tombstones import Hashing, Named, named_message
from parley.store import erasing as store
from parley.store import erasing_traces
from parley.store.database import Database, Transaction
from parley.store.ledger import Entry

from .arrivals import Arrival, Policy, Storable
from .forget_files import forget_file
from .receive import Received, receive

_SERVERS_OF_NUMBERS: Final = frozenset({"", "s.whatsapp.net", "c.us"})


ERASED: Final = "erased"
"""The reason in the ledger."""


class ErasedMetError(Exception):
    """Something of an erased person was taken in; it must be done again without that."""


@dataclass(frozen=True, slots=True)
class Sieved:
    """`kept`: what may be taken in. `erased`: what may not."""

    kept: list[Arrival[Storable]]
    erased: list[Arrival[Storable]]

    @property
    def webhooks(self) -> frozenset[int]:
        """Those that said something of an erased person."""
        return frozenset(arrival.webhook for arrival in self.erased)

    def files(self, tenant_id: UUID) -> frozenset[str]:
        """Where files lie that came within them."""
        return frozenset(
            object_key(tenant_id, media.inline)
            for arrival in self.erased
            if isinstance(arrival.fact, MessageReceived)
            for media in arrival.fact.media
            if media.inline is not None
        )


class Suppression:
    """Knows what is erased, by hashes under the deployment's key."""

    def __init__(self, hashing: Callable[[], Hashing]) -> None:
        self._hashing = hashing

    def receive(
        self, tx: Transaction, arrivals: Sequence[Arrival[Storable]], policies: Mapping[UUID, Policy], *, sieved: bool
    ) -> tuple[Received, Sieved]:
        """Receive what is not erased. Nearly nothing is, so the question is put once, afterwards; `sieved`: before too.

        Raises ErasedMetError where it must be put before; Contention where an erasure came between the two.
        """
        parted = self.sieve(tx, arrivals) if sieved else Sieved(list(arrivals), [])
        self.bury(tx, parted.erased)
        received = receive(tx, parted.kept, policies)
        if self.sieve(tx, parted.kept).erased:
            raise Contention if sieved else ErasedMetError
        return received, parted

    def sieve(self, tx: Transaction, arrivals: Sequence[Arrival[Storable]]) -> Sieved:
        """Part what may be taken in from what is erased."""
        tenant_id = tx.tenant_id
        if tenant_id is None or not arrivals:
            return Sieved(list(arrivals), [])
        hashing = self._hashing()
        people = [[m for one in _people(a) for m in hashing.marks(tenant_id, one)] for a in arrivals]
        messages = [[m for one in _message(a) for m in hashing.marks(tenant_id, one)] for a in arrivals]
        wanted = {mark for marks in (*people, *messages) for mark in marks}
        found = store.tombstones(tx, wanted) if wanted else {}
        sieved = Sieved([], [])
        gone: set[Named] = set()
        for arrival, theirs, about in zip(arrivals, people, messages, strict=True):
            # A clock that runs ahead makes nothing said before the erasure younger than it.
            said_at = min(arrival.occurred_at, arrival.received_at)
            by_them = any(mark in found and said_at <= found[mark] for mark in theirs)
            if by_them and isinstance(arrival.fact, MessageReceived):
                gone.update(_message(arrival))
            erased = by_them or any(mark in found for mark in about)
            (sieved.erased if erased else sieved.kept).append(arrival)
        with_them = [arrival for arrival in sieved.kept if gone.intersection(_message(arrival))] if gone else []
        kept = [arrival for arrival in sieved.kept if arrival not in with_them] if with_them else sieved.kept
        return Sieved(kept, sieved.erased + with_them)

    def bury(self, tx: Transaction, erased: Sequence[Arrival[Storable]]) -> None:
        """Remember the messages among these, so that nothing about them is taken in, and forget what already was."""
        messages = [arrival for arrival in erased if isinstance(arrival.fact, MessageReceived)]
        if not messages or tx.tenant_id is None:
            return
        keys = [(a.integration_id, a.fact.provider_message_id) for a in messages if isinstance(a.fact, MessageReceived)]
        hashing = self._hashing()
        marks = [hashing.mark(tx.tenant_id, named_message(*key)) for key in keys]
        store.bury(tx, marks, max(arrival.received_at for arrival in messages))
        store.delete_facts(tx, keys)


def record_unsaid(tx: Transaction, entries: Mapping[int, Entry], sieved: Sieved) -> list[Entry]:
    """How webhooks ended: those that said something of an erased person without what they said."""
    told = dict(entries)
    for index in sorted(sieved.webhooks):
        entry = entries[index]
        if any(arrival.webhook == index for arrival in sieved.kept):
            entry = replace(entry, reason=f"{ERASED}: a part of it")
        else:
            entry = replace(entry, state="ignored", reason=ERASED, message_ids=(), contact_ids=())
        told[index] = replace(entry, webhook=replace(entry.webhook, pointer=None), body=None)
    came_before = [
        (entry.webhook.received_at.date(), entry.webhook.integration_id, entry.webhook.body_hash)
        for index, entry in entries.items()
        if index in sieved.webhooks
    ]
    if came_before:
        erasing_traces.forget_bodies(tx, came_before)
    return list(told.values())


def forget_objects(
    database: Database, bucket: Bucket, tenant_id: UUID, sieved: Sieved, pointers: Mapping[int, str | None]
) -> None:
    """Delete what such webhooks had in the bucket; files that are somebody else's too stay. Raises Unavailable."""
    for index in sieved.webhooks:
        pointer = pointers[index]
        if pointer is not None:
            bucket.delete(pointer)
    for key in sorted(sieved.files(tenant_id)):
        forget_file(database, bucket, tenant_id, key)


def _people(arrival: Arrival[Storable]) -> Iterator[Named]:
    """Whom a fact is of: by every address it gives."""
    for address in _addresses(arrival.fact):
        yield address.scope(arrival.integration_id), address.kind, address.key


def _addresses(fact: Storable) -> Iterator[Address]:
    if isinstance(fact, MessageReceived | Reaction):
        yield from fact.person.addresses if fact.person else ()
    elif isinstance(fact, ContactSeen):
        yield from fact.person.addresses
    elif isinstance(fact, NumberChanged):
        yield from (fact.old, fact.new)
    elif isinstance(fact, Receipt) and fact.participant:
        yield from _participant(fact.participant)


def _participant(written: str) -> Iterator[Address]:
    """A group's member as a receipt names one: the gateway's own word, which may be any kind of address."""
    user, _, server = written.partition("@")
    if server in _SERVERS_OF_NUMBERS and phone_key(user):
        yield Address("phone", user.partition(":")[0])
    yield from (Address("lid", written), Address("bsuid", written), Address("jid", written))


def _message(arrival: Arrival[Storable]) -> Iterator[Named]:
    """Which message a fact is about."""
    fact = arrival.fact
    if isinstance(fact, MessageReceived | Receipt | Reaction | Edit | Deletion):
        yield named_message(arrival.integration_id, fact.provider_message_id)
