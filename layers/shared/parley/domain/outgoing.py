"""What goes out: a message to send, and what became of the attempt. The one rule: an attempt ends in exactly one of
these four outcomes, and only `NotSent` may be tried again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeAlias
from uuid import UUID

from .identity import Address


@dataclass(frozen=True, slots=True)
class Draft:
    """A message as an adapter gets it. `reference` is our message id, echoed by gateways that can."""

    reference: UUID
    to: Address
    kind: str
    text: str | None = None
    content: Mapping[str, Any] = field(default_factory=dict)
    reply_to: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The gateway took it under this id."""

    provider_message_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """It was not sent and will not be: `code` is Parley's, `message` a sentence a person understands, `provider` what
    the gateway said.
    """

    code: str
    message: str
    provider: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NotSent:
    """It certainly did not leave; try again, after the gateway's own hint if there is one."""

    reason: str
    retry_after: timedelta | None = None
    provider: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Uncertain:
    """It may have left: nobody can tell until evidence comes."""

    reason: str


Outcome: TypeAlias = Accepted | Refused | NotSent | Uncertain
