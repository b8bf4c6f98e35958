"""What the control API is asked to let a customer do, read into a typed action; refused where it makes no sense."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from local.simulator.actions import (
    MEDIA_KINDS,
    WRITTEN_KINDS,
    Action,
    Choice,
    ContactCard,
    Deletes,
    Edits,
    Group,
    Location,
    Reacts,
    Types,
    Who,
    Writes,
)
from local.simulator.asked import RefusedError, phone_digits
from local.simulator.media import File, MediaStore
from local.simulator.tempo import now

Asked = Mapping[str, object]

MAXIMUM_TEXT = 65_536
SAMPLE_PLACE = Location(-23.561414, -46.655881, "MASP", "Av. Paulista, 1578 - São Paulo")
SAMPLE_CARD = ContactCard("Carla Dias", "5511955554444")


async def read_action(asked: Asked, kinds: frozenset[str], media: MediaStore) -> Action:
    """The action asked for, if it is one of `kinds`. Raises RefusedError."""
    wanted = asked.get("kind", "text")
    device = asked.get("device") is True or wanted == "device"
    kind = "text" if wanted == "device" else wanted
    who = _who(asked, device)
    needed = {str(kind), *(("device",) if device else ()), *(("group",) if who.group else ())}
    if not isinstance(kind, str) or not needed <= kinds:
        raise RefusedError(422, "unsupported_kind", f"A customer can do: {', '.join(sorted(kinds))}.")
    if kind in WRITTEN_KINDS:
        return await _writes(asked, who, kind, media)
    return _DEEDS[kind](asked, who)


def read_chat(asked: Asked) -> tuple[str, bool]:
    """Whose thread is asked for: a customer's `from`, or a `group` and True. Raises RefusedError."""
    group = asked.get("group")
    return (_group_id(group), True) if group else (phone_digits(asked.get("from")), False)


def _who(asked: Asked, device: bool) -> Who:
    customer = phone_digits(asked.get("from"))
    return Who(customer, _moment(asked.get("timestamp")), _text(asked, "name"), device, _group(asked.get("group")))


def _group(value: object) -> Group | None:
    if value is None or value is False:
        return None
    if value is True:
        return Group("120363041234567890", "Clientes")
    if isinstance(value, Mapping):
        return Group(_group_id(value.get("id")), _text(value, "name"))
    return Group(_group_id(value))


def _group_id(value: object) -> str:
    # However a gateway writes it, what is before its suffix is the id.
    bare = re.sub(r"(@g\.us|-group)$", "", value) if isinstance(value, str) else ""
    if not re.fullmatch(r"[A-Za-z0-9_=+-]{5,128}", bare):
        raise RefusedError(422, "invalid_group", "`group` must be a group's id, or {id, name}.")
    return bare


async def _writes(asked: Asked, who: Who, kind: str, media: MediaStore) -> Writes:
    text = _text(asked, "text")
    if kind == "text" and not text:
        raise RefusedError(422, "invalid_text", f"`text` must be 1 to {MAXIMUM_TEXT} characters.")
    return Writes(
        who,
        kind,
        text if kind == "text" or kind in MEDIA_KINDS else None,
        _text(asked, "replyTo", "a provider message id"),
        await _file(asked.get("media"), kind, media) if kind in MEDIA_KINDS else None,
        kind == "audio" and asked.get("voice") is not False,
        _location(asked) if kind == "location" else None,
        _contacts(asked.get("contacts")) if kind == "contacts" else (),
        _choice(asked.get("choice")) if kind == "interactive" else None,
        asked.get("forwarded") is True,
    )


async def _file(value: object, kind: str, media: MediaStore) -> File:
    if value is None:
        return media.sample(kind)
    given = value if isinstance(value, Mapping) else {}
    mime_type, file_name = _text(given, "mimeType"), _text(given, "fileName")
    encoded, url = _text(given, "base64"), _text(given, "url")
    try:
        if encoded:
            return media.decode(encoded, mime_type, file_name)
        if url:
            return await media.fetch(url, mime_type, file_name)
    except ValueError as error:
        raise RefusedError(422, "invalid_media", str(error)) from error
    raise RefusedError(422, "invalid_media", "`media` must be {base64 or url, mimeType?, fileName?}.")


def _location(asked: Asked) -> Location:
    if "latitude" not in asked and "longitude" not in asked:
        return SAMPLE_PLACE
    latitude, longitude = _degrees(asked, "latitude", 90), _degrees(asked, "longitude", 180)
    return Location(latitude, longitude, _text(asked, "locationName"), _text(asked, "address"))


def _degrees(asked: Asked, name: str, most: int) -> float:
    value = asked.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not -most <= value <= most:
        raise RefusedError(422, f"invalid_{name}", f"`{name}` must be a number from -{most} to {most}.")
    return float(value)


def _contacts(value: object) -> tuple[ContactCard, ...]:
    if value is None:
        return (SAMPLE_CARD,)
    cards = value if isinstance(value, list) else []
    named = [(_text(card, "name"), card.get("phone")) for card in cards if isinstance(card, Mapping)]
    if not named or len(named) != len(cards):
        raise RefusedError(422, "invalid_contacts", "`contacts` must be a list of {name, phone}.")
    return tuple(ContactCard(name or phone_digits(phone), phone_digits(phone)) for name, phone in named)


def _choice(value: object) -> Choice:
    given = value if isinstance(value, Mapping) else {}
    choice_id, title = _text(given, "id"), _text(given, "title")
    if not choice_id or not title:
        raise RefusedError(422, "invalid_choice", "`choice` must be {kind: button or list, id, title, description?}.")
    kind = "list" if given.get("kind") == "list" else "button"
    return Choice("list" if kind == "list" else "button", choice_id, title, _text(given, "description"))


def _target(asked: Asked) -> str:
    target = _text(asked, "target", "a provider message id")
    if not target:
        raise RefusedError(422, "invalid_target", "`target` must be a provider message id.")
    return target


def _edits(asked: Asked, who: Who) -> Edits:
    text = _text(asked, "text")
    if not text:
        raise RefusedError(422, "invalid_text", f"`text` must be 1 to {MAXIMUM_TEXT} characters.")
    return Edits(who, _target(asked), text)


_DEEDS: Mapping[str, Callable[[Asked, Who], Action]] = {
    "reaction": lambda asked, who: Reacts(who, _target(asked), _text(asked, "emoji") or None),
    "edit": _edits,
    "delete": lambda asked, who: Deletes(who, _target(asked)),
    "typing": lambda asked, who: Types(who, asked.get("on") is not False, asked.get("recording") is True),
}


def _text(asked: Asked, name: str, what: str = "text") -> str | None:
    value = asked.get(name)
    if value is None or (isinstance(value, str) and len(value) <= _LONGEST.get(name, MAXIMUM_TEXT)):
        return value
    raise RefusedError(422, f"invalid_{name}", f"`{name}` must be {what}, of at most {MAXIMUM_TEXT} characters.")


_LONGEST = {"base64": 140 * 1024 * 1024}


def _moment(value: object) -> datetime:
    if value is None:
        return now()
    try:
        if isinstance(value, str) and not value.isdigit():
            return datetime.fromisoformat(value).astimezone(UTC)
        return datetime.fromtimestamp(float(str(value)), UTC)
    except (ValueError, OverflowError, OSError) as exc:
        raise RefusedError(422, "invalid_timestamp", "`timestamp` must be unix seconds or RFC 3339.") from exc
