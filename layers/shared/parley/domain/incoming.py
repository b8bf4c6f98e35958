"""What a webhook says, in Parley's own words: an adapter produces these, receiving stores them. The one rule: nothing
of a gateway's vocabulary goes beyond this point but ids, texts and what lies in `content`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias

from .identity import Person
from .status import ReceiptStatus

Kind = Literal[
    "text",
    "image",
    "audio",
    "video",
    "document",
    "sticker",
    "location",
    "contacts",
    "interactive",
    "template",
    "system",
    "unsupported",
]


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """A customer wrote. `occurred_at` is the gateway's time (None: it gave none); `account` the number it came to."""

    account: str
    provider_message_id: str
    sender: Person
    kind: Kind
    occurred_at: datetime | None
    text: str | None = None
    content: Mapping[str, Any] = field(default_factory=dict)
    reply_to: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one of our messages. `client_reference` is our own id, where the gateway echoes it;
    `participant` tells the members of a group apart; `error` is {code, message, provider} as the API shows it.
    """

    account: str
    provider_message_id: str
    status: ReceiptStatus
    occurred_at: datetime | None
    participant: str = ""
    client_reference: str | None = None
    error: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Ignored:
    """Understood, and of no consequence for the inbox; `reason` is kept in the ledger."""

    reason: str


Fact: TypeAlias = MessageReceived | Receipt | Ignored
