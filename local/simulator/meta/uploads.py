"""Files companies upload to Meta and fetch from it: the types and sizes Meta takes, and its description of a file."""

import re

from local.simulator.media import File, MediaStore
from local.simulator.meta.errors import MetaError

_KB, _MB = 1024, 1024 * 1024

# Meta's page on media: the types it takes and the most bytes of each family.
AUDIO = frozenset({"audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"})
IMAGE = frozenset({"image/jpeg", "image/png"})
VIDEO = frozenset({"video/mp4", "video/3gpp"})
STICKER = frozenset({"image/webp"})
DOCUMENT = frozenset(
    {
        "text/plain",
        "application/pdf",
        "application/msword",
        "application/vnd.ms-excel",
        "application/vnd.ms-powerpoint",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    }
)
LIMITS = ((AUDIO, 16 * _MB), (IMAGE, 5 * _MB), (VIDEO, 16 * _MB), (STICKER, 500 * _KB), (DOCUMENT, 100 * _MB))


def read_upload(content_type: str, body: bytes, media: MediaStore) -> File:
    """Keep the file of a multipart body; raises MetaError as Meta would."""
    boundary = re.search(r'boundary="?([^";]+)"?', content_type)
    if not content_type.startswith("multipart/form-data") or boundary is None:
        raise MetaError(100, "The upload must be multipart/form-data.")
    fields: dict[str, tuple[str, str | None, bytes]] = {}
    for part in body.split(b"--" + boundary[1].encode())[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        name = re.search(rb'name="([^"]*)"', head)
        file_name = re.search(rb'filename="([^"]*)"', head)
        kind = re.search(rb"(?im)^content-type: *([^\r\n]+)", head)
        if name is not None:
            typed = kind[1].decode("latin-1") if kind else ""
            named = file_name[1].decode("utf-8", "replace") if file_name else None
            fields[name[1].decode("latin-1")] = (typed, named, content.removesuffix(b"\r\n"))
    if fields.get("messaging_product", ("", None, b""))[2] != b"whatsapp":
        raise MetaError(100, "The parameter messaging_product is required.")
    if "file" not in fields:
        raise MetaError(100, "The parameter file is required.")
    typed, named, content = fields["file"]
    declared = fields.get("type", ("", None, b""))[2].decode("latin-1")
    return _kept(typed or declared, named, content, media)


def _kept(mime_type: str, file_name: str | None, content: bytes, media: MediaStore) -> File:
    bare = mime_type.partition(";")[0].strip().lower()
    limit = next((most for types, most in LIMITS if bare in types), None)
    if limit is None:
        raise MetaError(100, f"Param file must be a file with one of the supported types, not {bare or 'none'}.")
    if not content:
        raise MetaError(131053, "The file is empty.")
    if len(content) > limit:
        raise MetaError(131053, f"A file of this type may have at most {limit} bytes.")
    return media.add(content, mime_type, file_name)


def described(file: File, url: str) -> dict[str, object]:
    """A media object as GET /{media_id} answers it."""
    return {
        "url": url,
        "mime_type": file.mime_type,
        "sha256": file.sha256,
        "file_size": file.size,
        "id": file.id,
        "messaging_product": "whatsapp",
    }
