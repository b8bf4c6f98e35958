"""The files of messages, as WuzAPI tells of them: the file itself in the body, a link to its S3 bucket, or the keys
with which it downloads and decrypts the file on request. The one rule: every way that is there is kept, the file
itself besides.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final

from parley.domain.incoming import Media, MediaKind

from .bodies import Event
from .proto import Fields, decoded

ROUTES: Final[Mapping[str, str]] = {
    "image": "downloadimage",
    # WhatsApp encrypts stickers with the keys of images (whatsmeow download.go), and no build has a route of their own.
    "sticker": "downloadimage",
    "audio": "downloadaudio",
    "video": "downloadvideo",
    "document": "downloaddocument",
}
_KEYS: Final = {
    "MediaKey": ("mediakey",),
    "FileEncSHA256": ("fileencsha256",),
    "FileSHA256": ("filesha256",),
}


def read_media(kind: MediaKind, value: Fields, event: Event) -> Media:
    """The file of an image, audio, video, document or sticker message."""
    bucket = event.data.object("s3")
    inline = event.file or _inline(event.data.text("base64"))
    name = value.text("filename", "title") if kind == "document" else None
    if kind == "document" and name is None:
        name = event.data.text("filename") or bucket.text("filename")
    digest = value.bytes("filesha256")
    return Media(
        kind,
        mime_type=value.text("mimetype") or event.data.text("mimetype") or bucket.text("mimetype"),
        file_name=name,
        size=value.integer("filelength") or bucket.integer("size"),
        sha256=digest.hex() if digest and len(digest) == 32 else None,
        voice=kind == "audio" and value.flag("ptt"),
        source=_source(kind, value, bucket),
        inline=inline,
    )


def _inline(text: str | None) -> bytes | None:
    if text is None:
        return None
    return decoded(text.partition(",")[2] if text.startswith("data:") else text) or None


def _source(kind: MediaKind, value: Fields, bucket: Fields) -> dict[str, Any]:
    source: dict[str, Any] = {}
    if url := bucket.text("url"):
        source["url"] = url
    key = value.bytes("mediakey")
    if key and (value.text("url") or value.text("directpath")):
        source["route"] = ROUTES[kind]
        source["keys"] = {
            "Url": value.text("url") or "",
            "DirectPath": value.text("directpath") or "",
            "Mimetype": value.text("mimetype") or "",
            "FileLength": value.integer("filelength") or 0,
            **{name: base64.b64encode(value.bytes(*spelled) or b"").decode() for name, spelled in _KEYS.items()},
        }
    return source
