"""What a message holds, as every adapter reads it. The one rule: who wrote it and when is none of its concern."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from parley.domain.incoming import Kind, Media

from .reading import object_of, text_of


@dataclass(frozen=True, slots=True)
class Content:
    """The part of a MessageReceived that depends on its kind."""

    kind: Kind
    text: str | None = None
    content: Mapping[str, Any] = field(default_factory=dict)
    media: tuple[Media, ...] = ()
    reply_to: str | None = None


def read_place(value: object) -> Content | None:
    """A place {latitude, longitude, name?, address?, url?}; None where it is not on earth."""
    place = object_of(value)
    latitude, longitude = _degrees(place.get("latitude")), _degrees(place.get("longitude"))
    if latitude is None or longitude is None:
        return None
    named = {name: text_of(place.get(name)) for name in ("name", "address", "url")}
    kept = {name: text for name, text in named.items() if text}
    return Content("location", None, {"latitude": latitude, "longitude": longitude, **kept})


def _degrees(value: object) -> float | None:
    # Some senders write numbers as text; a number too large for a float is no place on earth.
    try:
        degrees = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        return None
    return degrees if degrees is not None and -180 <= degrees <= 180 else None
