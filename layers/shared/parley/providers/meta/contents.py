"""What a message of Meta's holds, kind by kind, in Parley's words. The one rule: what does not have its kind's shape is
kept whole as `unsupported`, with the words a person can read of it.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from parley.domain.incoming import Media, MediaKind
from parley.providers.content import Content, read_place
from parley.providers.reading import Json, clean, clean_text, object_of, only_objects, optional_id, text_of

from .errors import described

_MEDIA_KINDS: Final = frozenset({"image", "audio", "video", "document", "sticker"})
_LONGEST_FLOW: Final = 256 * 1024


def read_content(kind: str, payload: object, message: Json) -> Content:
    """Read a message of the kind Meta calls it; never fails for a shape."""
    also = _beside(message)
    found: Content | None = None
    if kind == "text":
        text = text_of(payload.get("body")) if isinstance(payload, dict) else None
        found = None if text is None else Content("text", text)
    elif kind in _MEDIA_KINDS:
        found = _media(cast("MediaKind", kind), object_of(payload))
    elif kind in _READERS:
        found = _READERS[kind](payload)
    if found is None:
        found = Content("unsupported", words_of(payload), _unsupported(kind, payload, message))
    if not also:
        return found
    return Content(found.kind, found.text, {**found.content, **also}, found.media)


def words_of(payload: object) -> str | None:
    """What a person would read: a text's or notice's body, a caption, the words on the button they chose."""
    if not isinstance(payload, dict):
        return None
    for name in ("body", "caption", "text", "title"):
        text = payload.get(name)
        if isinstance(text, str) and (text or name == "body"):
            return clean_text(text)
    for name in ("button_reply", "list_reply", "nfm_reply"):
        if isinstance(payload.get(name), dict):
            return words_of(payload[name])
    return None


def _beside(message: Json) -> Json:
    """What any kind may carry."""
    also: Json = {}
    context, referral = object_of(message.get("context")), object_of(message.get("referral"))
    if context.get("forwarded") is True or context.get("frequently_forwarded") is True:
        also["forwarded"] = True
    if referral:
        also["referral"] = _camel_cased(clean(referral))
    return also


def _unsupported(kind: str, payload: object, message: Json) -> Json:
    named = object_of(payload).get("type") if kind == "unsupported" else None
    kept: Json = {"type": (text_of(named) or kind)[:80], "payload": clean(payload)}
    errors = only_objects(message.get("errors"))
    if errors:
        kept["errors"] = [described(clean(error)) for error in errors]
    return kept


def _media(kind: MediaKind, payload: Json) -> Content | None:
    media_id, url = optional_id(payload.get("id")), text_of(payload.get("url"))
    if media_id is None:
        return None
    media = Media(
        kind=kind,
        mime_type=text_of(payload.get("mime_type")),
        file_name=text_of(payload.get("filename")),
        sha256=_hexadecimal(payload.get("sha256")),
        voice=payload.get("voice") is True,
        source={"id": media_id, **({"url": url} if url else {})},
    )
    return Content(kind, text_of(payload.get("caption")) or None, media=(media,))


def _hexadecimal(digest: object) -> str | None:
    """A SHA-256 that Meta writes in base64; None for what is none."""
    try:
        raw = base64.b64decode(digest, validate=True) if isinstance(digest, str) else b""
    except (binascii.Error, ValueError):
        return None
    return raw.hex() if len(raw) == 32 else None


def _contacts(payload: object) -> Content | None:
    cards = [_card(card) for card in only_objects(payload)]
    return Content("contacts", None, {"contacts": cards}) if cards else None


def _card(card: Json) -> Json:
    name = object_of(card.get("name"))
    parts = (text_of(name.get(part)) for part in ("first_name", "last_name"))
    phones = (text_of(phone.get("phone") or phone.get("wa_id")) for phone in only_objects(card.get("phones")))
    return {
        "name": text_of(name.get("formatted_name")) or " ".join(filter(None, parts)),
        "phones": [phone for phone in phones if phone],
    }


def _quick_reply(payload: object) -> Content | None:
    """The button of a template."""
    button = object_of(payload)
    title = text_of(button.get("text"))
    return Content("interactive", title, _present({"type": "button", "id": button.get("payload"), "title": title}))


def _interactive(payload: object) -> Content | None:
    chosen = object_of(payload)
    for name, kind in (("button_reply", "button"), ("list_reply", "list")):
        if isinstance(chosen.get(name), dict):
            reply = {key: chosen[name].get(key) for key in ("id", "title", "description")}
            return Content("interactive", text_of(reply["title"]), _present({"type": kind, **reply}))
    if isinstance(chosen.get("nfm_reply"), dict):
        return _flow(chosen["nfm_reply"])
    permission = chosen.get("call_permission_reply")
    if isinstance(permission, dict):
        return Content("interactive", None, {"type": "call_permission", **_camel_cased(clean(permission))})
    return None


def _flow(reply: Json) -> Content:
    """A form somebody filled in; its answers come as JSON in a text."""
    answers = reply.get("response_json")
    try:
        data = json.loads(answers) if isinstance(answers, str) and len(answers) <= _LONGEST_FLOW else answers
    except (ValueError, RecursionError):
        data = answers
    body = text_of(reply.get("body"))
    content = {"type": "flow", "title": body, "name": reply.get("name"), "data": clean(data)}
    return Content("interactive", body, _present(content))


def _order(payload: object) -> Content | None:
    order = object_of(payload)
    items = [_camel_cased(clean(item)) for item in only_objects(order.get("product_items"))]
    if not items:
        return None
    content = {"type": "order", "catalogId": order.get("catalog_id"), "items": items}
    return Content("interactive", text_of(order.get("text")) or None, _present(content))


def _system(payload: object) -> Content | None:
    system = object_of(payload)
    kind = text_of(system.get("type"))
    if not kind:
        return None
    rest = {name: value for name, value in system.items() if name not in ("type", "body")}
    return Content("system", text_of(system.get("body")), {"type": kind[:80], **_camel_cased(clean(rest))})


def _present(content: Json) -> Json:
    return {name: clean(value) for name, value in content.items() if value is not None}


def _camel_cased(value: Mapping[str, Any]) -> Json:
    """The first level's names as the API writes names."""
    return {re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), name): item for name, item in value.items()}


_READERS: Final[Mapping[str, Callable[[object], Content | None]]] = {
    "location": read_place,
    "contacts": _contacts,
    "button": _quick_reply,
    "interactive": _interactive,
    "order": _order,
    "system": _system,
}
