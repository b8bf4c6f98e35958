"""Evolution's numbers, times and bytes, which protobuf writes in several ways: a text, a number, a `Long`; base64, a
map of positions, a Buffer. The one rule: what is none of these is nothing, never an error.
"""

from __future__ import annotations

import binascii
import math
from base64 import b64decode
from datetime import UTC, datetime
from typing import Final

from parley.providers.reading import seconds_moment

_LONGEST_BYTES: Final = 4096
_HALF: Final = 2**31  # a Long is two numbers of 32 bits
_LAST_MILLISECOND: Final = 253_402_300_799_000  # of the year 9999, where datetime ends


def whole(value: object) -> int | None:
    """A whole number of at least zero."""
    if isinstance(value, dict):
        low, high = value.get("low"), value.get("high", 0)
        if not isinstance(low, int) or not isinstance(high, int) or not -_HALF <= low < 2 * _HALF or abs(high) > _HALF:
            return None
        value = ((high & 0xFFFFFFFF) << 32) | (low & 0xFFFFFFFF)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 18:
        return int(value)
    if isinstance(value, float) and value.is_integer() and value < 2**63:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63 else None


def moment(value: object) -> datetime | None:
    """A time in seconds."""
    return seconds_moment(whole(value))


def precise_moment(value: object) -> datetime | None:
    """A time in milliseconds."""
    milliseconds = whole(value)
    if milliseconds is None or not 0 < milliseconds <= _LAST_MILLISECOND:
        return None
    return datetime.fromtimestamp(milliseconds // 1000, UTC).replace(microsecond=milliseconds % 1000 * 1000)


def decimal(value: object) -> float | None:
    """A number of degrees."""
    if isinstance(value, str) and len(value) <= 32:
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, int | float) and not isinstance(value, bool) and -1000 < value < 1000:
        return value if math.isfinite(value) else None
    return None


def octets(value: object) -> bytes | None:
    """A short field of bytes, like a hash."""
    if isinstance(value, str):
        return unpacked(value) if len(value) <= _LONGEST_BYTES else None
    if isinstance(value, dict) and value.get("type") == "Buffer":
        value = value.get("data")
    elif isinstance(value, dict) and len(value) <= _LONGEST_BYTES:
        value = [value.get(str(position)) for position in range(len(value))]
    if not isinstance(value, list) or not 0 < len(value) <= _LONGEST_BYTES:
        return None
    return bytes(value) if all(_is_int(one) and 0 <= one <= 255 for one in value) else None


def unpacked(text: object) -> bytes | None:
    """The bytes that base64 is of, perhaps as a data URI."""
    if not isinstance(text, str) or not text:
        return None
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return b64decode(text, validate=True) or None
    except (binascii.Error, ValueError):
        return None


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
