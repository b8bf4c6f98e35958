"""Z-API's webhooks in Parley's words: one body, one event, told apart by `type`. The one rule: tolerant of shape,
strict about identity; whatever is left out is named in an `Ignored`.

Source: Z-API/z-api-docs, docs/webhooks. Who and where is in chats.py, what a message holds in contents.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Final

from parley.domain.errors import Unreadable
from parley.domain.identity import Person
from parley.domain.incoming import (
    AccountState,
    ContactSeen,
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
from parley.providers.content import Content
from parley.providers.reading import Json, identity, object_of, optional_id, read_object, short, text_of

from .chats import Chat, address_of, is_group, moment, nobodys, read_chat
from .contents import read_content
from .errors import described

_STATUSES: Final[Mapping[str, ReceiptStatus]] = {
    "SENT": "sent",
    "RECEIVED": "delivered",
    "READ": "read",
    "PLAYED": "played",
}
_TYPING: Final[Mapping[str, bool]] = {"COMPOSING": True, "RECORDING": True, "PAUSED": False}


def read(body: bytes) -> list[Fact]:
    """Say what the body says. Raises Unreadable."""
    webhook = read_object(body)
    kind = webhook.get("type")
    if not isinstance(kind, str) or not kind:
        raise Unreadable("no type")
    account = identity(webhook.get("instanceId"), "no instanceId")
    # The documentation spells its own types in more than one case.
    reader = _EVENTS.get(kind.lower())
    return reader(webhook, account) if reader else [Ignored(f"event {short(kind)}")]


def _received(body: Json, account: str) -> list[Fact]:
    ignored = nobodys(body)
    if ignored is not None:
        return [ignored]
    notification = body.get("notification")
    if isinstance(notification, str) and notification:
        return [_notification(notification, body, account)]
    if isinstance(body.get("pinMessage"), dict):
        return [Ignored("a message was pinned or let go")]
    chat = read_chat(body)
    if isinstance(body.get("reaction"), dict):
        return [_reaction(body["reaction"], account, chat)]
    message_id = identity(body.get("messageId"), "a message without an id")
    found = read_content(body)
    if body.get("isEdit") is True:
        return [_edit(found, body, account, message_id, chat)]
    return [_message(found, body, account, message_id, chat)]


def _message(found: Content | None, body: Json, account: str, message_id: str, chat: Chat) -> Fact:
    waiting = found is None and body.get("waitingMessage") is True
    if found is None:
        once = {"viewOnce": True} if body.get("viewOnce") is True else {}
        found = Content("unsupported", None, {"type": "waitingMessage" if waiting else "unknown", **once})
    return MessageReceived(
        account=account,
        provider_message_id=message_id,
        person=chat.person,
        kind=found.kind,
        occurred_at=chat.at,
        text=found.text,
        content=found.content,
        reply_to=optional_id(body.get("referenceMessageId")) or found.reply_to,
        media=found.media,
        group=chat.group,
        origin="device" if chat.ours else "contact",
        placeholder=waiting,
    )


def _edit(found: Content | None, body: Json, account: str, message_id: str, chat: Chat) -> Fact:
    """The body is the message anew, under its own id; nothing but the time tells its edits apart."""
    if found is None or (found.text is None and not found.media):
        return Ignored("an edit without a text")
    revision = optional_id(body.get("momment")) or hashlib.sha256((found.text or "").encode()).hexdigest()[:32]
    return Edit(account, message_id, revision, found.text, chat.at)


def _reaction(reaction: Json, account: str, chat: Chat) -> Fact:
    target = optional_id(object_of(reaction.get("referencedMessage")).get("messageId"))
    if target is None:
        raise Unreadable("a reaction to nothing")
    emoji = text_of(reaction.get("value")) or None
    person = None if chat.ours else chat.person
    return Reaction(account, target, person, emoji, moment(reaction.get("time")) or chat.at)


def _notification(name: str, body: Json, account: str) -> Fact:
    """What WhatsApp itself wrote into a chat. REVOKE takes a message back; its full shape is not documented: it names
    the message as a reply does, or has its very id.
    """
    ours, at = body.get("fromMe") is True, moment(body.get("momment"))
    if name == "REVOKE":
        named = optional_id(body.get("referenceMessageId")) or body.get("messageId")
        return Deletion(account, identity(named, "a deletion of nothing"), at)
    if name.startswith("CALL_MISSED") and not ours:
        return _missed_call(name, body, account, read_chat(body))
    if name == "PROFILE_PICTURE_UPDATED" and not ours and not is_group(body):
        person = read_chat(body).person
        return ContactSeen(account, person, text_of(body.get("updatedPhoto")) or None, at) if person else _left(name)
    return _left(name)


def _left(notification: str) -> Fact:
    return Ignored(f"notification {short(notification)}")


def _missed_call(name: str, body: Json, account: str, chat: Chat) -> Fact:
    message_id = identity(body.get("messageId") or body.get("callId"), "a call without an id")
    call = optional_id(body.get("callId"))
    return MessageReceived(
        account=account,
        provider_message_id=message_id,
        person=chat.person,
        kind="system",
        occurred_at=chat.at,
        content={"type": "missed_call", "video": name.endswith("VIDEO"), **({"callId": call} if call else {})},
        group=chat.group,
    )


def _statuses(body: Json, account: str) -> list[Fact]:
    status = body.get("status")
    evidence = _STATUSES.get(status) if isinstance(status, str) else None
    if evidence is None:
        return [Ignored(f"status {short(status)}")]  # READ_BY_ME among them: we read the customer's
    listed = body.get("ids")
    ids = [one for one in map(optional_id, listed if isinstance(listed, list) else [listed]) if one]
    if not ids:
        raise Unreadable("a status of no message")
    member = address_of(body.get("participantPhone") or body.get("participant")) if is_group(body) else None
    at, participant = moment(body.get("momment")), member.value if member else ""
    return [Receipt(account, one, evidence, at, participant) for one in dict.fromkeys(ids)]


def _delivery(body: Json, account: str) -> list[Fact]:
    """It was handed to WhatsApp, or was not: then `error` says why, in words, and at times `errorCode`."""
    message_id, error = optional_id(body.get("messageId")), body.get("error")
    failed = bool(error) or bool(body.get("errorCode"))
    if message_id is None:
        return [Ignored(f"a delivery without a message id: {short(error)}" if failed else "a delivery without an id")]
    at = moment(body.get("momment"))
    if not failed:
        return [Receipt(account, message_id, "sent", at)]
    return [Receipt(account, message_id, "failed", at, error=described(error, body.get("errorCode")))]


def _presence(body: Json, account: str) -> list[Fact]:
    status = body.get("status")
    on = _TYPING.get(status) if isinstance(status, str) else None
    if on is None:
        return [Ignored(f"presence {short(status)}")]
    address = None if is_group(body) else address_of(body.get("phone"))
    if address is None:
        return [Ignored("presence of nobody who is known")]
    return [TypingSeen(account, Person((address,)), on)]


def _connected(body: Json, account: str) -> list[Fact]:
    return [_connection(body, account, connected=body.get("connected") is not False)]


def _disconnected(body: Json, account: str) -> list[Fact]:
    return [_connection(body, account, connected=body.get("disconnected") is False)]


def _connection(body: Json, account: str, *, connected: bool) -> Fact:
    state = AccountState(account, "connected")
    return state if connected else AccountState(account, "disconnected", text_of(body.get("error")) or None)


_EVENTS: Final[Mapping[str, Callable[[Json, str], list[Fact]]]] = {
    "receivedcallback": _received,
    "messagestatuscallback": _statuses,
    "deliverycallback": _delivery,
    "presencechatcallback": _presence,
    "connectedcallback": _connected,
    "disconnectedcallback": _disconnected,
}
