"""What Evolution tells beside messages: contacts, presence, the account's own connection. The one rule: a QR or pairing
code is a key to the account and never becomes a part of a fact.
"""

from __future__ import annotations

from collections.abc import Iterator

from parley.domain.identity import Person
from parley.domain.incoming import AccountState, ContactSeen, Fact, Group, GroupSeen, Ignored, TypingSeen
from parley.providers.reading import Json, object_of, short, text_of

from .people import address_of, given_name, is_group
from .values import moment


def contact(data: Json, account: str, _webhook: Json) -> Iterator[Fact]:
    """A name or picture of a contact, which came without a message."""
    address = address_of(data.get("remoteJid") or data.get("id"))
    if address is None:
        yield Ignored("a contact that is no person")
        return
    name = given_name(data.get("pushName"), (address,))
    picture = text_of(data.get("profilePicUrl")) or ""
    picture = picture if picture.startswith("https://") else ""
    if name or picture:
        yield ContactSeen(account, Person((address,), name), picture or None, None)
    else:
        yield Ignored("a contact with neither name nor picture")


def group(data: Json, account: str, webhook: Json) -> Iterator[Fact]:
    """What a group is called; who is in it shows when they write."""
    address, name = text_of(data.get("id")), (text_of(data.get("subject")) or "").strip()
    if not is_group(address) or address is None or not name:
        yield Ignored(f"{short(webhook.get('event'))}: no name of a group")
        return
    yield GroupSeen(account, Group(address, name), moment(data.get("subjectTime")))


def presence(data: Json, account: str, _webhook: Json) -> Iterator[Fact]:
    """Who is typing in a direct chat; everything else that presence tells is nobody's business here."""
    presences = object_of(data.get("presences"))
    if is_group(data.get("id")):
        yield Ignored("presence in a group")
        return
    for jid, presence in presences.items():
        seen, address = object_of(presence).get("lastKnownPresence"), address_of(jid)
        if address is not None and isinstance(seen, str) and seen in {"composing", "recording", "paused"}:
            yield TypingSeen(account, Person((address,)), seen != "paused")
        else:
            yield Ignored(f"presence {short(seen)}")


def connection(data: Json, account: str, _webhook: Json) -> Iterator[Fact]:
    """What the account's connection became; `connecting` is neither."""
    state = text_of(data.get("state")) or text_of(data.get("status"))
    code = data.get("statusReason") or data.get("disconnectionReasonCode")
    if state == "open":
        yield AccountState(account, "connected")
    elif state in {"close", "closed", "refused"}:
        yield AccountState(account, "disconnected", short(state if code is None else f"{state} {code}"))
    else:
        yield Ignored(f"connection {short(state)}")


def gone(_data: Json, account: str, webhook: Json) -> Iterator[Fact]:
    """The instance was logged out or removed."""
    yield AccountState(account, "disconnected", short(webhook.get("event")))
