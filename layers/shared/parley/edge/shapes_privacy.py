"""What is answered about a contact's data, as types (see shapes.py)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from typing_extensions import NotRequired, TypedDict


class ErasureState(TypedDict):
    """How far the erasure of a contact has come."""

    contactId: UUID
    state: Literal["erasing", "erased"]
    erasedAt: datetime
    finishedAt: datetime | None


class ExportRecord(TypedDict):
    """One record of what is kept of a contact: what `type` says is there."""

    type: Literal["contact", "conversation", "happening", "message", "reaction"]
    contact: NotRequired[dict[str, Any]]
    joined: NotRequired[list[dict[str, Any]]]
    addresses: NotRequired[list[dict[str, Any]]]
    joins: NotRequired[list[dict[str, Any]]]
    conversation: NotRequired[dict[str, Any]]
    happening: NotRequired[dict[str, Any]]
    message: NotRequired[dict[str, Any]]
    reaction: NotRequired[dict[str, Any]]
