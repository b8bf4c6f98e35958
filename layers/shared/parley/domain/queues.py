"""The queues by their names, and what their messages are. The one rule: whose a message is, its payload says, never the
queue it lay in nor the id it had there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeGuard, get_args
from uuid import UUID

from .errors import InvalidRequest, Unreadable
from .webhook import Webhook

QueueName = Literal["inbound", "outbound", "media", "push"]
QUEUES: Final[tuple[QueueName, ...]] = get_args(QueueName)
LONGEST_TEXT: Final = 200

_IDS: Final[Mapping[QueueName, tuple[str, ...]]] = {
    "inbound": (),
    "outbound": ("conversationId",),
    "media": ("attachmentId",),
    "push": (),
}
"""What a hint names beside its tenant."""
_EXTRAS: Final[Mapping[QueueName, Mapping[str, type]]] = {
    "inbound": {},
    "outbound": {"correlationId": UUID, "typing": bool, "at": str},
    "media": {},
    "push": {"presence": bool, "after": str, "upTo": str},
}
"""What it may say besides."""


@dataclass(frozen=True, slots=True)
class Payload:
    """A queue's message, read: a webhook, or a hint with the tenant it names."""

    value: Mapping[str, Any]
    correlation_id: UUID | None
    webhook: Webhook | None = None
    tenant_id: UUID | None = None


def is_queue(name: str) -> TypeGuard[QueueName]:
    """Whether there is such a queue."""
    return name in QUEUES


def read_payload(queue: QueueName, text: str) -> Payload:
    """Read a message of a queue as far as it says whose it is. Raises Unreadable."""
    value = _json_object(text)
    if is_replay(queue, value):
        hint = value["replay"]
        return Payload(value, None, tenant_id=_tenant_of(hint if isinstance(hint, dict) else {}))
    if queue == "inbound":
        webhook = Webhook.decode(text)
        if not _is_whole(webhook):
            raise Unreadable("The queue message is not a webhook.")
        return Payload(value, webhook.correlation_id, webhook=webhook)
    return Payload(value, _id_or_none(value.get("correlationId")), tenant_id=_tenant_of(value))


def is_replay(queue: QueueName, value: Mapping[str, Any]) -> bool:
    """Whether a message is the hint that a replay goes on, which lies among the webhooks."""
    return queue == "inbound" and "replay" in value


def group_of(queue: QueueName, value: Mapping[str, Any]) -> str:
    """Whose turn a message takes in its queue."""
    said = value["replay"] if is_replay(queue, value) else value
    return str(said.get("integrationId") or said["tenantId"])


def fingerprint(text: str) -> bytes:
    """What makes two messages one: what they say, however it is written."""
    try:
        plain = _written(json.loads(text))
    except (ValueError, RecursionError):
        plain = text
    return hashlib.sha256(plain.encode(errors="surrogatepass")).digest()


def own_hint(queue: QueueName, tenant_id: UUID, given: Mapping[str, Any]) -> dict[str, Any]:
    """A hint as somebody of this tenant wants it, whole; that its ids are the tenant's own is still to be seen.

    Raises InvalidRequest.
    """
    extras = _EXTRAS[queue]
    known = {"v", "tenantId", *_IDS[queue], *extras}
    wrong = [name for name in given if name not in known]
    wrong += [name for name in ("tenantId", *_IDS[queue]) if name in given and _id_or_none(given[name]) is None]
    wrong += [name for name in _IDS[queue] if name not in given]
    wrong += [name for name, kind in extras.items() if given.get(name) is not None and not _is_a(kind, given[name])]
    if "typing" in given and "at" not in given:
        wrong.append("at")
    if given.get("v", 1) != 1:
        wrong.append("v")
    if wrong:
        raise InvalidRequest(
            "The body is no hint of this queue.",
            errors=[{"path": f"body.{name}"[:LONGEST_TEXT], "message": "is not valid"} for name in wrong],
        )
    return {"v": 1, "tenantId": str(tenant_id), **{name: given[name] for name in given if name != "tenantId"}}


def named_id(queue: QueueName, hint: Mapping[str, Any]) -> UUID | None:
    """The conversation or the file that a valid hint names."""
    return UUID(hint[_IDS[queue][0]]) if _IDS[queue] else None


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
        written = _written(value)
        # Postgres keeps neither in its JSON.
        written.encode()
    except (ValueError, RecursionError) as error:
        raise Unreadable("The queue message is no JSON.") from error
    if not isinstance(value, dict) or "\\u0000" in written:
        raise Unreadable("The queue message is no JSON object of ours.")
    return value


def _written(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))


def _tenant_of(hint: Mapping[str, Any]) -> UUID:
    tenant_id = _id_or_none(hint.get("tenantId"))
    if tenant_id is None:
        raise Unreadable("The queue message is no hint: it names no tenant.")
    return tenant_id


def _is_whole(webhook: Webhook) -> bool:
    """Whether every part is of its type: what the door writes always is."""
    texts = [webhook.provider, *webhook.headers.keys(), *webhook.headers.values()] if _is_headers(webhook) else [None]
    return (
        all(isinstance(text, str) for text in texts)
        and webhook.received_at.tzinfo is not None
        and (webhook.body is not None or isinstance(webhook.pointer, str))
    )


def _is_headers(webhook: Webhook) -> bool:
    return isinstance(webhook.headers, Mapping)


def _is_a(kind: type, value: object) -> bool:
    if kind is UUID:
        return _id_or_none(value) is not None
    if kind is str:
        return isinstance(value, str) and len(value) <= LONGEST_TEXT and value.isprintable()
    return isinstance(value, kind)


def _id_or_none(value: object) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None
