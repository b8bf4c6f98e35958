"""Decrypting a received file: who asks must know its keys and its kind, as WhatsApp's encryption wants (whatsmeow
download.go).
"""

import base64

from starlette.responses import Response

from local.simulator.media import MediaStore
from local.simulator.wuzapi.errors import WuzError, done
from local.simulator.wuzapi.rules import decoded
from local.simulator.wuzapi.sessions import media_key

# Which key a file was encrypted with depends on its kind; a sticker is an image.
KEYS_OF = {"image": "image/", "video": "video/", "audio": "audio/", "document": ""}
_WORDS = ("Url", "DirectPath", "MediaKey", "Mimetype", "FileEncSHA256", "FileSHA256")


def downloaded(kind: str, body: bytes, media: MediaStore) -> Response:
    """The file as a data URI. Raises WuzError with whatsmeow's words."""
    fields = decoded(body, **dict.fromkeys(_WORDS, str), FileLength=int)
    key, digest = _bytes(fields["MediaKey"]), _bytes(fields["FileSHA256"])
    path = fields["DirectPath"] or fields["Url"] or ""
    file = media.get(path.rpartition("/")[2].partition(".enc")[0])
    if file is None:
        raise _failed(kind, "download failed with status code 404")
    if key != media_key(file.id) or not file.mime_type.startswith(KEYS_OF[kind]):
        raise _failed(kind, "invalid media hmac")
    if digest != bytes.fromhex(file.sha256) or fields["FileLength"] != file.size:
        raise _failed(kind, "hash of media plaintext doesn't match")
    mime_type = fields["Mimetype"] or ""
    return done({"Mimetype": mime_type, "Data": f"data:{mime_type};base64,{file.base64}"})


def _failed(kind: str, reason: str) -> WuzError:
    return WuzError(500, f"failed to download {kind} {reason}")


def _bytes(text: str | None) -> bytes:
    try:
        return base64.b64decode(text or "", validate=True)
    except ValueError as error:
        raise WuzError(400, "could not decode Payload") from error
