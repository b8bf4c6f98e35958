"""WuzAPI's three forms of a webhook: a form with the event in `jsonData` (its default), JSON, and multipart with a
file. The one rule: which one it is says the Content-Type, and nothing is looked at twice.

The signature is `x-hmac-signature`: HMAC-SHA256 in bare hexadecimal, over the raw body for a form and for JSON, and
over the JSON of the text fields for multipart (wuzapi helpers.go, `callHookFileWithHmac`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from parley.domain.errors import Unreadable
from parley.domain.incoming import one_account
from parley.providers.reading import read_object

from .proto import Fields

MOST_PARTS: Final = 100
REDACTED: Final = "REDACTED"

_BOUNDARY: Final = re.compile(r"""boundary=(?:"([^"]{1,200})"|([^;,\s"]{1,200}))""", re.ASCII | re.IGNORECASE)
_NAME: Final = re.compile(rb'[;\s]name="([^"]*)"')
_IN_JSON: Final = re.compile(rb'("(?:token|qrCodeBase64)"\s*:\s*")[^"\\]*(?=")')
_IN_FORM: Final = re.compile(
    rb"(^token=|&token=|%22token%22%3A(?:\+|%20)?%22|%22qrCodeBase64%22%3A(?:\+|%20)?%22)(?:[^&%]|%(?!22))*",
    re.IGNORECASE,
)
_IN_PART: Final = re.compile(rb'(name="token"\r\n(?:[^\r\n]+\r\n)*\r\n)[^\r\n]*')
_GO_ESCAPES: Final = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart body; a `file` has a file name."""

    name: str
    content: bytes
    file: bool


@dataclass(frozen=True, slots=True)
class Event:
    """A webhook's event map, whichever form it came in. `account`: whose it is, by its user's id and its instance's
    name; empty where an old build says only its token. `file`: the media of a multipart body.
    """

    data: Fields
    account: str
    token: str | None
    file: bytes | None = None


def read_event(body: bytes, headers: Mapping[str, str]) -> Event:
    """The event of a body.

    Raises Unreadable.
    """
    kind = _content_type(headers)
    if kind == "multipart/form-data":
        parts = list(_parts(body, headers))
        fields = _text_fields(parts)
        file = next((part.content for part in parts if part.file), None)
    elif kind == "application/x-www-form-urlencoded" or (not kind and body[:1] not in {b"{", b"", b" ", b"\n"}):
        fields, file = _form(body), None
    else:
        data = Fields(read_object(body))
        return Event(data, _account(data), data.text("token"))
    text = fields.get("jsonData", fields.get("jsondata"))
    if text is None:
        raise Unreadable("a form without jsonData")
    data, around = Fields(read_object(text)), Fields(dict(fields))
    return Event(data, _account(around) or _account(data), around.text("token") or data.text("token"), file)


def signed_bytes(body: bytes, headers: Mapping[str, str]) -> Iterator[bytes]:
    """What the signature may be over, the likeliest first: the raw body; without the newline that an HTTP client put
    after it; for multipart the JSON of its text fields, in the two ways Go has written control characters.
    """
    yield body
    if body.endswith(b"\n"):
        yield body[:-2] if body.endswith(b"\r\n") else body[:-1]
    if _content_type(headers) == "multipart/form-data":
        try:
            fields = _text_fields(_parts(body, headers))
        except Unreadable:
            return
        text = json.dumps(fields, sort_keys=True, ensure_ascii=False, separators=(",", ":")).translate(_GO_ESCAPES)
        encoded = text.encode("utf-8", "replace")
        yield encoded
        if "\\b" in text or "\\f" in text:  # before Go 1.22
            yield re.sub(r"(?<!\\)((?:\\\\)*)\\([bf])", _old_escape, text).encode("utf-8", "replace")


def redact(body: bytes, headers: Mapping[str, str]) -> bytes:
    """The same bytes, less the instance's token, which older builds put in, and less a pairing code, with which a phone
    takes the account over.
    """
    kind = _content_type(headers)
    if kind == "application/x-www-form-urlencoded":
        return _IN_FORM.sub(rb"\g<1>REDACTED", body)
    body = _IN_JSON.sub(rb"\g<1>REDACTED", body)
    return _IN_PART.sub(rb"\g<1>REDACTED", body) if kind == "multipart/form-data" else body


def _old_escape(match: re.Match[str]) -> str:
    return match[1] + ("\\u0008" if match[2] == "b" else "\\u000c")


def _content_type(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _account(data: Fields) -> str:
    """Its owner may have connected the account under the user's id or under the instance's name."""
    return one_account(data.id("userid"), data.id("instancename", "instance_name"))


def _form(body: bytes) -> dict[str, str]:
    pairs = body.split(b"&", MOST_PARTS)
    if len(pairs) > MOST_PARTS:
        raise Unreadable("a form of too many fields")
    named = (pair.replace(b"+", b" ").partition(b"=") for pair in pairs)
    return {_unquoted(name): _unquoted(value) for name, _, value in named}


def _unquoted(text: bytes) -> str:
    return unquote_to_bytes(text).decode("utf-8", "replace")


def _text_fields(parts: Iterator[Part] | list[Part]) -> dict[str, str]:
    return {part.name: part.content.decode("utf-8", "replace") for part in parts if not part.file}


def _parts(body: bytes, headers: Mapping[str, str]) -> Iterator[Part]:
    match = _BOUNDARY.search(headers.get("content-type", ""))
    if not match:
        raise Unreadable("multipart without a boundary")
    boundary = b"\r\n--" + (match[1] or match[2]).encode()
    pieces = (b"\r\n" + body).split(boundary, MOST_PARTS)
    for piece in pieces[1:]:
        if piece.startswith(b"--"):
            return
        head, separator, content = piece.partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if not separator or not name:
            raise Unreadable("a part without a name")
        yield Part(name[1].decode("utf-8", "replace"), content, file=b"filename=" in head)
    raise Unreadable("multipart that does not end")
