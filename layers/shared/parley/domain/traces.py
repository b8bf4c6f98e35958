"""Find a person's addresses in what was written. The one rule: an address is found whole, in any form a gateway writes
it in, and no part of a longer number is taken for it.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote_to_bytes

SHORTEST: Final = 5
"""Fewer characters are found everywhere, and so say nothing."""
GONE: Final = "…"
"""What stands where an address stood."""

_WITHOUT_NINTH: Final = re.compile(r"55(\d\d)9([6-9]\d{7})")
_ESCAPED: Final = re.compile(rb"\\u[0-9a-fA-F]{4}")
_LONG_ENOUGH: Final = 16


class Traces:
    """The ways in which a person's addresses are written; `aliases`: kind, canonical value and the gateway's form."""

    def __init__(self, aliases: Iterable[Mapping[str, Any]]) -> None:
        spelt = {spelling for alias in aliases for spelling in _spellings(alias)}
        self.spellings = sorted(one for one in spelt if len(one) >= SHORTEST)
        ways = "|".join(re.escape(one) for one in sorted(self.spellings, key=len, reverse=True))
        self._pattern = re.compile(rf"(?<![0-9])(?:{ways})(?![0-9])") if ways else None
        self._bytes = re.compile(self._pattern.pattern.encode()) if self._pattern else None

    def in_bytes(self, data: bytes) -> bool:
        """Whether a body names the person, be it JSON or a form."""
        if self._bytes is None:
            return False
        if self._bytes.search(data):
            return True
        # An escaped character before a number (`%22`, `\\u0022`) ends in a digit itself.
        plain = _ESCAPED.sub(b" ", unquote_to_bytes(data) if b"%" in data else data)
        return self._bytes.search(plain) is not None

    def in_text(self, text: str) -> bool:
        """Whether a text names the person."""
        return self._pattern is not None and self._pattern.search(text) is not None

    def in_payload(self, payload: Any) -> bool:  # noqa: ANN401 - any JSON
        """Whether a queue's message names the person, also within a body that travels as base64."""
        return any(self.in_bytes(data) for data in _readings(payload))

    def without(self, text: str) -> str:
        """A text with the addresses taken out."""
        return self._pattern.sub(GONE, text) if self._pattern else text

    def without_in_json(self, value: Any) -> Any:  # noqa: ANN401 - any JSON
        """The same JSON with the addresses taken out of its texts and numbers."""
        if isinstance(value, str):
            return self.without(value)
        if isinstance(value, Mapping):
            return {self.without(name): self.without_in_json(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.without_in_json(item) for item in value]
        if isinstance(value, int) and not isinstance(value, bool) and self.in_text(str(value)):
            return None
        return value


def _spellings(alias: Mapping[str, Any]) -> Iterator[str]:
    for written in (alias["value"], alias["address"]):
        if alias["kind"] == "phone":
            digits = re.sub(r"\D", "", written)
            yield digits
            yield _WITHOUT_NINTH.sub(r"55\1\2", digits)
        else:
            # `5511…:7@s.whatsapp.net`: the device and the server are of no person.
            yield written.partition("@")[0].partition(":")[0]


def _readings(value: Any) -> Iterator[bytes]:  # noqa: ANN401 - any JSON
    """Every text in a JSON value, and what it holds where it is base64 or JSON itself."""
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _readings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _readings(item)
    elif isinstance(value, str):
        yield value.encode("utf-8", "surrogatepass")
        yield from _unwrapped(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield str(value).encode()


def _unwrapped(text: str) -> Iterator[bytes]:
    if len(text) < _LONG_ENOUGH:
        return
    try:
        yield b64decode(text, validate=True)
    except ValueError:
        if text.startswith(("{", "[")):
            try:
                yield from _readings(json.loads(text))
            except (ValueError, RecursionError):
                return
