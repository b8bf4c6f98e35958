"""Whether something can be sent where it is to go, and the file that goes along. The one rule: what a gateway cannot do
is said before anything is stored, by the name of the capability it lacks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import UUID

from parley.domain.errors import Conflict, InvalidRequest, UnsendableMedia, UnsupportedCapability
from parley.providers.base import Capabilities
from parley.store import attachments
from parley.store import sending as store
from parley.store.database import Row, Transaction
from parley.store.ids import new_id

if TYPE_CHECKING:
    from .send import SendRequest

MEDIA_KINDS: Final = frozenset({"image", "audio", "video", "document", "sticker"})
_MEGABYTE: Final = 1024 * 1024
_FAMILIES: Final = {"image": "image/", "sticker": "image/", "audio": "audio/", "video": "video/"}
"""What a file's type begins with, to be sent as a kind; a document may be anything."""


def check_kind(request: SendRequest, capabilities: Capabilities, provider: str, *, is_group: bool) -> None:
    """Refuse what the gateway cannot do. Raises UnsupportedCapability, naming the capability."""
    lacking: tuple[str, str, str] | None = None
    if request.kind not in capabilities.kinds or (request.kind == "template" and not capabilities.templates):
        name = "templates" if request.kind == "template" else "kinds"
        lacking = (name, "type", f"{provider} cannot send messages of type {request.kind}")
    elif request.kind == "interactive" and request.content.get("type") not in capabilities.interactive:
        lacking = ("interactive", "interactive.type", f"{provider} cannot send {request.content.get('type')}")
    elif request.reply_to is not None and not capabilities.replies:
        lacking = ("replies", "replyTo", f"{provider} cannot quote a message")
    elif is_group and not capabilities.groups:
        lacking = ("groups", "conversationId", f"{provider} cannot send to groups")
    if lacking is not None:
        capability, path, message = lacking
        raise UnsupportedCapability(f"{message}.", errors=[{"path": path, "message": message}], capability=capability)


def find_file(tx: Transaction, request: SendRequest) -> Row | None:
    """The file that goes with a message: an upload, or that of the message it takes the place of.

    Raises InvalidRequest, Conflict.
    """
    if request.resend_of is not None and request.kind in MEDIA_KINDS:
        files = attachments.of_message(tx, request.resend_of)
        if not files:
            raise Conflict("The message's file is no longer there.")
        return files[0]
    if request.media_id is None:
        return None
    file = attachments.find(tx, request.media_id)
    if file is None:
        raise InvalidRequest("There is no such file.", errors=[_of_media("no such file")])
    if file["message_id"] is not None:
        raise Conflict("This file was sent already.", errors=[_of_media("was sent already")])
    if file["state"] != "stored":
        raise Conflict("The file has not been uploaded yet.", errors=[_of_media("is not uploaded yet")])
    return file


def check_file(file: Row, kind: str, capabilities: Capabilities) -> None:
    """Refuse a file the gateway does not take as this kind. Raises UnsendableMedia."""
    mime_type = str(file["mime_type"] or "").partition(";")[0].strip().lower()
    known = capabilities.media_types.get(kind)
    if not mime_type.startswith(_FAMILIES.get(kind, "")) or (known is not None and mime_type not in known):
        sentence = f"A file of the type {mime_type or 'unknown'} cannot be sent as {kind} here."
        accepted = {"accepted": sorted(known)} if known is not None else {}
        raise UnsendableMedia(sentence, errors=[_of_media(sentence)], **accepted)
    limit = capabilities.media_limits.get(kind)
    if limit is not None and (file["size"] or 0) > limit:
        sentence = f"A file sent as {kind} may have {limit / _MEGABYTE:g} MB here."
        raise UnsendableMedia(sentence, errors=[_of_media(sentence)], limit=limit)


def keep_file(tx: Transaction, file: Row, message_id: UUID, request: SendRequest) -> None:
    """Give a message its file. Raises Conflict where another message took it meanwhile."""
    if request.resend_of is not None:
        store.copy_files(tx, message_id, {new_id(): file["id"]})
    elif attachments.claim_upload(tx, file["id"], message_id, kind=request.kind, voice=request.voice) is None:
        raise Conflict("This file was sent already.", errors=[_of_media("was sent already")])


def _of_media(message: str) -> dict[str, str]:
    return {"path": "mediaId", "message": message}
