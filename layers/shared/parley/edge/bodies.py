"""JSON bodies. The one rule: what comes out of here is a JSON object of bounded size and depth that Postgres can
hold: no NUL, no half of a surrogate pair, no number that is none.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

from parley.domain.errors import InvalidRequest, TooLarge

from .webhooks import raw_body

LARGEST_BODY: Final = 256 * 1024
DEEPEST: Final = 32


def read_object(event: Mapping[str, Any]) -> dict[str, Any] | None:
    """The body of an HTTP API event (payload 2.0) as a JSON object without NULs; None if it is empty.

    The content type is not asked: a client that sends JSON under another name means JSON.
    Raises TooLarge above 256 kB and InvalidRequest for what is no JSON object.
    """
    raw = raw_body(event)
    if len(raw) > LARGEST_BODY:
        raise TooLarge(f"A body may have {LARGEST_BODY} bytes.")
    if not raw.strip():
        return None
    try:
        value = json.loads(raw.decode("utf-8-sig"), parse_constant=_no_number, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("The body is not JSON.") from error
    if not isinstance(value, dict):
        raise InvalidRequest("The body is not a JSON object.")
    return {str(_clean(name, 1)): _clean(item, 1) for name, item in value.items()}


def _clean(value: object, depth: int) -> object:
    if depth > DEEPEST:
        raise InvalidRequest(f"The body is nested more than {DEEPEST} levels deep.")
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise InvalidRequest("The body holds half of a surrogate pair.") from error
        return value.replace("\0", "")
    if isinstance(value, dict):
        return {_clean(name, depth + 1): _clean(item, depth + 1) for name, item in value.items()}
    if isinstance(value, list):
        return [_clean(item, depth + 1) for item in value]
    return value


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _no_number(text)


def _no_number(text: str) -> float:
    raise ValueError(f"{text[:20]} is no JSON number")
