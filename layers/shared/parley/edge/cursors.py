"""Cursors of lists: positions in opaque wrapping. The one rule: a cursor goes on only in the list it came from; any
other is 400.

The list is named with its filters and sort, so that a cursor of "open, mine" does not silently continue "everything".
"""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from parley.domain.errors import InvalidRequest

LONGEST_CURSOR: Final = 1024


def write_cursor(of: str, *parts: datetime | UUID | str | None) -> str:
    """Wrap a position of the list `of`."""
    texts = [part.isoformat() if isinstance(part, datetime) else part and str(part) for part in parts]
    return urlsafe_b64encode(json.dumps([_mark(of), *texts]).encode()).rstrip(b"=").decode()


def read_cursor(of: str, cursor: str, length: int) -> list[str | None]:
    """Unwrap the `length` parts of a position.

    Raises InvalidRequest for what is no cursor of this list.
    """
    if len(cursor) > LONGEST_CURSOR:
        raise bad_cursor()
    try:
        decoded: Any = json.loads(urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError) as error:
        raise bad_cursor() from error
    mark, *parts = decoded if isinstance(decoded, list) and decoded else [None]
    if mark != _mark(of) or len(parts) != length or not all(part is None or _storable(part) for part in parts):
        raise bad_cursor()
    return parts


def read_time(text: str | None) -> datetime:
    """A moment out of a cursor. Raises InvalidRequest."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError as error:
        raise bad_cursor() from error
    if moment.tzinfo is None:
        raise bad_cursor()
    return moment


def read_id(text: str | None) -> UUID:
    """An id out of a cursor. Raises InvalidRequest."""
    try:
        return UUID(text or "")
    except ValueError as error:
        raise bad_cursor() from error


def read_number(text: str | None) -> int:
    """A number out of a cursor. Raises InvalidRequest."""
    if text is None or not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise bad_cursor()
    return int(text)


def bad_cursor() -> InvalidRequest:
    """The error for a cursor that is none, or that belongs to another list."""
    return InvalidRequest(errors=[{"path": "cursor", "message": "This is no cursor of this list."}])


def _mark(of: str) -> str:
    return hashlib.sha256(of.encode()).hexdigest()[:12]


def _storable(part: object) -> bool:
    return isinstance(part, str) and "\0" not in part and not any("\ud800" <= letter <= "\udfff" for letter in part)
