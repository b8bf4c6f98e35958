"""What may be asked of conversations, contacts and the catalogue. The one rule: a field that is not there is left as it
is, one that is null is emptied.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, ConfigDict, Field

from parley.domain.errors import InvalidRequest

from .schemas import BodyModel, LooseId, Moment, Text, some_fields

LONGEST_NAME: Final = 100
LARGEST_ATTRIBUTES: Final = 16 * 1024
MOST_LABELS: Final = 50
_PHONE: Final = re.compile(r"\+?[0-9][0-9 ().-]{5,38}", re.ASCII)
_VERSION: Final = re.compile(r"(?:W/)?\"?([0-9]{1,9})\"?")


def _plain(value: str) -> str:
    if value != value.strip() or not value.isprintable():
        raise ValueError("should be printable, without blanks around it")
    return value


def _phone(value: str) -> str:
    if not _PHONE.fullmatch(value):
        raise ValueError("should be a phone number")
    return value


def _small(value: dict[str, Any]) -> dict[str, Any]:
    if len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()) > LARGEST_ATTRIBUTES:
        raise ValueError(f"should have at most {LARGEST_ATTRIBUTES} bytes as JSON")
    return value


Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME), AfterValidator(_plain)]
Phone = Annotated[str, Field(min_length=6, max_length=40), AfterValidator(_phone)]
Color = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]
Attributes = Annotated[dict[str, Any], Field(max_length=100), AfterValidator(_small)]
Status = Literal["open", "pending", "resolved", "snoozed"]
Priority = Literal["none", "low", "medium", "high", "urgent"]


class Patch(BodyModel):
    """Some fields of something. One that cannot be empty has a default that nobody reads: what is not given is left as
    it is.
    """

    model_config = ConfigDict(json_schema_extra=some_fields)

    def asked(self) -> dict[str, Any]:
        """What was given, by our names. Raises InvalidRequest where nothing was."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        if not given:
            raise InvalidRequest(
                "Nothing is to be changed.", errors=[{"path": "body", "message": "should not be empty"}]
            )
        return given


class ConversationPatch(Patch):
    """What is to change of a conversation; `snoozedUntil` null: until the customer writes."""

    status: Status = "open"
    snoozed_until: Moment | None = Field(None, alias="snoozedUntil")
    priority: Priority = "none"
    labels: Annotated[list[Name], Field(max_length=MOST_LABELS, default_factory=list)]


class AssignBody(BodyModel):
    """Who is to have it, null for nobody, and a note for them."""

    user_id: LooseId | None = Field(alias="userId")
    note: Text | None = None


class LabelBody(BodyModel):
    """A label."""

    name: Name
    color: Color | None = None
    description: Annotated[str, Field(min_length=1, max_length=500)] | None = None


class LabelPatch(Patch):
    """What is to change of a label."""

    name: Name = ""
    color: Color | None = None
    description: Annotated[str, Field(min_length=1, max_length=500)] | None = None


class CannedReplyBody(BodyModel):
    """A text that is written often, and the word that calls it."""

    shortcut: Name
    text: Text


class CannedReplyPatch(Patch):
    """What is to change of a canned reply."""

    shortcut: Name = ""
    text: Text = ""


class ContactBody(BodyModel):
    """A contact, by its phone number."""

    phone: Phone
    name: Name | None = None
    attributes: Attributes | None = None


class ContactPatch(Patch):
    """What is to change of a contact; of `attributes` those that are given, null takes one away."""

    name: Name | None = None
    attributes: Annotated[Attributes, Field(default_factory=dict)]


class BlockBody(BodyModel):
    """Whether the contact is blocked."""

    blocked: bool = True


def read_version(given: str | None) -> int | None:
    """The version in an `If-Match` header; None where there is none, or any will do. Raises InvalidRequest."""
    if given is None or given.strip() == "*":
        return None
    found = _VERSION.fullmatch(given.strip())
    if found is None:
        raise InvalidRequest(errors=[{"path": "If-Match", "message": "should be a version"}])
    return int(found[1])
