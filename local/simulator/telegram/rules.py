"""What the Bot API's methods must be given, one by one; a 400 names what is wrong in Telegram's words.

Source: core.telegram.org/bots/api#available-methods; the words are those of tdlib/telegram-bot-api.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from local.simulator.telegram.errors import TelegramError

Fields = Mapping[str, Any]

LONGEST_TEXT, LONGEST_CAPTION, LONGEST_DATA = 4096, 1024, 64
MB = 1024 * 1024
LONGEST_UPLOAD, LONGEST_PHOTO, LONGEST_DOWNLOAD = 50 * MB, 10 * MB, 20 * MB
_EMOJIS = (
    "❤ 👍 👎 🔥 🥰 👏 😁 🤔 🤯 😱 🤬 😢 🎉 🤩 🤮 💩 🙏 👌 🕊 🤡 🥱 🥴 😍 🐳 ❤‍🔥 "
    "🌚 🌭 💯 🤣 ⚡ 🍌 🏆 💔 🤨 😐 🍓 🍾 💋 🖕 😈 😴 😭 🤓 👻 👨‍💻 👀 🎃 🙈 😇 😨 "
    "🤝 ✍ 🤗 🫡 🎅 🎄 ☃ 💅 🤪 🗿 🆒 💘 🙉 🦄 😘 💊 🙊 😎 👾 🤷‍♂ 🤷 🤷‍♀ 😡"
)
REACTIONS = frozenset(_EMOJIS.split())
ACTIONS = frozenset(
    {"typing", "upload_photo", "record_video", "upload_video", "record_voice", "upload_voice", "upload_document"}
    | {"choose_sticker", "find_location", "record_video_note", "upload_video_note"}
)


@dataclass(frozen=True)
class Uploaded:
    """A file of a form."""

    name: str | None
    mime_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Send:
    """A message Telegram would send; `text` is what the customer's phone can show of it, `content` what goes along."""

    chat: int
    kind: str
    text: str = ""
    reply_to: int | None = None
    file: Uploaded | None = None
    voice: bool = False
    content: Fields = field(default_factory=dict)


def read_fields(content_type: str, query: Fields, body: bytes) -> dict[str, Any]:
    """The parameters of a call, from its query and whichever body it has. Raises TelegramError."""
    fields: dict[str, Any] = dict(query)
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        try:
            given = json.loads(body or b"{}")
        except ValueError as error:
            raise TelegramError("can't parse JSON object") from error
        if not isinstance(given, dict):
            raise TelegramError("can't parse JSON object")
        fields |= given
    elif kind == "multipart/form-data":
        fields |= _form(content_type, body)
    elif kind == "application/x-www-form-urlencoded":
        fields |= dict(parse_qsl(body.decode(errors="replace")))
    return fields


def _form(content_type: str, body: bytes) -> dict[str, Any]:
    boundary = re.search(r'boundary="?([^";]+)"?', content_type)
    if boundary is None:
        raise TelegramError("can't parse multipart form")
    found: dict[str, Any] = {}
    for part in body.split(b"--" + boundary[1].encode())[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        name, file_name = re.search(rb' name="([^"]*)"', head), re.search(rb'filename="([^"]*)"', head)
        typed = re.search(rb"(?im)^content-type: *([^\r\n]+)", head)
        content = content.removesuffix(b"\r\n")
        if name is None:
            continue
        mime_type = typed[1].decode("latin-1") if typed else "application/octet-stream"
        found[name[1].decode()] = (
            Uploaded(file_name[1].decode(errors="replace") or None, mime_type, content)
            if file_name
            else content.decode(errors="replace")
        )
    return found


def chat_of(fields: Fields) -> int:
    """Whom a call is about. Raises TelegramError."""
    value = fields.get("chat_id")
    if value in {None, ""}:
        raise TelegramError("chat_id is empty")
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,15}", value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value == 0:
        raise TelegramError("chat not found")
    return value


def message_of(fields: Fields) -> int:
    """The message a call is about. Raises TelegramError."""
    value = fields.get("message_id")
    if isinstance(value, str) and value.isdigit():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise TelegramError("message identifier is not specified")
    return value


def text_in(fields: Fields, name: str = "text", longest: int = LONGEST_TEXT) -> str:
    """The text of a message or, as `caption`, of its file. Raises TelegramError."""
    value = fields.get(name) or ""
    if not isinstance(value, str):
        raise TelegramError(f"field {name} must be a String")
    if name == "text" and not value.strip():
        raise TelegramError("message text is empty")
    if len(value.encode("utf-16-le")) // 2 > longest:
        raise TelegramError("message is too long" if name == "text" else "message caption is too long")
    return value


def parsed(fields: Fields, name: str) -> Any:  # noqa: ANN401 - any JSON
    """A parameter that is JSON, also where a form has it as text. Raises TelegramError."""
    value = fields.get(name)
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise TelegramError(f"can't parse {name} JSON object") from error


def checked_send(method: str, fields: Fields) -> Send:
    """What a method of SENDS sends. Raises TelegramError."""
    made = SENDS[method](chat_of(fields), fields)
    content = {**made.content, **_keyboard(fields)}
    kind = "interactive" if made.kind == "text" and "choices" in content else made.kind
    return Send(made.chat, kind, made.text, _reply(fields), made.file, made.voice, content)


def reaction_in(fields: Fields) -> str | None:
    """The one emoji a bot may set, or None. Raises TelegramError."""
    wanted = parsed(fields, "reaction") or []
    if not isinstance(wanted, list) or not all(isinstance(one, dict) for one in wanted):
        raise TelegramError("can't parse reaction types JSON object")
    if len(wanted) > 1:
        raise TelegramError("REACTIONS_TOO_MANY")
    if not wanted:
        return None
    if wanted[0].get("type") != "emoji" or wanted[0].get("emoji") not in REACTIONS:
        raise TelegramError("REACTION_INVALID")
    return str(wanted[0]["emoji"])


def _reply(fields: Fields) -> int | None:
    reply = parsed(fields, "reply_parameters")
    if reply is None:
        return None
    if not isinstance(reply, dict) or not isinstance(reply.get("message_id"), int):
        raise TelegramError("can't parse reply parameters JSON object")
    return int(reply["message_id"])


def quoted_anyway(fields: Fields) -> bool:
    """Whether the message goes out though what it quotes is gone. Raises TelegramError."""
    reply = parsed(fields, "reply_parameters")
    return isinstance(reply, dict) and reply.get("allow_sending_without_reply") is True


def _keyboard(fields: Fields) -> dict[str, Any]:
    markup = parsed(fields, "reply_markup")
    if markup is None:
        return {}
    rows = markup.get("inline_keyboard") if isinstance(markup, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise TelegramError("object expected as reply markup")
    choices = []
    for button in (button for row in rows for button in row):
        if not isinstance(button, dict) or not isinstance(button.get("text"), str) or not button["text"]:
            raise TelegramError("inline keyboard button text is empty")
        data = button.get("callback_data")
        if not isinstance(data, str) or not 1 <= len(data.encode()) <= LONGEST_DATA:
            raise TelegramError("BUTTON_DATA_INVALID")
        choices.append({"kind": "button", "id": data, "title": button["text"]})
    return {"reply_markup": markup, **({"choices": choices} if choices else {})}


def _text(chat: int, fields: Fields) -> Send:
    return Send(chat, "text", text_in(fields))


def _file(member: str, kind: str, *, voice: bool = False) -> Callable[[int, Fields], Send]:
    def read(chat: int, fields: Fields) -> Send:
        file = fields.get(member)
        if not isinstance(file, Uploaded):
            raise TelegramError(f"there is no {member} in the request")
        if not file.content:
            raise TelegramError("file must be non-empty")
        if len(file.content) > LONGEST_UPLOAD:
            raise TelegramError(status=413)
        if kind == "image" and len(file.content) > LONGEST_PHOTO:
            raise TelegramError(f"file of size {len(file.content)} bytes is too big for a photo")
        caption = "" if kind == "sticker" else text_in(fields, "caption", LONGEST_CAPTION)
        return Send(chat, kind, caption, file=file, voice=voice)

    return read


def _degrees(fields: Fields, name: str, most: int) -> float:
    try:
        value = float(fields.get(name, ""))
    except (TypeError, ValueError) as error:
        raise TelegramError(f"{name} is empty" if name not in fields else f"wrong {name} specified") from error
    if not -most <= value <= most:
        raise TelegramError("wrong latitude or longitude specified")
    return value


def _location(chat: int, fields: Fields) -> Send:
    place = {"latitude": _degrees(fields, "latitude", 90), "longitude": _degrees(fields, "longitude", 180)}
    return Send(chat, "location", f"{place['latitude']}, {place['longitude']}", content=place)


def _venue(chat: int, fields: Fields) -> Send:
    place = _location(chat, fields).content
    title, address = _needed(fields, "title", "venue title"), _needed(fields, "address", "venue address")
    return Send(chat, "location", f"{title}, {address}", content={**place, "title": title, "address": address})


def _contact(chat: int, fields: Fields) -> Send:
    phone = _needed(fields, "phone_number", "contact phone number")
    name = _needed(fields, "first_name", "contact first name")
    vcard = fields.get("vcard") or ""
    if not isinstance(vcard, str) or len(vcard.encode()) > 2048:
        raise TelegramError("contact vCard is too long")
    return Send(chat, "contacts", name, content={"phone_number": phone, "first_name": name})


def _needed(fields: Fields, name: str, what: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise TelegramError(f"{what} must be non-empty")
    return value


SENDS: Mapping[str, Callable[[int, Fields], Send]] = {
    "sendMessage": _text,
    "sendPhoto": _file("photo", "image"),
    "sendAnimation": _file("animation", "video"),
    "sendAudio": _file("audio", "audio"),
    "sendVoice": _file("voice", "audio", voice=True),
    "sendVideo": _file("video", "video"),
    "sendDocument": _file("document", "document"),
    "sendSticker": _file("sticker", "sticker"),
    "sendLocation": _location,
    "sendVenue": _venue,
    "sendContact": _contact,
}
