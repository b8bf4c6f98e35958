"""A draft as Z-API's paths and bodies, kind by kind. The one rule: what Z-API cannot send is refused here, before
anything leaves.

Source: Z-API/z-api-docs, docs/message/send-*.md.
"""

from __future__ import annotations

import math
import mimetypes
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from parley.domain.identity import Address
from parley.domain.outgoing import Draft, Refused, Upload
from parley.providers.reading import Json, only_objects

_NON_DIGITS: Final = re.compile(r"\D", re.ASCII)
_EXTENSION: Final = re.compile(r"\.([A-Za-z0-9]{1,10})$", re.ASCII)
_CHAT: Final = re.compile(r"[0-9A-Za-z@._:-]{3,100}", re.ASCII)

Request = tuple[str, Json]
"""The path below the instance's address, and the body."""


class Impossible(Exception):
    """The draft cannot be put in Z-API's words; `refusal` says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.refusal = Refused(code, message)


def addressed(to: Address) -> str:
    """The recipient as every path takes it: a number's digits, a LID, or a group's id."""
    if to.kind == "phone":
        return _needed(_NON_DIGITS.sub("", to.value), "There is no number to send to.")
    if to.kind == "lid":
        return f"{to.value.removesuffix('@lid')}@lid"
    if to.kind == "jid" and _CHAT.fullmatch(to.value):
        return to.value
    raise Impossible("unsupported_capability", "Z-API does not know this customer's address.")


def request_of(draft: Draft) -> Request:
    """Put a draft in Z-API's words. Raises Impossible."""
    write = _KINDS.get(draft.kind)
    if write is None:
        raise Impossible("unsupported_capability", "This number cannot send this kind of message.")
    path, body = write(draft)
    reply = {"messageId": draft.reply_to.provider_message_id} if draft.reply_to else {}
    return path, {"phone": addressed(draft.to), **body, **reply}


def _text(draft: Draft) -> Request:
    return "send-text", {"message": _needed(draft.text, "There is no text to send.")}


def _image(draft: Draft) -> Request:
    return "send-image", {"image": _file(draft).url, **_caption(draft)}


def _video(draft: Draft) -> Request:
    return "send-video", {"video": _file(draft).url, **_caption(draft)}


def _audio(draft: Draft) -> Request:
    _no_caption(draft)
    file = _file(draft)
    return "send-audio", {"audio": file.url, **({"waveform": True} if file.voice else {})}


def _sticker(draft: Draft) -> Request:
    _no_caption(draft)
    return "send-sticker", {"sticker": _file(draft).url}


def _document(draft: Draft) -> Request:
    file = _file(draft)
    named = {"fileName": file.file_name} if file.file_name else {}
    return f"send-document/{_extension(file)}", {"document": file.url, **named, **_caption(draft)}


def _extension(file: Upload) -> str:
    """Z-API takes the kind of a document from its path alone."""
    found = _EXTENSION.search(file.file_name or "") or _EXTENSION.search(
        mimetypes.guess_extension(file.mime_type.partition(";")[0].strip()) or ""
    )
    return found[1].lower() if found else "bin"


def _location(draft: Draft) -> Request:
    latitude, longitude = (_degrees(draft.content.get(name)) for name in ("latitude", "longitude"))
    name, address = (str(draft.content.get(name) or "") for name in ("name", "address"))
    place = f"{latitude}, {longitude}"
    # Both are required, in words; without any the place says where it is.
    return "send-location", {
        "title": name or address or place,
        "address": address or name or place,
        "latitude": latitude,
        "longitude": longitude,
    }


def _degrees(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Impossible("invalid_request", "A place needs its latitude and longitude.")
    return repr(value)


def _contacts(draft: Draft) -> Request:
    cards = [_card(card) for card in only_objects(draft.content.get("contacts"))]
    if not cards:
        raise Impossible("invalid_request", "There is no contact to send.")
    if len(cards) == 1 and len(cards[0]["phones"]) == 1:
        return "send-contact", {"contactName": cards[0]["name"], "contactPhone": cards[0]["phones"][0]}
    return "send-contacts", {"contacts": cards}


def _card(card: Mapping[str, Any]) -> Json:
    given = card.get("phones")
    phones = (
        [_NON_DIGITS.sub("", phone) for phone in given if isinstance(phone, str)] if isinstance(given, list) else []
    )
    numbers = [phone for phone in phones if phone]
    if not numbers:
        raise Impossible("invalid_request", "Z-API sends a contact only with its number.")
    return {"name": _needed(card.get("name"), "A contact needs a name."), "phones": numbers}


def _interactive(draft: Draft) -> Request:
    """Neither form has a place for a header or footer, so they stand above and below the text."""
    content = draft.content
    words = (content.get("header"), content.get("body") or draft.text, content.get("footer"))
    _needed(words[1], "Buttons and lists need a text above them.")
    message = "\n\n".join(part for part in words if isinstance(part, str) and part)
    match content.get("type"):
        case "buttons":
            return "send-button-list", {"message": message, "buttonList": {"buttons": _buttons(content)}}
        case "list":
            return "send-option-list", {"message": message, "optionList": _options(content)}
    raise Impossible("unsupported_capability", "Z-API has buttons and lists, and nothing else of this kind.")


def _buttons(content: Mapping[str, Any]) -> list[Json]:
    buttons = only_objects(content.get("buttons"))
    if not buttons:
        raise Impossible("invalid_request", "There is no button to send.")
    return [{"id": button.get("id"), "label": button.get("title")} for button in buttons]


def _options(content: Mapping[str, Any]) -> Json:
    """One list of options: Z-API has no sections, so the first one's title is the list's."""
    sections = only_objects(content.get("sections"))
    rows = [row for section in sections for row in only_objects(section.get("rows"))]
    if not rows:
        raise Impossible("invalid_request", "There is no row in the list.")
    button = _needed(content.get("button"), "A list needs a button that opens it.")
    titles = (section.get("title") for section in sections)
    return {
        "title": next((title for title in titles if isinstance(title, str) and title), button),
        "buttonLabel": button,
        "options": [
            {"id": row.get("id"), "title": row.get("title"), "description": row.get("description") or ""}
            for row in rows
        ],
    }


def _file(draft: Draft) -> Upload:
    if draft.media is None:
        raise Impossible("invalid_request", "There is no file to send.")
    return draft.media


def _caption(draft: Draft) -> Json:
    return {"caption": draft.text} if draft.text else {}


def _no_caption(draft: Draft) -> None:
    if draft.text:
        raise Impossible("invalid_request", "WhatsApp takes no text with a file of this kind.")


def _needed(text: object, otherwise: str) -> str:
    if not isinstance(text, str) or not text:
        raise Impossible("invalid_request", otherwise)
    return text


_KINDS: Final[Mapping[str, Callable[[Draft], Request]]] = {
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
