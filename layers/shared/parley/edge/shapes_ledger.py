"""What is answered about the ledger, as types (shapes.py says why)."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from typing_extensions import TypedDict

from .shapes import Natural

LedgerState = Literal["processed", "ignored", "rejected", "parked"]


class LedgerRow(TypedDict):
    """A webhook that was answered 200, and how it ended; `repetitions`: how often the gateway sent it again."""

    id: UUID
    integrationId: UUID
    provider: str
    state: LedgerState
    reason: str | None
    bodyHash: str
    repetitions: Natural
    messageIds: list[UUID]
    contactIds: list[UUID]
    correlationId: UUID
    receivedAt: datetime
    processedAt: datetime


class WholeLedgerRow(LedgerRow):
    """The same with what came; `bodyMissing` says why there is no `body`."""

    headers: dict[str, str]
    body: str | None
    bodyEncoding: Literal["text", "base64"] | None
    bodyMissing: Literal["erased", "gone", "too_large"] | None


# `from` is a word of the language.
Asked = TypedDict(
    "Asked",
    {
        "ledgerId": UUID | None,
        "state": LedgerState | None,
        "integrationId": UUID | None,
        "from": datetime | None,
        "to": datetime | None,
        "q": str | None,
    },
)
Asked.__doc__ = "Which rows were to be replayed: one, or all of which this holds."


class Outcomes(TypedDict):
    """How many rows ended how; `gone`: the ledger no longer had what came."""

    processed: Natural
    ignored: Natural
    rejected: Natural
    parked: Natural
    gone: Natural


class Requester(TypedDict):
    """Who asked for a replay."""

    kind: Literal["user", "bot"]
    id: UUID | None
    name: str | None


class Replay(TypedDict):
    """A replay and how far it has come; `total`: how many rows there were when it was asked for."""

    id: UUID
    state: Literal["running", "done", "cancelled"]
    asked: Asked
    total: Natural
    done: Natural
    outcomes: Outcomes
    by: Requester
    correlationId: UUID | None
    createdAt: datetime
    finishedAt: datetime | None


class ReplayRow(TypedDict):
    """A row that a replay came to; `state` is null as long as it is at it."""

    ledgerId: UUID
    integrationId: UUID
    receivedAt: datetime
    state: Literal["processed", "ignored", "rejected", "parked", "gone"] | None
    reason: str | None
    replayedAt: datetime | None
