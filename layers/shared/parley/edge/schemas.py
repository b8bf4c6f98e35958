"""What may be asked: bodies, and the types of query parameters. The one rule: a field nobody knows is refused,
because a caller who wrote it expects it to matter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

CHOICE: Final = "\0"
"""What the tag of a choice between models begins with, which no name in a body can: it stands in pydantic's paths,
where the caller has nothing (see `path_of`).
"""
LONGEST_TEXT: Final = 4096
LARGEST_METADATA: Final = 2048
LARGEST_NUMBER: Final = 2**63 - 1
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}", re.ASCII)


def _plain_number(value: object) -> object:
    # pydantic reads "5.0", " 5" and "1_0" as integers too.
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{1,6}", value):
        raise ValueError("should be a whole number")
    return value


def _written_time(value: object) -> object:
    # pydantic reads 7 and "0.5" as seconds of 1970, and dates without a time.
    if not isinstance(value, str) or not _TIME.match(value):
        raise ValueError("should be a time like 2030-01-31T00:00:00Z")
    return value


def _small(value: dict[str, Any]) -> dict[str, Any]:
    if len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()) > LARGEST_METADATA:
        raise ValueError(f"should have at most {LARGEST_METADATA} bytes as JSON")
    return value


def _client_key(value: str) -> str:
    if not is_client_key(value):
        raise ValueError("should have 1 to 255 printable characters")
    return value


def is_client_key(value: str) -> bool:
    """Whether a text can be an idempotency key: 1 to 255 printable characters."""
    return 1 <= len(value) <= 255 and value.isprintable()


Moment = Annotated[
    AwareDatetime,
    Field(strict=False),
    BeforeValidator(_written_time),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Limit = Annotated[int, BeforeValidator(_plain_number)]
Metadata = Annotated[dict[str, Any], AfterValidator(_small)]
ClientKey = Annotated[str, AfterValidator(_client_key)]
Text = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]
LooseId = Annotated[UUID, Field(strict=False)]


class BodyModel(BaseModel):
    """A JSON object of a request."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, validate_by_alias=True)


def some_fields(schema: dict[str, Any]) -> None:
    """Say in a schema what a patch is: at least one field, and none is filled in that was not given."""
    schema["minProperties"] = 1
    for field in schema["properties"].values():
        field.pop("default", None)


def path_of(place: Sequence[int | str]) -> str:
    """Where in what the caller sent, in pydantic's parts: `sections.0.rows`."""
    return ".".join(str(part) for part in place if not str(part).startswith(CHOICE))
