"""Who wrote a message on Telegram, in which chat. The one rule: an id of Telegram's is a number, one space for people,
bots, groups and channels, and a message's own id is one of its chat, so outside of this package both go by a name that
says so: "123@telegram" and "123:45".

Source: core.telegram.org/bots/api#chat, #user, #message ("Unique message identifier inside this chat"; ids have at most
52 significant bits). Groups and channels have negative ids.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from parley.domain.errors import Unreadable
from parley.domain.identity import Address, Person
from parley.domain.incoming import Group
from parley.providers.reading import Json, object_of, text_of

_LARGEST: Final = 1 << 53
_SUPERGROUPS: Final = 1_000_000_000_000
_ADDRESS: Final = re.compile(r"(-?[1-9][0-9]{0,15})@telegram", re.ASCII)
_PLACE: Final = re.compile(r"(-?[1-9][0-9]{0,15}):([1-9][0-9]{0,15})(:callback:.+)?", re.ASCII | re.DOTALL)
_PHONE: Final = re.compile(r"\+?[0-9]{7,15}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Chat:
    """Where a message belongs; `group` None: with one person."""

    id: int
    group: Group | None
    is_channel: bool


@dataclass(frozen=True, slots=True)
class Place:
    """A message as the API's methods name it; `pressed`: it is the press of a button that hangs below this message."""

    chat: int
    message: int
    pressed: bool


def number(value: object) -> int | None:
    """An id of Telegram's; None for what is none."""
    is_id = isinstance(value, int) and not isinstance(value, bool) and value != 0 and -_LARGEST < value < _LARGEST
    return value if is_id and isinstance(value, int) else None


def address_of(chat: int) -> Address:
    """A person, group or channel as an address."""
    return Address("jid", f"{chat}@telegram")


def chat_of(address: Address) -> int | None:
    """The chat of an address; None for one that is not Telegram's, whatever digits it has."""
    found = _ADDRESS.fullmatch(address.value) if address.kind == "jid" else None
    return int(found[1]) if found else None


def may_move(chat: int) -> bool:
    """Whether it is a group of the kind that moves when it grows; a supergroup's id begins with -100."""
    return -_SUPERGROUPS < chat < 0


def message_name(chat: int, message: int) -> str:
    """A message's id outside of its chat."""
    return f"{chat}:{message}"


def press_name(chat: int, message: int, query: str) -> str:
    """The id of a pressed button: what hangs below a message can be answered by quoting that."""
    return f"{chat}:{message}:callback:{query}"


def place_of(provider_message_id: str) -> Place | None:
    """Where a message is; None for an id that is not Telegram's."""
    found = _PLACE.fullmatch(provider_message_id)
    return Place(int(found[1]), int(found[2]), found[3] is not None) if found else None


def read_chat(value: object) -> Chat:
    """Read a chat. Raises Unreadable."""
    chat = object_of(value)
    chat_id = number(chat.get("id"))
    if chat_id is None:
        raise Unreadable("a message without its chat")
    if chat_id > 0:
        return Chat(chat_id, None, is_channel=False)
    group = Group(address_of(chat_id).value, text_of(chat.get("title")) or None)
    return Chat(chat_id, group, is_channel=chat.get("type") == "channel")


def message_number(message: Json) -> int:
    """A message's number in its chat. Raises Unreadable."""
    found = number(message.get("message_id"))
    if found is None or found < 0:
        raise Unreadable("a message without an id")
    return found


def author_of(message: Json, chat: Chat) -> Person:
    """Who wrote it: a person, or a chat that speaks for itself (a channel in its group, an administrator who hides
    behind the group: all of those are one author). Raises Unreadable.
    """
    speaker = object_of(message.get("sender_chat"))
    speaker_id = number(speaker.get("id"))
    if speaker_id is not None:
        signed = text_of(message.get("author_signature")) or text_of(speaker.get("title"))
        return Person((address_of(speaker_id),), signed or None)
    person = person_of(message.get("from")) or (person_of(message.get("chat")) if chat.group is None else None)
    if person is None:
        raise Unreadable("a message without a sender")
    return _with_own_number(person, object_of(message.get("contact")))


def person_of(value: object) -> Person | None:
    """A person as Telegram describes one; None for nobody."""
    user = object_of(value)
    user_id = number(user.get("id"))
    return Person((address_of(user_id),), name_of(user)) if user_id is not None and user_id > 0 else None


def name_of(user: Json) -> str | None:
    """What a person calls themselves."""
    names = (text_of(user.get(part)) for part in ("first_name", "last_name"))
    return " ".join(name.strip() for name in names if name and name.strip()) or None


def _with_own_number(person: Person, card: Json) -> Person:
    """Somebody who shares their own card says which number is theirs: Telegram puts the owner's id beside a number, and
    it is the sender's. An answer still goes to the chat, so that comes first.
    """
    owner, phone = number(card.get("user_id")), text_of(card.get("phone_number")) or ""
    if owner is None or address_of(owner) != person.addresses[0] or not _PHONE.fullmatch(phone):
        return person
    return Person((*person.addresses, Address("phone", phone)), person.name)
