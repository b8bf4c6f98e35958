"""Catch up: the events after a cursor, and the snapshot to begin with. The one rule: a position is told only together
with everything up to it that the reader may see; never a part of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from parley.domain.audience import Listener, resolve_topics
from parley.domain.batches import Batch, fitting
from parley.domain.cursor import Cursor, epoch_of
from parley.domain.principal import Principal
from parley.store.database import Database, Transaction
from parley.store.event_log import READ_LIMIT, Stream, number_events, read_events, read_stream
from parley.store.snapshot import inbox_counts, newest_open
from parley.store.views import load_conversations

from .hear import Audience, withhold
from .render import render

SNAPSHOT_SIZE = 100
LARGEST_PAGE_BYTES = 4_000_000
"""Lambda answers 6 MB at most."""


def events_after(
    database: Database,
    principal: Principal,
    cursor: str | None,
    limit: int = 100,
    topics: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Answer `GET /v1/events`: at most `limit` events after the cursor, and the cursor to go on from.

    Without a cursor: only the head's. `reset`: the cursor is of another epoch or older than the log, so the reader
    begins with the snapshot. `topics`: of all the caller may hear, only these. Raises InvalidRequest.
    """
    own = person(principal)
    listener = Listener(own, None if topics is None else resolve_topics(topics, own))
    after = None if cursor is None else Cursor.parse(cursor)
    with _numbered(database, principal.tenant_id) as (tx, stream):
        head = Cursor(epoch_of(stream.epoch, principal.rights_version), stream.last)
        if after is None:
            return _page(Batch(head.seq, head.seq, ()), head, reset=False)
        if after.epoch != head.epoch or not stream.reaches(after.seq):
            return _page(Batch(head.seq, head.seq, ()), head, reset=True)
        batch = visible(tx, listener, after.seq, head.seq, limit)
    return _page(fitting(batch.start, batch.end, batch.events, LARGEST_PAGE_BYTES), head, reset=False)


def snapshot(database: Database, principal: Principal) -> dict[str, Any]:
    """Answer `GET /v1/snapshot`: the newest open conversations, the counters, and the cursor they stand for."""
    with _numbered(database, principal.tenant_id, principal.viewer) as (tx, stream):
        # The position first: what is read after it can only be newer, and applying an event twice does no harm.
        ids = newest_open(tx, SNAPSHOT_SIZE)
        conversations = load_conversations(tx, ids)
        counts = inbox_counts(tx, person(principal))
    cursor = Cursor(epoch_of(stream.epoch, principal.rights_version), stream.last)
    shown = [conversations[id_] for id_ in ids if id_ in conversations]
    return {"data": {"conversations": shown, "counts": counts, "cursor": str(cursor)}}


@contextmanager
def _numbered(database: Database, tenant_id: UUID, viewer: UUID | None = None) -> Iterator[tuple[Transaction, Stream]]:
    """One snapshot in which every event has its number; mostly somebody numbered them, and one look is enough."""
    with database.transaction(tenant_id, repeatable_read=True, viewer=viewer) as tx:
        stream = read_stream(tx)
        if not stream.unnumbered:
            yield tx, stream
            return
    number_events(database, tenant_id)
    with database.transaction(tenant_id, repeatable_read=True, viewer=viewer) as tx:
        yield tx, read_stream(tx)


def visible(tx: Transaction, listener: Listener, above: int, head: int, limit: int = READ_LIMIT) -> Batch:
    """What a listener hears of the events above a position, at most `limit` of them, rendered in this snapshot."""
    rows = read_events(tx, above)
    end = rows[-1]["seq"] if len(rows) == READ_LIMIT else head
    audience = Audience(tx, [listener.user_id], rows)
    hearings = {row["seq"]: audience.hearing(listener, row) for row in rows}
    heard = [row for row in rows if hearings[row["seq"]]]
    if len(heard) > limit:
        heard = heard[:limit]
        end = heard[-1]["seq"]
    told = (withhold(event) if hearings[event.seq] == "that it left" else event for event in render(tx, heard))
    return Batch(above, end, tuple(told))


def person(principal: Principal) -> UUID | None:
    """The person who calls; a key is none."""
    return principal.id if principal.kind == "user" else None


def _page(batch: Batch, head: Cursor, *, reset: bool) -> dict[str, Any]:
    return {
        "data": [event.body for event in batch.events],
        "cursor": str(Cursor(head.epoch, batch.end)),
        "hasMore": batch.end < head.seq,
        "reset": reset,
    }
