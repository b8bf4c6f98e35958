"""Work out who is to be told what, from one snapshot. The one rule: nothing is decided from memory; rights, topics,
positions and events are read together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from parley.domain.batches import Told, cut, frame
from parley.store.connections import Ear, listeners
from parley.store.database import Row, Transaction
from parley.store.event_log import READ_LIMIT, read_events, read_stream
from parley.store.push_leases import EVERYBODY, Chunk

from .hear import Audience, Hearing, withhold
from .post import Frame
from .render import render


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one connection is to be told: frames up to `end`, or none where it may see nothing there. `oldest`: when the
    first of what it is told was committed.
    """

    ear: Ear
    end: int
    frames: tuple[Frame, ...]
    oldest: datetime | None = None


@dataclass(frozen=True, slots=True)
class PushPlan:
    """One round: what to deliver, whom to dismiss, and the head of the log as this snapshot saw it."""

    head: int
    deliveries: Sequence[Delivery]
    dismissed: Sequence[Ear]


def plan_push(tx: Transaction, chunk: Chunk = EVERYBODY) -> PushPlan:
    """Look at everybody who listens, or those of one chunk; `tx` is repeatable read."""
    head = read_stream(tx).last
    ears = listeners(tx, chunk)
    behind = [ear for ear in ears if ear.ending is None and ear.seq < head]
    # One who is far behind must not hold the others back: those near the head share one reading, the rest another.
    near = [ear for ear in behind if ear.seq >= head - READ_LIMIT]
    far = [ear for ear in behind if ear.seq < head - READ_LIMIT]
    deliveries = [delivery for group in (near, far) if group for delivery in _deliveries(tx, group, head)]
    return PushPlan(head, deliveries, [ear for ear in ears if ear.ending is not None])


def _deliveries(tx: Transaction, ears: Sequence[Ear], head: int) -> Iterator[Delivery]:
    rows = read_events(tx, min(ear.seq for ear in ears))
    end = rows[-1]["seq"] if len(rows) == READ_LIMIT else head
    audience = Audience(tx, {ear.listener.user_id for ear in ears}, rows)
    heard = {ear.id: _heard(audience, ear, rows) for ear in ears}
    wanted = {seq for seqs in heard.values() for seq in seqs}
    events = {event.seq: event for event in render(tx, [row for row in rows if row["seq"] in wanted])}
    occurred = {row["seq"]: row["occurred_at"] for row in rows}
    left = {seq: withhold(events[seq]) for seq in wanted & events.keys() if _left(seq, heard.values())}
    written: dict[tuple[int, tuple[int, ...]], tuple[Frame, ...]] = {}
    for ear in ears:
        if ear.seq >= end:
            continue
        told = tuple(
            left[seq] if how == "that it left" else events[seq] for seq, how in heard[ear.id].items() if seq in events
        )
        # Whoever is to get the same frame gets the same bytes.
        same = (ear.sent_seq, tuple(id(event) for event in told))
        if same not in written:
            written[same] = _frames(ear.sent_seq, end, told)
        yield Delivery(ear, end, written[same], occurred[told[0].seq] if told else None)


def _heard(audience: Audience, ear: Ear, rows: Sequence[Row]) -> dict[int, Hearing]:
    """What a connection hears above its position, by number."""
    hearings = ((row["seq"], audience.hearing(ear.listener, row)) for row in rows if row["seq"] > ear.seq)
    return {seq: how for seq, how in hearings if how is not None}


def _left(seq: int, heard: Iterable[Mapping[int, Hearing]]) -> bool:
    """Whether anybody hears of this event only that the conversation left their sight."""
    return any(seqs.get(seq) == "that it left" for seqs in heard)


def _frames(start: int, end: int, events: Sequence[Told]) -> tuple[Frame, ...]:
    return tuple(Frame(batch.end, frame(batch)) for batch in cut(start, end, events)) if events else ()
