"""What a message of Z-API's holds, in Parley's words. The one rule: what nobody knows, or does not have its kind's
shape, is kept whole as `unsupported`.

A body has one member that is its content, and that member's name is its kind (parts.py, forms.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from parley.providers.content import Content, read_place
from parley.providers.reading import Json, clean, clean_text, object_of, optional_id, text_of

from .forms import FORMS
from .parts import FILES, file_of, read_contacts, read_text

_ENVELOPE: Final = frozenset(
    {"externalAdReply", "statusImage", "statusVideo", "statusText", "notificationParameters", "broadcastRecipients"}
)
"""Objects and lists of a body that are not its content."""

_READERS: Final[Mapping[str, Callable[[object], Content | None]]] = {
    "text": read_text,
    "location": read_place,
    "contact": read_contacts,
    "contacts": read_contacts,
    **FORMS,
}


def read_content(body: Json) -> Content | None:
    """Read what a message holds; None for one that holds nothing. Raises Unreadable for what is nested too deeply."""
    found = _known(body) or _unknown(body)
    if found is None:
        return None
    also = _beside(body)
    return replace(found, content={**found.content, **also}) if also else found


def _known(body: Json) -> Content | None:
    for name, read in _READERS.items():
        value = body.get(name)
        if isinstance(value, dict | list) and value:
            found = read(value)
            if found is not None:
                return found
    for name, kind in FILES.items():
        if isinstance(body.get(name), dict):
            file = body[name]
            also = {"viewOnce": True} if file.get("viewOnce") is True else {}
            return Content(kind, text_of(file.get("caption")) or None, also, (file_of(kind, file),))
    return None


def _unknown(body: Json) -> Content | None:
    """Of what nobody knows yet, the first member with a shape of its own."""
    for name, value in body.items():
        if isinstance(value, dict | list) and value and name not in _ENVELOPE:
            kept = {"type": clean_text(name)[:80], "payload": clean(value)}
            return Content("unsupported", _words(value), kept)
    return None


def _words(value: object) -> str | None:
    """What a person would read of it."""
    names = ("message", "caption", "text", "title", "name") if isinstance(value, dict) else ()
    return next((text for text in (text_of(object_of(value).get(name)) for name in names) if text), None)


def _beside(body: Json) -> Json:
    """What any kind may carry."""
    referral, mentioned = object_of(body.get("externalAdReply")), body.get("mentioned")
    mentions = [text for text in map(optional_id, mentioned if isinstance(mentioned, list) else ()) if text]
    return {
        **({"forwarded": True} if body.get("forwarded") is True else {}),
        **({"referral": clean(referral)} if referral else {}),
        **({"mentions": mentions} if mentions else {}),
    }
