"""A draft in Meta's words, kind by kind. The one rule: what Meta cannot send is refused here, and nothing leaves."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from parley.domain.identity import Address
from parley.domain.outgoing import Draft, Refused
from parley.providers.reading import Json, only_objects

_NON_DIGITS: Final = re.compile(r"\D")
_CAPTIONED: Final = frozenset({"image", "video", "document"})


class Impossible(Exception):
    """The draft cannot be put in Meta's words; `refusal` says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.refusal = Refused(code, message)


def addressed(to: Address) -> Json:
    """The envelope with its recipient."""
    envelope: Json = {"messaging_product": "whatsapp", "recipient_type": "individual"}
    match to.kind:
        case "phone":
            return envelope | {"to": _NON_DIGITS.sub("", to.value)}
        case "bsuid":
            return envelope | {"recipient": to.value}
        case "jid":
            return envelope | {"recipient_type": "group", "to": to.value}
    raise Impossible("unsupported_capability", "WhatsApp's own API does not know this customer's address.")


def kind_of(draft: Draft, media_id: str | None) -> Json:
    """The kind and its part of the envelope; `media_id` of its uploaded file, None while there is none yet."""
    if draft.kind in _MEDIA_KINDS:
        return {"type": draft.kind, draft.kind: _media(draft, media_id)}
    write = _KINDS.get(draft.kind)
    if write is None:
        raise Impossible("unsupported_capability", "This number cannot send this kind of message.")
    return {"type": draft.kind, draft.kind: write(draft)}


def _media(draft: Draft, media_id: str | None) -> Json:
    file = draft.media
    if file is None:
        raise Impossible("invalid_request", "There is no file to send.")
    fields: Json = {"id": media_id}
    if draft.text:
        if draft.kind not in _CAPTIONED:
            raise Impossible("invalid_request", "WhatsApp takes no text with a file of this kind.")
        fields["caption"] = draft.text
    if draft.kind == "document" and file.file_name:
        fields["filename"] = file.file_name
    if draft.kind == "audio" and file.voice:
        fields["voice"] = True
    return fields


def _text(draft: Draft) -> Json:
    return {"body": _needed(draft.text, "There is no text to send.")}


def _location(draft: Draft) -> Json:
    latitude, longitude = draft.content.get("latitude"), draft.content.get("longitude")
    if not _is_number(latitude) or not _is_number(longitude):
        raise Impossible("invalid_request", "A place needs its latitude and longitude.")
    named = {name: draft.content[name] for name in ("name", "address") if draft.content.get(name)}
    return {"latitude": latitude, "longitude": longitude, **named}


def _contacts(draft: Draft) -> list[Json]:
    cards = only_objects(draft.content.get("contacts"))
    if not cards:
        raise Impossible("invalid_request", "There is no contact to send.")
    return [_card(card) for card in cards]


def _card(card: Mapping[str, Any]) -> Json:
    name = _needed(card.get("name"), "A contact needs a name.")
    phones = card.get("phones")
    numbers = [phone for phone in phones if isinstance(phone, str)] if isinstance(phones, list) else []
    return {
        # Meta wants one part of the name beside the whole of it.
        "name": {"formatted_name": name, "first_name": name.split(" ")[0]},
        "phones": [{"phone": f"+{digits}", "type": "CELL", "wa_id": digits} for digits in map(_digits, numbers)],
    }


def _digits(number: str) -> str:
    return _NON_DIGITS.sub("", number)


def _template(draft: Draft) -> Json:
    name = _needed(draft.content.get("name"), "A template needs its name.")
    language = _needed(draft.content.get("language"), "A template needs its language.")
    components = only_objects(draft.content.get("components"))
    return {"name": name, "language": {"code": language}, **({"components": components} if components else {})}


def _interactive(draft: Draft) -> Json:
    content = draft.content
    match content.get("type"):
        case "buttons":
            kind, action = "button", _buttons(content)
        case "list":
            kind, action = "list", _list(content)
        case _:
            raise Impossible("unsupported_capability", "WhatsApp has buttons and lists, and nothing else of this kind.")
    body = _needed(content.get("body") or draft.text, "Buttons and lists need a text above them.")
    written: Json = {"type": kind, "body": {"text": body}, "action": action}
    if content.get("header"):
        written["header"] = {"type": "text", "text": content["header"]}
    if content.get("footer"):
        written["footer"] = {"text": content["footer"]}
    return written


def _buttons(content: Mapping[str, Any]) -> Json:
    buttons = only_objects(content.get("buttons"))
    if not 1 <= len(buttons) <= 3:
        raise Impossible("invalid_request", "WhatsApp takes one to three buttons.")
    return {
        "buttons": [
            {"type": "reply", "reply": {"id": button.get("id"), "title": button.get("title")}} for button in buttons
        ]
    }


def _list(content: Mapping[str, Any]) -> Json:
    sections = [_section(section) for section in only_objects(content.get("sections"))]
    if not 1 <= sum(len(section["rows"]) for section in sections) <= 10:
        raise Impossible("invalid_request", "WhatsApp takes one to ten rows in a list.")
    return {"button": _needed(content.get("button"), "A list needs a button that opens it."), "sections": sections}


def _section(section: Mapping[str, Any]) -> Json:
    names = ("id", "title", "description")
    rows = [
        {name: row[name] for name in names if row.get(name) is not None} for row in only_objects(section.get("rows"))
    ]
    return ({"title": section["title"]} if section.get("title") else {}) | {"rows": rows}


def _needed(value: object, otherwise: str) -> str:
    if not isinstance(value, str) or not value:
        raise Impossible("invalid_request", otherwise)
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_MEDIA_KINDS: Final = frozenset({"image", "audio", "video", "document", "sticker"})
_KINDS: Final[Mapping[str, Callable[[Draft], object]]] = {
    "text": _text,
    "location": _location,
    "contacts": _contacts,
    "template": _template,
    "interactive": _interactive,
}
