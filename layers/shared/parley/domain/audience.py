"""Who hears of an event. The one rule: `hears` alone decides, for the socket, for polling and for the snapshot's
follow-up; nothing else compares topics.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from .errors import InvalidRequest, NotFound
from .events import TENANT_TOPIC, conversation_topic, user_topic

_CONVERSATION = re.compile(r"conversation:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.ASCII | re.IGNORECASE)
_PERSONAL = "user:"


class RefusedTopic(InvalidRequest):
    """There is no such topic."""


class UnknownTopic(NotFound):
    """There is no such conversation here."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Somebody who listens: a person or (without `user_id`) an API key. `topics`: what they asked for, resolved;
    None: everything they may hear.
    """

    user_id: UUID | None
    topics: frozenset[str] | None


def hears(listener: Listener, topics: Collection[str]) -> bool:
    """Whether an event with these topics is for this listener, now."""
    if listener.topics is not None:
        return not listener.topics.isdisjoint(topics)
    own = None if listener.user_id is None else user_topic(listener.user_id)
    return any(not topic.startswith(_PERSONAL) or topic == own for topic in topics)


def resolve_topics(asked: Collection[str], user_id: UUID | None) -> frozenset[str]:
    """The topics behind what a client asks for: `tenant`, `user` (its own) and `conversation:ID`.

    Whether a conversation exists is not known here. Raises RefusedTopic naming the first that is none of these.
    """
    return frozenset(_resolve(topic, user_id) for topic in asked)


def conversation_of(topic: str) -> UUID | None:
    """The conversation a topic is about, if it is about one."""
    match = _CONVERSATION.fullmatch(topic)
    return UUID(match[1]) if match else None


def _resolve(topic: str, user_id: UUID | None) -> str:
    if topic == TENANT_TOPIC:
        return topic
    if topic == "user" and user_id is not None:
        return user_topic(user_id)
    conversation_id = conversation_of(topic)
    if conversation_id is None:
        raise RefusedTopic(topic=topic[:100])
    return conversation_topic(conversation_id)
