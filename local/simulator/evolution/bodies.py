"""The pieces of Evolution's bodies: the envelope with its live key, the JWT, ids, and messages in Baileys' names."""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from local.simulator.actions import Choice, Writes
from local.simulator.integrations import SimulatedIntegration
from local.simulator.media import File
from local.simulator.tempo import now

Json = dict[str, Any]

TOKEN_SECONDS = 600
_PROTO = {
    "image": "imageMessage",
    "video": "videoMessage",
    "audio": "audioMessage",
    "document": "documentMessage",
    "sticker": "stickerMessage",
}


def new_id(*, incoming: bool) -> str:
    """A message id: of an Android phone, or of a web session."""
    return secrets.token_hex(16).upper() if incoming else "3EB0" + secrets.token_hex(9).upper()


def instance_id(integration: SimulatedIntegration) -> str:
    """The instance's id in Evolution's own database."""
    digest = hashlib.sha256(integration.id.encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-a{digest[17:20]}-{digest[20:32]}"


def row_id(message_id: str) -> str:
    """A message's row in Evolution's own database: of no use to anybody else."""
    return "cm" + hashlib.sha256(message_id.encode()).hexdigest()[:23]


def envelope(integration: SimulatedIntegration, event: str, data: object) -> bytes:
    """A whole body. `date_time` is the server's local time with a Z, here three hours behind."""
    local = datetime.fromtimestamp(now().timestamp() - 3 * 3600, now().tzinfo)
    body = {
        "event": event,
        "instance": integration.account_id,
        "data": data,
        "destination": integration.webhook_url,
        "date_time": local.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "sender": f"{integration.digits}@s.whatsapp.net",
        "server_url": "http://localhost:8080",
        "apikey": integration.access_token,
    }
    return json.dumps(body, ensure_ascii=True, separators=(",", ":")).encode("ascii")


def headers(jwt_key: str | None) -> dict[str, str]:
    """The headers of a webhook; with a key, the token that Evolution makes from it."""
    sent = {"Content-Type": "application/json", "User-Agent": "axios/1.7.9"}
    if not jwt_key:
        return sent
    at = int(now().timestamp())
    claims = {"iat": at, "exp": at + TOKEN_SECONDS, "app": "evolution", "action": "webhook"}
    signed = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(claims)}"
    signature = hmac.digest(jwt_key.encode(), signed.encode(), hashlib.sha256)
    return {**sent, "Authorization": f"Bearer {signed}.{_encoded(signature)}"}


def _part(value: Mapping[str, object]) -> str:
    return _encoded(json.dumps(value, separators=(",", ":")).encode())


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def file_message(kind: str, file: File, caption: str | None, *, voice: bool = False) -> Json:
    """A file as WhatsApp describes it; its URL is encrypted and of no use."""
    value: Json = {
        "url": f"https://mmg.whatsapp.net/v/t62.7118-24/{file.id}.enc?ccb=11-4",
        "mimetype": file.mime_type,
        "fileSha256": base64.b64encode(bytes.fromhex(file.sha256)).decode(),
        "fileLength": {"low": file.size, "high": 0, "unsigned": True},
        # As Baileys' buffers look when they were made JSON by hand.
        "mediaKey": {str(position): octet for position, octet in enumerate(secrets.token_bytes(32))},
        "directPath": f"/v/t62.7118-24/{file.id}.enc",
    }
    if caption and kind != "sticker":
        value["caption"] = caption
    if kind == "audio":
        value |= {"ptt": voice, "seconds": 3}
    if kind == "document":
        value["fileName"] = file.file_name or "file"
    return {_PROTO[kind]: value}


def written(action: Writes) -> Json:
    """What a customer wrote."""
    if action.media is not None:
        return file_message(action.kind, action.media, action.text, voice=action.voice)
    if action.location is not None:
        place = action.location
        named = {name: text for name, text in (("name", place.name), ("address", place.address)) if text}
        return {"locationMessage": {"degreesLatitude": place.latitude, "degreesLongitude": place.longitude, **named}}
    if action.contacts:
        cards = [{"displayName": card.name, "vcard": card.vcard} for card in action.contacts]
        many = {"contactsArrayMessage": {"displayName": f"{len(cards)} contacts", "contacts": cards}}
        return {"contactMessage": cards[0]} if len(cards) == 1 else many
    return _chosen(action.choice) if action.choice is not None else {"conversation": action.text or ""}


def _chosen(choice: Choice) -> Json:
    if choice.kind == "button":
        button = {"selectedButtonId": choice.id, "selectedDisplayText": choice.title, "type": 1}
        return {"buttonsResponseMessage": button}
    row: Json = {"title": choice.title, "listType": 1, "singleSelectReply": {"selectedRowId": choice.id}}
    if choice.description:
        row["description"] = choice.description
    return {"listResponseMessage": row}
