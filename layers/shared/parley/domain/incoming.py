"""What a webhook says, in Parley's own words: an adapter produces these, receiving stores them. The one rule: nothing
of a gateway's vocabulary goes beyond this point but ids, texts and what lies in `content` and `Media.source`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

from .identity import Address, Person
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
MediaKind = Literal["image", "audio", "video", "document", "sticker"]
Origin = Literal["contact", "device"]
_NAMES: Final = "\n"


def one_account(*names: str | None) -> str:
    """The `account` of a fact whose gateway has several names for one account, whichever it was connected under."""
    return _NAMES.join(dict.fromkeys(name.replace(_NAMES, " ") for name in names if name))


def account_names(account: str) -> tuple[str, ...]:
    """Under which names a fact's account may be connected; none where the gateway did not say."""
    return tuple(account.split(_NAMES)) if account else ()


@dataclass(frozen=True, slots=True)
class Media:
    """A file that belongs to a message. `source` is what the adapter's `fetch_media` needs to get it (an id, a URL,
    keys; JSON, no secret of ours). `inline` is the file itself where the webhook carried it. `sha256` hexadecimal, of
    the decrypted file; `size` in bytes; both as the gateway claims them.
    """

    kind: MediaKind
    mime_type: str | None = None
    file_name: str | None = None
    size: int | None = None
    sha256: str | None = None
    voice: bool = False
    source: Mapping[str, Any] = field(default_factory=dict)
    inline: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Group:
    """A group chat, by the gateway's id of it."""

    id: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """A message of a customer, or one typed on the company's own phone (`origin: device`).

    `person`: who wrote it; for one of the device, to whom (None in a group). `group`: the conversation is the group's.
    `occurred_at`: the gateway's time (None: it gave none). `account`: the number it came to (see `account_names`).
    `reply_to`: the gateway's id of the quoted message. `placeholder`: the content could not be read yet and follows
    under the same id. `client_reference`: our own id, of one that was sent from here, where the gateway takes it for
    its own.

    `content` by kind (camelCase, as the API shows it): location {latitude, longitude, name?, address?, url?}; contacts
    {contacts: [{name, phones: [text], vcard?}]}; interactive {type: button|list|order|poll|flow …, id?, title?,
    description?, …}; system {type, …}; template {name?, …}; unsupported {type, payload?}; any kind may add
    {forwarded: true}, {viewOnce: true}, {referral: {…}}, {mentions: [text]}.
    A caption is `text`.
    """

    account: str
    provider_message_id: str
    person: Person | None
    kind: Kind
    occurred_at: datetime | None
    text: str | None = None
    content: Mapping[str, Any] = field(default_factory=dict)
    reply_to: str | None = None
    media: tuple[Media, ...] = ()
    group: Group | None = None
    origin: Origin = "contact"
    placeholder: bool = False
    client_reference: str | None = None


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
class Reaction:
    """Somebody's reaction to a message, the latest by `occurred_at` wins; `emoji` None takes it back; `person` None:
    the company's own phone did.
    """

    account: str
    provider_message_id: str
    person: Person | None
    emoji: str | None
    occurred_at: datetime | None


@dataclass(frozen=True, slots=True)
class Edit:
    """A message has a new text (for media: caption). `revision` tells the edits of one message apart: the gateway's id
    of the edit, or its time.
    """

    account: str
    provider_message_id: str
    revision: str
    text: str | None
    occurred_at: datetime | None


@dataclass(frozen=True, slots=True)
class Deletion:
    """A message was taken back for everyone."""

    account: str
    provider_message_id: str
    occurred_at: datetime | None


@dataclass(frozen=True, slots=True)
class TypingSeen:
    """A customer is typing, or stopped. Never stored."""

    account: str
    person: Person
    on: bool


@dataclass(frozen=True, slots=True)
class ContactSeen:
    """A name or picture of a customer came without a message; makes no contact that is not there."""

    account: str
    person: Person
    avatar_url: str | None
    occurred_at: datetime | None


@dataclass(frozen=True, slots=True)
class GroupSeen:
    """A group's name came without a message; makes no group that is not there."""

    account: str
    group: Group
    occurred_at: datetime | None


@dataclass(frozen=True, slots=True)
class NumberChanged:
    """A customer has a new address; both are the same person."""

    account: str
    old: Address
    new: Address
    occurred_at: datetime | None


@dataclass(frozen=True, slots=True)
class AccountState:
    """The account's connection, as the gateway tells it; the latest by receive time wins. `reason` in the gateway's
    words.
    """

    account: str
    state: Literal["connected", "disconnected"]
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class AccountNotice:
    """Something an operator should know of the account: a template's status, a restriction, a quality rating.
    `kind` in snake_case, `detail` JSON. `shared`: `account` is what several numbers belong to, and all are meant.
    """

    account: str
    kind: str
    detail: Mapping[str, Any]
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Ignored:
    """Understood, and of no consequence for the inbox; `reason` is kept in the ledger."""

    reason: str


Fact: TypeAlias = (
    MessageReceived
    | Receipt
    | Reaction
    | Edit
    | Deletion
    | TypingSeen
    | ContactSeen
    | GroupSeen
    | NumberChanged
    | AccountState
    | AccountNotice
    | Ignored
)
