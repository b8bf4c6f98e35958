"""Events: what changed, told by ids. The one rule: nothing a person wrote is in an event; it is rendered when read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from .principal import Actor

TENANT_TOPIC = "tenant"


def conversation_topic(conversation_id: UUID | str) -> str:
    """Everything in one thread."""
    return f"conversation:{conversation_id}"


def user_topic(user_id: UUID | str) -> str:
    """What concerns one person alone."""
    return f"user:{user_id}"


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event about to be written. `topics` is its audience; `delta` small, and free of text."""

    type: str
    topics: tuple[str, ...]
    conversation_id: UUID | None = None
    message_id: UUID | None = None
    contact_id: UUID | None = None
    delta: Mapping[str, Any] = field(default_factory=dict)
    actor: Mapping[str, Any] | None = None
    correlation_id: UUID | None = None


def message_new(conversation_id: UUID, message_id: UUID, correlation_id: UUID | None) -> NewEvent:
    """A message came to be; it carries its conversation, so there is no separate conversation.updated."""
    topics = (TENANT_TOPIC, conversation_topic(conversation_id))
    return NewEvent("message.new", topics, conversation_id, message_id, correlation_id=correlation_id)


def message_status(
    conversation_id: UUID,
    message_id: UUID,
    *,
    status: str,
    version: int,
    occurred_at: str | None,
    error: Mapping[str, Any] | None,
    is_last: bool,
    correlation_id: UUID | None,
) -> NewEvent:
    """A message's status changed. The tenant's inbox hears of it only where the message is the conversation's last."""
    return NewEvent(
        "message.status",
        _thread(conversation_id, is_last=is_last),
        conversation_id,
        message_id,
        delta={"status": status, "error": error, "version": version, "occurredAt": occurred_at},
        correlation_id=correlation_id,
    )


def conversation_new(conversation_id: UUID, correlation_id: UUID | None) -> NewEvent:
    """A conversation came to be."""
    topics = (TENANT_TOPIC, conversation_topic(conversation_id))
    return NewEvent("conversation.new", topics, conversation_id, correlation_id=correlation_id)


def conversation_updated(conversation_id: UUID, correlation_id: UUID | None) -> NewEvent:
    """A conversation changed otherwise than by a new message."""
    topics = (TENANT_TOPIC, conversation_topic(conversation_id))
    return NewEvent("conversation.updated", topics, conversation_id, correlation_id=correlation_id)


def conversation_assigned(
    conversation_id: UUID,
    *,
    old: UUID | None,
    new: UUID | None,
    by: Actor,
    note_id: UUID | None,
    correlation_id: UUID | None,
) -> NewEvent:
    """A conversation has another assignee, or none; both people hear of it. `note_id`: the note that went with it."""
    people = tuple(user_topic(user_id) for user_id in dict.fromkeys((old, new)) if user_id is not None)
    topics = (TENANT_TOPIC, conversation_topic(conversation_id), *people)
    delta = {"from": _text(old), "to": _text(new)}
    return NewEvent(
        "conversation.assigned",
        topics,
        conversation_id,
        note_id,
        delta=delta,
        actor=by.as_json(),
        correlation_id=correlation_id,
    )


def user_mentioned(
    user_id: UUID, conversation_id: UUID, message_id: UUID, by: Actor, correlation_id: UUID | None
) -> NewEvent:
    """Somebody wrote a person's name in a note; only that person hears of it."""
    topics = (user_topic(user_id),)
    return NewEvent(
        "user.mentioned", topics, conversation_id, message_id, actor=by.as_json(), correlation_id=correlation_id
    )


def bulk_updated(kind: str, change: Mapping[str, Any], ids: Iterable[UUID], correlation_id: UUID | None) -> NewEvent:
    """One operation changed many things of a kind at once; `change`: what it did, without a word a customer wrote."""
    delta = {"kind": kind, "ids": [str(id_) for id_ in ids], "change": dict(change)}
    return NewEvent("bulk.updated", (TENANT_TOPIC,), delta=delta, correlation_id=correlation_id)


def contact_updated(contact_id: UUID, correlation_id: UUID | None) -> NewEvent:
    """A contact's name or another of its facts changed."""
    return NewEvent("contact.updated", (TENANT_TOPIC,), contact_id=contact_id, correlation_id=correlation_id)


def message_updated(conversation_id: UUID, message_id: UUID, *, is_last: bool, correlation_id: UUID | None) -> NewEvent:
    """A message's content changed; the tenant's inbox hears of it where it is the conversation's last."""
    topics = _thread(conversation_id, is_last=is_last)
    return NewEvent("message.updated", topics, conversation_id, message_id, correlation_id=correlation_id)


def message_deleted(
    conversation_id: UUID,
    message_id: UUID,
    *,
    deleted_at: str | None,
    replaced_by: UUID | None = None,
    is_last: bool,
    correlation_id: UUID | None,
) -> NewEvent:
    """A message was taken back, or `replaced_by` is the same message."""
    delta: dict[str, Any] = {"deletedAt": deleted_at}
    if replaced_by is not None:
        delta["replacedBy"] = str(replaced_by)
    topics = _thread(conversation_id, is_last=is_last)
    return NewEvent("message.deleted", topics, conversation_id, message_id, delta=delta, correlation_id=correlation_id)


def message_reaction(
    conversation_id: UUID, message_id: UUID, *, is_last: bool, correlation_id: UUID | None
) -> NewEvent:
    """The reactions to a message changed."""
    topics = _thread(conversation_id, is_last=is_last)
    return NewEvent("message.reaction", topics, conversation_id, message_id, correlation_id=correlation_id)


def integration_updated(integration: Mapping[str, Any], correlation_id: UUID | None) -> NewEvent:
    """An account's state changed, or its gateway told something of it; the delta is the account, which no customer
    wrote.
    """
    return NewEvent("integration.updated", (TENANT_TOPIC,), delta=integration, correlation_id=correlation_id)


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)


def _thread(conversation_id: UUID, *, is_last: bool) -> tuple[str, ...]:
    thread = conversation_topic(conversation_id)
    return (TENANT_TOPIC, thread) if is_last else (thread,)
