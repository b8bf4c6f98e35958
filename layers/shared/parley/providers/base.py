"""The protocol every gateway's adapter fulfils. The one rule: services ask for capabilities, never for a name.

A new gateway is one file with a class that fulfils `Provider`, one line in registry.py and one folder of recorded
payloads under tests/samples: docs/new-provider.md walks through it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from parley.domain.identity import Address
from parley.domain.incoming import Fact
from parley.domain.outgoing import Draft, Outcome, Target

from .patience import USUAL

_DAY_SECONDS: Final = 86_400
_HIGHEST: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Pacing:
    """How fast an account may send. `per_second`: of the whole account; `pair`: the time between two messages to one
    customer, of whom `pair_burst` may go at once and are paid for later; `per_day`: messages in 24 hours. None: no
    limit.
    """

    per_second: float | None = None
    pair: timedelta | None = None
    pair_burst: int = 1
    per_day: int | None = None

    def lowered(self, asked: object) -> Pacing:
        """The slower of this and what an integration's settings ask for: `{perSecond, pairSeconds, pairBurst, perDay}`.
        What is no number above zero asks for nothing.
        """
        if not isinstance(asked, Mapping):
            return self
        per_second, per_day = _positive(asked.get("perSecond")), _positive(asked.get("perDay"))
        pair, burst = _positive(asked.get("pairSeconds")), _positive(asked.get("pairBurst"))
        own_burst = self.pair_burst if self.pair is not None else None
        return Pacing(
            per_second=_least(self.per_second, max(per_second, 1 / _DAY_SECONDS) if per_second else None),
            pair=_most(self.pair, timedelta(seconds=min(pair, _DAY_SECONDS)) if pair else None),
            pair_burst=max(1, int(_least(own_burst, burst) or 1)),
            per_day=max(1, int(day)) if (day := _least(self.per_day, per_day)) else None,
        )


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a gateway can do.

    `kinds`: the message kinds it sends; `interactive`: of those, `buttons` and `list`. `window`: how long after the
    customer's last message free text may be sent (None: always). `idempotent_send`: a repeated send with the same
    reference is one message. `reactions`, `edit`, `delete`, `mark_read`, `typing`, `replies`, `groups`, `templates`:
    what their names say. `media_limits`: bytes by kind; `media_types`: MIME types by kind (absent: any).
    `connection_state`: the gateway tells when the account is disconnected. `receipts`: it tells what was delivered.
    `longest_send`, `longest_file_send`: what one `send` takes at most, without and with a file; `longest_silence`: how
    long `fetch_media` may bring nothing.
    """

    kinds: frozenset[str]
    interactive: frozenset[str] = frozenset()
    window: timedelta | None = None
    idempotent_send: bool = False
    templates: bool = False
    replies: bool = False
    reactions: bool = False
    edit: bool = False
    delete: bool = False
    mark_read: bool = False
    typing: bool = False
    groups: bool = False
    connection_state: bool = False
    receipts: bool = True
    longest_send: timedelta = USUAL.longest
    longest_file_send: timedelta = USUAL.longest
    longest_silence: timedelta = timedelta(seconds=90)
    pacing: Pacing = Pacing()
    media_limits: Mapping[str, int] = field(default_factory=dict)
    media_types: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Account:
    """One connected account as an adapter needs it: its external id, its settings and its opened credentials."""

    account_id: str
    credentials: Mapping[str, str] = field(repr=False)
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Download:
    """A file on its way from the gateway: `chunks` of at most 1 MB, what the gateway says it is."""

    mime_type: str | None
    size: int | None
    chunks: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class Checkup:
    """What the gateway says of the account when asked: usable or not, and why in one sentence. `unreachable`: it did
    not answer, so nothing is known. `code`: in Parley's own word, as of a refused send, where it is not usable.
    """

    ok: bool
    reason: str
    unreachable: bool = False
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a webhook that came by the URL of a whole app: the account it names (empty: none), and itself."""

    account: str
    content: Mapping[str, Any]


class App(Protocol):
    """A gateway's app with one URL for all its accounts, of whatever tenant."""

    def verify(self, body: bytes, headers: Mapping[str, str], secret: str) -> None:
        """Check the signature over the raw bytes under the app's own secret. Raises Rejected."""

    def account_of(self, body: bytes) -> str:
        """The first account a body names, as far as a quick look tells; never raises."""

    def take_apart(self, body: bytes) -> Sequence[Part]:
        """Each piece with the account it names. Raises Unreadable."""

    def put_together(self, parts: Sequence[Part]) -> bytes:
        """A body of these pieces alone, in their order, as the gateway would have posted it."""


class Provider(Protocol):
    """One gateway."""

    name: str
    channel: str
    capabilities: Capabilities

    def handshake(self, query: Mapping[str, str], verify_token: str) -> str | None:
        """Answer the gateway's GET verification: the text to return, or None to refuse it."""

    def verify(self, body: bytes, headers: Mapping[str, str], account: Account, received_at: datetime) -> None:
        """Check the signature over the raw bytes; header names are lower case. Where a gateway signs nothing, the URL's
        token is the check and this one compares what else there is. A signature that ends is judged as of
        `received_at`, for a webhook may have waited in our queue.

        Raises Rejected, naming what is wrong.
        """

    def redact(self, body: bytes, headers: Mapping[str, str]) -> bytes:
        """The body as it may be stored: the same bytes, less a live credential the gateway put in. Never raises."""

    def normalise(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Fact]:
        """Say what the webhook says, in its order. Every entry of a batch becomes at least one fact; what has no place
        in the inbox becomes Ignored with its reason.

        Raises Unreadable when the body is not what this gateway sends.
        """

    def send(self, draft: Draft, account: Account) -> Outcome:
        """Send one message, once; never raises for what the network or the gateway does."""

    def react(self, target: Target, to: Address, emoji: str | None, account: Account) -> Outcome:
        """Set or (None) take back our reaction. Accepted's id may be empty."""

    def edit(self, target: Target, to: Address, text: str, account: Account) -> Outcome:
        """Replace the text of a message of ours."""

    def delete(self, target: Target, to: Address, account: Account) -> Outcome:
        """Take a message of ours back for everyone."""

    def mark_read(self, targets: Sequence[Target], to: Address, account: Account) -> Outcome:
        """Tell the customer that these messages were read, the newest last."""

    def show_typing(self, to: Address, on: bool, latest: Target | None, account: Account) -> Outcome:
        """Show the customer that somebody is typing; `latest` is the customer's newest message."""

    def fetch_media(self, source: Mapping[str, Any], account: Account) -> AbstractContextManager[Download]:
        """Open a file of a received message by its `Media.source`; it is streamed while the context is open.

        Raises MediaGone (final: it will never be there) or Unavailable (try again).
        """

    def check(self, account: Account) -> Checkup:
        """Ask the gateway whether the account works; never raises."""

    def set_up_webhook(self, url: str, account: Account) -> Outcome:
        """Tell the gateway to post this account's webhooks to `url`, with every event Parley reads, and without media
        in the bodies where it has the choice.
        """


def _positive(value: object) -> float | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and 0 < value <= _HIGHEST else None  # type: ignore[operator, arg-type]


def _least(own: float | None, asked: float | None) -> float | None:
    return min(filter(None, (own, asked)), default=None)


def _most(own: timedelta | None, asked: timedelta | None) -> timedelta | None:
    return max(filter(None, (own, asked)), default=None)
