"""What Evolution takes at each path: its JSON schemas (src/validate), with the words its validator refuses in."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from local.simulator.evolution.errors import invalid

Body = Mapping[str, Any]
Check = Callable[[object, str], list[str]]

EVENTS = (
    "APPLICATION_STARTUP", "QRCODE_UPDATED", "MESSAGES_SET", "MESSAGES_UPSERT", "MESSAGES_EDITED", "MESSAGES_UPDATE",
    "MESSAGES_DELETE", "SEND_MESSAGE", "SEND_MESSAGE_UPDATE", "CONTACTS_SET", "CONTACTS_UPSERT", "CONTACTS_UPDATE",
    "PRESENCE_UPDATE", "CHATS_SET", "CHATS_UPSERT", "CHATS_UPDATE", "CHATS_DELETE", "GROUPS_UPSERT", "GROUP_UPDATE",
    "GROUP_PARTICIPANTS_UPDATE", "CONNECTION_UPDATE", "LABELS_EDIT", "LABELS_ASSOCIATION", "CALL", "TYPEBOT_START",
    "TYPEBOT_CHANGE_STATUS", "REMOVE_INSTANCE", "LOGOUT_INSTANCE", "INSTANCE_CREATE", "INSTANCE_DELETE",
    "STATUS_INSTANCE",
)  # fmt: skip

_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
}


def is_a(name: str, described: str | None = None) -> Check:
    """A value of a JSON type; `described` is what the schema says instead of the validator."""

    def check(value: object, place: str) -> list[str]:
        return [] if _TYPES[name](value) else [described or f"{place} is not of a type(s) {name}"]

    return check


def one_of(*allowed: object) -> Check:
    """One of some values."""
    shown = ",".join(str(each).lower() if isinstance(each, bool) else str(each) for each in allowed)
    return lambda value, place: [] if value in allowed else [f"{place} is not one of enum values: {shown}"]


def some(item: Check, *, least: int = 1) -> Check:
    """A list of at least so many."""

    def check(value: object, place: str) -> list[str]:
        if not isinstance(value, list):
            return [f"{place} is not of a type(s) array"]
        if len(value) < least:
            return [f"{place} does not meet minimum length of {least}"]
        if any(value.index(each) != position for position, each in enumerate(value)):
            return [f"{place} contains duplicate item"]
        return [mistake for position, each in enumerate(value) for mistake in item(each, f"{place}[{position}]")]

    return check


def shaped(required: str = "", **fields: Check) -> Check:
    """An object with some fields, of which `required` must be there."""

    def check(value: object, place: str) -> list[str]:
        if not isinstance(value, dict):
            return [f"{place} is not of a type(s) object"]
        missing = [f'{place} requires property "{name}"' for name in required.split() if name not in value]
        wrong = [
            mistake
            for name, field in fields.items()
            if name in value
            for mistake in field(value[name], f"{place}.{name}")
        ]
        return missing + wrong

    return check


def long_enough(length: int) -> Check:
    """A text of at least so many characters."""

    def check(value: object, place: str) -> list[str]:
        wrong = is_a("string")(value, place)
        return wrong or ([] if len(str(value)) >= length else [f"{place} does not meet minimum length of {length}"])

    return check


_TEXT, _FLAG, _NUMBER = is_a("string"), is_a("boolean"), is_a("number")
_KEY = shaped("id remoteJid fromMe", id=long_enough(1), remoteJid=long_enough(1), fromMe=_FLAG)
_QUOTED = shaped(key=shaped("id", id=long_enough(1), remoteJid=_TEXT, fromMe=_FLAG), message=is_a("object"))
_MENTIONED = some(lambda value, _: [] if re.match(r"\d+", str(value)) else ['"mentioned" must be an array of numeric strings'])  # fmt: skip  # noqa: E501
_TO = {
    "number": is_a("string", "Invalid format"),
    "delay": is_a("integer", "Enter a value in milliseconds"),
    "quoted": _QUOTED,
    "mentioned": _MENTIONED,
}
_CARD = shaped("fullName phoneNumber", fullName=_TEXT, phoneNumber=long_enough(10), wuid=long_enough(10))
_ROWS = some(shaped("title rowId", title=_TEXT, description=_TEXT, rowId=_TEXT))
_BUTTON = shaped("type", type=one_of("reply", "copy", "url", "call", "pix"), displayText=_TEXT, id=_TEXT)

SCHEMAS: Mapping[str, Check] = {
    "message/sendText": shaped("number text", **_TO, text=_TEXT, linkPreview=_FLAG),
    "message/sendMedia": shaped(
        "number mediatype",
        **_TO,
        mediatype=one_of("image", "document", "video", "audio"),
        mimetype=_TEXT,
        media=_TEXT,
        fileName=_TEXT,
        caption=_TEXT,
    ),
    "message/sendWhatsAppAudio": shaped("number", **_TO, audio=_TEXT),
    "message/sendSticker": shaped("number", **_TO, sticker=_TEXT),
    "message/sendLocation": shaped(
        "number latitude longitude name address",
        **_TO,
        latitude=_NUMBER,
        longitude=_NUMBER,
        name=_TEXT,
        address=_TEXT,
    ),
    "message/sendContact": shaped("number contact", **_TO, contact=some(_CARD)),
    "message/sendReaction": shaped("key reaction", key=_KEY, reaction=_TEXT),
    "message/sendButtons": shaped(
        "number", **_TO, title=_TEXT, description=_TEXT, footer=_TEXT, buttons=some(_BUTTON, least=0)
    ),
    "message/sendList": shaped(
        "number title footerText buttonText sections",
        **_TO,
        title=_TEXT,
        description=_TEXT,
        footerText=_TEXT,
        buttonText=_TEXT,
        sections=some(shaped("title rows", title=_TEXT, rows=_ROWS)),
    ),
    "chat/updateMessage": shaped(number=long_enough(1), text=long_enough(1), key=_KEY),
    "chat/deleteMessageForEveryone": shaped(
        "id fromMe remoteJid", id=long_enough(1), fromMe=_FLAG, remoteJid=long_enough(1), participant=long_enough(1)
    ),
    "chat/markMessageAsRead": shaped("readMessages", readMessages=some(_KEY)),
    "chat/sendPresence": shaped(
        "number presence delay",
        number=_TO["number"],
        delay=_NUMBER,
        presence=one_of("unavailable", "available", "composing", "recording", "paused"),
    ),
    "chat/whatsappNumbers": shaped(numbers=some(is_a("string", '"numbers" must be an array of numeric strings'))),
    "chat/getBase64FromMediaMessage": is_a("object"),
    "webhook/set": shaped(
        "webhook",
        webhook=shaped(
            "enabled url",
            enabled=_FLAG,
            url=long_enough(1),
            headers=is_a("object"),
            byEvents=_FLAG,
            base64=_FLAG,
            events=some(one_of(*EVENTS), least=0),
        ),
    ),
}


def checked(path: str, body: object) -> Body:
    """A body that fits the schema of its path. Raises EvolutionError."""
    given = body if isinstance(body, dict) else {}
    mistakes = [mistake.replace("instance.", "") for mistake in SCHEMAS[path](given, "instance")]
    if mistakes:
        raise invalid(mistakes)
    return given
