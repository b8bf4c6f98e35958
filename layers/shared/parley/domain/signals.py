"""What a client says on the socket (`parley.v1`), parsed. The one rule: a signal has been checked for shape, and for
nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Hello:
    """Here I am, and this is as far as I got."""

    cursor: str | None
    topics: tuple[str, ...]
    tab: str | None
    visible: bool


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Tell me of these too."""

    topics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """No more of these."""

    topics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ping:
    """Still here; `at` is as far as I got."""

    at: int | None
    visible: bool | None
    idle_ms: int | None


@dataclass(frozen=True, slots=True)
class Sync:
    """What comes after `start`?"""

    start: int
    limit: int


@dataclass(frozen=True, slots=True)
class Typing:
    """Somebody begins or ends to type."""

    conversation_id: str
    on: bool


@dataclass(frozen=True, slots=True)
class Renew:
    """A new ticket for this open socket."""

    ticket: str


@dataclass(frozen=True, slots=True)
class Bye:
    """I am going."""


Signal: TypeAlias = Hello | Subscribe | Unsubscribe | Ping | Sync | Typing | Renew | Bye
