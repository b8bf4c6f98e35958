"""The steps of an erasure where no id leads to the person: event log, notices, ledger, dead letters, bucket. The one
rule: what was said is found by the addresses it names, whole bodies go, and what only mentions an address loses that.
"""

from __future__ import annotations

from datetime import date
from typing import Final
from uuid import UUID

from parley.cloud.ports import Bucket
from parley.domain.errors import NotFound, TooLarge
from parley.domain.traces import Traces
from parley.store import erasing_traces as store
from parley.store.database import Row, Transaction
from parley.store.erasing import Erasure, forget_messages, set_objects_aside

from .accept import LARGEST_BODY, PAYLOADS
from .erase_steps import Done, Hands
from .forget_files import delete_object

_EVENTS: Final = 5000
_WEBHOOKS: Final = 1000
_LETTERS: Final = 100
_OBJECTS: Final = 25


def clean_events(tx: Transaction, erasure: Erasure, _: Hands) -> Done:
    """Take the addresses out of what gateways said of errors and accounts; events hold nothing else of anybody."""
    traces = Traces(erasure.addresses)
    after = erasure.place.get("after", 0)
    last = store.events_end(tx, after, _EVENTS)
    if last is None:
        return Done()
    for row in store.events_page(tx, after, last, traces.spellings):
        store.rewrite_event(tx, row["ordinal"], traces.without_in_json(row["delta"]))
    return Done(place={"after": last})


def clean_notices(tx: Transaction, erasure: Erasure, _: Hands) -> Done:
    """Take the addresses out of notices of accounts."""
    traces = Traces(erasure.addresses)
    rows = store.notices(tx, erasure.place.get("after"), traces.spellings, _WEBHOOKS)
    for row in rows:
        store.rewrite_notice(tx, row["id"], traces.without_in_json(row["detail"]))
    return Done(place={"after": str(rows[-1]["id"])} if rows else None)


def clean_ledger(tx: Transaction, erasure: Erasure, hands: Hands) -> Done:
    """Take the bodies out of the ledger that name the person: by their contact, or by an address anywhere in them,
    understood or not. What came after the erasure is somebody new.
    """
    traces = Traces(erasure.addresses)
    after = _place(erasure)
    last = store.ledger_end(tx, after, _WEBHOOKS)
    if last is None:
        forget_messages(tx, erasure.id)
        return Done()
    found = store.ledger_page(tx, after, last, erasure, traces.spellings)
    naming = [row for row in found if _names(row, traces, hands.bucket)]
    store.empty_ledger(tx, naming)
    set_objects_aside(tx, erasure.id, (row["pointer"] for row in naming if row["pointer"]))
    return Done(place={"day": last[0].isoformat(), "id": str(last[1])})


def _place(erasure: Erasure) -> store.LedgerPlace:
    if not erasure.place:
        return store.THE_BEGINNING
    return date.fromisoformat(erasure.place["day"]), UUID(erasure.place["id"])


def _names(row: Row, traces: Traces, bucket: Bucket) -> bool:
    if row["named"]:
        return True
    body = bytes(row["body"]) if row["body"] is not None else _object(bucket, row["pointer"])
    return body is not None and traces.in_bytes(body)


def _object(bucket: Bucket, key: str) -> bytes | None:
    try:
        return bucket.get(key, LARGEST_BODY)
    except (NotFound, TooLarge):
        return None


def clean_dead_letters(tx: Transaction, erasure: Erasure, hands: Hands) -> Done:
    """Delete dead letters that name the person, or whose body in the bucket does."""
    traces = Traces(erasure.addresses)
    letters = store.dead_letters(tx, erasure.place.get("after"), _LETTERS)
    naming: list[UUID] = []
    for letter in letters:
        pointer = _pointer(letter["payload"])
        body = _object(hands.bucket, pointer) if pointer else None
        if traces.in_payload(letter["payload"]) or (body is not None and traces.in_bytes(body)):
            naming.append(letter["id"])
            set_objects_aside(tx, erasure.id, [pointer] if pointer else [])
    store.delete_dead_letters(tx, naming)
    return Done(place={"after": str(letters[-1]["id"])} if letters else None)


def _pointer(payload: object) -> str | None:
    """Where a webhook's body lies; of what is no webhook, nothing is believed."""
    pointer = payload.get("pointer") if isinstance(payload, dict) else None
    return pointer if isinstance(pointer, str) and pointer.startswith(PAYLOADS) else None


def delete_objects(tx: Transaction, erasure: Erasure, hands: Hands) -> Done:
    """Delete files and large webhooks from the bucket, but for files that somebody else sent or got as well."""
    found = store.next_objects(tx, erasure.id, _OBJECTS)
    for row in found:
        if not row["needed"]:
            delete_object(hands.bucket, row["object_key"])
    store.forget_objects(tx, erasure.id, [row["object_key"] for row in found])
    return Done(place={} if found else None)
