"""WuzAPI's events in Parley's words. The one rule: tolerant of shape, strict about identity; what has no place in the
inbox is named in an `Ignored`.

One body holds one event: `{type, event, state?, …}` around an event of whatsmeow (wuzapi wmiau.go, whatsmeow
types/events). What a message holds is read in messages.py, who and where in chats.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from parley.domain.errors import Unreadable
from parley.domain.incoming import (
    AccountNotice,
    AccountState,
    Deletion,
    Edit,
    Fact,
    Ignored,
    MessageReceived,
    Reaction,
    Receipt,
    TypingSeen,
)
from parley.domain.status import ReceiptStatus
from parley.providers.reading import clean, identity, optional_id, short

from .bodies import Event, read_event
from .chats import Chat, read_chat
from .messages import read_content, unwrap
from .proto import GROUP_SERVER, Fields, moment, person, read_jid

REVOKE: Final = 0
MESSAGE_EDIT: Final = 14
SECRET_EDIT: Final = 2
DELIVERED: Final = "delivered"  # whatsmeow's own type of it is empty
FAR_APART: Final = timedelta(minutes=1)

_PROTOCOL_NAMES: Final = {"REVOKE": REVOKE, "MESSAGE_EDIT": MESSAGE_EDIT}
_REVOKED: Final = frozenset({"7", "8"})  # by its sender, by a group's admin
_STATES: Final[Mapping[str, ReceiptStatus]] = {"delivered": "delivered", "read": "read", "played": "played"}


def read(body: bytes, headers: Mapping[str, str]) -> list[Fact]:
    """Say what the body says.

    Raises Unreadable.
    """
    event = read_event(body, headers)
    kind = event.data.text("type")
    if kind is None:
        raise Unreadable("a webhook without a type")
    folded = kind.replace(" ", "").lower()
    if folded in _CONNECTED or folded in _DISCONNECTED:
        return _account(event, kind, connected=folded in _CONNECTED)
    reader = _EVENTS.get(folded)
    return reader(event) if reader else [Ignored(f"event {short(kind)}")]


def _message(event: Event) -> list[Fact]:
    chat = read_chat(event.data.object("event"))
    if isinstance(chat, Ignored):
        return [chat]
    body = chat.event.object("message")
    message, once = unwrap(body or chat.event.object("rawmessage"))
    if special := message.first(_SPECIAL):
        return [_SPECIAL[special](message.object(special), chat, event)]
    content = read_content(message, event, once=once or chat.event.flag("isviewonce"))
    if isinstance(content, str):
        return [Ignored(content)]
    edited = chat.info.object("msgbotinfo").id("edittargetid") if chat.edit == "1" else None
    if edited:
        return [Edit(event.account, edited, chat.id, content.text, chat.at)]
    return [
        MessageReceived(
            account=event.account,
            provider_message_id=chat.id,
            person=chat.person,
            kind=content.kind,
            occurred_at=chat.at,
            text=content.text,
            content=content.content,
            reply_to=content.reply_to,
            media=content.media,
            group=chat.group,
            origin="device" if chat.ours else "contact",
            client_reference=_reference(chat.id) if chat.ours else None,
        )
    ]


def _protocol(protocol: Fields, chat: Chat, event: Event) -> Fact:
    """An edit or a deletion; everything else of this kind keeps the devices of one person in step."""
    kind = _protocol_kind(protocol, chat)
    if kind not in (REVOKE, MESSAGE_EDIT):
        return Ignored(f"protocol message {short(kind)}")
    # `key.fromMe` says what the sender sees, not what we do: only the id counts.
    target = identity(protocol.object("key").get("id"), "a protocol message that names no message")
    if kind == REVOKE:
        return Deletion(event.account, target, chat.at)
    edited, _ = unwrap(protocol.object("editedmessage"))
    content = read_content(edited, event)
    if isinstance(content, str):
        return Ignored(f"an edit with {content}")
    return Edit(event.account, target, chat.id, content.text, chat.at)


def _protocol_kind(protocol: Fields, chat: Chat) -> object:
    kind = protocol.get("type")
    if isinstance(kind, str):
        return _PROTOCOL_NAMES.get(kind.upper(), kind)
    if kind is not None:
        return kind if type(kind) is int else "of no type"
    if protocol.object("editedmessage"):
        return MESSAGE_EDIT
    return REVOKE if chat.edit in _REVOKED else "without a type"


def _secret(secret: Fields, chat: Chat, event: Event) -> Fact:  # noqa: ARG001
    """An edit whose text only the phone can read: the message keeps the text that is known."""
    target = secret.object("targetmessagekey").id("id")
    kind = secret.get("secretenctype")
    if kind in (SECRET_EDIT, "MESSAGE_EDIT") or chat.edit == "1":
        return Ignored(f"an edit of {short(target)} whose text is encrypted")
    return Ignored(f"an encrypted addition to {short(target)}")


def _reaction(reaction: Fields, chat: Chat, event: Event) -> Fact:
    target = identity(reaction.object("key").get("id"), "a reaction to no message")
    return Reaction(
        account=event.account,
        provider_message_id=target,
        person=None if chat.ours else chat.person,
        emoji=reaction.text("text"),
        occurred_at=_finer(chat.at, reaction.integer("sendertimestampms")),
    )


def _finer(at: datetime | None, milliseconds: int | None) -> datetime | None:
    """The gateway's whole second, made finer by the sender's clock where the two agree: who changes a reaction twice in
    a second means the last one.
    """
    if at is None or milliseconds is None or milliseconds > 10**14:
        return at
    finer = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return finer if abs(finer - at) <= FAR_APART else at


def _undecryptable(event: Event) -> list[Fact]:
    """A message that could not be decrypted yet: whatsmeow asks for it again, and it comes under the same id."""
    chat = read_chat(event.data.object("event"))
    if isinstance(chat, Ignored):
        return [chat]
    if chat.event.text("decryptfailmode") == "hide":
        return [Ignored("an addition to a message that could not be decrypted")]
    never = chat.event.text("unavailabletype")
    return [
        MessageReceived(
            account=event.account,
            provider_message_id=chat.id,
            person=chat.person,
            kind="unsupported",
            occurred_at=chat.at,
            content={"type": short(never) if never else "undecryptable"},
            group=chat.group,
            origin="device" if chat.ours else "contact",
            placeholder=never is None,
        )
    ]


def _receipt(event: Event) -> list[Fact]:
    receipt = event.data.object("event")
    said = event.data.text("state") or receipt.text("type") or DELIVERED
    status = _STATES.get(said.lower())
    if status is None:
        return [Ignored(f"receipt {short(said)}")]
    chat = read_jid(receipt.get("chat"))
    if chat is None:
        raise Unreadable("a receipt without a chat")
    if receipt.flag("isfromme"):
        return [Ignored("a receipt of the account's own device")]
    listed = receipt.get("messageids")
    ids = [optional_id(one) for one in listed] if isinstance(listed, list) else []
    if not ids or None in ids:
        raise Unreadable("a receipt that names no message")
    member = person(receipt.get("sender"), receipt.get("senderalt")) if chat.server == GROUP_SERVER else None
    participant = member.addresses[0].value if member else ""
    at = moment(receipt.get("timestamp"))
    return [Receipt(event.account, id_, status, at, participant, _reference(id_)) for id_ in ids if id_]


def _reference(message_id: str) -> str | None:
    """Our own id, if we chose this one (see outgoing.py): other devices' ids of this length are no UUIDs of ours."""
    try:
        reference = UUID(message_id)
    except ValueError:
        return None
    return str(reference) if reference.hex.upper() == message_id and reference.version == 7 else None


def _typing(event: Event) -> list[Fact]:
    presence = event.data.object("event")
    chat, state = read_jid(presence.get("chat")), presence.text("state")
    if chat is None:
        raise Unreadable("a presence without a chat")
    if state not in {"composing", "paused"}:
        return [Ignored(f"presence {short(state)}")]
    if chat.server == GROUP_SERVER:
        return [Ignored("typing in a group, which is nobody's own conversation")]
    if presence.flag("isfromme"):
        return [Ignored("the company's own typing")]
    customer = person(presence.get("sender"), presence.get("senderalt"), chat)
    if customer is None:
        raise Unreadable("a presence of nobody")
    return [TypingSeen(event.account, customer, state == "composing")]


def _account(event: Event, kind: str, *, connected: bool) -> list[Fact]:
    detail = event.data.object("event")
    said = [short(value) for name in ("reason", "code", "message") if isinstance(value := detail.get(name), str | int)]
    if connected:
        return [AccountState(event.account, "connected")]
    facts: list[Fact] = [AccountState(event.account, "disconnected", " ".join([short(kind), *said]))]
    if kind.lower() == "temporaryban":
        kept = {name: clean(detail.get(name)) for name in ("code", "expire")}
        facts.append(AccountNotice(event.account, "temporary_ban", kept))
    return facts


_SPECIAL: Final[Mapping[str, Callable[[Fields, Chat, Event], Fact]]] = {
    "protocolmessage": _protocol,
    "secretencryptedmessage": _secret,
    "reactionmessage": _reaction,
}
_EVENTS: Final[Mapping[str, Callable[[Event], list[Fact]]]] = {
    "message": _message,
    "undecryptablemessage": _undecryptable,
    "readreceipt": _receipt,
    "receipt": _receipt,
    "chatpresence": _typing,
}
_CONNECTED: Final = frozenset({"connected"})
# Not QR: a code is shown to connect an account, which says so when it has worked.
_DISCONNECTED: Final = frozenset(
    {"disconnected", "loggedout", "streamreplaced", "connectfailure", "clientoutdated", "temporaryban"}
)
