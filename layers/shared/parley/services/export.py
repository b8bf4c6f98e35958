"""Export a contact: everything that is kept of it, as records in pages. The one rule: a page is bounded in records and
in bytes, and its end is a key that does not change, so that an export of any length comes out whole.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from parley.domain.errors import Conflict, NotFound
from parley.domain.principal import Principal
from parley.store import audit
from parley.store import exporting as store
from parley.store.database import Database, Row, Transaction
from parley.store.joining import is_moving
from parley.store.views import View, load_contacts, load_conversations, load_messages, timestamp

LARGEST_PAGE: Final = 3 * 1024 * 1024
"""Bytes of records: a function's answer may have six megabytes."""
_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class Place:
    """The record after which an export goes on: its part, and its key in there."""

    part: str
    key: tuple[str, ...] = ()


Found = Iterator[tuple[tuple[str, ...], View]]
Part = Callable[[Transaction, Sequence[UUID], tuple[str, ...] | None], Found]


class Exporting:
    """Exports contacts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(
        self, by: Principal, contact_id: UUID, after: Place | None, limit: int, correlation_id: UUID
    ) -> tuple[list[View], Place | None]:
        """The next records, and where the following page begins; None: this was the last one. Whoever begins an export
        is written down. Raises NotFound, Conflict while its messages are being moved.
        """
        with self._database.transaction(by.tenant_id, repeatable_read=True) as tx:
            contacts = store.people(tx, contact_id)
            if not contacts:
                raise NotFound
            if is_moving(tx, contacts[0]):
                raise Conflict("Messages of this contact are still being moved; try again in a minute.")
            if after is None:
                audit.record(tx, by, "contact.exported", ("contact", contacts[0]), {}, correlation_id)
            records: list[View] = []
            last, size = after, 0
            for place, record in _records(tx, contacts, after):
                weight = len(json.dumps(record, ensure_ascii=False, default=str).encode("utf-8", "surrogatepass"))
                if records and (len(records) == limit or size + weight > LARGEST_PAGE):
                    return records, last
                records.append(record)
                last, size = place, size + weight
        return records, None


def _records(tx: Transaction, contacts: Sequence[UUID], after: Place | None) -> Iterator[tuple[Place, View]]:
    names = list(PARTS)
    for name in names[names.index(after.part) if after else 0 :]:
        key = after.key if after and after.part == name else None
        for found, record in PARTS[name](tx, contacts, key):
            yield Place(name, found), {"type": name, **record}


def _contact(tx: Transaction, contacts: Sequence[UUID], after: tuple[str, ...] | None) -> Found:
    if after is None:
        shown = load_contacts(tx, contacts)
        yield (
            (),
            {
                "contact": shown[contacts[0]],
                "joined": [shown[id_] for id_ in contacts[1:]],
                "addresses": [_address(row) for row in store.addresses(tx, contacts)],
                "joins": [_join(row) for row in store.joins(tx, contacts)],
            },
        )


def _conversations(tx: Transaction, contacts: Sequence[UUID], after: tuple[str, ...] | None) -> Found:
    last = UUID(after[0]) if after else None
    while rows := store.conversations(tx, contacts, last, _AT_ONCE):
        views = load_conversations(tx, [row["id"] for row in rows if row["group_id"] is None])
        for row in rows:
            # Of a group's conversation nothing but the group is the contact's.
            shown = views.get(row["id"]) or {"id": str(row["id"]), "integrationId": str(row["integration_id"])}
            group = {"id": str(row["group_id"]), "name": row["group_name"]} if row["group_id"] else None
            yield (str(row["id"]),), {"conversation": {**shown, "group": group}}
        last = rows[-1]["id"]


def _happenings(tx: Transaction, contacts: Sequence[UUID], after: tuple[str, ...] | None) -> Found:
    last = UUID(after[0]) if after else None
    while rows := store.happenings(tx, contacts, last, _AT_ONCE):
        for row in rows:
            happening = {
                "id": str(row["id"]),
                "conversationId": str(row["conversation_id"]),
                "type": row["kind"],
                "data": row["detail"],
                "by": {"kind": row["actor_kind"], "id": str(row["actor_id"]) if row["actor_id"] else None},
                "occurredAt": timestamp(row["occurred_at"]),
            }
            yield (str(row["id"]),), {"happening": happening}
        last = rows[-1]["id"]


def _messages(tx: Transaction, contacts: Sequence[UUID], after: tuple[str, ...] | None) -> Found:
    last = (UUID(after[0]), int(after[1])) if after else None
    while found := store.messages(tx, contacts, last, _AT_ONCE):
        ids = [id_ for id_, _, _ in found]
        views = load_messages(tx, ids)
        receipts = _by_message(store.receipts(tx, ids), _receipt)
        revisions = _by_message(store.revisions(tx, ids), _revision)
        for id_, conversation_id, number in found:
            facts = {"receipts": receipts[id_], "revisions": revisions[id_]}
            yield (str(conversation_id), str(number)), {"message": {**views[id_], **facts}}
        last = found[-1][1:]


def _reactions(tx: Transaction, contacts: Sequence[UUID], after: tuple[str, ...] | None) -> Found:
    last = (UUID(after[0]), after[1]) if after else None
    while rows := store.reactions(tx, contacts, last, _AT_ONCE):
        for row in rows:
            reaction = {
                "messageId": str(row["message_id"]) if row["message_id"] else None,
                "conversationId": str(row["conversation_id"]) if row["conversation_id"] else None,
                "emoji": row["emoji"],
                "occurredAt": timestamp(row["occurred_at"]),
            }
            yield (str(row["integration_id"]), row["provider_message_id"]), {"reaction": reaction}
        last = (rows[-1]["integration_id"], rows[-1]["provider_message_id"])


PARTS: Final[Mapping[str, Part]] = {
    "contact": _contact,
    "conversation": _conversations,
    "happening": _happenings,
    "message": _messages,
    "reaction": _reactions,
}
"""What an export is made of, in this order."""
KEYS: Final[Mapping[str, int]] = {"contact": 0, "conversation": 1, "happening": 1, "message": 2, "reaction": 2}
"""How many things the key of a record has."""


def _by_message(rows: Sequence[Row], shown: Callable[[Row], View]) -> Mapping[UUID, list[View]]:
    found: dict[UUID, list[View]] = defaultdict(list)
    for row in rows:
        found[row["message_id"]].append(shown(row))
    return found


def _receipt(row: Row) -> View:
    return {
        "status": row["status"],
        "participant": row["participant"] or None,
        "occurredAt": timestamp(row["occurred_at"]),
        "error": row["error"],
    }


def _revision(row: Row) -> View:
    at = timestamp(row["occurred_at"])
    return {"type": row["kind"], "text": row["body"], "content": row["content"], "occurredAt": at}


def _address(row: Row) -> View:
    return {
        "kind": row["kind"],
        "value": row["address"],
        "integrationId": str(row["integration_id"]) if row["integration_id"] else None,
        "evidence": row["evidence"],
        "createdAt": timestamp(row["created_at"]),
    }


def _join(row: Row) -> View:
    before: Mapping[str, Any] = row["before"] or {}
    return {
        "id": str(row["id"]),
        "keptId": str(row["kept_id"]),
        "mergedId": str(row["merged_id"]),
        "evidence": row["evidence"],
        "nameBefore": before.get("name"),
        "attributesBefore": before.get("attributes") or {},
        "createdAt": timestamp(row["created_at"]),
        "undoneAt": timestamp(row["undone_at"]),
    }
