"""The statements of erasing. The one rule: what is deleted here is deleted for good, so each statement names whose it
is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from .database import Row, Transaction, jsonb
from .queries import queries

_SQL = queries("erasing")

ProviderKey = tuple[UUID, str]
"""(integration, the gateway's id of a message)"""


@dataclass(frozen=True, slots=True)
class Erasure:
    """An erasure that is not over. `addresses`: {scope, kind, value, address} of each alias; `place`: how far its
    `step` has come.
    """

    id: UUID
    contact_id: UUID
    contact_ids: list[UUID]
    addresses: list[dict[str, Any]]
    hashes: list[bytes]
    step: str
    place: Mapping[str, Any]
    erased_at: datetime


def tombstones(tx: Transaction, hashes: Iterable[bytes]) -> dict[bytes, datetime]:
    """Which of these are erased, and when."""
    rows = tx.rows(_SQL["tombstones"], hashes=sorted(set(hashes)))
    return {bytes(row["hash"]): row["erased_at"] for row in rows}


def bury(tx: Transaction, hashes: Iterable[bytes], erased_at: datetime) -> None:
    """Keep what these hashes stand for erased."""
    tx.execute(_SQL["bury"], hashes=sorted(set(hashes)), erased_at=erased_at)


def erasure_of(tx: Transaction, contact_id: UUID) -> Row | None:
    """The latest erasure that took this contact (id, contact_id, erased_at, finished_at)."""
    return tx.row(_SQL["erasure_of"], contact=contact_id)


def lacks_erasure(tx: Transaction, erasure_id: UUID) -> bool:
    """Whether an erasure is not known here, of a company that is."""
    return bool(tx.value(_SQL["lacks_erasure"], id=erasure_id))


def lock_people(tx: Transaction, contact_id: UUID) -> list[Row]:
    """Lock a contact and all that were joined to it (id, merged_into, erased_at)."""
    return tx.rows(_SQL["lock_people"], contact=contact_id)


def aliases(tx: Transaction, contacts: Sequence[UUID]) -> list[Row]:
    """Every address of these contacts (scope, kind, value, address)."""
    return tx.rows(_SQL["aliases"], contacts=list(contacts))


def lock_conversations(tx: Transaction, contacts: Sequence[UUID]) -> list[Row]:
    """Lock all conversations of these contacts (id, last_message_at)."""
    return tx.rows(_SQL["lock_conversations"], contacts=list(contacts))


def moment(tx: Transaction, latest: datetime | None) -> datetime:
    """Now, or the latest they said, where that is later."""
    found: datetime = tx.value(_SQL["now"], latest=latest)
    return found


def begin(tx: Transaction, erasure: Erasure) -> None:
    """Write an erasure down, and make its locked contacts and conversations nobody's."""
    tx.execute(
        _SQL["insert_erasure"],
        id=erasure.id,
        contact=erasure.contact_id,
        contacts=erasure.contact_ids,
        addresses=jsonb(erasure.addresses),
        hashes=erasure.hashes,
        step=erasure.step,
        erased_at=erasure.erased_at,
    )
    tx.execute(_SQL["empty_conversations"], contacts=erasure.contact_ids)
    tx.execute(_SQL["empty_contacts"], contacts=erasure.contact_ids, erased_at=erasure.erased_at)
    tx.execute(_SQL["delete_aliases"], contacts=erasure.contact_ids)


def note(tx: Transaction, erasure: Erasure) -> None:
    """Write an erasure down of which nothing is left to do here."""
    tx.execute(
        _SQL["note_erasure"],
        id=erasure.id,
        contact=erasure.contact_id,
        contacts=erasure.contact_ids,
        hashes=erasure.hashes,
        erased_at=erasure.erased_at,
    )


def find_erasures(tx: Transaction, at_most: int) -> list[Row]:
    """Erasures of all tenants that are not over (tenant_id, id), the one that waited longest first."""
    return tx.rows(_SQL["find_erasures"], at_most=at_most)


def lock_erasure(tx: Transaction, erasure_id: UUID) -> Erasure | None:
    """Take an erasure that is not over; None where it is, or somebody else has it."""
    row = tx.row(_SQL["lock_erasure"], id=erasure_id)
    if row is None:
        return None
    return Erasure(**{**row, "hashes": [bytes(one) for one in row["hashes"]]})


def advance(tx: Transaction, erasure_id: UUID, step: str, place: Mapping[str, Any]) -> None:
    """Say how far an erasure has come."""
    tx.execute(_SQL["advance"], id=erasure_id, step=step, place=jsonb(dict(place)))


def finish(tx: Transaction, erasure_id: UUID) -> None:
    """Say that all is gone, and forget what found it."""
    tx.execute(_SQL["finish"], id=erasure_id)


def next_thread(tx: Transaction, contacts: Sequence[UUID]) -> UUID | None:
    """A conversation of theirs that still has a message."""
    found: UUID | None = tx.value(_SQL["next_thread"], contacts=list(contacts))
    return found


def lock_messages(tx: Transaction, conversation_id: UUID, at_most: int) -> list[Row]:
    """Lock the newest messages of a conversation (id, integration_id, provider_message_id)."""
    return tx.rows(_SQL["lock_messages"], conversation=conversation_id, at_most=at_most)


def delete_messages(tx: Transaction, messages: Sequence[Row]) -> list[str]:
    """Delete messages with all that hangs on them; answer where their files lie, or would."""
    ids = [row["id"] for row in messages]
    tx.execute(_SQL["delete_attempts"], messages=ids)
    files = tx.rows(_SQL["delete_files"], messages=ids)
    delete_facts(tx, keys_of(messages))
    tx.execute(_SQL["delete_messages"], messages=ids)
    # A file that came within a webhook is in the bucket also where it was found to be no picture.
    named = (row["object_key"] or (row["sha256"] and f"{tx.tenant_id}/media/{row['sha256']}") for row in files)
    return [key for key in named if key]


def keys_of(messages: Iterable[Row]) -> list[ProviderKey]:
    """The gateways' names of these messages, of those that have one."""
    return [(row["integration_id"], row["provider_message_id"]) for row in messages if row["provider_message_id"]]


def delete_facts(tx: Transaction, keys: Sequence[ProviderKey]) -> None:
    """Delete what was said about these messages."""
    if keys:
        tx.execute(_SQL["delete_facts"], named=_named(keys))


def set_objects_aside(tx: Transaction, erasure_id: UUID, keys: Iterable[str]) -> None:
    """Remember objects that are to be deleted once this transaction is over."""
    wanted = sorted(set(keys))
    if wanted:
        tx.execute(_SQL["set_objects_aside"], erasure=erasure_id, keys=wanted)


def note_messages(tx: Transaction, erasure_id: UUID, messages: Sequence[UUID]) -> None:
    """Remember which messages an erasure took."""
    tx.execute(_SQL["note_messages"], erasure=erasure_id, messages=list(messages))


def forget_messages(tx: Transaction, erasure_id: UUID) -> None:
    """They need not be known any more."""
    tx.execute(_SQL["forget_messages"], erasure=erasure_id)


def next_group(tx: Transaction, contacts: Sequence[UUID], after: str | None) -> UUID | None:
    """The next conversation of a group in which they were seen."""
    found: UUID | None = tx.value(_SQL["next_group"], contacts=list(contacts), after=after)
    return found


def group_page(tx: Transaction, erasure: Erasure, conversation_id: UUID, after: int, at_most: int) -> list[Row]:
    """Lock a group's conversation and read its next messages; `theirs`: the erased person wrote it."""
    tx.execute(_SQL["lock_conversation"], id=conversation_id)
    return tx.rows(
        _SQL["group_page"],
        conversation=conversation_id,
        after=after,
        at_most=at_most,
        addresses=jsonb(erasure.addresses),
        contacts=erasure.contact_ids,
    )


def rewrite_messages(tx: Transaction, messages: Sequence[Mapping[str, Any]]) -> None:
    """Give messages another `body` and `content`."""
    if messages:
        tx.execute(_SQL["rewrite_messages"], messages=jsonb(list(messages)))


def revisions_of(tx: Transaction, keys: Sequence[ProviderKey]) -> list[Row]:
    """What the edits of these messages said."""
    return tx.rows(_SQL["revisions_of"], named=_named(keys)) if keys else []


def rewrite_revisions(tx: Transaction, revisions: Sequence[Mapping[str, Any]]) -> None:
    """Give revisions another `body` and `content`."""
    if revisions:
        tx.execute(_SQL["rewrite_revisions"], revisions=jsonb(list(revisions)))


def delete_receipts_by(tx: Transaction, keys: Sequence[ProviderKey], spellings: Sequence[str]) -> None:
    """Delete a participant's receipts of these messages."""
    if keys and spellings:
        tx.execute(_SQL["delete_receipts_by"], named=_named(keys), spellings=list(spellings))


def summarise_group(tx: Transaction, conversation_id: UUID) -> None:
    """Compute a group's last message and what is unread in it."""
    tx.execute(_SQL["summarise_group"], id=conversation_id)


def delete_reactions(tx: Transaction, contacts: Sequence[UUID], at_most: int) -> list[ProviderKey]:
    """Delete some reactions of theirs; answer what they were about."""
    rows = tx.rows(_SQL["delete_reactions"], contacts=list(contacts), at_most=at_most)
    return [(row["integration_id"], row["provider_message_id"]) for row in rows]


def delete_timeline(tx: Transaction, contacts: Sequence[UUID], at_most: int) -> int:
    """Delete some of what happened to their conversations; answer how much."""
    return tx.execute(_SQL["delete_timeline"], contacts=list(contacts), at_most=at_most)


def delete_people(tx: Transaction, contacts: Sequence[UUID]) -> None:
    """Delete contacts whose messages and timelines are gone, with their conversations and all that points to them."""
    for name in (
        "delete_followers",
        "delete_moves",
        "delete_merges",
        "delete_memberships",
        "delete_conversations",
        "delete_aliases",
        "delete_contacts",
    ):
        tx.execute(_SQL[name], contacts=list(contacts))


def _named(keys: Sequence[ProviderKey]) -> Any:
    return jsonb([{"integration_id": key[0], "provider_message_id": key[1]} for key in sorted(set(keys))])
