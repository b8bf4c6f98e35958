"""Who a person is: addresses and their canonical keys. The one rule: two spellings of one address have one key.

Brazilian mobile numbers exist with and without a ninth digit, depending on the age of the WhatsApp account, and a
gateway may use either for the same person; landlines (local part starting 2 to 5) never take it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

AliasKind = Literal["phone", "lid", "bsuid", "jid"]

TENANT_WIDE = UUID(int=0)
"""The scope of an alias that names one person in the whole tenant, whichever integration it came through."""

_NON_DIGITS = re.compile(r"\D")


@dataclass(frozen=True, slots=True)
class Address:
    """One address of a person, as the gateway wrote it."""

    kind: AliasKind
    value: str

    @property
    def key(self) -> str:
        """The canonical form that finds the contact."""
        return phone_key(self.value) if self.kind == "phone" else self.value

    def scope(self, integration_id: UUID) -> UUID:
        """A phone number is one person in the whole tenant; any other address only on its own integration."""
        return TENANT_WIDE if self.kind == "phone" else integration_id


@dataclass(frozen=True, slots=True)
class Person:
    """What one webhook says about a customer: one or more addresses of the same person, the strongest first."""

    addresses: tuple[Address, ...]
    name: str | None = None

    @property
    def reply_address(self) -> Address:
        """Where an answer goes: the strongest address this webhook gave, in the form it gave."""
        return self.addresses[0]


def phone_key(number: str) -> str:
    """Digits only; a Brazilian mobile number always with its ninth digit.

    >>> phone_key("+55 31 8765-4321"), phone_key("5531987654321"), phone_key("551130001000")
    ('5531987654321', '5531987654321', '551130001000')
    """
    digits = _NON_DIGITS.sub("", number)
    if len(digits) == 12 and digits.startswith("55") and digits[4] in "6789":
        return f"{digits[:4]}9{digits[4:]}"
    return digits


def e164(number: str) -> str:
    """The number as people read it: a plus sign and its digits."""
    return "+" + _NON_DIGITS.sub("", number)
