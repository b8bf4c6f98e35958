"""Telegram's updates in Parley's words: one body, one update, told apart by the one member it has beside its id. The
one rule: an update names neither the bot nor the account, so its facts are of whoever's address it came to.

Source: core.telegram.org/bots/api#update. `update_id` is the same in every repetition. Of deletions Telegram tells
nothing, and reactions, of groups, only to a bot that is an administrator there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from parley.domain.errors import Unreadable
from parley.domain.incoming import AccountNotice, Edit, Fact, Ignored, MessageReceived, Reaction
from parley.providers.content import Content
from parley.providers.reading import (
    Json,
    clean,
    identity,
    object_of,
    only_objects,
    read_object,
    seconds_moment,
    short,
    text_of,
)

from .chats import (
    Chat,
    author_of,
    message_name,
    message_number,
    number,
    person_of,
    press_name,
    read_chat,
)
from .contents import read_content, unknown_part
from .services import read_service

ACCOUNT: Final = ""
"""An update names no account."""

_GONE: Final = frozenset({"kicked", "left"})


def read(body: bytes) -> list[Fact]:
    """Say what the body says. Raises Unreadable."""
    update = read_object(body)
    revision = number(update.get("update_id"))
    if revision is None:
        raise Unreadable("no update_id")
    for name, reader in _UPDATES.items():
        if name in update:
            if not isinstance(update[name], dict):
                raise Unreadable(f"{name} is not an object")
            return [reader(update[name], revision)]
    others = [short(name) for name in update if name != "update_id"]
    return [Ignored(f"update {', '.join(others)[:200]}" if others else "an empty update")]


def _message(message: Json, _: int) -> Fact:
    chat = read_chat(message.get("chat"))
    if chat.is_channel:
        return Ignored("a post in a channel")
    number_in_chat = message_number(message)
    author = author_of(message, chat)
    found = read_content(message) or read_service(message) or _unsupported(message)
    if isinstance(found, Ignored):
        return found
    forwarded = {"forwarded": True} if _is_forwarded(message) else {}
    return MessageReceived(
        account=ACCOUNT,
        provider_message_id=message_name(chat.id, number_in_chat),
        person=author,
        kind=found.kind,
        occurred_at=seconds_moment(message.get("date")),
        text=found.text,
        content={**found.content, **forwarded},
        reply_to=_reply_to(message, chat),
        media=found.media,
        group=chat.group,
    )


def _unsupported(message: Json) -> Content:
    """A kind nobody knows, or one in a shape nobody knows: kept as it came."""
    name = unknown_part(message)
    payload = {} if name is None else {"payload": clean({name: message[name]})}
    return Content("unsupported", text_of(message.get("caption")), {"type": short(name or "unknown"), **payload})


def _is_forwarded(message: Json) -> bool:
    return isinstance(message.get("forward_origin"), dict) or number(message.get("forward_date")) is not None


def _reply_to(message: Json, chat: Chat) -> str | None:
    """What it answers to. In a topic of a forum every message is a reply to the topic's first, which nobody wrote."""
    replied = number(object_of(message.get("reply_to_message")).get("message_id"))
    if replied is None or (message.get("is_topic_message") is True and replied == message.get("message_thread_id")):
        return None
    return message_name(chat.id, replied)


def _edited(message: Json, revision: int) -> Fact:
    """The message anew, under its own id. Telegram also tells of changes that nobody made: they have no date."""
    chat = read_chat(message.get("chat"))
    if chat.is_channel:
        return Ignored("a post in a channel")
    name = message_name(chat.id, message_number(message))
    author_of(message, chat)
    at = seconds_moment(message.get("edit_date"))
    if at is None:
        return Ignored("a change in what nobody sees")
    found = read_content(message)
    if found is None or found.kind == "location":
        return Ignored("a place that moves" if found else "an edit without a text")
    return Edit(ACCOUNT, name, str(revision), found.text, at)


def _reaction(change: Json, _: int) -> Fact:
    """Who reacted is a person, or anonymously a chat; a bot sees one's reactions before and after."""
    chat = read_chat(change.get("chat"))
    target = message_name(chat.id, message_number(change))
    person = person_of(change.get("user"))
    if person is None:
        person = author_of({"sender_chat": change.get("actor_chat")}, chat)
    at = seconds_moment(change.get("date"))
    emojis = [text_of(one.get("emoji")) for one in only_objects(change.get("new_reaction"))]
    emoji = next((emoji for emoji in emojis if emoji), None)
    if emoji is None and emojis and not only_objects(change.get("old_reaction")):
        return Ignored("a reaction with a picture that is no emoji")
    return Reaction(ACCOUNT, target, person, emoji, at)


def _pressed(query: Json, _: int) -> Fact:
    """A button below a message of ours. The press has no time of its own; its title hangs below the message, unless
    that is so old that Telegram no longer shows it to bots.
    """
    query_id = identity(query.get("id"), "a press without an id")
    message = object_of(query.get("message"))
    data = text_of(query.get("data"))
    if not message or data is None:
        return Ignored("a press of a button that is not in a chat with the bot")
    person = person_of(query.get("from"))
    if person is None:
        raise Unreadable("a press by nobody")
    chat, pressed_below = read_chat(message.get("chat")), message_number(message)
    title = _title(message, data)
    return MessageReceived(
        account=ACCOUNT,
        provider_message_id=press_name(chat.id, pressed_below, query_id),
        person=person,
        kind="interactive",
        occurred_at=None,
        text=title,
        content={"type": "button", "id": data, "title": title},
        reply_to=message_name(chat.id, pressed_below),
        group=chat.group,
    )


def _title(message: Json, data: str) -> str:
    rows = object_of(message.get("reply_markup")).get("inline_keyboard")
    buttons = [button for row in (rows if isinstance(rows, list) else ()) for button in only_objects(row)]
    titles = (text_of(button.get("text")) for button in buttons if button.get("callback_data") == data)
    return next((title for title in titles if title), data)


def _membership(change: Json, _: int) -> Fact:
    """With one person: whether the bot was blocked, which says nothing of the account. Of a group an operator should
    know, for what the bot may do there decides what it sees.
    """
    chat = read_chat(change.get("chat"))
    status = text_of(object_of(change.get("new_chat_member")).get("status")) or "unknown"
    if chat.group is None:
        return Ignored("the customer blocked the bot" if status in _GONE else "the customer lets the bot write")
    detail = {"group": chat.group.id, "name": chat.group.name, "status": status}
    return AccountNotice(ACCOUNT, "group_membership", detail)


_UPDATES: Final[Mapping[str, Callable[[Json, int], Any]]] = {
    "message": _message,
    "edited_message": _edited,
    "message_reaction": _reaction,
    "callback_query": _pressed,
    "my_chat_member": _membership,
}
ALLOWED_UPDATES: Final = tuple(_UPDATES)
"""What setWebhook has to ask for by name: reactions come to nobody who does not."""
