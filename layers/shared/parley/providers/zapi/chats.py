"""Who wrote a message of Z-API's, in which conversation, when. The one rule: a person is known by every address the
body proves to be theirs, and a message that does not say whose it is makes the body unreadable.

Source: Z-API/z-api-docs, docs/webhooks/on-message-received.md and docs/tips/lid.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from parley.domain.errors import Unreadable
from parley.domain.identity import Address, Person
from parley.domain.incoming import Group, Ignored
from parley.providers.reading import Json, optional_id, seconds_moment, text_of

_PHONE: Final = re.compile(r"\+?[0-9]{3,20}", re.ASCII)
_LID: Final = re.compile(r"([0-9]{3,20})(?::[0-9]{1,5})?@lid", re.ASCII)
_JID_OF_A_PHONE: Final = re.compile(r"(?::[0-9]{1,5})?@(?:c\.us|s\.whatsapp\.net)", re.ASCII)
_FIRST_MILLISECOND: Final = 100_000_000_000
"""As milliseconds this is 1973, as seconds the year 5138: what is smaller was written in seconds."""


@dataclass(frozen=True, slots=True)
class Chat:
    """`person`: the author, or for one of ours the customer it went to (None in a group)."""

    person: Person | None
    group: Group | None
    ours: bool
    at: datetime | None


def moment(value: object) -> datetime | None:
    """Z-API's `momment`: unix milliseconds, and in one webhook seconds; None for what is no time."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 15:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    if value < _FIRST_MILLISECOND:
        return seconds_moment(value)
    whole = seconds_moment(value // 1000)
    return None if whole is None else whole.replace(microsecond=value % 1000 * 1000)


def nobodys(body: Json) -> Ignored | None:
    """Why a ReceivedCallback belongs to no customer's conversation. What a customer sends to a broadcast list of theirs
    does: it comes in the chat with them.
    """
    chat = optional_id(body.get("phone")) or ""
    if body.get("isNewsletter") is True or chat.endswith("@newsletter"):
        return Ignored("newsletter")
    if chat.endswith("broadcast") or (body.get("fromMe") is True and body.get("broadcast") is True):
        return Ignored("broadcast")
    return None


def read_chat(body: Json) -> Chat:
    """Read whose conversation a ReceivedCallback belongs to. Raises Unreadable."""
    chat, ours, at = optional_id(body.get("phone")) or "", body.get("fromMe") is True, moment(body.get("momment"))
    if is_group(body):
        if not chat:
            raise Unreadable("a group message without its group")
        group = Group(chat, text_of(body.get("chatName")) or None)
        return Chat(None if ours else _author(body), group, ours, at)
    if ours:
        # Of the names in an echo none is the customer's own: the sender is the company, the chat as it called it.
        return Chat(person_of((chat, body.get("chatLid")), "a message to nobody"), None, ours, at)
    addresses = (chat, body.get("chatLid"), body.get("senderLid"))
    return Chat(person_of(addresses, "a message without a sender", _name(body)), None, ours, at)


def is_group(body: Json) -> bool:
    """Whether the chat is a group's."""
    chat = body.get("phone")
    return body.get("isGroup") is True or (isinstance(chat, str) and chat.endswith(("-group", "@g.us")))


def _author(body: Json) -> Person:
    participants = (body.get("participantPhone"), body.get("participantLid"), body.get("senderLid"))
    for named in (participants, (_answering(body),)):
        found = addresses_of(named)
        if found:
            return Person(found, _name(body))
    raise Unreadable("a group message without its author")


def _answering(body: Json) -> object:
    """Who reacted or answered, by what the reaction or the answer itself says."""
    for name, member in (("reaction", "reactionBy"), ("eventResponse", "responseFrom")):
        value = body.get(name)
        if isinstance(value, dict):
            return value.get(member)
    return None


def person_of(values: Iterable[object], otherwise: str, name: str | None = None) -> Person:
    """The person all these addresses are of. Raises Unreadable, saying `otherwise`."""
    addresses = addresses_of(values)
    if not addresses:
        raise Unreadable(otherwise)
    return Person(addresses, name)


def addresses_of(values: Iterable[object]) -> tuple[Address, ...]:
    """The addresses among these values, a phone number first, each once."""
    found: dict[tuple[str, str], Address] = {}
    for value in values:
        address = address_of(value)
        if address is not None:
            found.setdefault((address.kind, address.key), address)
    return tuple(sorted(found.values(), key=lambda address: address.kind != "phone"))


def address_of(value: object) -> Address | None:
    """A phone number or a LID as Z-API writes either, in any of its fields; None for what is neither."""
    text = optional_id(value)
    if text is None:
        return None
    lid = _LID.fullmatch(text)
    if lid:
        return Address("lid", f"{lid[1]}@lid")
    digits = _JID_OF_A_PHONE.sub("", text)
    return Address("phone", digits) if _PHONE.fullmatch(digits) else None


def _name(body: Json) -> str | None:
    """What the sender calls themselves; Z-API fills in the number where there is no name."""
    name = (text_of(body.get("senderName")) or "").strip()
    return None if not name or _PHONE.fullmatch(name) or _LID.fullmatch(name) else name
