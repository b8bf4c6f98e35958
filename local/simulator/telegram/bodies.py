"""The updates Telegram posts and the messages it answers with, shaped after core.telegram.org/bots/api.

A message's number is one of its chat; in this world a message goes by "chat:number", so that no two have one name.
"""

import itertools
import json
from typing import Any

from local.simulator.actions import Action, Choice, Edits, Reacts, Who, Writes
from local.simulator.gateway import Webhook
from local.simulator.integrations import SimulatedIntegration
from local.simulator.media import File
from local.simulator.threads import Thread, ThreadMessage

Json = dict[str, Any]

_HEADER = "X-Telegram-Bot-Api-Secret-Token"
_GROUPS = 1_000_000_000_000
_VARIATION = "\ufe0f"
_PLAIN = frozenset({"❤", "☃", "✍", "🕊"})
_update_ids = itertools.count(640_000_001)

# The member a file of each kind is in, and the beginning of its ids.
_MEMBERS = {
    "image": ("photo", "AgAC"),
    "video": ("video", "BAAC"),
    "document": ("document", "BQAC"),
    "sticker": ("sticker", "CAAC"),
}
_VOICE, _AUDIO = ("voice", "AwAC"), ("audio", "CQAC")
PREFIX_LENGTH = 4


def chat_id(thread: Thread) -> int:
    """A customer's id is their own; a group's, which may be any word here, is made a supergroup's."""
    return group_id(thread.customer) if thread.group else int(thread.customer)


def group_id(bare: str) -> int:
    """The id of a supergroup: -100, then ten digits."""
    digits = bare if bare.isdigit() and len(bare) <= 10 else str(int.from_bytes(bare.encode(), "big") % 10**10)
    return -_GROUPS - int(digits)


def number_of(message_id: str) -> int:
    """A message's number in its chat."""
    number = message_id.split(":")[1] if ":" in message_id else message_id
    return int(number) if number.isdigit() else 0


def posted(integration: SimulatedIntegration, kind: str, content: Json) -> Webhook:
    """An update as it goes over the wire, with the secret token setWebhook was given."""
    body = {"update_id": next(_update_ids), kind: content}
    headers = {"Content-Type": "application/json", _HEADER: integration.secret}
    return Webhook(json.dumps(body, separators=(",", ":")).encode(), headers)


def kind_of(action: Action) -> str | None:
    """The kind of update a deed is; None where Telegram says nothing of it."""
    if isinstance(action, Writes):
        return "callback_query" if action.choice else "message"
    return {Edits: "edited_message", Reacts: "message_reaction"}.get(type(action))


def update_of(thread: Thread, action: Action, message_id: str) -> Json:
    """What an update of a deed holds."""
    match action:
        case Writes(choice=Choice()):
            return _press(thread, action, message_id)
        case Writes():
            return {**_envelope(thread, action.who, number_of(message_id)), **_written(thread, action)}
        case Edits():
            return _edited(thread, action)
        case Reacts():
            return _reaction(thread, action)
    raise TypeError(f"Telegram says nothing of {type(action).__name__}")


def bot_of(integration: SimulatedIntegration) -> Json:
    """The bot as Telegram describes it."""
    username = integration.phone.removeprefix("@") or "demo_bot"
    return {"id": int(integration.account_id), "is_bot": True, "first_name": integration.name, "username": username}


def chat_of(thread: Thread, who: Who | None = None) -> Json:
    """A chat as Telegram describes it."""
    if thread.group:
        return {"id": chat_id(thread), "title": thread.name or thread.customer, "type": "supergroup"}
    return {"id": chat_id(thread), "first_name": _first_name(thread, who), "type": "private"}


def sent_message(integration: SimulatedIntegration, thread: Thread, message: ThreadMessage, at: int) -> Json:
    """A message of the bot's, as the method that sent it answers."""
    content = message.content
    words: Json = {"reply_markup": content["reply_markup"]} if "reply_markup" in content else {}
    if message.media is not None:
        words |= file_member(message.kind, message.media, voice=message.voice)
        words |= {"caption": message.text} if message.text else {}
    elif message.kind == "location":
        words |= place_member(content["latitude"], content["longitude"], content.get("title"), content.get("address"))
    elif message.kind == "contacts":
        words |= {"contact": {name: content[name] for name in ("phone_number", "first_name")}}
    else:
        words |= {"text": message.text}
    envelope = {"message_id": number_of(message.id), "from": bot_of(integration), "chat": chat_of(thread), "date": at}
    return {**envelope, **words}


def place_member(latitude: float, longitude: float, title: str | None, address: str | None) -> Json:
    """A place as a message holds it; with a name it is a venue, and has an address."""
    location = {"latitude": latitude, "longitude": longitude}
    if not title:
        return {"location": location}
    return {"location": location, "venue": {"location": location, "title": title, "address": address or ""}}


def in_colour(emoji: str | None) -> str | None:
    """An emoji as Telegram's apps draw it: always in colour, though the API leaves out the mark that asks for it."""
    return f"{emoji}{_VARIATION}" if emoji in _PLAIN else emoji


def file_member(kind: str, file: File, *, voice: bool) -> Json:
    """A file as a message holds it."""
    member, prefix = (_VOICE if voice else _AUDIO) if kind == "audio" else _MEMBERS[kind]
    described = {"file_id": prefix + file.id, "file_unique_id": file.sha256[:15], "file_size": file.size}
    if kind == "image":
        small = {"file_id": f"{prefix}{file.id}s", "file_unique_id": f"{file.sha256[:14]}s", "file_size": 900}
        return {member: [{**small, "width": 90, "height": 60}, {**described, "width": 1280, "height": 853}]}
    if kind == "sticker":
        about = {"type": "regular", "width": 512, "height": 512, "is_animated": False, "is_video": False, "emoji": "⭐"}
        return {member: {**described, **about}}
    named = {"file_name": file.file_name} if file.file_name else {}
    length = {"duration": 1} if kind in {"audio", "video"} else {}
    return {member: {**described, "mime_type": file.mime_type.partition(";")[0], **named, **length}}


def _first_name(thread: Thread, who: Who | None) -> str:
    return (who.name if who else None) or thread.name or thread.customer


def _user(thread: Thread, who: Who) -> Json:
    name = who.name or (who.customer if thread.group else _first_name(thread, who))
    return {"id": int(who.customer), "is_bot": False, "first_name": name, "language_code": "pt-br"}


def _envelope(thread: Thread, who: Who, number: int) -> Json:
    date = int(who.at.timestamp())
    return {"message_id": number, "from": _user(thread, who), "chat": chat_of(thread, who), "date": date}


def _written(thread: Thread, action: Writes) -> Json:
    more: Json = {}
    if action.reply_to is not None:
        quoted = {"message_id": number_of(action.reply_to), "chat": chat_of(thread, action.who), "date": 1}
        more["reply_to_message"] = quoted
    if action.forwarded:
        more["forward_origin"] = {"type": "hidden_user", "sender_user_name": "Alguém", "date": 1}
    if action.media is not None:
        more |= {"caption": action.text} if action.text else {}
        return {**more, **file_member(action.kind, action.media, voice=action.voice)}
    if action.location is not None:
        place = action.location
        return {**more, **place_member(place.latitude, place.longitude, place.name, place.address)}
    if action.contacts:
        card = action.contacts[0]
        return {**more, "contact": {"phone_number": card.phone, "first_name": card.name, "vcard": card.vcard}}
    return {**more, "text": action.text or ""}


def _edited(thread: Thread, action: Edits) -> Json:
    """The message anew; Telegram also says when."""
    known = thread.message(action.target)
    words: Json = {"text": action.text}
    if known is not None and known.media is not None:
        words = {**file_member(known.kind, known.media, voice=known.voice), "caption": action.text}
    edited = {"edit_date": int(action.who.at.timestamp())}
    return {**_envelope(thread, action.who, number_of(action.target)), **edited, **words}


def _reaction(thread: Thread, action: Reacts) -> Json:
    known = thread.message(action.target)
    who = action.who.customer if thread.group else "customer"
    before = known.reactions.get(who) if known else None
    as_types = [
        [{"type": "emoji", "emoji": emoji.replace(_VARIATION, "")}] if emoji else [] for emoji in (before, action.emoji)
    ]
    return {
        "chat": chat_of(thread, action.who),
        "message_id": number_of(action.target),
        "user": _user(thread, action.who),
        "date": int(action.who.at.timestamp()),
        "old_reaction": as_types[0],
        "new_reaction": as_types[1],
    }


def _press(thread: Thread, action: Writes, message_id: str) -> Json:
    """A button that was pressed, with what it hangs below: a message of a bot's, if not of this world's."""
    if action.choice is None:
        return {}
    button = {"text": action.choice.title, "callback_data": action.choice.id}
    chat, number, _, query = message_id.split(":", 3)
    below = thread.message(f"{chat}:{number}")
    keyboard = below.content.get("reply_markup") if below else None
    message = {
        "message_id": int(number),
        "chat": chat_of(thread, action.who),
        "date": 1,
        "text": below.text if below else "?",
        "reply_markup": keyboard or {"inline_keyboard": [[button]]},
    }
    pressed = {"id": query, "from": _user(thread, action.who), "message": message}
    return {**pressed, "chat_instance": "-3042213009119812345", "data": action.choice.id}
