"""The plain kinds of Z-API's messages: texts, files, places, cards. The one rule: each is read from one member of a
body, and a shape that is not its kind's is None.

Source: Z-API/z-api-docs, docs/webhooks/on-message-received.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from parley.domain.incoming import Kind, Media, MediaKind
from parley.providers.reading import Json, object_of, only_objects, optional_id, text_of

FILES: Final[Mapping[str, MediaKind]] = {
    "image": "image",
    "audio": "audio",
    "video": "video",
    "ptv": "video",
    "document": "document",
    "sticker": "sticker",
}


@dataclass(frozen=True, slots=True)
class Content:
    """The part of a MessageReceived that depends on its kind."""

    kind: Kind
    text: str | None = None
    content: Mapping[str, Any] = field(default_factory=dict)
    media: tuple[Media, ...] = ()
    reply_to: str | None = None


def file_of(kind: MediaKind, value: Json) -> Media:
    """A file behind a plain URL, deleted after 30 days; one that Z-API could not fetch itself has only its error."""
    url, error = text_of(value.get(f"{kind}Url") or value.get("url")), text_of(value.get("downloadError"))
    mime_type = text_of(value.get("mimeType") or value.get("mimetype")) or None
    file_name = text_of(value.get("fileName") or value.get("title")) or None
    return Media(
        kind,
        mime_type=mime_type,
        file_name=file_name if kind == "document" else None,
        voice=kind == "audio" and value.get("ptt") is True,
        source={"url": url} if url and not error else {"error": error or "no address"},
    )


def read_text(value: object) -> Content | None:
    """A text."""
    text = text_of(object_of(value).get("message"))
    return None if text is None else Content("text", text)


def read_location(value: object) -> Content | None:
    """A place, and what it is called."""
    place = object_of(value)
    latitude, longitude = _degrees(place.get("latitude")), _degrees(place.get("longitude"))
    if latitude is None or longitude is None:
        return None
    named = {name: text_of(place.get(name)) for name in ("name", "address", "url")}
    kept = {name: text for name, text in named.items() if text}
    return Content("location", None, {"latitude": latitude, "longitude": longitude, **kept})


def _degrees(value: object) -> float | None:
    # A number too large for a float is no place on earth.
    try:
        degrees = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        return None
    return degrees if degrees is not None and -180 <= degrees <= 180 else None


def read_contacts(value: object) -> Content | None:
    """One card, or several."""
    listed = object_of(value).get("contacts") or value
    cards = [_card(card) for card in ([listed] if isinstance(listed, dict) else only_objects(listed))]
    return Content("contacts", None, {"contacts": cards}) if cards else None


def _card(card: Json) -> Json:
    phones, vcard = card.get("phones"), text_of(card.get("vCard") or card.get("vcard"))
    numbers = [text for text in map(optional_id, phones if isinstance(phones, list) else ()) if text]
    name = text_of(card.get("displayName") or card.get("name")) or ""
    return {"name": name, "phones": numbers, **({"vcard": vcard} if vcard else {})}
