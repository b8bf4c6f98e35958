"""What became of a message, in Evolution's words. The one rule: `keyId` names the message; `messageId` is a row of
Evolution's own database and never looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from parley.domain.incoming import Deletion, Fact, Ignored, Receipt
from parley.domain.status import ReceiptStatus
from parley.providers.reading import Json, identity, object_of, short

from .errors import NOT_DELIVERED
from .people import participant_of

_STATUSES: Final[Mapping[object, ReceiptStatus]] = {
    "ERROR": "failed",
    "SERVER_ACK": "sent",
    "DELIVERY_ACK": "delivered",
    "READ": "read",
    "PLAYED": "played",
}
_NUMBERS: Final = ("ERROR", "PENDING", "SERVER_ACK", "DELIVERY_ACK", "READ", "PLAYED")


def update(data: Json, account: str) -> Fact:
    """Read one update: flat with `keyId` (2.3), or nested with `key` (older builds and forks).

    An update without a status of its own (an edit's or a poll's) is reported as SERVER_ACK: it says nothing.
    Raises Unreadable.
    """
    key = object_of(data.get("key"))
    message_id = identity(data.get("keyId") or key.get("id"), "an update of no message")
    about = {"remoteJid": key.get("remoteJid"), "participant": key.get("participant"), **data}
    status = _status(data)
    if about["remoteJid"] == "status@broadcast":
        return Ignored("an update of a status broadcast")
    if status == "DELETED":
        return Deletion(account, message_id, None)
    if data.get("message") is not None or data.get("pollUpdates") is not None:
        return Ignored("an update of a message's content, which its own event tells")
    ours = data.get("fromMe", key.get("fromMe"))
    receipt = _STATUSES.get(status)
    if receipt is None:
        return Ignored(f"status {short(status)}")
    if ours is False:
        return Ignored(f"{short(status)} of a customer's message")
    error = NOT_DELIVERED if receipt == "failed" else None
    return Receipt(account, message_id, receipt, None, participant_of(about), error=error)


def _status(data: Json) -> str | None:
    """The name of a status, wherever it is and however it is written."""
    status = data.get("status")
    if status is None:
        status = object_of(data.get("update")).get("status")
    if isinstance(status, str) and status.isascii() and status.isdigit() and len(status) == 1:
        status = int(status)
    if isinstance(status, int) and not isinstance(status, bool):
        return _NUMBERS[status] if 0 <= status < len(_NUMBERS) else str(status)[:20]
    return status if isinstance(status, str) else None
