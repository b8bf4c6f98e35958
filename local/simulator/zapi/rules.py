"""What Z-API's sends must look like, path by path: the members its documentation names; a 400 names the one that is
wrong.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.simulator.actions import ContactCard, Location
from local.simulator.zapi.bodies import GROUP_SUFFIX, LID_SUFFIX, customer_of

Fields = Mapping[str, Any]

_PHONE = re.compile(r"[0-9]{8,15}")
_LID = re.compile(r"[0-9]{3,20}" + LID_SUFFIX)
_GROUP = re.compile(r"[0-9]{5,30}(?:-[0-9]{5,20})?" + GROUP_SUFFIX)
_EXTENSION = re.compile(r"[A-Za-z0-9]{1,10}")
_ADDRESS_OR_DATA = re.compile(r"https?://\S+|data:[^,\s]*;base64,.+", re.DOTALL)
LONGEST_TEXT = 65_536


class ZApiError(Exception):
    """A request Z-API refuses: an HTTP status and a sentence, for it has no codes."""

    def __init__(self, error: str, status: int = 400) -> None:
        super().__init__(error)
        self.error, self.status = error, status


@dataclass(frozen=True)
class Chat:
    """Whom a request is about: a customer's number, or the bare id of a group; `phone` as it was written."""

    phone: str
    to: str
    group: bool


@dataclass(frozen=True)
class Send:
    """A send Z-API would queue; `text` is what the customer's phone can show of it, `content` what was asked for."""

    chat: Chat
    kind: str
    text: str = ""
    reply_to: str | None = None
    edits: str | None = None
    file: str | None = None
    file_name: str | None = None
    voice: bool = False
    location: Location | None = None
    contacts: tuple[ContactCard, ...] = ()
    content: Fields = field(default_factory=dict)


def checked_chat(body: Fields) -> Chat:
    """Whom a request names. Raises ZApiError."""
    phone = body.get("phone")
    if isinstance(phone, str) and _GROUP.fullmatch(phone):
        return Chat(phone, phone.removesuffix(GROUP_SUFFIX), group=True)
    if isinstance(phone, str) and _LID.fullmatch(phone):
        return Chat(phone, customer_of(phone), group=False)
    if isinstance(phone, str) and _PHONE.fullmatch(phone):
        return Chat(phone, phone, group=False)
    raise ZApiError("Invalid phone")


def required(body: Fields, name: str, longest: int = LONGEST_TEXT) -> str:
    """A text that must be there. Raises ZApiError."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise ZApiError(f"{name} is required")
    if len(value) > longest:
        raise ZApiError(f"{name} is too long")
    return value


def optional(body: Fields, name: str) -> str:
    """A text that may be left out. Raises ZApiError."""
    return required(body, name) if body.get(name) else ""


def checked_send(path: str, body: Fields) -> Send:
    """What is sent by a path that `SENDS` knows. Raises ZApiError."""
    name, _, extension = path.partition("/")
    if (name == "send-document") != bool(_EXTENSION.fullmatch(extension)):
        raise ZApiError("NOT_FOUND", 404)
    for number in ("delayMessage", "delayTyping"):
        if number in body and (not isinstance(body[number], int) or not 0 <= body[number] <= 15):
            raise ZApiError(f"{number} must be between 1 and 15")
    read = SENDS[name]
    return read(checked_chat(body), optional(body, "messageId") or None, body)


def _text(chat: Chat, reply: str | None, body: Fields) -> Send:
    edits = optional(body, "editMessageId") or None
    return Send(chat, "text", required(body, "message"), reply, edits)


def _file(kind: str, *, captioned: bool) -> Callable[[Chat, str | None, Fields], Send]:
    def read(chat: Chat, reply: str | None, body: Fields) -> Send:
        where = required(body, kind, longest=200 * 1024 * 1024)
        if not _ADDRESS_OR_DATA.fullmatch(where):
            raise ZApiError(f"{kind} must be a link or base64")
        caption = optional(body, "caption") if captioned else ""
        name = optional(body, "fileName") or None
        # Z-API sends whatever sound as a voice note.
        return Send(chat, kind, caption, reply, file=where, file_name=name, voice=kind == "audio")

    return read


def _location(chat: Chat, reply: str | None, body: Fields) -> Send:
    title, address = required(body, "title"), required(body, "address")
    degrees = []
    for name, limit in (("latitude", 90), ("longitude", 180)):
        try:
            degrees.append(float(required(body, name)))
        except ValueError as error:
            raise ZApiError(f"{name} is invalid") from error
        if not -limit <= degrees[-1] <= limit:
            raise ZApiError(f"{name} is invalid")
    return Send(chat, "location", title, reply, location=Location(degrees[0], degrees[1], title, address), content=body)


def _contact(chat: Chat, reply: str | None, body: Fields) -> Send:
    card = ContactCard(required(body, "contactName"), _number(required(body, "contactPhone")))
    return Send(chat, "contacts", card.name, reply, contacts=(card,), content=body)


def _contacts(chat: Chat, reply: str | None, body: Fields) -> Send:
    cards = tuple(
        ContactCard(required(each, "name"), _number(str(next(iter(each.get("phones") or ()), ""))))
        for each in _objects(body, "contacts")
    )
    return Send(chat, "contacts", ", ".join(card.name for card in cards), reply, contacts=cards, content=body)


def _number(phone: str) -> str:
    if not re.fullmatch(r"[0-9]{3,20}", phone):
        raise ZApiError("Invalid contact phone")
    return phone


def _objects(body: Fields, name: str) -> list[Fields]:
    items = body.get(name)
    if not isinstance(items, list) or not items or not all(isinstance(item, Mapping) for item in items):
        raise ZApiError(f"{name} is required")
    return items


def _buttons(chat: Chat, reply: str | None, body: Fields) -> Send:
    buttons = body.get("buttonList")
    for button in _objects(buttons if isinstance(buttons, Mapping) else {}, "buttons"):
        required(button, "label")
        optional(button, "id")
    return Send(chat, "interactive", required(body, "message"), reply, content=body)


def _list(chat: Chat, reply: str | None, body: Fields) -> Send:
    options = body.get("optionList")
    if not isinstance(options, Mapping):
        raise ZApiError("optionList is required")
    required(options, "title")
    required(options, "buttonLabel")
    for option in _objects(options, "options"):
        required(option, "title")
        if not isinstance(option.get("description"), str):
            raise ZApiError("description is required")
        optional(option, "id")
    return Send(chat, "interactive", required(body, "message"), reply, content=body)


SENDS: Mapping[str, Callable[[Chat, str | None, Fields], Send]] = {
    "send-text": _text,
    "send-image": _file("image", captioned=True),
    "send-video": _file("video", captioned=True),
    "send-document": _file("document", captioned=True),
    "send-audio": _file("audio", captioned=False),
    "send-sticker": _file("sticker", captioned=False),
    "send-location": _location,
    "send-contact": _contact,
    "send-contacts": _contacts,
    "send-button-list": _buttons,
    "send-option-list": _list,
}
