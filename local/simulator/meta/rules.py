"""What Meta accepts at /messages: the documented fields and limits, refused with the code Meta refuses them with."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.simulator.actions import MEDIA_KINDS
from local.simulator.meta.errors import MetaError
from local.simulator.meta.kinds import checked_kind

_WAMID = re.compile(r"wamid\.\S{1,500}")
_BSUID = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}")
_CALLBACK_DATA_LIMIT = 512


@dataclass(frozen=True)
class Send:
    """A send Meta would accept; `text` is what the customer's phone can show of it, `content` what was asked for.

    `to` is a phone number, a business-scoped user id or, if `group`, a group's id.
    """

    to: str
    typed: str
    kind: str
    text: str
    reply_to: str | None
    callback_data: str | None
    group: bool = False
    content: Mapping[str, Any] = field(default_factory=dict)

    @property
    def media_id(self) -> str | None:
        """The uploaded file it names."""
        return str(self.content["id"]) if self.kind in MEDIA_KINDS and "id" in self.content else None

    @property
    def media_link(self) -> str | None:
        """The link it names instead."""
        return str(self.content["link"]) if self.kind in MEDIA_KINDS and "link" in self.content else None


@dataclass(frozen=True)
class MarkRead:
    """A company's read receipt for a customer's message, perhaps with "typing…"."""

    message_id: str
    typing: bool


def checked(body: object, own_number: str) -> Send | MarkRead:
    """A parsed request body as what it asks for; raises MetaError as Meta would."""
    if not isinstance(body, Mapping):
        raise MetaError(100, "The request body must be a JSON object.")
    product = body.get("messaging_product")
    if product is None:
        raise MetaError(100, "The parameter messaging_product is required.")
    if product != "whatsapp":
        raise MetaError(100, f'Param messaging_product must be one of {{WHATSAPP}} - got "{product}".')
    return _checked_read(body) if "status" in body else _checked_send(body, own_number)


def _checked_read(body: Mapping[str, object]) -> MarkRead:
    if body["status"] != "read":
        raise MetaError(100, 'Param status must be one of {"read"}.')
    message_id = body.get("message_id")
    if message_id is None:
        raise MetaError(100, "The parameter message_id is required.")
    if not isinstance(message_id, str) or not _WAMID.fullmatch(message_id):
        raise MetaError(131009, "message_id is not the id of a message.")
    typing = body.get("typing_indicator")
    if typing is not None and typing != {"type": "text"}:
        raise MetaError(131009, 'typing_indicator must be {"type": "text"}.')
    return MarkRead(message_id, typing is not None)


def _checked_send(body: Mapping[str, object], own_number: str) -> Send:
    recipient_type = body.get("recipient_type", "individual")
    if recipient_type not in ("individual", "group"):
        raise MetaError(100, 'Param recipient_type must be one of {"individual", "group"}.')
    typed, to = _recipient(body, group=recipient_type == "group")
    if to == own_number:
        raise MetaError(131021, "The recipient is the sender.")
    kind, text = checked_kind(body)
    callback_data = body.get("biz_opaque_callback_data")
    if callback_data is not None and (
        not isinstance(callback_data, str) or not 0 < len(callback_data) <= _CALLBACK_DATA_LIMIT
    ):
        raise MetaError(100, f"Param biz_opaque_callback_data must be 1 to {_CALLBACK_DATA_LIMIT} characters long.")
    content = body.get(kind)
    return Send(
        to,
        typed,
        kind,
        text,
        _checked_context(body.get("context"), kind),
        callback_data,
        recipient_type == "group",
        content if isinstance(content, Mapping) else {kind: content},
    )


def _recipient(body: Mapping[str, object], *, group: bool) -> tuple[str, str]:
    """Whom a send is for, as it was written and as WhatsApp knows them."""
    typed, bsuid = body.get("to"), body.get("recipient")
    if typed in (None, "") and bsuid in (None, ""):
        raise MetaError(100, "The parameter to is required.")
    if typed in (None, ""):
        if not isinstance(bsuid, str) or not _BSUID.fullmatch(bsuid):
            raise MetaError(131009, "The recipient's business-scoped user id is not valid.")
        return bsuid, bsuid
    if group:
        if not isinstance(typed, str) or not re.fullmatch(r"[A-Za-z0-9_=+-]{5,256}", typed):
            raise MetaError(131009, "The group's id is not valid.")
        return typed, typed
    to = re.sub(r"[\s()+.-]", "", typed) if isinstance(typed, str) else ""
    if not re.fullmatch(r"[1-9][0-9]{6,14}", to):
        raise MetaError(131009, "The recipient's phone number is not valid.")
    return str(typed), to


def _checked_context(context: object, kind: str) -> str | None:
    if context is None:
        return None
    message_id = context.get("message_id") if isinstance(context, Mapping) else None
    if not isinstance(message_id, str) or not _WAMID.fullmatch(message_id):
        raise MetaError(131009, "context.message_id is not the id of a message.")
    if kind == "reaction":
        raise MetaError(131009, "A reaction cannot be a reply.")
    return message_id
