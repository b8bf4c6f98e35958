"""Facts on their way into the inbox: each with the webhook it came by and the integration it belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar
from uuid import UUID

from parley.domain.incoming import (
    AccountNotice,
    AccountState,
    ContactSeen,
    Deletion,
    Edit,
    GroupSeen,
    MessageReceived,
    NumberChanged,
    Reaction,
    Receipt,
)
from parley.domain.timestamps import believable
from parley.store.receiving import ProviderKey

Storable = (
    MessageReceived
    | Receipt
    | Reaction
    | Edit
    | Deletion
    | ContactSeen
    | GroupSeen
    | NumberChanged
    | AccountState
    | AccountNotice
)
OfMessage = MessageReceived | Receipt | Reaction | Edit | Deletion
Said_co = TypeVar("Said_co", bound=Storable, covariant=True)


@dataclass(frozen=True)
class Arrival(Generic[Said_co]):
    """One fact of one webhook. `webhook` is the caller's index."""

    webhook: int
    integration_id: UUID
    received_at: datetime
    correlation_id: UUID
    fact: Said_co

    @property
    def occurred_at(self) -> datetime:
        """When it happened, as far as the gateway can be believed."""
        return believable(getattr(self.fact, "occurred_at", None), self.received_at)


def key_of(arrival: Arrival[OfMessage]) -> ProviderKey:
    """The gateway's name of the message a fact is about."""
    return arrival.integration_id, arrival.fact.provider_message_id


@dataclass(frozen=True, slots=True)
class Policy:
    """What an integration wants. `window`: how long one may answer freely. `reopen`: resolved conversations go on."""

    window: timedelta | None
    reopen: bool = True
