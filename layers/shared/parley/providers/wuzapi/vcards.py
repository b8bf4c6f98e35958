"""A contact as a vCard. The one rule: a name or a number cannot end its line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

_ESCAPES: Final = str.maketrans({"\\": "\\\\", ",": "\\,", ";": "\\;", "\n": "\\n", "\r": None})
_NON_DIGITS: Final = re.compile(r"[^0-9]")


def vcard_of(card: Mapping[str, Any]) -> str:
    """VCard 3.0 of {name, phones}; `waid` is how WhatsApp knows that it can write there."""
    name = str(card["name"]).translate(_ESCAPES)
    lines = ["BEGIN:VCARD", "VERSION:3.0", f"N:;{name};;;", f"FN:{name}"]
    for number in card.get("phones") or ():
        digits = _NON_DIGITS.sub("", str(number))
        if digits:
            lines.append(f"TEL;type=CELL;waid={digits}:+{digits}")
    return "\n".join([*lines, "END:VCARD"])
