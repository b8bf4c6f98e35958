"""Who is who in Evolution's bodies: JIDs as addresses. The one rule: an address is a person's only if the same body
proves it; a LID is never made a phone number.

Which field means what differs by build (2.3.0 has `senderPn` and `senderLid`, 2.3.7 `remoteJidAlt` and
`participantAlt`), so all of them are asked, in the order of their strength.
"""

from __future__ import annotations

import re
from typing import Final

from parley.domain.identity import Address, Person, phone_key
from parley.providers.reading import Json, optional_id, text_of

_JID: Final = re.compile(r"([0-9]{1,32})(?:_[0-9]+)?(?::[0-9]+)?@(s\.whatsapp\.net|c\.us|lid)", re.ASCII)
_PHONE: Final = re.compile(r"[0-9]{5,15}", re.ASCII)

OF_CHAT: Final = ("remoteJid", "remoteJidAlt")
OF_CUSTOMER: Final = (*OF_CHAT, "senderPn", "senderLid")
OF_MEMBER: Final = ("participant", "participantAlt", "participantPn", "participantLid", "senderPn", "senderLid")


def address_of(jid: object) -> Address | None:
    """The address a JID is, without its device; None for what is no person (a group, a newsletter, WhatsApp)."""
    match = _JID.fullmatch(jid) if isinstance(jid, str) else None
    if match is None:
        return None
    if match[2] == "lid":
        return Address("lid", f"{match[1]}@lid")
    return Address("phone", match[1]) if _PHONE.fullmatch(match[1]) else None


def jid_of(address: Address) -> str:
    """The JID of an address, as Evolution's keys have it."""
    return f"{re.sub(r'[^0-9]', '', address.value)}@s.whatsapp.net" if address.kind == "phone" else address.value


def is_group(jid: object) -> bool:
    """Whether a JID is a group's."""
    return isinstance(jid, str) and jid.endswith("@g.us")


def person_of(key: Json, fields: tuple[str, ...], *, name: object = None, never: object = None) -> Person | None:
    """The one person whom these fields of a key name: the first phone number, then the first LID. `never`: a JID that
    is not theirs, whatever the key says (some builds give the company's own number as the alternative).
    """
    own = address_of(never)
    found = [address for address in (address_of(key.get(field)) for field in fields) if address]
    if own is not None:
        found = [address for address in found if not (address.kind == own.kind and address.key == own.key)]
    phone = next((address for address in found if address.kind == "phone"), None)
    lid = next((address for address in found if address.kind == "lid"), None)
    addresses = tuple(address for address in (phone, lid) if address)
    return Person(addresses, given_name(name, addresses)) if addresses else None


def given_name(name: object, addresses: tuple[Address, ...]) -> str | None:
    """A name people gave themselves; Evolution writes the number where it knows none."""
    cleaned = (text_of(name) or "").strip()
    if not cleaned or phone_key(cleaned) in {address.key.removesuffix("@lid") for address in addresses}:
        return None
    return cleaned


def participant_of(value: Json) -> str:
    """The member of a group a receipt is of, in one spelling; empty in a direct chat."""
    if not is_group(value.get("remoteJid")):
        return ""
    address = address_of(value.get("participant"))
    return jid_of(address) if address else optional_id(value.get("participant")) or ""
