"""Read what surrounds conversations and messages: counters, timelines, contexts, receipts, members, messages of all
threads. The one rule: what is not the caller's tenant's is not there (NotFound).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from parley.domain.errors import NotFound
from parley.domain.principal import Principal
from parley.store import reading as store
from parley.store.database import Database, Row
from parley.store.inbox import MessagePosition, has_conversation, page_of_messages
from parley.store.reading import MessageFilter
from parley.store.snapshot import inbox_counts
from parley.store.views import View, load_contacts, load_messages, load_names, timestamp

from .read_inbox import Page

__all__ = ["MessageFilter", "Reading"]


class Reading:
    """What there is to read beside the inbox itself."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def counts(self, by: Principal) -> dict[str, int]:
        """How many conversations are open, the caller's, nobody's, unread."""
        with self._database.transaction(by.tenant_id, viewer=by.viewer) as tx:
            return inbox_counts(tx, by.id if by.kind == "user" else None)

    def timeline(
        self, by: Principal, conversation_id: UUID, after: tuple[datetime, UUID] | None, limit: int
    ) -> Page[tuple[datetime, UUID]]:
        """What happened to a conversation, the latest first. Raises NotFound."""
        with self._database.transaction(by.tenant_id, viewer=by.viewer) as tx:
            if not has_conversation(tx, conversation_id):
                raise NotFound
            rows = store.page_of_timeline(tx, conversation_id, after, limit + 1)
            names = load_names(tx, _people(rows))
        more = rows[limit - 1] if len(rows) > limit else None
        following = (more["occurred_at"], more["id"]) if more else None
        return Page([_happening(row, names) for row in rows[:limit]], following)

    def context(self, by: Principal, message_id: UUID, around: int) -> tuple[UUID, Page[MessagePosition]]:
        """A message with up to so many before it and after it, the newest first, and where the thread goes on; the
        conversation. Raises NotFound.
        """
        with self._database.transaction(by.tenant_id, viewer=by.viewer) as tx:
            place = store.place_of(tx, message_id)
            if place is None:
                raise NotFound
            here = MessagePosition(place["occurred_at"], place["provider_message_id"], message_id)
            older = page_of_messages(tx, place["conversation_id"], here, around + 1)
            newer = store.newer_in_thread(tx, place, around)
            shown = [*reversed(newer), here, *older[:around]]
            views = load_messages(tx, [position.id for position in shown])
        following = shown[-1] if len(older) > around else None
        return place["conversation_id"], Page([views[at.id] for at in shown if at.id in views], following)

    def receipts(
        self, by: Principal, message_id: UUID, after: tuple[datetime, str, str] | None, limit: int
    ) -> Page[tuple[datetime, str, str]]:
        """What the gateway told of a message, in the order in which it happened. Raises NotFound."""
        with self._database.transaction(by.tenant_id, viewer=by.viewer) as tx:
            place = store.place_of(tx, message_id)
            if place is None:
                raise NotFound
            rows = store.page_of_receipts(tx, place, after, limit + 1)
        more = rows[limit - 1] if len(rows) > limit else None
        following = (more["occurred_at"], more["status"], more["participant"]) if more else None
        return Page([_receipt(row) for row in rows[:limit]], following)

    def messages(self, by: Principal, wanted: MessageFilter, after: UUID | None, limit: int) -> Page[UUID]:
        """Messages of all threads, the latest written first."""
        with self._database.transaction(by.tenant_id, viewer=by.viewer) as tx:
            ids = store.page_of_all_messages(tx, wanted, after, limit + 1)
            views = load_messages(tx, ids[:limit])
        following = ids[limit - 1] if len(ids) > limit else None
        return Page([views[id_] for id_ in ids[:limit] if id_ in views], following)

    def members(self, by: Principal, conversation_id: UUID, after: UUID | None, limit: int) -> Page[UUID]:
        """Who was seen in a conversation's group; nobody where it has none. Raises NotFound."""
        with self._database.transaction(by.tenant_id, viewer=by.viewer) as tx:
            if not has_conversation(tx, conversation_id):
                raise NotFound
            rows = store.page_of_members(tx, conversation_id, after, limit + 1)
            contacts = load_contacts(tx, [row["id"] for row in rows[:limit]])
        following = rows[limit - 1]["id"] if len(rows) > limit else None
        shown = [{"contact": contacts[row["id"]], "seenAt": timestamp(row["seen_at"])} for row in rows[:limit]]
        return Page(shown, following)


def _people(rows: Sequence[Row]) -> Iterator[UUID]:
    for row in rows:
        if row["kind"] == "assigned":
            yield from (UUID(row["detail"][side]) for side in ("from", "to") if row["detail"].get(side))


def _happening(row: Row, names: Mapping[UUID, str]) -> View:
    detail: dict[str, Any] = row["detail"]
    if row["kind"] == "assigned":
        sides = {side: _person(detail.get(side), names) for side in ("from", "to")}
        detail = {**sides, "noteId": detail.get("noteId")}
    return {
        "id": str(row["id"]),
        "type": row["kind"],
        "data": detail,
        "by": {
            "kind": row["actor_kind"],
            "id": str(row["actor_id"]) if row["actor_id"] else None,
            "name": row["actor_name"],
        },
        "occurredAt": timestamp(row["occurred_at"]),
    }


def _person(user_id: str | None, names: Mapping[UUID, str]) -> View | None:
    return {"id": user_id, "name": names.get(UUID(user_id))} if user_id else None


def _receipt(row: Row) -> View:
    return {
        "status": row["status"],
        "participant": row["participant"] or None,
        "occurredAt": timestamp(row["occurred_at"]),
        "error": row["error"],
    }
