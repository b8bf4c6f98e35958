"""The plain kinds of Z-API's messages: texts, files, places, cards. The one rule: each is read from one member of a
body, and a shape that is not its kind's is None.

Source: Z-API/z-api-docs, docs/webhooks/on-message-received.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from parley.domain.incoming import Media, MediaKind
from parley.providers.content import Content
from parley.providers.reading import Json, object_of, only_objects, optional_id, text_of

FILES: Final[Mapping[str, MediaKind]] = {
    "image": "image",
    "audio": "audio",
    "video": "video",
    "ptv": "video",
    "document": "document",
    "sticker": "sticker",
}
_WITH_COUNTRY: Final = re.compile(r"[1-9][0-9]{7,14}")


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


def read_contacts(value: object) -> Content | None:
    """One card, or several."""
    listed = object_of(value).get("contacts") or value
    cards = [_card(card) for card in ([listed] if isinstance(listed, dict) else only_objects(listed))]
    return Content("contacts", None, {"contacts": cards}) if cards else None


def _card(card: Json) -> Json:
    phones, vcard = card.get("phones"), text_of(card.get("vCard") or card.get("vcard"))
    given = [text for text in map(optional_id, phones if isinstance(phones, list) else ()) if text]
    # Bare digits with the country code; as the other gateways' cards write them, they have a plus sign.
    numbers = [f"+{phone}" if _WITH_COUNTRY.fullmatch(phone) else phone for phone in given]
    name = text_of(card.get("displayName") or card.get("name")) or ""
    return {"name": name, "phones": numbers, **({"vcard": vcard} if vcard else {})}
