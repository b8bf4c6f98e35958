"""Reading whatsmeow's objects. The one rule: names are looked up without regard to case, because WuzAPI's builds spell
the same field differently (`url`/`URL`, `stanzaId`/`stanzaID`), and numbers and bytes come in more forms than one.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import Any, Final

from parley.domain.identity import Address, Person
from parley.providers.reading import clean_text, optional_id, seconds_moment

PHONE_SERVERS: Final = frozenset({"s.whatsapp.net", "c.us", "hosted"})
LID_SERVERS: Final = frozenset({"lid", "hosted.lid"})
GROUP_SERVER: Final = "g.us"
BROADCAST_SERVER: Final = "broadcast"
NEWSLETTER_SERVER: Final = "newsletter"

_LARGEST_INTEGER: Final = 2**63 - 1
_JID: Final = re.compile(r"([^@:\s]+?)(?:\.[0-9]+)?(?::[0-9]+)?@([a-z.]+)", re.ASCII)
_PHONE: Final = re.compile(r"[0-9]{3,20}", re.ASCII)


class Fields:
    """An object of the body, or an empty one for anything else; of two spellings of a name the last counts."""

    __slots__ = ("_source", "_values")

    def __init__(self, value: object) -> None:
        self._source: dict[str, Any] = value if isinstance(value, dict) else {}
        self._values = {name.lower(): item for name, item in self._source.items() if item is not None}

    def __bool__(self) -> bool:
        return bool(self._values)

    def __iter__(self) -> Iterator[str]:
        """The names as they are written."""
        return (name for name, item in self._source.items() if item is not None)

    def first(self, names: Collection[str]) -> str | None:
        """Of these names (lower case) the first that the object has."""
        for name in self._values:
            if name in names:
                return name
        return None

    def get(self, *names: str) -> Any:  # noqa: ANN401  (any JSON)
        """The value under the first of these names (lower case) that is there."""
        values = self._values
        for name in names:
            value = values.get(name)
            if value is not None:
                return value
        return None

    def object(self, *names: str) -> Fields:
        """An object, or an empty one."""
        value = self.get(*names)
        return Fields(value) if value and isinstance(value, dict) else NOTHING

    def objects(self, *names: str) -> list[Fields]:
        """The objects of a list."""
        value = self.get(*names)
        return [Fields(one) for one in value if isinstance(one, dict)] if isinstance(value, list) else []

    def text(self, *names: str) -> str | None:
        """A text that says something, or None."""
        value = self.get(*names)
        return (clean_text(value) or None) if isinstance(value, str) else None

    def id(self, *names: str) -> str | None:
        """An id, or None."""
        return optional_id(self.get(*names))

    def flag(self, *names: str) -> bool:
        """A boolean; absent is False."""
        value = self.get(*names)
        return value is True or value == "true"

    def integer(self, *names: str) -> int | None:
        """A whole number, also one written as text or as the two halves of a JavaScript Long."""
        return _integer(self.get(*names))

    def degrees(self, *names: str) -> float | None:
        """A number of a coordinate, or None."""
        value = self.get(*names)
        if isinstance(value, str) and len(value) <= 32:
            try:
                value = float(value)
            except ValueError:
                return None
        within = isinstance(value, int | float) and not isinstance(value, bool) and -180 <= value <= 180
        return float(value) if within else None

    def bytes(self, *names: str) -> bytes | None:
        """Bytes: base64 as Go writes them, a list of numbers, or an object of numbered bytes."""
        value = self.get(*names)
        if isinstance(value, str):
            return decoded(value)
        if isinstance(value, dict):
            value = list(value.values())
        if isinstance(value, list) and all(type(one) is int and 0 <= one <= 255 for one in value):
            return bytes(value)
        return None


NOTHING: Final = Fields(None)


def decoded(text: str) -> bytes | None:
    """What base64 says, or None where it is none; the whole text must be."""
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return None


def _integer(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 19:
        value = int(value)
    if isinstance(value, dict):
        low, high = value.get("low"), value.get("high", 0)
        if type(low) is not int or type(high) is not int:
            return None
        value = (high << 32) | (low & 0xFFFFFFFF) if abs(high) < 2**31 else None
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= _LARGEST_INTEGER else None


@dataclass(frozen=True)
class Jid:
    """WhatsApp's address of a user or chat, less the device and agent it may name."""

    user: str
    server: str

    def __str__(self) -> str:
        return f"{self.user}@{self.server}"

    @cached_property
    def address(self) -> Address | None:
        """As an address of a person; None for a phone number that is none."""
        if self.server in PHONE_SERVERS:
            return Address("phone", self.user) if _PHONE.fullmatch(self.user) else None
        if self.server in LID_SERVERS:
            return Address("lid", f"{self.user}@lid")
        return Address("jid", str(self))


def read_jid(value: object) -> Jid | None:
    """`5511999990000:45@s.whatsapp.net` as a user and a server; None for anything else, also for an empty one."""
    text = optional_id(value)
    return _parsed_jid(text) if text else None


@lru_cache(maxsize=1024)
def _parsed_jid(text: str) -> Jid | None:
    """Remembered, because one body names the same few people again and again."""
    match = _JID.fullmatch(text)
    return Jid(match[1], match[2]) if match else None


_STRENGTH: Final = ("phone", "lid", "jid")


def person(*jids: object, name: str | None = None) -> Person | None:
    """The person whom all these JIDs are of, a phone number first; one address of a kind. None where none is one."""
    found: dict[str, Address] = {}
    for value in jids:
        jid = value if isinstance(value, Jid) else read_jid(value)
        address = jid.address if jid else None
        if address is not None:
            found.setdefault(address.kind, address)
    if len(found) > 1:
        found.pop("jid", None)
    addresses = tuple(found[kind] for kind in _STRENGTH if kind in found)
    return Person(addresses, name) if addresses else None


def moment(value: object) -> datetime | None:
    """Go's time: ISO 8601 with an offset; its zero, in the year 1, is none. Unix seconds do as well."""
    if not isinstance(value, str) or value.isdigit():
        return seconds_moment(value)
    try:
        time = datetime.fromisoformat(value[:40])
        time = (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return time if time.year > 1 else None
