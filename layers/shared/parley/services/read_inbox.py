"""Read the inbox: conversations, threads, single messages. The one rule: what is not the caller's tenant's is not
there (NotFound).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from parley.domain.errors import NotFound
from parley.domain.principal import Principal
from parley.store.database import Database
from parley.store.inbox import (
    ConversationFilter,
    ConversationPosition,
    MessagePosition,
    Walk,
    has_conversation,
    is_reachable,
    page_of_conversations,
    page_of_messages,
)
from parley.store.views import View, load_conversations, load_messages

__all__ = ["ConversationFilter", "ConversationPosition", "Inbox", "MessagePosition", "Page", "View", "Walk"]

Position = TypeVar("Position")


@dataclass(frozen=True, slots=True)
class Page(Generic[Position]):
    """A piece of a list; `after` is where the next one begins, None at the end."""

    items: list[View]
    after: Position | None


class Inbox:
    """The inbox of each tenant, as its people and keys may read it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def conversations(
        self, principal: Principal, wanted: ConversationFilter, after: ConversationPosition | None, limit: int
    ) -> Page[ConversationPosition]:
        """The next `limit` conversations after a position."""
        with self._database.transaction(principal.tenant_id, viewer=principal.viewer) as tx:
            found = page_of_conversations(tx, wanted, after, limit + 1)
            views = load_conversations(tx, [position.id for position in found[:limit]])
        return Page([views[at.id] for at in found[:limit] if at.id in views], _next(found, limit))

    def conversation(self, principal: Principal, conversation_id: UUID) -> View:
        """One conversation. Raises NotFound."""
        with self._database.transaction(principal.tenant_id, viewer=principal.viewer) as tx:
            return _one(load_conversations(tx, [conversation_id]), conversation_id)

    def thread(
        self, principal: Principal, conversation_id: UUID, after: MessagePosition | None, limit: int
    ) -> Page[MessagePosition]:
        """The next `limit` messages of a conversation after a position, the newest first. Raises NotFound."""
        with self._database.transaction(principal.tenant_id, viewer=principal.viewer) as tx:
            if not has_conversation(tx, conversation_id):
                raise NotFound
            found = page_of_messages(tx, conversation_id, after, limit + 1)
            views = load_messages(tx, [position.id for position in found[:limit]])
        return Page([views[at.id] for at in found[:limit] if at.id in views], _next(found, limit))

    def message(self, principal: Principal, message_id: UUID) -> View:
        """One message. Raises NotFound."""
        with self._database.transaction(principal.tenant_id, viewer=principal.viewer) as tx:
            return _one(load_messages(tx, [message_id]), message_id)

    def is_reachable(self) -> bool:
        """Whether the database answers. Raises Unavailable where it does not."""
        with self._database.unscoped() as tx:
            return is_reachable(tx)


def _next(found: list[Position], limit: int) -> Position | None:
    return found[limit - 1] if len(found) > limit else None


def _one(views: dict[UUID, View], wanted: UUID) -> View:
    if wanted not in views:
        raise NotFound
    return views[wanted]
