"""Files of messages: their names, limits and types. The one rule: a file is named by what is in it, so the same file is
stored once a tenant.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote
from uuid import UUID

MEGABYTE: Final = 1024 * 1024
LARGEST: Final[Mapping[str, int]] = {
    "image": 16 * MEGABYTE,
    "sticker": 2 * MEGABYTE,
    "audio": 32 * MEGABYTE,
    "video": 100 * MEGABYTE,
    "document": 100 * MEGABYTE,
}
"""The most bytes of each kind that are taken in. A gateway that sends larger ones may send us larger ones too."""

ARRIVING: Final = "arriving/"
"""Where a file lies while it is on its way and its content, so its name, is not known; the bucket forgets it soon."""
UPLOADS: Final = "uploads/"
"""Where browsers put files; the bucket forgets what nobody sends."""

_SHOWN: Final = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif"})
_NEVER_SHOWN: Final = ("audio/x-mpegurl", "audio/mpegurl")


def object_key(tenant_id: UUID, data: bytes) -> str:
    """Where a file lies in the bucket."""
    return key_of_hash(tenant_id, hashlib.sha256(data).hexdigest())


def key_of_hash(tenant_id: UUID, sha256: str) -> str:
    """Where the file with this hash (hexadecimal) lies in the bucket."""
    return f"{tenant_id}/media/{sha256}"


def thumbnail_key(object_key: str) -> str:
    """Where a picture's thumbnail lies, beside it."""
    return f"{object_key}-thumbnail"


def upload_key(tenant_id: UUID, attachment_id: UUID) -> str:
    """Where a browser puts a file."""
    return f"{UPLOADS}{tenant_id}/{attachment_id}"


def arriving_key(tenant_id: UUID, attachment_id: UUID, attempt: int) -> str:
    """Where a large file lies while it arrives."""
    return f"{ARRIVING}{tenant_id}/{attachment_id}-{attempt}"


def largest(kind: str, limits: Mapping[str, int]) -> int:
    """The most bytes of a kind, where a gateway has these limits."""
    return max(LARGEST[kind], limits.get(kind, 0))


def bare_type(mime_type: str | None) -> str:
    """A MIME type in lower case without its parameters; empty for none."""
    return (mime_type or "").partition(";")[0].strip().lower()


def kind_of_type(mime_type: str) -> str:
    """The kind a file of this type is sent as."""
    family = bare_type(mime_type).partition("/")[0]
    if bare_type(mime_type) in _SHOWN or family in {"audio", "video"}:
        return family
    return "document"


def shown_as(mime_type: str | None, file_name: str | None) -> tuple[str, str]:
    """The Content-Type and Content-Disposition a file is served with: pictures, sounds and films are shown, everything
    else is a download that no browser runs (SVG, HTML and whatever else may hold a script).
    """
    bare = bare_type(mime_type)
    shown = bare in _SHOWN or (bare.startswith(("audio/", "video/")) and bare not in _NEVER_SHOWN)
    name = "".join(char for char in file_name or "" if char.isprintable() and char not in '/\\"')
    named = f"; filename*=UTF-8''{quote(name, safe='')}" if name else ""
    if shown:
        return bare, f"inline{named}"
    return ("application/pdf" if bare == "application/pdf" else "application/octet-stream"), f"attachment{named}"
