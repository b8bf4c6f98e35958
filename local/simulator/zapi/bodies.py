"""The webhooks Z-API posts, shaped after its documented ones; `momment` is its own spelling, and in milliseconds."""

import json
import secrets
from datetime import datetime
from typing import Any

from local.simulator.actions import Action, Deletes, Edits, Reacts, Types, Who, Writes
from local.simulator.gateway import Webhook
from local.simulator.integrations import SimulatedIntegration
from local.simulator.media import File
from local.simulator.threads import Thread

Json = dict[str, Any]

STATUSES = {"sent": "SENT", "delivered": "RECEIVED", "read": "READ", "played": "PLAYED"}
GROUP_SUFFIX = "-group"
LID_SUFFIX = "@lid"

# A LID says nothing of the number behind it; here it is the number in disguise, so that both lead to one customer.
_DISGUISE = 0x1A5C_3E71_9B2D


def lid_of(digits: str) -> str:
    """The LID of a customer."""
    return f"{int(digits or 0) ^ _DISGUISE}{LID_SUFFIX}"


def customer_of(lid: str) -> str:
    """The number behind a LID."""
    return str(int(lid.removesuffix(LID_SUFFIX)) ^ _DISGUISE)


def new_id(*, incoming: bool) -> str:
    """A message id as WhatsApp's phones and Z-API's own sessions form them."""
    return f"3A{secrets.token_hex(9).upper()}" if incoming else f"3EB0{secrets.token_hex(9).upper()}"


def new_zaap_id() -> str:
    """The id of a queued send."""
    return secrets.token_hex(16).upper()


def milliseconds(at: datetime) -> int:
    """A moment as Z-API writes it."""
    return int(at.timestamp() * 1000)


def webhook(integration: SimulatedIntegration, body: Json) -> Webhook:
    """A body as it is posted; Z-API signs nothing, its token is all that goes along."""
    body = {"instanceId": integration.account_id, **body}
    headers = {"Content-Type": "application/json", "z-api-token": integration.secret}
    return Webhook(json.dumps(body, separators=(",", ":")).encode(), headers)


def chat_of(thread: Thread) -> str:
    """What a chat is called: the customer's number, or the group's id."""
    return f"{thread.customer}{GROUP_SUFFIX}" if thread.group else thread.customer


def received(
    integration: SimulatedIntegration, thread: Thread, who: Who, message_id: str, content: Json, *, api: bool = False
) -> Webhook:
    """A ReceivedCallback; `api`: the echo of something sent through the API. `content` overrides what it repeats."""
    author = None if who.device or not thread.group else who.customer
    envelope: Json = {
        "type": "ReceivedCallback",
        "isStatusReply": False,
        "chatLid": None if thread.group else lid_of(thread.customer),
        "connectedPhone": integration.digits,
        "waitingMessage": False,
        "isEdit": False,
        "isGroup": thread.group,
        "isNewsletter": False,
        "messageId": message_id,
        "phone": chat_of(thread),
        "fromMe": who.device,
        "momment": milliseconds(who.at),
        "status": "SENT" if api else "RECEIVED",
        "chatName": thread.name or chat_of(thread),
        "senderPhoto": None,
        "senderName": integration.name if who.device else who.name or thread.name or who.customer,
        "photo": None,
        "broadcast": False,
        "participantPhone": author,
        "participantLid": lid_of(author) if author else None,
        "referenceMessageId": None,
        "messageExpirationSeconds": 0,
        "externalAdReply": None,
        "forwarded": False,
        "fromApi": api,
    }
    return webhook(integration, envelope | content)


def deed(integration: SimulatedIntegration, thread: Thread, action: Action, message_id: str) -> Webhook | None:
    """What a customer, or somebody at the company's phone, does; nobody is told of typing but a customer's own."""
    who = action.who
    match action:
        case Types():
            return None if who.device or thread.group else _presence(integration, thread, action)
        case Writes():
            return received(integration, thread, who, message_id, written(action))
        case Reacts():
            return received(integration, thread, who, message_id, reaction(integration, thread, action))
        case Edits():
            return received(integration, thread, who, action.target, edited(thread, action.target, action.text))
        case Deletes():
            taken = {"referenceMessageId": action.target, "notification": "REVOKE", "notificationParameters": []}
            return received(integration, thread, who, message_id, taken)


def _presence(integration: SimulatedIntegration, thread: Thread, action: Types) -> Webhook:
    doing = ("RECORDING" if action.recording else "COMPOSING") if action.on else "PAUSED"
    body = {"type": "PresenceChatCallback", "phone": chat_of(thread), "status": doing, "lastSeen": None}
    return webhook(integration, body)


def reaction(integration: SimulatedIntegration, thread: Thread, action: Reacts) -> Json:
    """A reaction; one taken back has no emoji in it."""
    original = thread.message(action.target)
    ours = original is not None and original.author == "company"
    return {
        "reaction": {
            "value": action.emoji or "",
            "time": milliseconds(action.who.at),
            "reactionBy": integration.digits if action.who.device else action.who.customer,
            "referencedMessage": {
                "messageId": action.target,
                "fromMe": ours,
                "phone": chat_of(thread),
                "participant": original.sender if original is not None and not ours else None,
            },
        }
    }


def edited(thread: Thread, target: str, text: str) -> Json:
    """The message anew; of one with a file the caption changed."""
    original = thread.message(target)
    if original is None or original.media is None:
        return {"isEdit": True, "text": {"message": text}}
    return {"isEdit": True, original.kind: _file(original.kind, original.media, text, voice=original.voice)}


def written(action: Writes) -> Json:
    """What a message holds, under the name of its kind."""
    beside: Json = {"referenceMessageId": action.reply_to, "forwarded": action.forwarded}
    if action.media is not None:
        return beside | {action.kind: _file(action.kind, action.media, action.text, voice=action.voice)}
    if action.location is not None:
        place = action.location
        where = {"longitude": place.longitude, "latitude": place.latitude, "url": ""}
        return beside | {"location": where | {"name": place.name or "", "address": place.address or ""}}
    if action.contacts:
        cards = [{"displayName": card.name, "vCard": card.vcard, "phones": [card.phone]} for card in action.contacts]
        return beside | ({"contact": cards[0]} if len(cards) == 1 else {"contacts": cards})
    choice = action.choice
    if choice is not None and choice.kind == "button":
        return beside | {"buttonsResponseMessage": {"buttonId": choice.id, "message": choice.title}}
    if choice is not None:
        words = " ".join(filter(None, (choice.title, choice.description)))
        chosen = {"message": words, "title": choice.title, "selectedRowId": choice.id}
        return beside | {"listResponseMessage": chosen}
    return beside | {"text": {"message": action.text or ""}}


def _file(kind: str, file: File, caption: str | None, *, voice: bool) -> Json:
    described: Json = {f"{kind}Url": file.url, "mimeType": file.mime_type}
    match kind:
        case "audio":
            return described | {"ptt": voice, "seconds": 3, "viewOnce": False}
        case "sticker":
            return described
        case "document":
            name = file.file_name or "file"
            return described | {"fileName": name, "title": name, "pageCount": 1, "caption": caption}
    # What no picture of the simulator's is measured for.
    measured = {"width": 0, "height": 0, "viewOnce": False, "caption": caption or ""}
    return described | measured | ({"thumbnailUrl": file.url, "downloadError": None} if kind == "image" else {})


def status(integration: SimulatedIntegration, thread: Thread, ids: list[str], name: str, at: datetime) -> Webhook:
    """What became of messages, in Z-API's words."""
    body = {
        "type": "MessageStatusCallback",
        "status": name,
        "ids": ids,
        "momment": milliseconds(at),
        "phoneDevice": 0,
        "phone": chat_of(thread),
        "isGroup": thread.group,
    }
    return webhook(integration, body)


def delivery(
    integration: SimulatedIntegration, phone: str, ids: Json, at: datetime, error: str | None = None
) -> Webhook:
    """A send was handed to WhatsApp, or was not."""
    failed = {"error": error} if error else {}
    body = {"type": "DeliveryCallback", "phone": phone, "zaapId": ids["zaapId"], "messageId": ids["messageId"]}
    return webhook(integration, body | {"momment": milliseconds(at)} | failed)


def connection(integration: SimulatedIntegration, at: datetime, *, connected: bool, reason: str | None) -> Webhook:
    """The account was connected or disconnected; of the latter Z-API tells the time in seconds."""
    if connected:
        body = {
            "type": "ConnectedCallback",
            "connected": True,
            "momment": milliseconds(at),
            "phone": integration.digits,
        }
        return webhook(integration, body)
    why = reason or "Device has been disconnected"
    gone = {"type": "DisconnectedCallback", "disconnected": True, "momment": int(at.timestamp()), "error": why}
    return webhook(integration, gone)
