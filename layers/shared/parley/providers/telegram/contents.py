"""What a message on Telegram holds, kind by kind. The one rule: a kind is the member a message has, and the first of
the table that it has decides, because some come with an older one beside them (an animation with a document, a venue
with a location).

Source: core.telegram.org/bots/api#message. A file is named by an id that only this bot can use, which is no secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from parley.domain.incoming import Media, MediaKind
from parley.providers.content import Content
from parley.providers.reading import Json, object_of, only_objects, optional_id, text_of

from .chats import name_of, number

_WITH_COUNTRY: Final = re.compile(r"[1-9][0-9]{7,14}", re.ASCII)
_NOT_ABOUT_THE_KIND: Final = frozenset(
    {
        *("message_id", "message_thread_id", "direct_messages_topic", "from", "sender_chat", "sender_boost_count"),
        *("sender_business_bot", "sender_tag", "date", "guest_query_id", "business_connection_id", "chat"),
        *("forward_origin", "is_topic_message", "is_automatic_forward", "reply_to_message", "external_reply", "quote"),
        *("reply_to_story", "reply_to_checklist_task_id", "reply_to_poll_option_id", "via_bot"),
        *("guest_bot_caller_user", "guest_bot_caller_chat", "edit_date", "has_protected_content", "is_from_offline"),
        *("is_paid_post", "media_group_id", "author_signature", "paid_star_count", "entities", "link_preview_options"),
        *("suggested_post_info", "effect_id", "caption", "caption_entities", "show_caption_above_media"),
        *("has_media_spoiler", "reply_markup"),
        # Until Bot API 7.0 a forwarded message said so in these.
        *("forward_from", "forward_from_chat", "forward_from_message_id", "forward_signature", "forward_sender_name"),
        "forward_date",
    }
)


def read_content(message: Json) -> Content | None:
    """Read what the message holds; None where that is nothing known, or not in the shape it is known in."""
    for name, read in _KINDS.items():
        if name in message:
            return read(message[name], message)
    return None


def unknown_part(message: Json) -> str | None:
    """The name of what a message holds, where nobody knows it."""
    return next((name for name in message if name not in _NOT_ABOUT_THE_KIND), None)


def file_of(kind: MediaKind, value: Json, mime_type: str | None = None, *, voice: bool = False) -> Media | None:
    """A file by its id; None for what has none. `mime_type`: what it is where Telegram does not say."""
    file_id = optional_id(value.get("file_id"))
    if file_id is None:
        return None
    return Media(
        kind,
        mime_type=text_of(value.get("mime_type")) or mime_type,
        file_name=text_of(value.get("file_name")) or None,
        size=_size(value),
        voice=voice,
        source={"fileId": file_id},
    )


def _size(value: Json) -> int | None:
    size = number(value.get("file_size"))
    return size if size is not None and size > 0 else None


def _text(value: object, _: Json) -> Content | None:
    text = text_of(value)
    return None if text is None else Content("text", text)


def _photo(value: object, message: Json) -> Content | None:
    """A photo comes in several sizes, of which the largest is the picture; Telegram makes all of them JPEG."""
    sizes = [one for one in only_objects(value) if optional_id(one.get("file_id"))]
    largest = max(sizes, key=_pixels, default=None)
    return _with_file(None if largest is None else file_of("image", largest, "image/jpeg"), message)


def _pixels(size: Json) -> int:
    width, height = (number(size.get(name)) or 0 for name in ("width", "height"))
    return width * height


def _animation(value: object, message: Json) -> Content | None:
    """What people call a GIF is a film without sound, seldom a real one."""
    file = object_of(value)
    is_picture = text_of(file.get("mime_type")) == "image/gif"
    return _with_file(file_of("image" if is_picture else "video", file, "video/mp4"), message)


def _audio(value: object, message: Json) -> Content | None:
    return _with_file(file_of("audio", object_of(value)), message)


def _voice(value: object, message: Json) -> Content | None:
    return _with_file(file_of("audio", object_of(value), "audio/ogg", voice=True), message)


def _video(value: object, message: Json) -> Content | None:
    return _with_file(file_of("video", object_of(value), "video/mp4"), message)


def _document(value: object, message: Json) -> Content | None:
    return _with_file(file_of("document", object_of(value)), message)


def _sticker(value: object, message: Json) -> Content | None:
    """A sticker that moves is a format browsers do not show; its thumbnail is."""
    sticker = object_of(value)
    moves = sticker.get("is_animated") is True or sticker.get("is_video") is True
    emoji = text_of(sticker.get("emoji"))
    content = {**({"emoji": emoji} if emoji else {}), **({"animated": True} if moves else {})}
    file = file_of("image", object_of(sticker.get("thumbnail"))) if moves else file_of("sticker", sticker, "image/webp")
    if file is None and not (moves and optional_id(sticker.get("file_id"))):
        return None
    return Content("sticker", text_of(message.get("caption")), content, () if file is None else (file,))


def _with_file(file: Media | None, message: Json) -> Content | None:
    return None if file is None else Content(file.kind, text_of(message.get("caption")), {}, (file,))


def _venue(value: object, _: Json) -> Content | None:
    venue = object_of(value)
    named = {"name": text_of(venue.get("title")), "address": text_of(venue.get("address"))}
    return _place(venue.get("location"), {name: text for name, text in named.items() if text})


def _location(value: object, _: Json) -> Content | None:
    return _place(value, {})


def _place(value: object, named: Json) -> Content | None:
    place = object_of(value)
    latitude, longitude = _degrees(place.get("latitude"), 90), _degrees(place.get("longitude"), 180)
    if latitude is None or longitude is None:
        return None
    return Content("location", None, {"latitude": latitude, "longitude": longitude, **named})


def _degrees(value: object, most: int) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not -most <= value <= most:
        return None
    return float(value)


def _contact(value: object, _: Json) -> Content | None:
    card = object_of(value)
    phone, vcard = text_of(card.get("phone_number")), text_of(card.get("vcard"))
    if not phone:
        return None
    # Telegram writes a number with or without its plus sign; as the other gateways' cards have it, it has one.
    number_shown = f"+{phone}" if _WITH_COUNTRY.fullmatch(phone) else phone
    shown = {"name": name_of(card) or "", "phones": [number_shown], **({"vcard": vcard} if vcard else {})}
    return Content("contacts", None, {"contacts": [shown]})


def _poll(value: object, _: Json) -> Content | None:
    poll = object_of(value)
    question = text_of(poll.get("question"))
    if not question:
        return None
    options = [text for text in (text_of(option.get("text")) for option in only_objects(poll.get("options"))) if text]
    return Content("interactive", question, {"type": "poll", "title": question, "options": options})


_KINDS: Final[Mapping[str, Callable[[object, Json], Content | None]]] = {
    "text": _text,
    "animation": _animation,
    "audio": _audio,
    "photo": _photo,
    "video": _video,
    "video_note": _video,
    "voice": _voice,
    "sticker": _sticker,
    "document": _document,
    "venue": _venue,
    "location": _location,
    "contact": _contact,
    "poll": _poll,
}
