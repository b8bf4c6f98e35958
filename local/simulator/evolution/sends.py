"""What a company sends through Evolution: each path's body as what a phone shows and as what Evolution echoes."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from local.simulator.evolution import bodies
from local.simulator.evolution.errors import EvolutionError, bad
from local.simulator.media import File, MediaStore

Body = Mapping[str, Any]
LONGEST_URL = 2083

MEDIA_PATHS = {"message/sendMedia": "media", "message/sendWhatsAppAudio": "audio", "message/sendSticker": "sticker"}


@dataclass(frozen=True)
class Sent:
    """A message as a phone shows it; `message` in Baileys' names."""

    kind: str
    text: str
    message: dict[str, Any]
    media: File | None = None
    voice: bool = False
    content: Mapping[str, Any] = field(default_factory=dict)


async def read_send(path: str, body: Body, media: MediaStore) -> Sent:
    """Read a body that fits its schema. Raises EvolutionError."""
    if path in MEDIA_PATHS:
        return await _file(path, body, media)
    if path == "message/sendText":
        return Sent("text", _wanted(body, "text"), {"conversation": body["text"]})
    if path == "message/sendLocation":
        place = {"degreesLatitude": body["latitude"], "degreesLongitude": body["longitude"]}
        words = ", ".join(filter(None, (body["name"], body["address"]))) or f"{body['latitude']}, {body['longitude']}"
        named = {"name": body["name"], "address": body["address"]}
        return Sent("location", words, {"locationMessage": {**place, **named}}, content=dict(body))
    if path == "message/sendContact":
        cards = [{"displayName": each["fullName"], "vcard": _vcard(each)} for each in body["contact"]]
        message = {"contactMessage": cards[0]} if len(cards) == 1 else {"contactsArrayMessage": {"contacts": cards}}
        return Sent("contacts", ", ".join(card["displayName"] for card in cards), message, content=dict(body))
    return _interactive(path, body)


def _interactive(path: str, body: Body) -> Sent:
    words = "\n".join(filter(None, (body.get("title"), body.get("description"))))
    if path == "message/sendList":
        names = ("title", "description", "buttonText", "footerText", "sections")
        message = {"listMessage": {name: body.get(name) for name in names} | {"listType": 2}}
        rows = [row for section in body["sections"] for row in section["rows"]]
        choices = [
            {"kind": "list", "id": row["rowId"], **_titled(row["title"], row.get("description"))} for row in rows
        ]
        return Sent("interactive", words, message, content={"choices": choices})
    buttons = body.get("buttons") or []
    if not buttons:
        raise bad("At least one button is required")
    if any(button["type"] == "reply" for button in buttons):
        if len(buttons) > 3:
            raise bad("Maximum of 3 reply buttons allowed")
        if any(button["type"] not in {"reply", "pix"} for button in buttons):
            raise bad("Reply buttons cannot be mixed with other button types")
    inner = {"interactiveMessage": {"body": {"text": words}, "nativeFlowMessage": {"buttons": buttons}}}
    replies = [button for button in buttons if button["type"] == "reply"]
    choices = [{"kind": "button", "id": each.get("id", ""), **_titled(each.get("displayText", ""))} for each in replies]
    return Sent("interactive", words, {"viewOnceMessage": {"message": inner}}, content={"choices": choices})


def _titled(title: str, description: str | None = None) -> dict[str, str]:
    return {"title": title, **({"description": description} if description else {})}


async def _file(path: str, body: Body, media: MediaStore) -> Sent:
    place = MEDIA_PATHS[path]
    given = body.get(place)
    own = {"message/sendSticker": "sticker", "message/sendWhatsAppAudio": "audio"}
    kind: str = own.get(path) or body["mediatype"]
    voice = path == "message/sendWhatsAppAudio"
    name = body.get("fileName")
    mime_type = "audio/ogg; codecs=opus" if voice else "image/webp" if kind == "sticker" else body.get("mimetype")
    if not isinstance(given, str) or not given:
        raise bad("Owned media must be a url or base64")
    if is_url(given):
        try:
            file = await media.fetch(given, mime_type, name)
        except ValueError as error:
            status = re.search(r"answered (\d+)", str(error))
            said = f"Request failed with status code {status[1]}" if status else "connect ECONNREFUSED"
            raise EvolutionError(500, [f"AxiosError: {said}"]) from error
    else:
        try:
            file = media.decode(given, mime_type, name)
        except ValueError as error:
            raise bad("Owned media must be a url or base64") from error
        if kind == "document" and not name:
            raise bad("For base64 the file name must be informed.")
    caption = body.get("caption") or ""
    message = bodies.file_message(kind, file, caption, voice=voice)
    return Sent(kind, caption, message, file, voice)


def is_url(text: str) -> bool:
    """What `isURL` of the validator package takes: no host without a dot but an address, nothing of 2083 or more."""
    parts = urlsplit(text)
    host = parts.hostname or ""
    if parts.scheme not in {"http", "https"} or len(text) >= LONGEST_URL:
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return re.fullmatch(r"([\w-]+\.)+[a-z]{2,}", host, re.IGNORECASE) is not None
    return True


def _vcard(contact: Body) -> str:
    number = f"item1.TEL;waid={contact.get('wuid', '')}:{contact['phoneNumber']}"
    return f"BEGIN:VCARD\nVERSION:3.0\nN:{contact['fullName']}\nFN:{contact['fullName']}\n{number}\nEND:VCARD"


def _wanted(body: Body, name: str) -> str:
    if not body[name]:
        raise bad("Text is required")
    return str(body[name])
