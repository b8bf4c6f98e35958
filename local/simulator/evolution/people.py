"""JIDs as Evolution 2.3.7 makes and writes them. Who has which JID only WhatsApp knows: here, everybody has the one
they wrote with, and somebody unknown the one they were written to.
"""

import hashlib
import re

from local.simulator.integrations import SimulatedIntegration

USER, LID, GROUP = "@s.whatsapp.net", "@lid", "@g.us"
GROUP_MEMBER = "5511955550001"


def jid(digits: str) -> str:
    """A person's JID."""
    return digits + USER


def lid(digits: str) -> str:
    """The LID of a person: the same for ever, and no phone number."""
    return str(10**13 + int(hashlib.sha256(digits.encode()).hexdigest()[:12], 16) % (8 * 10**13)) + LID


def group_jid(bare: str) -> str:
    """A group's JID."""
    return bare if bare.endswith(GROUP) else bare + GROUP


def read_number(number: str) -> tuple[str, bool]:
    """Whom a `number` or JID names, and whether that is a group (createJid.ts, but for the ninth digit)."""
    if number.endswith(GROUP):
        return number.removesuffix(GROUP), True
    if number.endswith((USER, LID)):
        return re.sub(r":\d+", "", number), False
    digits = re.sub(r"\D", "", number.partition("@")[0])
    if ("-" in number and len(number) >= 24) or len(digits) >= 18:
        return digits, True
    return digits, False


class People:
    """Who is known on each number, so that a LID and a number without its ninth digit find their thread."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str] = {}

    def note(self, integration: SimulatedIntegration, digits: str) -> None:
        """Somebody wrote, or was written to."""
        for name in (jid(digits), lid(digits), *map(jid, variants(digits))):
            self._known.setdefault((integration.id, name), digits)
        self._known[integration.id, jid(digits)] = digits

    def find(self, integration: SimulatedIntegration, named: str) -> str | None:
        """The digits of whoever has this number, JID or LID; None where nobody has."""
        full = named if "@" in named else jid(named)
        known = self._known.get((integration.id, full))
        if known is not None:
            return known
        digits = full.removesuffix(USER)
        return digits if re.fullmatch(r"[1-9][0-9]{9,14}", digits) else None


def variants(digits: str) -> list[str]:
    """The same Brazilian mobile number with or without its ninth digit."""
    if re.fullmatch(r"55[1-9]{2}9[6-9][0-9]{7}", digits):
        return [digits[:4] + digits[5:]]
    if re.fullmatch(r"55[1-9]{2}[6-9][0-9]{7}", digits):
        return [f"{digits[:4]}9{digits[4:]}"]
    return []
