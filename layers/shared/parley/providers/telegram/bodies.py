"""A draft as a method of the Bot API and its parameters, kind by kind. The one rule: what Telegram cannot send is
refused here, before anything leaves.

Source: core.telegram.org/bots/api#available-methods. Text is sent without a parse mode: what an agent writes is what
the customer reads.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from parley.domain.identity import Address
from parley.domain.outgoing import Draft, Refused, Target, Upload
from parley.providers.reading import Json, only_objects

from .chats import Place, chat_of, place_of
from .server import Call

LONGEST_BUTTON_ID: Final = 64
LONGEST_VCARD: Final = 2048
_VOICE_TYPES: Final = frozenset({"audio/ogg", "audio/opus", "audio/mpeg", "audio/mp4", "audio/x-m4a"})
_VARIATION: Final = "\ufe0f"


class Impossible(Exception):
    """This cannot be put in Telegram's words; `refusal` says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.refusal = Refused(code, message)


def call_of(draft: Draft) -> Call:
    """Put a draft in Telegram's words. Raises Impossible."""
    write = _KINDS.get(draft.kind)
    if write is None:
        raise Impossible("unsupported_capability", "Telegram cannot send this kind of message.")
    call = write(draft)
    return Call(call.method, {"chat_id": addressed(draft.to), **call.parameters, **_reply(draft)}, call.file)


def addressed(to: Address) -> int:
    """The recipient. Raises Impossible."""
    chat = chat_of(to)
    if chat is None:
        raise Impossible("unsupported_capability", "Telegram reaches a customer only where they wrote to the bot.")
    return chat


def reaction(target: Target, to: Address, emoji: str | None) -> Call:
    """Set a reaction, or none. Telegram writes its emojis without the mark that asks for colours. Raises Impossible."""
    place = placed(target, to)
    if place.pressed:
        raise Impossible("unsupported_capability", "The press of a button cannot be reacted to.")
    wanted = [{"type": "emoji", "emoji": emoji.replace(_VARIATION, "")}] if emoji else []
    return Call("setMessageReaction", {**_named(place), "reaction": wanted})


def edition(target: Target, to: Address, text: str) -> Call:
    """Give a message of the bot's another text. Raises Impossible."""
    return Call("editMessageText", {**_named(placed(target, to)), "text": _needed(text, "There is no text.")})


def deletion(target: Target, to: Address) -> Call:
    """Take a message back. Raises Impossible."""
    return Call("deleteMessage", _named(placed(target, to)))


def placed(target: Target, to: Address) -> Place:
    """Where a message is. Raises Impossible."""
    addressed(to)
    place = place_of(target.provider_message_id)
    if place is None:
        raise Impossible("provider_rejected", "Telegram does not know this message.")
    return place


def _named(place: Place) -> Json:
    return {"chat_id": place.chat, "message_id": place.message}


def _reply(draft: Draft) -> Json:
    """A quote is of no consequence where the quoted message is gone: the answer still has to arrive."""
    if draft.reply_to is None:
        return {}
    place = placed(draft.reply_to, draft.to)
    return {"reply_parameters": {"message_id": place.message, "allow_sending_without_reply": True}}


def _text(draft: Draft) -> Call:
    return Call("sendMessage", {"text": _needed(draft.text, "There is no text to send.")})


def _image(draft: Draft) -> Call:
    """A GIF sent as a photo would stand still."""
    file = _file(draft)
    moves = _bare_type(file) == "image/gif"
    return _upload("sendAnimation" if moves else "sendPhoto", "animation" if moves else "photo", file, draft)


def _audio(draft: Draft) -> Call:
    """A voice note has to be of a type Telegram's apps record; another sound is sent as what it is."""
    file = _file(draft)
    is_note = file.voice and _bare_type(file) in _VOICE_TYPES
    return _upload("sendVoice" if is_note else "sendAudio", "voice" if is_note else "audio", file, draft)


def _video(draft: Draft) -> Call:
    return _upload("sendVideo", "video", _file(draft), draft)


def _document(draft: Draft) -> Call:
    """A document is meant to arrive as the file it is, also where Telegram would show it."""
    call = _upload("sendDocument", "document", _file(draft), draft)
    return Call(call.method, {**call.parameters, "disable_content_type_detection": True}, call.file)


def _sticker(draft: Draft) -> Call:
    if draft.text:
        raise Impossible("invalid_request", "Telegram takes no text with a sticker.")
    return _upload("sendSticker", "sticker", _file(draft), draft)


def _upload(method: str, name: str, file: Upload, draft: Draft) -> Call:
    return Call(method, {"caption": draft.text} if draft.text else {}, (name, file))


def _file(draft: Draft) -> Upload:
    if draft.media is None:
        raise Impossible("invalid_request", "There is no file to send.")
    return draft.media


def _bare_type(file: Upload) -> str:
    return file.mime_type.partition(";")[0].strip().lower()


def _location(draft: Draft) -> Call:
    """A place with a name is a venue, and then has an address as well."""
    place = {name: _degrees(draft.content.get(name)) for name in ("latitude", "longitude")}
    name, address = (str(draft.content.get(part) or "") for part in ("name", "address"))
    if not name and not address:
        return Call("sendLocation", place)
    return Call("sendVenue", {**place, "title": name or address, "address": address or name})


def _degrees(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Impossible("invalid_request", "A place needs its latitude and longitude.")
    return value


def _contacts(draft: Draft) -> Call:
    cards = only_objects(draft.content.get("contacts"))
    if len(cards) != 1:
        raise Impossible("invalid_request", "Telegram sends one contact at a time.")
    [card] = cards
    phones, vcard = card.get("phones"), card.get("vcard")
    phone = next((one for one in (phones if isinstance(phones, list) else ()) if isinstance(one, str) and one), None)
    more = (
        {"vcard": vcard} if isinstance(vcard, str) and 0 < len(vcard.encode(errors="replace")) <= LONGEST_VCARD else {}
    )
    named = _needed(card.get("name"), "A contact needs a name.")
    number = _needed(phone, "Telegram sends a contact only with its number.")
    return Call("sendContact", {"phone_number": number, "first_name": named, **more})


def _interactive(draft: Draft) -> Call:
    """Buttons hang below the message, one a row; there is no place for a header or footer, so they are in its text."""
    content = draft.content
    if content.get("type") != "buttons":
        raise Impossible("unsupported_capability", "Telegram has buttons, and nothing else of this kind.")
    words = (content.get("header"), content.get("body") or draft.text, content.get("footer"))
    _needed(words[1], "Buttons need a text above them.")
    buttons = only_objects(content.get("buttons"))
    if not buttons:
        raise Impossible("invalid_request", "There is no button to send.")
    text = "\n\n".join(part for part in words if isinstance(part, str) and part)
    return Call("sendMessage", {"text": text, "reply_markup": {"inline_keyboard": [[_button(one)] for one in buttons]}})


def _button(button: Mapping[str, Any]) -> Json:
    title, given = _needed(button.get("title"), "A button needs a title."), button.get("id")
    data = given if isinstance(given, str) and given else title
    if len(data.encode(errors="replace")) > LONGEST_BUTTON_ID:
        raise Impossible("invalid_request", f"A button's id may have {LONGEST_BUTTON_ID} bytes on Telegram.")
    return {"text": title, "callback_data": data}


def _needed(text: object, otherwise: str) -> str:
    if not isinstance(text, str) or not text:
        raise Impossible("invalid_request", otherwise)
    return text


_KINDS: Final[Mapping[str, Callable[[Draft], Call]]] = {
    "text": _text,
    "image": _image,
    "audio": _audio,
    "video": _video,
    "document": _document,
    "sticker": _sticker,
    "location": _location,
    "contacts": _contacts,
    "interactive": _interactive,
}
