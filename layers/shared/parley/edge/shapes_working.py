"""What is answered about the work of an inbox, as types (see shapes.py)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from typing_extensions import TypedDict

from .shapes import Contact, MessageError, Named, Natural, Sender


class Counts(TypedDict):
    """How many open conversations there are, of those the caller may see."""

    open: int
    mine: int
    unassigned: int
    unread: int


class Following(TypedDict):
    """Who follows a conversation."""

    conversationId: UUID
    followers: list[Named]


class Happening(TypedDict):
    """Something that happened to a conversation; `data` by type."""

    id: UUID
    type: Literal["created", "status", "assigned", "labels", "priority", "send_unknown"]
    data: dict[str, Any]
    by: Sender
    occurredAt: datetime


class Receipt(TypedDict):
    """What a gateway told of a message; `participant` in a group."""

    status: Literal["sent", "failed", "delivered", "read", "played"]
    participant: str | None
    occurredAt: datetime
    error: MessageError | dict[str, Any] | None


class Member(TypedDict):
    """Somebody of a group; `seenAt`: when they last wrote."""

    contact: Contact
    seenAt: datetime


class Label(TypedDict):
    """A label of the catalogue."""

    id: UUID
    name: str
    color: str | None
    description: str | None
    createdAt: datetime
    updatedAt: datetime
    version: Natural


class CannedReply(TypedDict):
    """A text that is written often."""

    id: UUID
    shortcut: str
    text: str
    createdAt: datetime
    updatedAt: datetime
    version: Natural
