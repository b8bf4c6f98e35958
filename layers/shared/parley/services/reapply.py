"""Erase again what was erased, after the database was restored to an earlier day. The one rule: the tombstones in their
bucket say what is erased; whatever the database says of it is older.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from parley.cloud.ports import Keep
from parley.domain.errors import NotFound, Unreadable
from parley.domain.tombstones import PREFIX, Hashing
from parley.store import erasing as store
from parley.store import erasing_traces
from parley.store.database import Database, Transaction
from parley.store.erasing import Erasure

from .erase import Whom, begin

LARGEST_TOMBSTONE: Final = 1024 * 1024
_ALIASES: Final = 5000


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A tombstone as its object says it."""

    tenant_id: UUID
    erasure_id: UUID
    contact_id: UUID
    contact_ids: tuple[UUID, ...]
    erased_at: datetime
    hashes: frozenset[bytes]

    def as_erasure(self) -> Erasure:
        """The erasure it was left by, with nothing of it left to do."""
        ids = list(self.contact_ids)
        return Erasure(self.erasure_id, self.contact_id, ids, [], sorted(self.hashes), "done", {}, self.erased_at)


@dataclass(slots=True)
class Reapplied:
    """How many tombstones there are, how many the database did not know, and how many contacts are erased again."""

    tombstones: int = 0
    unknown: int = 0
    contacts: int = 0


def tombstones_in(bucket: Keep) -> Iterator[Tombstone]:
    """Every tombstone there is. Raises Unavailable; Unreadable for an object that is none."""
    after = ""
    while keys := bucket.list_after(PREFIX, after):
        for key in keys:
            yield _read(key, bucket.get(key, LARGEST_TOMBSTONE))
        after = keys[-1]


def reapply(database: Database, hashing: Hashing, bucket: Keep) -> Reapplied:
    """Begin again every erasure that the database does not know; the housekeeper, or whoever called, carries them on.

    Raises Unavailable, Unreadable.
    """
    done = Reapplied()
    for stone in tombstones_in(bucket):
        done.tombstones += 1
        with database.transaction(stone.tenant_id) as tx:
            unknown = store.lacks_erasure(tx, stone.erasure_id)
        if unknown:
            done.unknown += 1
            done.contacts += _again(database, hashing, stone)
    return done


def _again(database: Database, hashing: Hashing, stone: Tombstone) -> int:
    def work(tx: Transaction) -> int:
        store.bury(tx, stone.hashes, stone.erased_at)
        found = sorted(set(_with_these_addresses(tx, hashing, stone)) - set(stone.contact_ids))
        erased = 0
        for contact_id in (*stone.contact_ids, *erasing_traces.known_before(tx, found, stone.erased_at)):
            # The first one has the tombstone's own id, so that it is known from then on.
            whom = Whom(contact_id, stone.erasure_id if erased == 0 else None, stone.erased_at)
            try:
                erased += begin(tx, whom, hashing) is not None
            except NotFound:
                continue
        if not erased:
            store.note(tx, stone.as_erasure())
        return erased

    return database.run(stone.tenant_id, work)


def _with_these_addresses(tx: Transaction, hashing: Hashing, stone: Tombstone) -> Iterator[UUID]:
    after = (UUID(int=0), "", "")
    while rows := erasing_traces.alias_page(tx, after, _ALIASES):
        for row in rows:
            named = (row["scope"], row["kind"], row["value"])
            if stone.hashes.intersection(hashing.marks(stone.tenant_id, named)):
                yield row["contact_id"]
        after = (rows[-1]["scope"], rows[-1]["kind"], rows[-1]["value"])


def _read(key: str, data: bytes) -> Tombstone:
    try:
        said: Any = json.loads(data)
        return Tombstone(
            UUID(said["tenantId"]),
            UUID(said["erasureId"]),
            UUID(said["contactId"]),
            tuple(UUID(id_) for id_ in said["contactIds"]),
            datetime.fromisoformat(said["erasedAt"]),
            frozenset(bytes.fromhex(hash_) for hash_ in said["hashes"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise Unreadable(f"{key} is no tombstone.") from error
