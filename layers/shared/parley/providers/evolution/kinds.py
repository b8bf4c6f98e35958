"""What is in a WhatsApp message as Evolution writes it (Baileys' proto names), in Parley's kinds. The one rule: the
content decides, not `messageType`; what is not known is kept as `unsupported`, never lost.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from parley.domain.errors import Unreadable
from parley.domain.incoming import Media, MediaKind
from parley.providers.content import Content
from parley.providers.reading import Json, clean, object_of, only_objects, optional_id, read_object, text_of

from .values import decimal, octets, unpacked, whole
from .wrapping import Unwrapped, unwrap

_MEDIA: Final[Mapping[str, MediaKind]] = {
    "imageMessage": "image",
    "videoMessage": "video",
    "ptvMessage": "video",
    "audioMessage": "audio",
    "documentMessage": "document",
    "stickerMessage": "sticker",
}
_NOT_WORTH_KEEPING: Final = frozenset(
    {
        "contextInfo",
        "directPath",
        "fileEncSha256",
        "jpegThumbnail",
        "mediaKey",
        "messageSecret",
        "thumbnail",
        "waveform",
    }
)
_TELEPHONE: Final = re.compile(r"^(?:item\d+\.)?TEL[^:\r\n]*:([^\r\n]{1,64})", re.MULTILINE | re.IGNORECASE | re.ASCII)


def read(message: Unwrapped) -> Content:
    """Say what a message holds."""
    if message.name in {"conversation", "extendedTextMessage"}:
        text = text_of(message.value if message.name == "conversation" else object_of(message.value).get("text"))
        return _unsupported(message) if text is None else Content("text", text)
    if not isinstance(message.value, dict):
        return _unsupported(message)
    if message.name in _MEDIA:
        return _media(message, _MEDIA[message.name])
    reader = _READERS.get(message.name)
    return (reader(message.value) if reader else None) or _unsupported(message)


def words_of(message: object) -> str | None:
    """What a person reads of a message: its text or caption."""
    unwrapped = unwrap(message)
    return read(unwrapped).text if unwrapped else None


def _media(message: Unwrapped, kind: MediaKind) -> Content:
    value: Json = message.value
    digest = octets(value.get("fileSha256"))
    sha256 = digest.hex() if digest and len(digest) == 32 else None
    inline = unpacked(message.base64)
    if inline and sha256 and hashlib.sha256(inline).hexdigest() != sha256:
        inline = None  # cut on its way: fetched by its id instead
    media = Media(
        kind=kind,
        mime_type=text_of(value.get("mimetype")),
        file_name=text_of(value.get("fileName")) or text_of(value.get("title")),
        size=whole(value.get("fileLength")),
        sha256=sha256,
        voice=kind == "audio" and value.get("ptt") is True,
        source=message.source,
        inline=inline,
    )
    content: Json = {"viewOnce": True} if message.view_once or value.get("viewOnce") is True else {}
    return Content(kind, text_of(value.get("caption")) or None, content, (media,))


def _location(value: Json) -> Content | None:
    latitude, longitude = decimal(value.get("degreesLatitude")), decimal(value.get("degreesLongitude"))
    if latitude is None or longitude is None:
        return None
    more = {name: text_of(value.get(name)) for name in ("name", "address", "url")}
    content = {"latitude": latitude, "longitude": longitude, **{name: text for name, text in more.items() if text}}
    return Content("location", text_of(value.get("caption")) or text_of(value.get("comment")) or None, content)


def _contact(value: Json) -> Content:
    return Content("contacts", None, {"contacts": [_card(value)]})


def _contacts(value: Json) -> Content:
    return Content("contacts", None, {"contacts": [_card(one) for one in only_objects(value.get("contacts"))]})


def _card(value: Json) -> Json:
    vcard = text_of(value.get("vcard"))
    phones = [number.strip() for number in _TELEPHONE.findall(vcard or "")]
    card: Json = {"name": text_of(value.get("displayName")) or "", "phones": list(dict.fromkeys(phones))}
    return {**card, "vcard": vcard} if vcard else card


def _chosen(kind: str, chosen: object, title: object, description: object = None) -> Content:
    text = text_of(title)
    found = {"id": optional_id(chosen), "title": text, "description": text_of(description)}
    return Content("interactive", text, {"type": kind, **{name: value for name, value in found.items() if value}})


def _button(value: Json) -> Content:
    chosen = value.get("selectedButtonId") or value.get("selectedId")
    return _chosen("button", chosen, value.get("selectedDisplayText"))


def _list_row(value: Json) -> Content:
    row = object_of(value.get("singleSelectReply")).get("selectedRowId")
    return _chosen("list", row, value.get("title"), value.get("description"))


def _flow(value: Json) -> Content:
    """The answer to Evolution's own buttons is one of these: its parameters are JSON in a text."""
    flow = object_of(value.get("nativeFlowResponseMessage"))
    try:
        parameters = clean(read_object(text_of(flow.get("paramsJson")) or "{}"))
    except Unreadable:
        parameters = {}  # the words the person chose are beside it
    name, title = text_of(flow.get("name")), object_of(value.get("body")).get("text") or parameters.get("display_text")
    if name in {"quick_reply", "single_select", "menu_options"}:
        return _chosen("button" if name == "quick_reply" else "list", parameters.get("id"), title)
    content = {"type": "flow", "title": name, "parameters": parameters}
    return Content("interactive", text_of(title), {key: item for key, item in content.items() if item})


def _poll(value: Json) -> Content:
    title = text_of(value.get("name"))
    options = [text_of(one.get("optionName")) or "" for one in only_objects(value.get("options"))]
    return Content("interactive", title, {"type": "poll", "title": title or "", "options": options})


def _vote(value: Json) -> Content | None:
    """Evolution decrypts a vote if it has the poll, and then names what was chosen."""
    chosen = object_of(value.get("vote")).get("selectedOptions")
    if not isinstance(chosen, list) or not all(isinstance(name, str) for name in chosen):
        return None
    names = [text_of(name) or "" for name in chosen]
    return Content("interactive", ", ".join(names), {"type": "poll_vote", "options": names})


def _order(value: Json) -> Content:
    return _chosen("order", value.get("orderId"), value.get("orderTitle"), value.get("message"))


def _offered(value: Json) -> Content:
    """Buttons and lists that a business sent: what it says above them."""
    body = text_of(object_of(value.get("body")).get("text"))
    text = body or text_of(value.get("contentText")) or text_of(value.get("description")) or text_of(value.get("title"))
    return Content("interactive", text, {"type": "list" if "sections" in value else "buttons"})


def _template(value: Json) -> Content:
    hydrated = object_of(value.get("hydratedTemplate") or value.get("hydratedFourRowTemplate"))
    name = text_of(value.get("templateId"))
    return Content("template", text_of(hydrated.get("hydratedContentText")), {"name": name} if name else {})


def _unsupported(message: Unwrapped) -> Content:
    value = message.value
    kept: Any = value
    text = None
    if isinstance(value, dict):
        kept = {name: item for name, item in value.items() if name not in _NOT_WORTH_KEEPING}
        text = next(
            (found for found in map(text_of, map(value.get, ("text", "caption", "name", "title"))) if found), None
        )
    return Content("unsupported", text, {"type": text_of(message.name), "payload": clean(kept)})


Reader: TypeAlias = Callable[[Json], Content | None]

_READERS: Final[Mapping[str, Reader]] = {
    "locationMessage": _location,
    "liveLocationMessage": _location,
    "contactMessage": _contact,
    "contactsArrayMessage": _contacts,
    "buttonsResponseMessage": _button,
    "templateButtonReplyMessage": _button,
    "listResponseMessage": _list_row,
    "interactiveResponseMessage": _flow,
    "pollCreationMessage": _poll,
    "pollCreationMessageV2": _poll,
    "pollCreationMessageV3": _poll,
    "pollUpdateMessage": _vote,
    "orderMessage": _order,
    "buttonsMessage": _offered,
    "listMessage": _offered,
    "interactiveMessage": _offered,
    "templateMessage": _template,
}
