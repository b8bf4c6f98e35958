"""What a file is, by its first bytes. The one rule: a name or a header is a claim; only the bytes count, and what they
do not prove is never shown, only downloaded.

The numbers are the formats' own (RFC 9239, ISO/IEC 14496-12, RFC 3533, the WHATWG's MIME Sniffing Standard); the list
is what WhatsApp's clients send.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from .media import bare_type

HEAD: Final = 4096
"""How many of a file's first bytes decide."""

_STARTS: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"OggS", "audio/ogg"),
    (b"#!AMR", "audio/amr"),
    (b"ID3", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"\x1aE\xdf\xa3", "video/webm"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"\x1f\x8b", "application/gzip"),
    (b"{\\rtf", "application/rtf"),
    (b"MZ", "application/vnd.microsoft.portable-executable"),
    (b"\x7fELF", "application/x-elf"),
)
_RIFF: Final[Mapping[bytes, str]] = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_MARKUP: Final = re.compile(
    rb"<(!doctype html|html|head|body|script|iframe|svg|h1|div|font|table|a|style|title|b|br|p|!--)[\s>/]|<\?xml",
    re.IGNORECASE,
)

_CONTROLS: Final = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")

_CONTAINERS: Final[Mapping[str, str]] = {
    # Some containers hold sound or film alike: which of both is the sender's to say.
    "audio/ogg": "video/ogg",
    "video/mp4": "audio/mp4",
    "video/3gpp": "audio/3gpp",
    "video/webm": "audio/webm",
}
_ALLOWED: Final[Mapping[str, frozenset[str]]] = {
    "image": frozenset({"image/jpeg", "image/png", "image/webp", "image/gif"}),
    "sticker": frozenset({"image/webp", "image/png", "image/gif"}),
    "audio": frozenset(
        {
            "audio/ogg", "audio/mpeg", "audio/mp4", "audio/3gpp", "audio/webm", "audio/aac", "audio/amr", "audio/wav",
            "audio/flac",
        }
    ),
    "video": frozenset(
        {"video/mp4", "video/3gpp", "video/quicktime", "video/webm", "video/x-msvideo", "video/ogg"}
    ),
}  # fmt: skip
_IN_ZIP: Final = ("application/vnd.openxmlformats-", "application/vnd.oasis.opendocument.", "application/epub+zip")
_IN_OLE: Final = ("application/msword", "application/vnd.ms-")


def sniff(head: bytes) -> str | None:
    """The type the first bytes prove; None where they prove none."""
    for start, mime_type in _STARTS:
        if head.startswith(start):
            return mime_type
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _of_brand(head[8:12])
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        # An MPEG frame: without a layer it is AAC in ADTS.
        return "audio/aac" if head[1] & 0x06 == 0 else "audio/mpeg"
    text = head.lstrip(b"\xef\xbb\xbf\t\n\x0c\r ")
    if _MARKUP.match(text):
        return "image/svg+xml" if b"<svg" in text.lower() else "text/html"
    return None


def settled_type(kind: str, head: bytes, declared: str | None) -> str | None:
    """The type a file of this kind is kept under, or None where its bytes are nothing that the kind may be.

    A document may be anything: its declared type counts where the bytes do not contradict it.
    """
    found, bare = sniff(head), bare_type(declared)
    if kind == "document":
        return _document_type(found, bare, head)
    if found is not None and _CONTAINERS.get(found, "").startswith(f"{kind}/"):
        found = _CONTAINERS[found]
    if found not in _ALLOWED[kind]:
        return None
    # A voice note is "audio/ogg; codecs=opus": the parameter is of use to players.
    return declared.strip() if declared and bare == found else found


def _of_brand(brand: bytes) -> str:
    """The type of an ISO media file, by its major brand."""
    if brand[:3] in {b"3gp", b"3g2"}:
        return "video/3gpp"
    if brand == b"qt  ":
        return "video/quicktime"
    if brand in {b"heic", b"heix", b"mif1", b"msf1", b"heim", b"heis", b"hevc"}:
        return "image/heic"
    if brand in {b"avif", b"avis"}:
        return "image/avif"
    return "audio/mp4" if brand in {b"M4A ", b"M4B ", b"M4P "} else "video/mp4"


def _document_type(found: str | None, declared: str, head: bytes) -> str:
    within = {
        "application/zip": declared.startswith(_IN_ZIP),
        "application/x-ole-storage": declared.startswith(_IN_OLE),
        "text/html": declared in {"application/xml", "text/xml"},
    }
    if found is not None:
        return declared if within.get(found) else found
    if declared.startswith("text/") and _is_text(head):
        return declared
    if declared.startswith(("image/", "audio/", "video/", "text/")) or not declared or declared in _PROVABLE:
        return "text/plain" if _is_text(head) else "application/octet-stream"
    return declared


def _is_text(head: bytes) -> bool:
    if _CONTROLS.search(head):
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        # The last character may be cut in two.
        return len(head) >= HEAD and error.start >= len(head) - 3
    return True


_PROVABLE: Final = frozenset(mime_type for _, mime_type in _STARTS) | frozenset(_RIFF.values())
