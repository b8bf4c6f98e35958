"""What may be asked to be sent. The one rule: each kind has its own fields; one that is missing, or that belongs to
another kind, is refused by its name.

The sizes of buttons and lists are WhatsApp's own (developers.facebook.com/docs/whatsapp/cloud-api/messages).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from parley.domain.errors import InvalidRequest, UnsupportedCapability
from parley.services.send import SendRequest

from .schemas import CHOICE, LARGEST_NUMBER, BodyModel, ClientKey, LooseId, Metadata, Moment, Text
from .schemas_working import Phone

Kind: TypeAlias = Literal[
    "text", "image", "audio", "video", "document", "sticker", "location", "contacts", "template", "interactive", "note"
]
LARGEST_TEMPLATE: Final = 16 * 1024
MOST_ROWS: Final = 10
MOST_MENTIONS: Final = 50
_PHONE: Final = re.compile(r"\+?[0-9][0-9 ().-]{2,38}", re.ASCII)

_CAPTIONED: Final = frozenset({"image", "video", "document"})
_NEEDED: Final[Mapping[str, str]] = {
    "text": "text",
    "note": "text",
    **dict.fromkeys(("image", "audio", "video", "document", "sticker"), "mediaId"),
    "location": "location",
    "contacts": "contacts",
    "template": "template",
    "interactive": "interactive",
}
"""The field each kind cannot do without."""
_OPTIONAL: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys(_CAPTIONED, frozenset({"caption"})),
    "audio": frozenset({"voice"}),
    "note": frozenset({"mentions"}),
}
_OF_KINDS: Final = frozenset({*_NEEDED.values(), "caption", "voice", "mentions"})
_NOT_OF_NOTES: Final = ("replyTo", "scheduledAt")


def _phone(value: str) -> str:
    if not _PHONE.fullmatch(value):
        raise ValueError("should be a phone number")
    return value


def _small_template(value: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if any(not isinstance(component.get("type"), str) for component in value):
        raise ValueError("should be components with a type each")
    if len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()) > LARGEST_TEMPLATE:
        raise ValueError(f"should have at most {LARGEST_TEMPLATE} bytes as JSON")
    return value


class Location(BodyModel):
    """A place on earth, in degrees."""

    latitude: float = Field(ge=-90, le=90, allow_inf_nan=False)
    longitude: float = Field(ge=-180, le=180, allow_inf_nan=False)
    name: str | None = Field(None, min_length=1, max_length=1000)
    address: str | None = Field(None, min_length=1, max_length=1000)


class Contact(BodyModel):
    """A contact card."""

    name: str = Field(min_length=1, max_length=256)
    phones: Annotated[list[Annotated[str, AfterValidator(_phone)]], Field(min_length=1, max_length=20)]
    vcard: str | None = Field(None, min_length=1, max_length=16 * 1024)


class Template(BodyModel):
    """An approved template; `components` as the gateway wants them."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,512}$")]
    language: Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}([_-][A-Za-z0-9]{2,4}){0,2}$")]
    components: Annotated[list[dict[str, Any]], Field(max_length=20), AfterValidator(_small_template)] | None = None


class Button(BodyModel):
    """A button that answers."""

    id: str = Field(min_length=1, max_length=256)
    title: str = Field(min_length=1, max_length=20)


class Row(BodyModel):
    """A row of a list."""

    id: str = Field(min_length=1, max_length=200)
    title: str = Field(min_length=1, max_length=24)
    description: str | None = Field(None, min_length=1, max_length=72)


class Section(BodyModel):
    """Rows of a list under one title."""

    title: str | None = Field(None, min_length=1, max_length=24)
    rows: Annotated[list[Row], Field(min_length=1, max_length=MOST_ROWS)]


class Buttons(BodyModel):
    """A text with up to three buttons."""

    type: Literal["buttons"]
    body: str = Field(min_length=1, max_length=1024)
    header: str | None = Field(None, min_length=1, max_length=60)
    footer: str | None = Field(None, min_length=1, max_length=60)
    buttons: Annotated[list[Button], Field(min_length=1, max_length=3)]


class Choices(BodyModel):
    """A text with a button that opens a list."""

    type: Literal["list"]
    body: str = Field(min_length=1, max_length=4096)
    header: str | None = Field(None, min_length=1, max_length=60)
    footer: str | None = Field(None, min_length=1, max_length=60)
    button: str = Field(min_length=1, max_length=20)
    sections: Annotated[list[Section], Field(min_length=1, max_length=MOST_ROWS)]


def _form(value: object) -> str | None:
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return f"{CHOICE}{kind}" if kind in ("buttons", "list") else None


Interactive = Annotated[
    Annotated[Buttons, Tag(f"{CHOICE}buttons")] | Annotated[Choices, Tag(f"{CHOICE}list")],
    Discriminator(_form, custom_error_type="form", custom_error_message="should have the type buttons or list"),
]


class SendBody(BodyModel):
    """A message to send, or a note. `expectedNumber`: the conversation's `lastNumber` as the sender has seen it."""

    type: Kind
    text: Text | None = None
    media_id: LooseId | None = Field(None, alias="mediaId")
    caption: Text | None = None
    voice: bool | None = None
    location: Location | None = None
    contacts: Annotated[list[Contact], Field(min_length=1, max_length=10)] | None = None
    template: Template | None = None
    interactive: Interactive | None = None
    reply_to: LooseId | None = Field(None, alias="replyTo")
    expected_number: int | None = Field(None, alias="expectedNumber", ge=0, le=LARGEST_NUMBER)
    scheduled_at: Moment | None = Field(None, alias="scheduledAt")
    mentions: Annotated[list[LooseId], Field(max_length=MOST_MENTIONS)] | None = None
    metadata: Metadata | None = None

    @model_validator(mode="after")
    def _fit_the_kind(self) -> SendBody:
        given = {_alias(name) for name in self.model_fields_set if getattr(self, name) is not None} & _OF_KINDS
        needed = _NEEDED[self.type]
        problems = [
            {"path": path, "message": f"does not belong to {self.type}"}
            for path in sorted(given - {needed} - _OPTIONAL.get(self.type, frozenset()))
        ]
        if self.type == "note":
            fields = self.model_dump(by_alias=True, include={"reply_to", "scheduled_at"}, exclude_none=True)
            wrong = [name for name in _NOT_OF_NOTES if name in fields]
            problems += [{"path": name, "message": "does not belong to note"} for name in wrong]
        if needed not in given:
            problems.append({"path": needed, "message": f"{self.type} needs it"})
        if isinstance(self.interactive, Choices | Buttons):
            problems += _confusing(self.interactive)
        _refuse(problems)
        return self

    def request(self) -> SendRequest:
        """As it is sent and stored."""
        return SendRequest(
            kind=self.type,
            text=self.text or self.caption or (self.interactive.body if self.interactive else None),
            content=self._content(),
            reply_to=self.reply_to,
            metadata=self.metadata or {},
            expected_number=self.expected_number,
            media_id=self.media_id,
            voice=bool(self.voice),
            scheduled_at=self.scheduled_at,
            mentions=tuple(self.mentions or ()),
        )

    def _content(self) -> dict[str, Any]:
        if self.contacts is not None:
            return {"contacts": [_dumped(card) for card in self.contacts]}
        given = self.location or self.template or self.interactive
        return _dumped(given) if given is not None else {}


class FirstBody(SendBody):
    """A message to somebody by their phone number, whether or not they wrote before."""

    integration_id: LooseId = Field(alias="integrationId")
    to: Phone


class ShortSendBody(BodyModel):
    """A message to send, in the short form; of a file, `message` is its caption. `clientKey`: the same key is the same
    message.
    """

    conversation_id: LooseId = Field(alias="conversationId")
    message: Annotated[str, Field(max_length=4096)] | None = None
    message_type: Literal["text", "image", "audio", "video", "document", "sticker"] = Field("text", alias="messageType")
    media_id: LooseId | None = Field(None, alias="mediaId")
    media_url: Annotated[str, Field(min_length=1, max_length=2048)] | None = Field(None, alias="mediaUrl")
    client_key: ClientKey | None = Field(None, alias="clientKey")

    @model_validator(mode="before")
    @classmethod
    def _refuse_what_is_not_sent(cls, value: object) -> object:
        kind = value.get("messageType") if isinstance(value, dict) else None
        if isinstance(kind, str) and kind in {"location", "contacts", "template", "interactive", "note"}:
            problem = {"path": "messageType", "message": f"{kind} cannot be sent in the short form"}
            sentence = f"Messages of type {kind} cannot be sent in the short form; use /v1/conversations/…/messages."
            raise UnsupportedCapability(sentence, errors=[problem])
        return value

    @model_validator(mode="after")
    def _fit_the_kind(self) -> ShortSendBody:
        problems = []
        files = [name for name in ("media_id", "media_url") if getattr(self, name) is not None]
        if self.message_type == "text":
            if not self.message:
                problems.append({"path": "message", "message": "text needs it"})
            problems += [{"path": _alias(name), "message": "does not belong to text"} for name in files]
        else:
            if self.message and self.message_type not in _CAPTIONED:
                problems.append({"path": "message", "message": f"{self.message_type} has no caption"})
            if len(files) != 1:
                problems.append({"path": "mediaId", "message": f"{self.message_type} needs it, or mediaUrl"})
        _refuse(problems)
        return self

    def request(self) -> SendRequest:
        """As it is sent and stored."""
        return SendRequest(
            kind=self.message_type,
            text=self.message or None,
            media_id=self.media_id,
            media_url=self.media_url,
        )


def _confusing(interactive: Buttons | Choices) -> list[dict[str, str]]:
    """What WhatsApp refuses although each part is well made."""
    if isinstance(interactive, Buttons):
        ids = [button.id for button in interactive.buttons]
        return [_problem("buttons", "should have different ids")] if len(set(ids)) < len(ids) else []
    rows = [row for section in interactive.sections for row in section.rows]
    problems = []
    if len({row.id for row in rows}) < len(rows):
        problems.append(_problem("sections", "should have rows with different ids"))
    if len(rows) > MOST_ROWS:
        problems.append(_problem("sections", f"should have at most {MOST_ROWS} rows in all"))
    if len(interactive.sections) > 1 and any(section.title is None for section in interactive.sections):
        problems.append(_problem("sections", "should have titles where there are several"))
    return problems


def _problem(path: str, message: str) -> dict[str, str]:
    return {"path": f"interactive.{path}", "message": message}


def _refuse(problems: list[dict[str, str]]) -> None:
    if problems:
        raise InvalidRequest("The request has fields that are not valid.", errors=problems)


def _alias(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)


def _dumped(given: BodyModel) -> dict[str, Any]:
    return given.model_dump(by_alias=True, exclude_none=True)
