"""The webhook bodies and message ids Meta makes; shaped after recorded ones, unicode and slashes escaped as Meta's."""

import base64
import hashlib
import hmac
import json
import secrets
from datetime import datetime

from local.simulator.gateway import Draft
from local.simulator.integrations import SimulatedIntegration
from local.simulator.threads import Thread, ThreadMessage

# A service conversation lasts a day from its first message.
_CONVERSATION_SECONDS = 86_400


def new_id(number: str, *, incoming: bool) -> str:
    """A message id as WhatsApp forms them: the other side's number, a direction and a random part, in base64."""
    key = secrets.token_hex(10 if incoming else 9).upper().encode()
    direction = b"\x12" if incoming else b"\x11"
    digits = number.encode()
    raw = b"\x1c\x18" + bytes([len(digits)]) + digits + b"\x15\x02\x00" + direction + b"\x18" + bytes([len(key)]) + key
    return "wamid." + base64.b64encode(raw + b"\x00").decode()


def text_message(integration: SimulatedIntegration, thread: Thread, message_id: str, draft: Draft) -> bytes:
    """A customer's text."""
    message: dict[str, object] = {
        "from": thread.customer,
        "id": message_id,
        "timestamp": _seconds(draft.written_at),
        "text": {"body": draft.text},
        "type": "text",
    }
    if draft.reply_to is not None:
        original = thread.message(draft.reply_to)
        author = thread.customer if original is not None and original.author == "customer" else integration.digits
        message["context"] = {"from": author, "id": draft.reply_to}
    return _envelope(integration, thread, {"messages": [message]})


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
        "timestamp": _seconds(at),
        "recipient_id": thread.customer,
        "conversation": conversation,
        "pricing": {"billable": True, "pricing_model": "PMP", "category": "service"},
    }
    if message.callback_data is not None:
        receipt["biz_opaque_callback_data"] = message.callback_data
    return _envelope(integration, thread, {"statuses": [receipt]})


def signed(integration: SimulatedIntegration, body: bytes) -> dict[str, str]:
    """The headers Meta posts a body with, its signature over these very bytes among them."""
    signature = hmac.new(integration.secret.encode(), body, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "User-Agent": "facebookexternalua",
        "X-Hub-Signature-256": f"sha256={signature}",
    }


def _envelope(integration: SimulatedIntegration, thread: Thread, content: dict[str, object]) -> bytes:
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": integration.digits, "phone_number_id": integration.account_id},
        "contacts": [{"profile": {"name": thread.name or thread.customer}, "wa_id": thread.customer}],
        **content,
    }
    # Meta names the business account here; any number that stays the same for the integration will do.
    account = str(int(hashlib.sha256(integration.id.encode()).hexdigest()[:12], 16)).zfill(15)
    changes = [{"value": value, "field": "messages"}]
    body = {"object": "whatsapp_business_account", "entry": [{"id": account, "changes": changes}]}
    return json.dumps(body, separators=(",", ":")).replace("/", "\\/").encode("ascii")


def _seconds(moment: datetime) -> str:
    return str(int(moment.timestamp()))
