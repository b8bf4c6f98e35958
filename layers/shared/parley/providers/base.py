"""The protocol every gateway's adapter fulfils. The one rule: services ask for capabilities, never for a name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from parley.domain.incoming import Fact
from parley.domain.outgoing import Draft, Outcome


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a gateway can do. `window`: how long after the customer's last message free text may be sent (None: always).
    `idempotent_send`: a repeated send with the same reference is one message, so an uncertain one may be repeated.
    """

    kinds: frozenset[str]
    window: timedelta | None = None
    idempotent_send: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """One connected account as an adapter needs it: its external id and its opened credentials."""

    account_id: str
    credentials: Mapping[str, str]


class Provider(Protocol):
    """One gateway."""

    name: str
    channel: str
    capabilities: Capabilities

    def handshake(self, query: Mapping[str, str], verify_token: str) -> str | None:
        """Answer the gateway's GET verification: the text to return, or None to refuse it."""

    def verify(self, body: bytes, headers: Mapping[str, str], account: Account) -> None:
        """Check the signature over the raw bytes; header names are lower case.

        Raises Rejected, naming what is wrong.
        """

    def normalise(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Fact]:
        """Say what the webhook says, in the order it says it. Every entry of a batch becomes at least one fact.

        Raises Unreadable when the body is not what this gateway sends.
        """

    def send(self, draft: Draft, account: Account) -> Outcome:
        """Send one message, once; never raises for what the network or the gateway does."""
