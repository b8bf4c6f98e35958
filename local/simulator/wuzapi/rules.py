"""What WuzAPI's handlers accept (handlers.go): Go's JSON decoding, which looks past case and unknown names but not past
types, then each handler's own checks, in its order and words.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.simulator.media import File, MediaStore
from local.simulator.wuzapi.errors import WuzError
from local.simulator.wuzapi.jids import recipient

MEDIA_FIELDS = {"image": "Image", "audio": "Audio", "video": "Video", "document": "Document", "sticker": "Sticker"}
_PREFIXES = {
    "image": ("data:image", 'Image data should start with "data:image/png;base64,"'),
    "audio": ("data:audio/", 'audio data should start with "data:audio/"'),
    "video": ("data", 'data should start with "data:mime/type;base64,"'),
    "document": (
        "data:application/octet-stream",
        'document data should start with "data:application/octet-stream;base64,"',
    ),
    "sticker": ("data", 'Data should start with "data:mime/type;base64,"'),
}
_PICTURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8")
_BAD_BASE64 = "could not decode base64 encoded data from payload"
_CONTEXT = {"StanzaID": str, "Participant": str, "MentionedJID": list, "IsForwarded": bool}


@dataclass(frozen=True)
class Send:
    """A send WuzAPI would accept; `text` is what the customer's phone can show of it."""

    to: str
    group: bool
    kind: str
    text: str
    id: str | None
    reply_to: str | None
    media: File | None = None
    voice: bool = False
    content: Mapping[str, Any] = field(default_factory=dict)


def decoded(body: bytes, **types: type | tuple[type, ...]) -> dict[str, Any]:
    """The body's known fields under their own names, each of its type. Raises WuzError."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise WuzError(400, "could not decode Payload") from error
    if not isinstance(value, dict):
        raise WuzError(400, "could not decode Payload")
    given = {name.lower(): item for name, item in value.items() if item is not None}
    fields: dict[str, Any] = {}
    for name, kind in types.items():
        item = given.get(name.lower())
        wanted = kind if isinstance(kind, tuple) else (kind,)
        if item is not None and (not isinstance(item, wanted) or (isinstance(item, bool) and bool not in wanted)):
            raise WuzError(400, "could not decode Payload")
        fields[name] = item
    return fields


def required(fields: Mapping[str, Any], *names: str) -> None:
    """Each of these, or WuzAPI's complaint about the first that is missing; a zero is missing too."""
    for name in names:
        if not fields.get(name):
            raise WuzError(400, f"missing {name} in Payload")


def checked_send(kind: str, body: bytes, media: MediaStore) -> Send:
    """A request to /chat/send/<kind>. Raises WuzError."""
    if kind in MEDIA_FIELDS:
        return _media(kind, body, media)
    return _CHECKS[kind](body)


def _context(fields: Mapping[str, Any]) -> str | None:
    """The quoted message; naming it needs its author as well."""
    context = decoded(json.dumps(fields.get("ContextInfo") or {}).encode(), **_CONTEXT)
    if context["StanzaID"] is not None and context["Participant"] is None:
        raise WuzError(400, "missing Participant in ContextInfo")
    if context["Participant"] is not None and context["StanzaID"] is None:
        raise WuzError(400, "missing StanzaID in ContextInfo")
    stanza: str | None = context["StanzaID"]
    return stanza


def _send(kind: str, fields: Mapping[str, Any], text: str, **also: Any) -> Send:
    to, group = recipient(fields["Phone"])
    return Send(to, group, kind, text, fields.get("Id") or None, _context(fields), **also)


def _text(body: bytes) -> Send:
    fields = decoded(body, Phone=str, Body=str, Id=str, LinkPreview=bool, ContextInfo=dict, QuotedText=str)
    required(fields, "Phone", "Body")
    return _send("text", fields, fields["Body"])


def _media(kind: str, body: bytes, media: MediaStore) -> Send:
    name = MEDIA_FIELDS[kind]
    also: dict[str, type | tuple[type, ...]] = {"PTT": bool, "Seconds": int} if kind == "audio" else {}
    fields = decoded(
        body, **{name: str}, Phone=str, Id=str, Caption=str, FileName=str, MimeType=str, ContextInfo=dict, **also
    )
    required(fields, "Phone", name, *(("FileName",) if kind == "document" else ()))
    uri = fields[name]
    prefix, complaint = _PREFIXES[kind]
    if not uri.startswith(prefix):
        raise WuzError(400, complaint)
    file = _file(kind, uri, fields, media)
    # Left out, an audio is a voice note.
    voice = kind == "audio" and fields["PTT"] is not False
    return _send(kind, fields, fields["Caption"] or "", media=file, voice=voice)


def _file(kind: str, uri: str, fields: Mapping[str, Any], media: MediaStore) -> File:
    head, comma, encoded = uri.partition(",")
    if not comma or not head.endswith(";base64"):
        raise WuzError(400, _BAD_BASE64)
    mime_type = fields["MimeType"] or head.removeprefix("data:").removesuffix(";base64")
    try:
        file = media.decode(encoded, mime_type, fields["FileName"])
    except ValueError as error:
        raise WuzError(400, _BAD_BASE64) from error
    if kind == "image" and not file.content.startswith(_PICTURES):
        raise WuzError(500, "could not decode image for thumbnail preparation: image: unknown format")
    return file


def _location(body: bytes) -> Send:
    number = (int, float)
    fields = decoded(body, Phone=str, Id=str, Name=str, Latitude=number, Longitude=number, ContextInfo=dict)
    required(fields, "Phone", "Latitude", "Longitude")
    place = {"latitude": fields["Latitude"], "longitude": fields["Longitude"], "name": fields["Name"]}
    shown = fields["Name"] or f"{fields['Latitude']}, {fields['Longitude']}"
    return _send("location", fields, shown, content=place)


def _contact(body: bytes) -> Send:
    fields = decoded(body, Phone=str, Id=str, Name=str, Vcard=str, ContextInfo=dict)
    required(fields, "Phone", "Name", "Vcard")
    return _send("contacts", fields, fields["Name"], content={"name": fields["Name"], "vcard": fields["Vcard"]})


def _buttons(body: bytes) -> Send:
    fields = decoded(body, Phone=str, Title=str, Buttons=list, Id=str)
    required(fields, "Phone", "Title", "Buttons")
    if len(fields["Buttons"]) > 3:
        raise WuzError(400, "buttons cant more than 3")
    items = [decoded(json.dumps(one).encode(), ButtonId=str, ButtonText=str) for one in fields["Buttons"]]
    buttons = [{"kind": "button", "id": one["ButtonId"] or "", "title": one["ButtonText"] or ""} for one in items]
    return _send("interactive", fields, fields["Title"], content={"choices": buttons})


def _list(body: bytes) -> Send:
    words = ("Phone", "ButtonText", "Desc", "TopText")
    fields = decoded(body, **dict.fromkeys(words, str), Sections=list, List=list, FooterText=str, Id=str)
    if not all(fields[name] for name in words):
        raise WuzError(400, "missing required fields: Phone, ButtonText, Desc, TopText")
    if not fields["Sections"] and not fields["List"]:
        raise WuzError(400, "no section or list provided")
    sections = [decoded(json.dumps(one).encode(), title=str, rows=list) for one in fields["Sections"] or []]
    listed = [row for section in sections for row in section["rows"] or []] + (fields["List"] or [])
    items = [decoded(json.dumps(row).encode(), title=str, desc=str, RowId=str) for row in listed]
    rows = [
        {"kind": "list", "id": row["RowId"] or row["title"], "title": row["title"], "description": row["desc"] or None}
        for row in items
    ]
    content = {"button": fields["ButtonText"], "choices": rows}
    return _send("interactive", fields, fields["Desc"], content=content)


_CHECKS = {"text": _text, "location": _location, "contact": _contact, "buttons": _buttons, "list": _list}
SENDS = frozenset({*_CHECKS, *MEDIA_FIELDS})
