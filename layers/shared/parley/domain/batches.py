"""Events as frames of the socket. The one rule: a frame says everything its reader may see in (from, to], and stays
under 32 kB, which is one frame and one billed message on API Gateway.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

FRAME_BYTES: Final = 32_000
EVENT_BYTES: Final = 28_000


@dataclass(frozen=True, slots=True)
class Told:
    """An event as it is told: its number, its audience, its JSON as an object and as text, written once."""

    seq: int
    topics: tuple[str, ...]
    body: Mapping[str, Any]
    text: str
    size: int


@dataclass(frozen=True, slots=True)
class Batch:
    """The events that a reader may see in (`start`, `end`]."""

    start: int
    end: int
    events: tuple[Told, ...]


def dumps(value: object) -> str:
    """JSON as it goes over the socket."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def told(seq: int, topics: Sequence[str], body: Mapping[str, Any], ref: str | None) -> Told:
    """Write an event down; one too long for a frame becomes a stub whose `ref` is the path to fetch."""
    text = dumps(body)
    size = _size(text)
    if size > EVENT_BYTES:
        body = {**body, "data": None, "ref": ref}
        text = dumps(body)
        size = _size(text)
    return Told(seq, tuple(topics), body, text, size)


def fitting(start: int, end: int, events: Sequence[Told], room: int = FRAME_BYTES) -> Batch:
    """The longest batch from `start` that fits into `room` bytes; at least one event, so that it always goes on."""
    used = 0
    for index, event in enumerate(events):
        used += event.size + 1
        if used > room and index > 0:
            return Batch(start, events[index - 1].seq, tuple(events[:index]))
    return Batch(start, end, tuple(events))


def cut(start: int, end: int, events: Sequence[Told]) -> Iterator[Batch]:
    """Cut (start, end] into batches that each fit into a frame, without a gap between them."""
    room = FRAME_BYTES - len(frame(Batch(2**62, 2**62, ())))
    while True:
        batch = fitting(start, end, events, room)
        yield batch
        if batch.end >= end:
            return
        start, events = batch.end, events[len(batch.events) :]


def frame(batch: Batch) -> bytes:
    """A batch as the frame that is pushed."""
    events = ",".join(event.text for event in batch.events)
    return f'{{"type":"batch","from":{batch.start},"to":{batch.end},"events":[{events}],"more":false}}'.encode()


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())
