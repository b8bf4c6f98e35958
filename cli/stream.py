"""A tenant's event stream as one reader has seen it (docs/realtime.md, Ranges). The one rule: an event is told once, in
order, and only when everything before it has been.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Range:
    """Everything the reader may see in (`start`, `end`]."""

    start: int
    end: int
    events: Sequence[Event] = ()

    @classmethod
    def of(cls, frame: Mapping[str, Any]) -> Range:
        """The range that a `welcome`, `batch` or `pong` frame covers."""
        return cls(int(frame["from"]), int(frame["to"]), frame.get("events") or ())


class Stream:
    """The reader's place, and the ranges that came ahead of it."""

    def __init__(self, cursor: str | None = None) -> None:
        self.epoch: str | None = None
        self.seq = 0
        self._ahead: list[Range] = []
        if cursor is not None:
            self.go_to(cursor)

    @property
    def cursor(self) -> str | None:
        """The place as the server understands it; None before the first."""
        return None if self.epoch is None else f"{self.epoch}:{self.seq}"

    @property
    def gap(self) -> bool:
        """Whether something is here that may not be told yet, because what comes before it is missing."""
        return bool(self._ahead)

    def go_to(self, cursor: str) -> None:
        """Jump to a place. Raises ValueError for what is none."""
        epoch, _, seq = cursor.rpartition(":")
        if not epoch or not seq.isdecimal():
            raise ValueError(f"{cursor!r} is not a cursor (`epoch:number`)")
        self.epoch, self.seq = epoch, int(seq)

    def forget_ahead(self) -> None:
        """Forget what came ahead on a connection that is over: the reader's rights may have changed since."""
        self._ahead.clear()

    def take(self, told: Range) -> Iterator[Event]:
        """Take a range in; give the events that may be told now, in order. The place moves on past each as the next one
        is asked for, so that a reader who breaks off has missed nothing.
        """
        self._ahead.append(told)
        while reachable := [one for one in self._ahead if one.start <= self.seq]:
            for event in reachable[0].events:
                if int(event["seq"]) > self.seq:
                    yield event
                    self.seq = int(event["seq"])
            self.seq = max(self.seq, reachable[0].end)
            self._ahead.remove(reachable[0])
