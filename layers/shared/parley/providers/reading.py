"""Reading what gateways post: JSON and its values, cleaned for Postgres. The one rule: tolerant of shape, strict about
identity; nothing here knows a gateway.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NoReturn, TypeAlias

from parley.domain.errors import Unreadable

Json: TypeAlias = dict[str, Any]

DEEPEST: Final = 100
LONGEST_ID: Final = 512
"""In bytes: several ids must fit into one entry of an index."""

_LAST_SECOND: Final = 253_402_300_799  # of the year 9999, where datetime ends


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_decode: Final = json.JSONDecoder(parse_constant=_refuse_constant).decode


def read_object(body: bytes | str) -> Json:
    """A body as the JSON object it must be.

    Raises Unreadable.
    """
    try:
        value = _decode(body.decode() if isinstance(body, bytes) else body)
    except ValueError as error:
        raise Unreadable("not JSON") from error
    except RecursionError as error:
        raise Unreadable("nested too deeply") from error
    if not isinstance(value, dict):
        raise Unreadable("not a JSON object")
    return value


def objects(value: object, what: str) -> list[Json]:
    """A list of objects, or nothing. Raises Unreadable for anything else."""
    if value is None:
        return []
    if not isinstance(value, list) or [one for one in value if not isinstance(one, dict)]:
        raise Unreadable(f"{what} is not a list of objects")
    return value


def only_objects(value: object) -> list[Json]:
    """For what only adds to a message: a shape nobody expects costs no message."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def object_of(value: object) -> Json:
    """An object, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def identity(value: object, otherwise: str) -> str:
    """An id that must be there. Raises Unreadable, saying `otherwise`."""
    found = optional_id(value)
    if found is None:
        raise Unreadable(otherwise)
    return found


def optional_id(value: object) -> str | None:
    """An id as text: gateways write text, tools people test with also numbers; what is longer than any id is none."""
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or len(value) > LONGEST_ID:
        return None
    if value.isascii():
        return value.replace("\x00", "") or None
    text = clean_text(value)
    return text if len(text.encode()) <= LONGEST_ID else None


def text_of(value: object) -> str | None:
    """A text, cleaned; None for what is none."""
    return clean_text(value) if isinstance(value, str) else None


def seconds_moment(value: object) -> datetime | None:
    """Unix seconds, as text or a number; None for what is no time."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 12:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _LAST_SECOND:
        return datetime.fromtimestamp(value, UTC)
    return None


def short(value: object) -> str:
    """The beginning of a value, for a reason."""
    return clean_text(str(value))[:80]


def clean_text(text: str) -> str:
    """Without NUL and lone surrogates: JSON may carry both, Postgres takes neither."""
    if "\x00" in text:
        text = text.replace("\x00", "")
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def clean(value: Any, depth: int = 0) -> Any:  # noqa: ANN401  (any JSON)
    """The same value as Postgres' jsonb takes it, at every depth; a number it cannot hold becomes null.

    Raises Unreadable for what is nested deeper than anything meant well.
    """
    if depth > DEEPEST:
        raise Unreadable("nested too deeply")
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, Mapping):
        return {clean_text(str(name)): clean(item, depth + 1) for name, item in value.items()}
    if isinstance(value, list):
        return [clean(item, depth + 1) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
