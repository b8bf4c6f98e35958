"""What goes out: a message to send or a deed to do, and what became of the attempt. The one rule: an attempt ends in
exactly one of these four outcomes, and only `NotSent` may be tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeAlias
from uuid import UUID

from .identity import Address


@dataclass(frozen=True, slots=True)
class Target:
    """A message that a reply, reaction, edit, deletion or read receipt is about: the gateway's id, whether we wrote it,
    and who did in a group (None in a direct conversation).
    """

    provider_message_id: str
    ours: bool
    author: Address | None = None


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to send: what it is, and ways to get at it. `read` opens it as chunks of at most 1 MB; `url` is a signed
    URL of at least ten minutes, for gateways that fetch for themselves.
    """

    mime_type: str
    size: int
    file_name: str | None
    voice: bool
    url: str
    read: Callable[[], AbstractContextManager[Iterator[bytes]]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Draft:
    """A message as an adapter gets it. `reference` is our message id, echoed by gateways that can. `to` of a group:
    its id as `Address("jid", …)`. `content` by kind as in domain/incoming.py, and template
    {name, language, components?}; interactive {type: "buttons", body, footer?, header?, buttons: [{id, title}]} or
    {type: "list", body, footer?, button, sections: [{title?, rows: [{id, title, description?}]}]}.
    """

    reference: UUID
    to: Address
    kind: str
    text: str | None = None
    content: Mapping[str, Any] = field(default_factory=dict)
    reply_to: Target | None = None
    media: Upload | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The gateway took it under this id. `address`: how the gateway writes the recipient, where it says so."""

    provider_message_id: str
    address: Address | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """It was not sent and will not be: `code` is Parley's, `message` a sentence a person understands, `provider` what
    it said. `account_lost`: the account is disconnected or its credential is dead, so nothing else will be sent
    either: the integration pauses and this message waits.
    """

    code: str
    message: str
    provider: Mapping[str, Any] = field(default_factory=dict)
    account_lost: bool = False


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
