"""What customers see on their phones: threads of messages in memory, bounded, with listeners told of every change."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from local.simulator.media import File
from local.simulator.tempo import now, rfc3339

Author = Literal["customer", "company"]
MAXIMUM_THREADS = 5_000
MAXIMUM_MESSAGES = 500
MAXIMUM_CHANGES_WAITING = 1_000
_STEPS = ("sending", "accepted", "sent", "delivered", "read", "played")

Change = dict[str, object]


@dataclass
class ThreadMessage:
    """One message of a thread; `state` is what its author's phone would show as ticks.

    `content`: what has no text (buttons, a place, cards), as the gateway was given it. `reference`: what the company's
    own system calls it, where the gateway gives that back. `sender`: the member of a group who wrote it.
    """

    id: str
    author: Author
    kind: str
    text: str
    at: str
    state: str
    reply_to: str | None = None
    media: File | None = None
    voice: bool = False
    content: Mapping[str, Any] = field(default_factory=dict)
    reference: str | None = None
    sender: str | None = None
    reactions: dict[str, str] = field(default_factory=dict)
    edited: bool = False
    deleted: bool = False

    def shown(self) -> dict[str, object]:
        """The message as the phone page gets it."""
        return {
            "id": self.id,
            "author": self.author,
            "kind": self.kind,
            "text": "" if self.deleted else self.text,
            "at": self.at,
            "state": self.state,
            "replyTo": self.reply_to,
            "media": self.media.shown() if self.media and not self.deleted else None,
            "voice": self.voice,
            "content": self.content if not self.deleted else {},
            "sender": self.sender,
            "reactions": list(self.reactions.values()),
            "edited": self.edited,
            "deleted": self.deleted,
        }


class Thread:
    """One customer's conversation with one company number; or a group's, and then `customer` is the group's bare id."""

    def __init__(self, integration_id: str, customer: str, *, group: bool = False) -> None:
        self.integration_id = integration_id
        self.customer = customer
        self.group = group
        self.name: str | None = None
        self._messages: OrderedDict[str, ThreadMessage] = OrderedDict()
        self._listeners: set[asyncio.Queue[Change | None]] = set()

    @property
    def watched(self) -> bool:
        """Whether a phone page has this thread open."""
        return bool(self._listeners)

    def messages(self) -> list[ThreadMessage]:
        """The messages kept, oldest first."""
        return list(self._messages.values())

    def message(self, message_id: str) -> ThreadMessage | None:
        """The message with this id, if it is still kept."""
        return self._messages.get(message_id)

    def write(
        self,
        author: Author,
        message_id: str,
        kind: str,
        text: str,
        reply_to: str | None = None,
        *,
        media: File | None = None,
        voice: bool = False,
        content: Mapping[str, Any] | None = None,
        reference: str | None = None,
        sender: str | None = None,
        state: str | None = None,
    ) -> ThreadMessage:
        """Add a message at the end; the oldest is forgotten when there are too many."""
        state = state or ("sending" if author == "customer" else "accepted")
        message = ThreadMessage(message_id, author, kind, text, rfc3339(now()), state, reply_to)
        message.media, message.voice, message.content = media, voice, content or {}
        message.reference, message.sender = reference, sender
        self._messages[message_id] = message
        while len(self._messages) > MAXIMUM_MESSAGES:
            self._messages.popitem(last=False)
        self.tell({"type": "message", "message": message.shown()})
        return message

    def advance(self, message: ThreadMessage, state: str) -> bool:
        """Move a message's ticks on; answers whether they moved, for they never go back."""
        if message.state in _STEPS and state in _STEPS and _STEPS.index(state) <= _STEPS.index(message.state):
            return False
        message.state = state
        self.tell({"type": "message", "message": message.shown()})
        return True

    def react(self, message_id: str, who: str, emoji: str | None) -> None:
        """Somebody's reaction, or that they took it back; to a message no longer kept it shows nothing."""
        message = self.message(message_id)
        if message is not None:
            message.reactions.pop(who, None)
            if emoji:
                message.reactions[who] = emoji
            self._changed(message)

    def edit(self, message_id: str, text: str) -> None:
        """Its author changed its words."""
        message = self.message(message_id)
        if message is not None:
            message.text, message.edited = text, True
            self._changed(message)

    def delete(self, message_id: str) -> None:
        """Its author took it back."""
        message = self.message(message_id)
        if message is not None:
            message.deleted = True
            self._changed(message)

    def company_types(self, on: bool = True) -> None:
        """The company types, or stopped."""
        self.tell({"type": "typing", "on": on})

    def _changed(self, message: ThreadMessage) -> None:
        self.tell({"type": "message", "message": message.shown()})

    def read_by_company(self, message_id: str) -> None:
        """The company has read this message and, as receipts are understood, all the customer wrote before it."""
        for message in self._messages.values():
            if message.author == "customer":
                self.advance(message, "read")
            if message.id == message_id:
                return

    def tell(self, change: Change) -> None:
        """Hand a change to every listener; one that no longer takes them is let go and comes back for a fresh start."""
        for listener in list(self._listeners):
            if listener.qsize() >= MAXIMUM_CHANGES_WAITING:
                self._listeners.discard(listener)
                listener.put_nowait(None)
            else:
                listener.put_nowait(change)

    @contextmanager
    def listening(self) -> Iterator[asyncio.Queue[Change | None]]:
        """Changes from now on, while a page is open; None means the end."""
        listener: asyncio.Queue[Change | None] = asyncio.Queue()
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    def hang_up(self) -> None:
        """End every listener's stream."""
        for listener in self._listeners:
            listener.put_nowait(None)


class Threads:
    """Every thread, by integration and customer; the one unused longest is forgotten first."""

    def __init__(self) -> None:
        self._threads: OrderedDict[tuple[str, str], Thread] = OrderedDict()

    def of(self, integration_id: str, customer: str, *, group: bool = False) -> Thread:
        """The thread of a customer, or a group, with a company number, new when they have none."""
        key = (integration_id, customer)
        thread = self._threads.setdefault(key, Thread(integration_id, customer, group=group))
        self._threads.move_to_end(key)
        if len(self._threads) > MAXIMUM_THREADS:
            forgotten = next((each for each, kept in self._threads.items() if not kept.watched and each != key), None)
            if forgotten is not None:
                del self._threads[forgotten]
        return thread

    def holding(self, integration_id: str, message_id: str) -> Thread | None:
        """The thread of this company number that has this message, if it is still kept."""
        of_number = (thread for (owner, _), thread in self._threads.items() if owner == integration_id)
        return next((thread for thread in of_number if thread.message(message_id) is not None), None)

    def hang_up(self) -> None:
        """End every phone page's stream."""
        for thread in self._threads.values():
            thread.hang_up()
