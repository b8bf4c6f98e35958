"""Evolution's webhooks in Parley's words. The one rule: tolerant of shape, strict about identity; whatever has no place
in the inbox is named in an `Ignored`.

Source: evolution-api 2.3.7, `whatsapp.baileys.service.ts` and `webhook.controller.ts`. Versions differ (`data` is an
object or an array, an update flat or nested), so every event takes both. Of `sender`, `apikey` and `destination` in the
envelope only `sender` is looked at: it tells the company's own number apart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from parley.domain.errors import Unreadable
from parley.domain.identity import Person
from parley.domain.incoming import (
    Deletion,
    Edit,
    Fact,
    Group,
    Ignored,
    MessageReceived,
    Reaction,
)
from parley.providers.reading import Json, identity, object_of, optional_id, read_object, short, text_of

from . import kinds, notices
from .people import OF_CHAT, OF_CUSTOMER, OF_MEMBER, is_group, person_of
from .updates import update
from .values import moment, precise_moment
from .wrapping import Unwrapped, additions, context_of, unwrap

FAR_APART: Final = timedelta(days=1)
STATUS: Final = "status@broadcast"

_REVOKED: Final = frozenset({"0", "REVOKE"})
_EDITED: Final = frozenset({"14", "MESSAGE_EDIT"})
_TAKEN_OUT: Final = ("keepInChatMessage", "pinInChatMessage", "albumMessage", "encReactionMessage", "encCommentMessage")


@dataclass(frozen=True, slots=True)
class Chat:
    """Whose conversation a message belongs to, and who wrote it; `ours`: the company did."""

    id: str
    person: Person | None
    group: Group | None
    ours: bool


def read(body: bytes) -> list[Fact]:
    """Say what the body says, in its order.

    Raises Unreadable.
    """
    try:
        return _facts(read_object(body))
    except RecursionError as error:
        raise Unreadable("nested too deeply") from error


def _facts(webhook: Json) -> list[Fact]:
    event = webhook.get("event")
    if not isinstance(event, str) or not event:
        raise Unreadable("a webhook without an event")
    account = identity(webhook.get("instance"), "a webhook without an instance")
    name = event.lower().replace("_", ".").replace("-", ".")
    reader = _READERS.get(name)
    if reader is None:
        return [Ignored(f"event {short(event)}")]
    facts = [fact for data in _entries(webhook.get("data")) for fact in reader(data, account, webhook)]
    return facts or [Ignored(f"{short(event)}: nothing in it")]


def _entries(data: object) -> Iterator[Json]:
    """One event's data, or each of several."""
    if isinstance(data, list):
        for one in data:
            if not isinstance(one, dict):
                raise Unreadable("data that is no object")
            yield one
    elif data is None or isinstance(data, dict):
        yield data or {}
    else:
        raise Unreadable("data that is no object")


def _message(data: Json, account: str, webhook: Json) -> Iterator[Fact]:
    if not data:
        yield Ignored("a message event without a message")
        return
    chat = _chat(data, webhook)
    if isinstance(chat, Ignored):
        yield chat
        return
    message = unwrap(data.get("message"), chat.id)
    if message is None:
        yield Ignored("a message without content")
    elif message.name == "reactionMessage":
        yield _reaction(object_of(message.value), data, account, chat)
    elif message.name == "protocolMessage":
        yield protocol(object_of(message.value), account)
    elif message.name == "secretEncryptedMessage":
        yield Ignored("an edit whose text is encrypted")
    elif message.name in _TAKEN_OUT:
        yield Ignored(f"{short(message.name)}: no message of its own")
    else:
        yield _received(message, data, account, chat)


def _received(message: Unwrapped, data: Json, account: str, chat: Chat) -> Fact:
    content = kinds.read(message)
    context = context_of(data, message)
    poll = object_of(object_of(message.value).get("pollCreationMessageKey"))
    return MessageReceived(
        account=account,
        provider_message_id=chat.id,
        person=chat.person,
        kind=content.kind,
        occurred_at=moment(data.get("messageTimestamp")),
        text=content.text,
        content={**content.content, **additions(context)},
        reply_to=optional_id(context.get("stanzaId")) or optional_id(poll.get("id")),
        media=content.media,
        group=chat.group,
        origin="device" if chat.ours else "contact",
    )


def _chat(data: Json, webhook: Json) -> Chat | Ignored:
    key = data.get("key")
    if not isinstance(key, dict):
        raise Unreadable("a message without a key")
    message_id = identity(key.get("id"), "a message without an id")
    jid = identity(key.get("remoteJid"), "a message without a chat")
    ours = key.get("fromMe") is True
    if jid == STATUS:
        return Ignored("a status broadcast")
    if jid.endswith("@newsletter"):
        return Ignored("a newsletter")
    name = None if ours else data.get("pushName")
    if is_group(jid):
        author = None if ours else person_of(key, OF_MEMBER, name=name)
        if author is None and not ours:
            raise Unreadable("a group message without an author")
        return Chat(message_id, author, Group(jid), ours)
    if jid.endswith("@broadcast"):  # a customer's broadcast list: for us, a message of theirs
        person = None if ours else person_of(key, OF_MEMBER, name=name)
    elif ours:  # `senderPn` and `senderLid` are the company's own here
        person = person_of(key, OF_CHAT, never=webhook.get("sender"))
    else:
        person = person_of(key, OF_CUSTOMER, name=name)
    if person is None:
        return Ignored("a chat with no customer in it")
    return Chat(message_id, person, None, ours)


def _reaction(value: Json, data: Json, account: str, chat: Chat) -> Fact:
    sent = moment(data.get("messageTimestamp"))
    finer = precise_moment(value.get("senderTimestampMs"))
    trusted = finer is not None and (sent is None or abs(finer - sent) < FAR_APART)
    return Reaction(
        account=account,
        provider_message_id=identity(object_of(value.get("key")).get("id"), "a reaction to nothing"),
        person=None if chat.ours else chat.person,
        emoji=text_of(value.get("text")) or None,
        occurred_at=finer if trusted else sent,
    )


def protocol(value: Json, account: str) -> Fact:
    """An edit or a revocation, as WhatsApp sends it; everything else of this kind keeps devices in step.

    Of `key` only the id can be believed: `fromMe` and `remoteJid` are the other side's (#1367, #1647).
    """
    kind, edited = short(value.get("type")), value.get("editedMessage")
    if kind == "None" and isinstance(edited, dict):
        kind = "MESSAGE_EDIT"
    if kind not in _REVOKED | _EDITED:
        return Ignored(f"protocol message {kind}")
    message_id = identity(object_of(value.get("key")).get("id"), "a protocol message about no message")
    when = precise_moment(value.get("timestampMs"))
    if kind in _REVOKED:
        return Deletion(account, message_id, when)
    text = kinds.words_of(edited)
    if text is None:
        return Ignored("an edit without a text")
    return Edit(account, message_id, _revision(when, text), text, when)


def _revision(when: datetime | None, text: str) -> str:
    """An edit has no id: its time tells it from others, and where there is none, what it says."""
    if when is None:
        return hashlib.sha256(text.encode()).hexdigest()[:32]
    return str(int(when.timestamp() * 1000))


def _edited(data: Json, account: str, _webhook: Json) -> Iterator[Fact]:
    inner = object_of(object_of(object_of(data.get("editedMessage")).get("message")).get("protocolMessage"))
    yield protocol(inner or data, account)


def _deleted(data: Json, account: str, _webhook: Json) -> Iterator[Fact]:
    """By the customer: the key itself; through the API: Evolution's own id beside the key."""
    key = data["key"] if isinstance(data.get("key"), dict) else data
    if key.get("remoteJid") == STATUS:
        yield Ignored("a status taken back")
    else:
        yield Deletion(account, identity(key.get("id"), "a deletion of nothing"), None)


def _update(data: Json, account: str, _webhook: Json) -> Iterator[Fact]:
    yield update(data, account)


Reader: TypeAlias = Callable[[Json, str, Json], Iterator[Fact]]

_READERS: Final[Mapping[str, Reader]] = {
    "messages.upsert": _message,
    "send.message": _message,
    "messages.update": _update,
    "messages.edited": _edited,
    "send.message.update": _edited,
    "messages.delete": _deleted,
    "contacts.upsert": notices.contact,
    "contacts.update": notices.contact,
    "groups.upsert": notices.group,
    "groups.update": notices.group,
    "group.update": notices.group,
    "presence.update": notices.presence,
    "connection.update": notices.connection,
    "status.instance": notices.connection,
    "logout.instance": notices.gone,
    "remove.instance": notices.gone,
    "instance.delete": notices.gone,
}
