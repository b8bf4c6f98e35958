"""Who wrote a message, in which conversation, when. The one rule: a person is known by every address the body proves to
be theirs, and a message that does not say whose it is makes the body unreadable.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from parley.domain.errors import Unreadable
from parley.domain.identity import Person
from parley.domain.incoming import Group, Ignored
from parley.providers.reading import identity

from .proto import BROADCAST_SERVER, GROUP_SERVER, NEWSLETTER_SERVER, Fields, Jid, moment, person, read_jid

WHATSAPP_ITSELF: Final = "0"


@dataclass(frozen=True, slots=True)
class Chat:
    """`person`: the author, or for one of ours the customer it went to (None in a group)."""

    event: Fields
    info: Fields
    id: str
    person: Person | None
    group: Group | None
    ours: bool
    at: datetime | None

    @property
    def edit(self) -> str | None:
        """What the message does to another: 1 edits, 7 and 8 revoke."""
        return self.info.id("edit")


def read_chat(event: Fields) -> Chat | Ignored:
    """Read a message's `Info`; Ignored for what belongs to no customer's conversation.

    Raises Unreadable.
    """
    info = event.object("info")
    message_id = identity(info.get("id"), "a message without an id")
    chat = read_jid(info.get("chat"))
    if chat is None:
        raise Unreadable("a message without a chat")
    ours = info.flag("isfromme")
    if info.text("category") == "peer":
        return Ignored("a sync between the account's own devices")
    if reason := _nobody(chat, ours=ours):
        return Ignored(reason)
    at = moment(info.get("timestamp"))
    if chat.server == GROUP_SERVER:
        author = None if ours else _author(info)
        return Chat(event, info, message_id, author, Group(str(chat)), ours, at)
    if not ours:
        own = () if chat.server == BROADCAST_SERVER else (chat,)  # a broadcast list is read in the chat with its sender
        return Chat(event, info, message_id, _author(info, *own), None, ours, at)
    customer = _recipient(event, info, chat)
    if customer is None:
        return Ignored("a note of the account to itself")
    return Chat(event, info, message_id, customer, None, ours, at)


def _nobody(chat: Jid, *, ours: bool) -> str | None:
    if chat.server == NEWSLETTER_SERVER:
        return "a newsletter"
    if chat.server == BROADCAST_SERVER and (chat.user == "status" or ours):
        return "a status broadcast" if chat.user == "status" else "a message to a broadcast list"
    if chat.user == WHATSAPP_ITSELF:
        return "a notice of WhatsApp itself"
    return None


def _author(info: Fields, *also: Jid) -> Person:
    """The push name is the author's own; a business also has a verified one."""
    name = (info.text("pushname") or "").strip() or None
    name = name or info.object("verifiedname").object("details").text("verifiedname")
    found = person(info.get("sender"), info.get("senderalt"), *also, name=name)
    if found is None:
        raise Unreadable("a message without a sender")
    return found


def _recipient(event: Fields, info: Fields, chat: Jid) -> Person | None:
    """To whom the company's own phone wrote; None for itself. Its copy may name the chat only in its wrapper."""
    sent = info.object("devicesentmeta").get("destinationjid")
    sent = sent or event.object("message", "rawmessage").object("devicesentmessage").get("destinationjid")
    own = {jid for jid in (read_jid(info.get("sender")), read_jid(info.get("senderalt"))) if jid}
    candidates = [jid for jid in (chat, read_jid(info.get("recipientalt")), read_jid(sent)) if jid and jid not in own]
    if not candidates and own:
        return None
    found = person(*candidates)
    if found is None:
        raise Unreadable("a message to nobody")
    return found
