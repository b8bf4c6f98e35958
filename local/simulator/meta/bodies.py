"""The webhook bodies and message ids Meta makes; shaped after recorded ones, unicode and slashes escaped as Meta's."""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from datetime import datetime

from local.simulator.integrations import SimulatedIntegration
from local.simulator.threads import Thread, ThreadMessage

# A service conversation lasts a day from its first message.
_CONVERSATION_SECONDS = 86_400
# Who in a group has got and read what the company wrote; one member stands for all.
GROUP_MEMBER = "5511987654321"


def new_id(number: str, *, incoming: bool) -> str:
    """A message id as WhatsApp forms them: the other side's number, a direction and a random part, in base64."""
    key = secrets.token_hex(10 if incoming else 9).upper().encode()
    direction = b"\x12" if incoming else b"\x11"
    digits = number.encode()
    raw = b"\x1c\x18" + bytes([len(digits)]) + digits + b"\x15\x02\x00" + direction + b"\x18" + bytes([len(key)]) + key
    return "wamid." + base64.b64encode(raw + b"\x00").decode()


def status(integration: SimulatedIntegration, thread: Thread, message: ThreadMessage, name: str, at: datetime) -> bytes:
    """What became of a company's message."""
    conversation: dict[str, object] = {
        "id": hashlib.sha256(f"{integration.id} {thread.customer}".encode()).hexdigest()[:32],
        "origin": {"type": "service"},
    }
    if name == "sent":
        conversation["expiration_timestamp"] = str(int(at.timestamp()) + _CONVERSATION_SECONDS)
    receipt: dict[str, object] = {
        "id": message.id,
        "status": name,
        "timestamp": seconds(at),
        "recipient_id": thread.customer,
        "conversation": conversation,
        "pricing": {"billable": True, "pricing_model": "PMP", "category": "service"},
    }
    if thread.group:
        receipt["recipient_type"] = "group"
        if name != "sent":
            receipt["recipient_participant_id"] = GROUP_MEMBER
    if message.reference is not None:
        receipt["biz_opaque_callback_data"] = message.reference
    contact = {"profile": {"name": thread.name or thread.customer}, "wa_id": thread.customer}
    return envelope(integration, None if thread.group else contact, {"statuses": [receipt]})


def signed(integration: SimulatedIntegration, body: bytes) -> dict[str, str]:
    """The headers Meta posts a body with, its signature over these very bytes among them."""
    signature = hmac.new(integration.secret.encode(), body, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "User-Agent": "facebookexternalua",
        "X-Hub-Signature-256": f"sha256={signature}",
    }


def envelope(
    integration: SimulatedIntegration,
    contact: Mapping[str, object] | None,
    content: Mapping[str, object],
    field: str = "messages",
) -> bytes:
    """A whole webhook body about one change."""
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": integration.digits, "phone_number_id": integration.account_id},
        **({"contacts": [contact]} if contact else {}),
        **content,
    }
    # Meta names the business account here; any number that stays the same for the integration will do.
    account = str(int(hashlib.sha256(integration.id.encode()).hexdigest()[:12], 16)).zfill(15)
    changes = [{"value": value, "field": field}]
    body = {"object": "whatsapp_business_account", "entry": [{"id": account, "changes": changes}]}
    return json.dumps(body, separators=(",", ":")).replace("/", "\\/").encode("ascii")


def challenge() -> str:
    """What a callback address must give back."""
    return str(secrets.randbelow(10**10)).zfill(10)


def seconds(moment: datetime) -> str:
    """A moment as Meta writes it."""
    return str(int(moment.timestamp()))
