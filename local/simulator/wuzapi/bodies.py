"""The webhooks WuzAPI posts: an event as a form, signed over the form (helpers.go, callHookWithHmac)."""

import hashlib
import hmac
import json
import secrets
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlencode

from local.simulator.gateway import Webhook
from local.simulator.integrations import SimulatedIntegration
from local.simulator.threads import Thread, ThreadMessage
from local.simulator.wuzapi.jids import group_jid, phone_jid
from local.simulator.wuzapi.sessions import Session, user_id

Json = dict[str, Any]

# The gateway's clock is on Brazilian time, which Go writes with its offset.
_ZONE = timezone(timedelta(hours=-3))
_NEVER = "0001-01-01T00:00:00Z"


def new_id(*, incoming: bool) -> str:
    """A message id: of a customer's phone, or as whatsmeow makes them."""
    return "AC" + secrets.token_hex(15).upper() if incoming else "3EB0" + secrets.token_hex(9).upper()


def timestamp(at: datetime) -> str:
    """A time as Go writes it, to the second."""
    return at.astimezone(_ZONE).replace(microsecond=0).isoformat()


def posted(integration: SimulatedIntegration, session: Session, event: Json) -> list[Webhook]:
    """An event as it is posted, or nothing if the account did not ask for it."""
    if not session.wants(event["type"]):
        return []
    fields = {
        "instanceName": integration.account_id,
        "jsonData": json.dumps(event, separators=(",", ":")),
        "userID": user_id(integration),
    }
    body = urlencode(fields).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "go-resty/2.16.5"}
    if session.key:
        headers["x-hmac-signature"] = hmac.new(session.key.encode(), body, hashlib.sha256).hexdigest()
    return [Webhook(body, headers)]


def source(chat: str, sender: str, **also: Any) -> Json:
    """Whatsmeow's MessageSource."""
    return {
        "Chat": chat,
        "Sender": sender,
        "IsFromMe": False,
        "IsGroup": False,
        "AddressingMode": "",
        "SenderAlt": "",
        "RecipientAlt": "",
        "BroadcastListOwner": "",
        "BroadcastRecipients": None,
        **also,
    }


def message_event(info: Json, message: Json, **around: Any) -> Json:
    """A message event; `around` is what WuzAPI puts beside it."""
    defaults = {
        "ServerID": 0,
        "Category": "",
        "Multicast": False,
        "MediaType": "",
        "Edit": "",
        "MsgBotInfo": {"EditType": "", "EditTargetID": "", "EditSenderTimestampMS": _NEVER},
        "MsgMetaInfo": {"TargetID": "", "TargetSender": "", "TargetChat": "", "DeprecatedLIDSession": None},
        "VerifiedName": None,
        "DeviceSentMeta": None,
    }
    flags = dict.fromkeys(("IsEphemeral", "IsViewOnce", "IsViewOnceV2", "IsDocumentWithCaption", "IsEdit"), False)
    event = {"Info": {**defaults, **info}, "Message": message, **flags, "RawMessage": message, "RetryCount": 0}
    return {"type": "Message", "event": event, **around}


def receipt_event(thread: Thread, message: ThreadMessage, status: str, at: datetime) -> Json:
    """A receipt of the customer's phone, or of the group's member who wrote last."""
    members = [one.sender for one in thread.messages() if one.sender]
    reader = phone_jid((members or ["5511900009999"])[-1] if thread.group else thread.customer)
    chat = group_jid(thread.customer) if thread.group else reader
    event = {
        **source(chat, reader, IsGroup=thread.group),
        "MessageIDs": [message.id],
        "Timestamp": timestamp(at),
        "Type": "read" if status == "read" else "",
        "MessageSender": "",
    }
    return {"type": "ReadReceipt", "event": event, "state": status.capitalize()}


def connection_event(connected: bool, reason: str | None) -> Json:
    """Connected; or disconnected, for a given reason logged out."""
    if connected:
        return {"type": "Connected", "event": {}}
    if reason is None:
        return {"type": "Disconnected", "event": {}}
    return {"type": "LoggedOut", "event": {"OnConnect": False, "Reason": 401}}
