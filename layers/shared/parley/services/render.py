"""Tell events: rows of the log as the JSON that clients get. The one rule: what a person wrote comes from the rows as
they are now, so that a late reader gets the newest version and erasure has one place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from parley.domain.batches import Told, told
from parley.store import health
from parley.store.database import Row, Transaction
from parley.store.views import View, load_contacts, load_conversations, load_messages, load_names, timestamp

_WITH_MESSAGE = frozenset({"message.new", "message.updated", "message.reaction", "conversation.assigned"})
_WITH_CONVERSATION = frozenset({"message.new", "conversation.new", "conversation.updated", "conversation.assigned"})
_WITH_CONTACT = frozenset({"contact.updated"})
_ASSIGNED = "conversation.assigned"
_INTEGRATION = "integration.updated"
_WITH_ACTOR = frozenset({_ASSIGNED, "user.mentioned"})


@dataclass(frozen=True, slots=True)
class Subjects:
    """The rows that a page of events is about, as they are now."""

    messages: Mapping[UUID, View]
    conversations: Mapping[UUID, View]
    contacts: Mapping[UUID, View]
    names: Mapping[UUID, str]
    health: Mapping[UUID, View]

    def person(self, user_id: str | None) -> View | None:
        """A person as events show one."""
        return {"id": user_id, "name": self.names.get(UUID(user_id))} if user_id else None

    def actor(self, event: Row) -> View:
        """Who did it, with the name of today."""
        by = event["actor"] or {"kind": "system", "id": None}
        return {"kind": by["kind"], "id": by["id"], "name": self.names.get(UUID(by["id"])) if by["id"] else None}


def render(tx: Transaction, events: Sequence[Row]) -> list[Told]:
    """Tell these events, in one snapshot with whatever else the transaction read.

    An event whose subject is gone (erased) is left out, since there is nothing any more that anybody may see; but
    changes of a conversation or a contact go on to be told as `{id, erased: true}`, so that whoever still has it lets
    go of it.
    """
    subjects = Subjects(
        messages=load_messages(tx, _ids(events, "message_id", _WITH_MESSAGE)),
        conversations=load_conversations(tx, _ids(events, "conversation_id", _WITH_CONVERSATION)),
        contacts=load_contacts(tx, _ids(events, "contact_id", _WITH_CONTACT)),
        names=load_names(tx, _named(events)),
        health=health.told(tx, (UUID(event["delta"]["id"]) for event in events if event["type"] == _INTEGRATION)),
    )
    rendered = (_event(event, subjects) for event in events)
    return [event for event in rendered if event is not None]


def _ids(events: Sequence[Row], column: str, types: frozenset[str]) -> Iterable[UUID]:
    return (event[column] for event in events if event["type"] in types and event[column])


def _named(events: Sequence[Row]) -> Iterable[UUID]:
    """The people and keys these events name."""
    for event in events:
        if event["type"] in _WITH_ACTOR and event["actor"] and event["actor"]["id"]:
            yield UUID(event["actor"]["id"])
        if event["type"] == _ASSIGNED:
            yield from (UUID(event["delta"][side]) for side in ("from", "to") if event["delta"].get(side))


def _event(event: Row, subjects: Subjects) -> Told | None:
    data = _DATA.get(event["type"], _delta)(event, subjects)
    if data is None:
        return None
    body: dict[str, Any] = {
        "seq": event["seq"],
        "type": event["type"],
        "id": str(event["id"]),
        "conversationId": _text(event["conversation_id"]),
        "occurredAt": timestamp(event["occurred_at"]),
        "data": data,
    }
    if event["type"] == "message.new" and data["message"]["clientKey"]:
        body["clientKey"] = data["message"]["clientKey"]
    return told(event["seq"], event["topics"], body, _path(event))


def _message_new(event: Row, subjects: Subjects) -> View | None:
    message = subjects.messages.get(event["message_id"])
    conversation = subjects.conversations.get(event["conversation_id"])
    return {"message": message, "conversation": conversation} if message and conversation else None


def _message(event: Row, subjects: Subjects) -> View | None:
    return subjects.messages.get(event["message_id"])


def _message_reaction(event: Row, subjects: Subjects) -> View | None:
    message = subjects.messages.get(event["message_id"])
    return message and {
        "id": message["id"],
        "conversationId": message["conversationId"],
        "reactions": message["reactions"],
        "version": message["version"],
    }


def _message_delta(event: Row, subjects: Subjects) -> View | None:
    ids = {"id": _text(event["message_id"]), "conversationId": _text(event["conversation_id"])}
    return {**ids, **_delta(event, subjects)}


def _conversation(event: Row, subjects: Subjects) -> View | None:
    return subjects.conversations.get(event["conversation_id"])


def _conversation_now(event: Row, subjects: Subjects) -> View | None:
    return _conversation(event, subjects) or _erased(event["conversation_id"])


def _conversation_assigned(event: Row, subjects: Subjects) -> View | None:
    conversation = subjects.conversations.get(event["conversation_id"])
    note = subjects.messages.get(event["message_id"])
    return conversation and {
        "conversation": conversation,
        "from": subjects.person(event["delta"].get("from")),
        "to": subjects.person(event["delta"].get("to")),
        "by": subjects.actor(event),
        "note": note["text"] if note else None,
    }


def _user_mentioned(event: Row, subjects: Subjects) -> View | None:
    return {
        "conversationId": _text(event["conversation_id"]),
        "messageId": _text(event["message_id"]),
        "by": subjects.actor(event),
    }


def _contact(event: Row, subjects: Subjects) -> View | None:
    return subjects.contacts.get(event["contact_id"]) or _erased(event["contact_id"])


def _erased(id_: UUID) -> View:
    return {"id": str(id_), "erased": True}


def _integration(event: Row, subjects: Subjects) -> View | None:
    """An account as it was then, with its health as it is now."""
    delta = _delta(event, subjects)
    return {**delta, "health": subjects.health.get(UUID(delta["id"]), health.shown(None, None, None))}


def _delta(event: Row, _subjects: Subjects) -> View:
    return dict(event["delta"])


_DATA: Mapping[str, Callable[[Row, Subjects], View | None]] = {
    "message.new": _message_new,
    "message.updated": _message,
    "message.reaction": _message_reaction,
    "message.status": _message_delta,
    "message.deleted": _message_delta,
    "conversation.new": _conversation,
    "conversation.updated": _conversation_now,
    "conversation.assigned": _conversation_assigned,
    "contact.updated": _contact,
    "user.mentioned": _user_mentioned,
    _INTEGRATION: _integration,
}


def _path(event: Row) -> str | None:
    """Where the current state of an event's subject can be fetched."""
    for column, room in (("message_id", "messages"), ("conversation_id", "conversations"), ("contact_id", "contacts")):
        if event[column]:
            return f"/v1/{room}/{event[column]}"
    return None


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)
