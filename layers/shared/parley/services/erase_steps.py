"""The steps of an erasure to which an id leads. The one rule: each run of a step is one transaction over a bounded
piece, and says where the next piece begins; running one again is harmless.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from parley.cloud.ports import Bucket, Keep
from parley.domain import events
from parley.domain.events import NewEvent
from parley.domain.timestamps import rfc3339
from parley.domain.tombstones import Hashing, named_message, object_of
from parley.domain.traces import Traces
from parley.store import erasing as store
from parley.store.database import Row, Transaction
from parley.store.erasing import Erasure
from parley.store.receiving import touch_messages

MESSAGES: Final = 500
_PAGE: Final = 1000
_ROWS: Final = 2000


@dataclass(frozen=True, slots=True)
class Hands:
    """What the steps work with, beside the database."""

    hashing: Hashing
    bucket: Bucket
    tombstones: Keep


@dataclass(frozen=True, slots=True)
class Done:
    """What a run of a step did. `place`: where the next one begins, None: this step is over; `back_to`: an earlier step
    has something to do again. `log`: what to tell.
    """

    place: Mapping[str, Any] | None = None
    back_to: str | None = None
    log: Sequence[NewEvent] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """A step by its name."""

    name: str
    run: Callable[[Transaction, Erasure, Hands], Done]


def keep_tombstone(tx: Transaction, erasure: Erasure, hands: Hands) -> Done:
    """Put the tombstone into its bucket, for the day when the database is restored to an earlier one."""
    said = {
        "v": 1,
        "tenantId": str(tx.tenant_id),
        "erasureId": str(erasure.id),
        "contactId": str(erasure.contact_id),
        "contactIds": [str(id_) for id_ in erasure.contact_ids],
        "erasedAt": rfc3339(erasure.erased_at),
        "hashes": [hash_.hex() for hash_ in erasure.hashes],
    }
    if tx.tenant_id is not None:
        key = object_of(tx.tenant_id, erasure.id)
        hands.tombstones.put(key, json.dumps(said, separators=(",", ":")).encode(), "application/json")
    return Done()


def delete_threads(tx: Transaction, erasure: Erasure, hands: Hands) -> Done:
    """Delete what was written in the contact's own conversations, by whomever."""
    conversation = store.next_thread(tx, erasure.contact_ids)
    if conversation is None:
        return Done()
    delete(tx, erasure, hands, store.lock_messages(tx, conversation, MESSAGES))
    return Done(place={})


def delete(tx: Transaction, erasure: Erasure, hands: Hands, messages: Sequence[Row]) -> None:
    """Delete messages, so that nothing that is said about them is taken in any more."""
    if not messages or tx.tenant_id is None:
        return
    files = store.delete_messages(tx, messages)
    marks = [hands.hashing.mark(tx.tenant_id, named_message(*key)) for key in store.keys_of(messages)]
    store.bury(tx, marks, erasure.erased_at)
    store.set_objects_aside(tx, erasure.id, files)
    store.note_messages(tx, erasure.id, [row["id"] for row in messages])


@dataclass(slots=True)
class _Changes:
    """What a page of a group is without the person."""

    theirs: list[Row] = field(default_factory=list)
    rewritten: list[dict[str, Any]] = field(default_factory=list)
    log: list[NewEvent] = field(default_factory=list)


def leave_groups(tx: Transaction, erasure: Erasure, hands: Hands) -> Done:
    """In groups delete what the contact wrote, and take its addresses out of what others wrote."""
    if "conversation" not in erasure.place:
        found = store.next_group(tx, erasure.contact_ids, erasure.place.get("after"))
        return Done() if found is None else Done(place={"conversation": str(found), "number": 0})
    conversation = UUID(erasure.place["conversation"])
    page = store.group_page(tx, erasure, conversation, erasure.place["number"], _PAGE)
    traces = Traces(erasure.addresses)
    changes = _changes(conversation, page, erasure, traces)
    others = store.keys_of([row for row in page if not row["theirs"]])
    store.delete_receipts_by(tx, others, traces.spellings)
    store.rewrite_messages(tx, changes.rewritten)
    store.rewrite_revisions(tx, _rewritten(store.revisions_of(tx, others), traces))
    delete(tx, erasure, hands, changes.theirs)
    if len(page) == _PAGE:
        return Done(place={"conversation": str(conversation), "number": page[-1]["number"]}, log=changes.log)
    store.summarise_group(tx, conversation)
    return Done(place={"after": str(conversation)}, log=[*changes.log, events.conversation_updated(conversation, None)])


def _changes(conversation: UUID, page: Sequence[Row], erasure: Erasure, traces: Traces) -> _Changes:
    changes = _Changes()
    for row in page:
        about: dict[str, Any] = {"is_last": bool(row["is_last"]), "correlation_id": None}
        if row["theirs"]:
            changes.theirs.append(row)
            gone = rfc3339(erasure.erased_at)
            changes.log.append(events.message_deleted(conversation, row["id"], deleted_at=gone, **about))
        elif rewritten := _rewritten([row], traces):
            changes.rewritten.append({name: rewritten[0][name] for name in ("id", "body", "content")})
            changes.log.append(events.message_updated(conversation, row["id"], **about))
    return changes


def _rewritten(rows: Sequence[Row], traces: Traces) -> list[dict[str, Any]]:
    """Those that name the person, without the name."""
    found = []
    for row in rows:
        body = traces.without(row["body"]) if row["body"] else row["body"]
        content = traces.without_in_json(row["content"])
        if (body, content) != (row["body"], row["content"]):
            found.append({**row, "body": body, "content": content})
    return found


def take_reactions_back(tx: Transaction, erasure: Erasure, _: Hands) -> Done:
    """Delete the contact's reactions, wherever they are."""
    keys = store.delete_reactions(tx, erasure.contact_ids, MESSAGES)
    log = [
        events.message_reaction(row["conversation_id"], row["id"], is_last=bool(row["is_last"]), correlation_id=None)
        for row in touch_messages(tx, set(keys))
    ]
    return Done(place={} if keys else None, log=log)


def delete_contact(tx: Transaction, erasure: Erasure, _: Hands) -> Done:
    """Delete the contact and its conversations, now that nothing is left in them."""
    store.lock_people(tx, erasure.contact_id)
    conversations = store.lock_conversations(tx, erasure.contact_ids)
    if store.next_thread(tx, erasure.contact_ids) is not None:
        return Done(back_to="threads")
    if store.delete_timeline(tx, erasure.contact_ids, _ROWS) == _ROWS:
        return Done(place={})
    store.delete_people(tx, erasure.contact_ids)
    log = [events.conversation_updated(row["id"], None) for row in conversations]
    return Done(log=[*log, *(events.contact_updated(id_, None) for id_ in erasure.contact_ids)])
