"""Work out who is to be told what, from one snapshot. The one rule: nothing is decided from memory; rights, topics,
positions and events are read together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from parley.domain.audience import hears
from parley.domain.batches import Told, cut, frame
from parley.store.connections import Ear, listeners
from parley.store.database import Row, Transaction
from parley.store.event_log import READ_LIMIT, read_events, read_stream

from .post import Frame
from .render import render


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one connection is to be told: frames up to `end`, or none where it may see nothing there."""

    ear: Ear
    end: int
    frames: tuple[Frame, ...]


@dataclass(frozen=True, slots=True)
class PushPlan:
    """One round: what to deliver, whom to dismiss, and the head of the log as this snapshot saw it."""

    head: int
    deliveries: Sequence[Delivery]
    dismissed: Sequence[Ear]


def plan_push(tx: Transaction) -> PushPlan:
    """Look at everybody who listens; `tx` is repeatable read."""
    head = read_stream(tx).last
    ears = listeners(tx)
    behind = [ear for ear in ears if ear.ending is None and ear.seq < head]
    # One who is far behind must not hold the others back: those near the head share one reading, the rest another.
    near = [ear for ear in behind if ear.seq >= head - READ_LIMIT]
    far = [ear for ear in behind if ear.seq < head - READ_LIMIT]
    deliveries = [delivery for group in (near, far) if group for delivery in _deliveries(tx, group, head)]
    return PushPlan(head, deliveries, [ear for ear in ears if ear.ending is not None])


def _deliveries(tx: Transaction, ears: Sequence[Ear], head: int) -> Iterator[Delivery]:
    rows = read_events(tx, min(ear.seq for ear in ears))
    end = rows[-1]["seq"] if len(rows) == READ_LIMIT else head
    heard = {ear.id: _heard(ear, rows) for ear in ears}
    wanted = {seq for seqs in heard.values() for seq in seqs}
    events = {event.seq: event for event in render(tx, [row for row in rows if row["seq"] in wanted])}
    written: dict[tuple[int, tuple[int, ...]], tuple[Frame, ...]] = {}
    for ear in ears:
        if ear.seq >= end:
            continue
        told = tuple(events[seq] for seq in heard[ear.id] if seq in events)
        # Whoever is to get the same frame gets the same bytes.
        same = (ear.sent_seq, tuple(event.seq for event in told))
        if same not in written:
            written[same] = _frames(ear.sent_seq, end, told)
        yield Delivery(ear, end, written[same])


def _heard(ear: Ear, rows: Sequence[Row]) -> list[int]:
    return [row["seq"] for row in rows if row["seq"] > ear.seq and hears(ear.listener, row["topics"])]


def _frames(start: int, end: int, events: Sequence[Told]) -> tuple[Frame, ...]:
    return tuple(Frame(batch.end, frame(batch)) for batch in cut(start, end, events)) if events else ()
