"""What is answered, as types. The one rule: these are for the OpenAPI document and for tests that hold answers against
it; what makes an answer is `store/views.py` and the services.

Typed dictionaries, because a class of theirs costs nothing at start-up.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import Field
from typing_extensions import NotRequired, TypedDict

Thing = TypeVar("Thing")
Status = Literal[
    "received", "scheduled", "queued", "sending", "sent", "delivered", "read", "played", "failed", "unknown"
]
Direction = Literal["incoming", "outgoing", "internal"]
Kind = Literal[
    "text", "image", "audio", "video", "document", "sticker", "location", "contacts", "interactive", "template",
    "system", "unsupported",
]  # fmt: skip
Scope = Literal[
    "conversations:read", "conversations:write", "messages:read", "messages:write", "contacts:read", "contacts:write",
    "events:read", "media", "admin",
]  # fmt: skip
Natural = Annotated[int, Field(ge=0)]


class One(Generic[Thing]):
    """`{"data": Thing}`."""


class Page(Generic[Thing]):
    """`{"data": [Thing], "pagination": {…}}`."""


class FieldProblem(TypedDict):
    """What is wrong with one field."""

    path: str
    message: str


class Problem(TypedDict):
    """An error (RFC 9457); some codes carry further members."""

    type: str
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    code: str
    detail: str
    errors: list[FieldProblem]
    requestId: str


class ShortProblem(TypedDict):
    """An error of the short form."""

    success: Literal[False]
    error: str
    code: str


class Named(TypedDict):
    """Somebody by id and name."""

    id: UUID
    name: str | None


class Attachment(TypedDict):
    """A file of a message; `url` leads to it once it is `stored`."""

    id: UUID
    kind: Literal["image", "audio", "video", "document", "sticker"]
    mimeType: str | None
    fileName: str | None
    size: Natural | None
    sha256: str | None
    voice: bool
    state: Literal["pending", "stored", "failed"]
    reason: str | None
    url: str | None
    thumbnailUrl: str | None


class Sender(TypedDict):
    """Who wrote or reacted; an API key is a `bot`."""

    kind: Literal["contact", "user", "bot", "device", "system"]
    id: UUID | None
    name: str | None


class Reaction(TypedDict):
    """An emoji on a message, and whose."""

    emoji: str
    by: Sender


class Quoted(TypedDict):
    """The message that a reply quotes."""

    id: UUID
    text: str | None
    kind: Kind


class MessageError(TypedDict):
    """Why a message was not sent, in words for people; `provider`: as the gateway told it."""

    code: str
    message: str
    provider: NotRequired[dict[str, Any] | None]


class Message(TypedDict):
    """A message; `number` is its place in the order of storing, `occurredAt` in the thread."""

    id: UUID
    conversationId: UUID
    direction: Direction
    kind: Kind
    text: str | None
    content: dict[str, Any]
    attachments: list[Attachment]
    status: Status
    error: MessageError | None
    providerMessageId: str | None
    clientKey: str | None
    replyTo: Quoted | None
    reactions: list[Reaction]
    number: Natural
    earliestSendAt: datetime | None
    resendOf: UUID | None
    sender: Sender
    edited: bool
    deleted: bool
    occurredAt: datetime
    createdAt: datetime
    metadata: dict[str, Any]
    version: Natural


class ContactSummary(TypedDict):
    """The customer of a conversation."""

    id: UUID
    name: str | None
    phone: str | None
    avatarUrl: str | None


class LastMessage(TypedDict):
    """The newest message of a conversation."""

    id: UUID
    text: str | None
    kind: Kind
    direction: Direction
    status: Status
    occurredAt: datetime


class Window(TypedDict):
    """Whether more than templates may be sent, and until when."""

    open: bool
    expiresAt: datetime


class Bot(TypedDict):
    """The bot that answers a conversation."""

    id: str
    name: str | None
    state: str


class Conversation(TypedDict):
    """A customer's or a group's thread on one integration."""

    id: UUID
    integrationId: UUID
    channel: str
    provider: str
    bot: Bot | None
    contact: ContactSummary | None
    group: Named | None
    status: Literal["open", "pending", "resolved", "snoozed"]
    snoozedUntil: datetime | None
    assignee: Named | None
    followers: list[Named]
    labels: list[str]
    priority: Literal["none", "low", "medium", "high", "urgent"]
    unreadCount: Natural
    lastMessage: LastMessage | None
    lastNumber: Natural
    window: Window | None
    createdAt: datetime
    updatedAt: datetime
    version: Natural


class Alias(TypedDict):
    """An address of a contact; without an integration it is good on all of them."""

    kind: Literal["phone", "lid", "bsuid", "jid"]
    value: str
    integrationId: UUID | None


class Contact(TypedDict):
    """A customer."""

    id: UUID
    name: str | None
    phone: str | None
    avatarUrl: str | None
    aliases: list[Alias]
    attributes: dict[str, Any]
    blocked: bool
    createdAt: datetime
    updatedAt: datetime
    version: Natural


class Me(TypedDict):
    """Who calls; a key has scopes and no role."""

    id: UUID
    kind: Literal["user", "api_key"]
    tenantId: UUID
    name: str
    role: Literal["owner", "admin", "agent"] | None
    scopes: list[Scope] | None
    status: Literal["busy"] | None


class Sent(TypedDict):
    """A message taken by the short form; `externalMessageId` is null while it is still on its way."""

    success: Literal[True]
    messageId: UUID
    externalMessageId: str | None
    status: Status


class Form(TypedDict):
    """A form that a browser posts: all fields, then the file."""

    url: str
    fields: dict[str, str]


class Upload(TypedDict):
    """A file to come; without a form where it was fetched already."""

    id: UUID
    upload: Form | None


class Link(TypedDict):
    """A URL that needs no credential, and until when."""

    url: str
    expiresAt: datetime


class Typing(TypedDict):
    """What the customer is shown."""

    conversationId: UUID
    on: bool


class Event(TypedDict):
    """One change; `data` is the changed object as it is now (docs/realtime.md)."""

    seq: Natural
    type: str
    id: UUID
    conversationId: UUID | None
    clientKey: NotRequired[str | None]
    occurredAt: datetime
    data: dict[str, Any]


class Events(TypedDict):
    """A piece of the event log; go on with `cursor`."""

    data: list[Event]
    cursor: str
    hasMore: bool
    reset: bool


class Snapshot(TypedDict):
    """The inbox to begin with; `counts` by name, events go on from `cursor`."""

    conversations: list[Conversation]
    counts: dict[str, Natural]
    cursor: str


class Ticket(TypedDict):
    """A ticket that opens one socket."""

    ticket: str
    url: str
    expiresIn: Annotated[int, Field(ge=1)]


class OpenSocket(TypedDict):
    """A socket that is open, and what it listens to; `opening`: it has not said hello yet."""

    id: str
    user: Named | None
    state: Literal["opening", "active"]
    visible: bool
    subscriptions: list[str]
    connectedAt: datetime
    lastSeenAt: datetime
    expiresAt: datetime


class PresentUser(TypedDict):
    """Somebody who is here, and what is before their eyes."""

    userId: UUID
    name: str
    state: Literal["online", "away", "busy", "offline"]
    viewing: list[UUID]
    lastSeenAt: datetime | None


class Presence(TypedDict):
    """Who is here."""

    online: Natural
    users: list[PresentUser]


class Health(TypedDict):
    """Whether it answers; never why not."""

    status: Literal["ok", "unavailable"]
