"""Change a conversation: its status, snooze, priority, labels, followers. The one rule: what changes is in the timeline
with who did it, and what does not change raises nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from parley.domain import events
from parley.domain.errors import Conflict, DataRefused, InvalidRequest, NotFound
from parley.domain.principal import SYSTEM, Principal
from parley.domain.timestamps import rfc3339
from parley.store import catalogue
from parley.store import conversations as store
from parley.store.conversations import Happened
from parley.store.database import Database, Row, Transaction
from parley.store.event_log import append_events
from parley.store.inbox import has_conversation
from parley.store.views import View, load_conversations

from .assign import lock_unmerged, refuse_stale
from .sight import require_conversation

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Settings:
    """What people set of a conversation. `snoozed_until` None while snoozed: until the customer writes."""

    status: str
    snoozed_until: datetime | None
    priority: str
    labels: tuple[str, ...]

    def with_asked(self, asked: Mapping[str, Any], now: datetime) -> Settings:
        """These settings with what was asked (names as here). Raises InvalidRequest for what cannot be."""
        until = asked.get("snoozed_until")
        status = asked.get("status") or ("snoozed" if until is not None else self.status)
        if until is not None and status != "snoozed":
            _refuse("snoozedUntil", "belongs to the status snoozed")
        if until is not None and until <= now:
            _refuse("snoozedUntil", "should be in the future")
        if status != "snoozed":
            until = None
        elif "snoozed_until" not in asked and self.status == "snoozed":
            until = self.snoozed_until
        labels = tuple(dict.fromkeys(asked["labels"])) if "labels" in asked else self.labels
        return Settings(status, until, asked.get("priority", self.priority), labels)


class Changing:
    """Changes conversations for people and programs."""

    def __init__(self, database: Database, wake: Callable[[UUID], None]) -> None:
        self._database = database
        self._wake = wake

    def change(
        self,
        by: Principal,
        conversation_id: UUID,
        asked: Mapping[str, Any],
        correlation_id: UUID,
        *,
        version: int | None = None,
    ) -> View:
        """Change what is asked (`status`, `snoozed_until`, `priority`, `labels`) and answer the conversation.

        A label that the catalogue has not is added to it. Raises NotFound, InvalidRequest, Conflict (`version` is not
        the conversation's any more, it went on in another, or the customer has another unresolved one).
        """

        def work(tx: Transaction) -> View:
            require_conversation(tx, by, conversation_id)
            conversation = lock_unmerged(tx, conversation_id)
            refuse_stale(tx, conversation, version)
            old = Settings(
                conversation["status"],
                conversation["snoozed_until"],
                conversation["priority"],
                tuple(conversation["labels"]),
            )
            new = old.with_asked(asked, conversation["now"])
            if new != old:
                _apply(tx, conversation, old, new, by, correlation_id)
            return load_conversations(tx, [conversation_id])[conversation_id]

        try:
            view = self._database.run(by.tenant_id, work, viewer=by.viewer)
        except DataRefused as error:
            if error.constraint != "conversations_one_unresolved":
                raise
            raise Conflict("The customer has another conversation that is not resolved.") from error
        self._wake(by.tenant_id)
        return view

    def follow(
        self, by: Principal, conversation_id: UUID, user_id: UUID, on: bool, correlation_id: UUID
    ) -> list[dict[str, Any]]:
        """Let a person follow a conversation, or no more; answer who follows it. Raises NotFound."""

        def work(tx: Transaction) -> list[dict[str, Any]]:
            require_conversation(tx, by, conversation_id)
            if not has_conversation(tx, conversation_id) or (on and not store.active_people(tx, [user_id])):
                raise NotFound
            changed = (store.follow if on else store.unfollow)(tx, conversation_id, user_id)
            if changed:
                append_events(tx, [events.conversation_updated(conversation_id, correlation_id)])
            return [{"id": str(row["id"]), "name": row["name"]} for row in store.followers(tx, conversation_id)]

        following = self._database.run(by.tenant_id, work, viewer=by.viewer)
        self._wake(by.tenant_id)
        return following


def _apply(
    tx: Transaction, conversation: Row, old: Settings, new: Settings, by: Principal, correlation_id: UUID
) -> None:
    catalogue.add_labels(tx, [name for name in new.labels if name not in old.labels])
    store.change(
        tx,
        conversation["id"],
        status=new.status,
        snoozed_until=new.snoozed_until,
        priority=new.priority,
        labels=new.labels,
    )
    what = _differences(old, new)
    store.keep_timeline(tx, [Happened(conversation["id"], kind, detail, by.actor) for kind, detail in what])
    append_events(tx, [events.conversation_updated(conversation["id"], correlation_id)])


def _differences(old: Settings, new: Settings) -> Sequence[tuple[str, Mapping[str, Any]]]:
    found: list[tuple[str, Mapping[str, Any]]] = []
    if (old.status, old.snoozed_until) != (new.status, new.snoozed_until):
        until = {"snoozedUntil": rfc3339(new.snoozed_until)} if new.snoozed_until else {}
        found.append(("status", {"from": old.status, "to": new.status, **until}))
    if old.priority != new.priority:
        found.append(("priority", {"from": old.priority, "to": new.priority}))
    if set(old.labels) != set(new.labels):
        added = [name for name in new.labels if name not in old.labels]
        removed = [name for name in old.labels if name not in new.labels]
        found.append(("labels", {"added": added, "removed": removed}))
    return found


def wake_snoozed(database: Database, wake: Callable[[UUID], None], at_most: int) -> int:
    """Open the conversations, of all tenants, whose snooze is over; answer how many there were."""
    with database.unscoped() as tx:
        due = store.find_due_snoozes(tx, at_most)
    for tenant_id in dict.fromkeys(row["tenant_id"] for row in due):
        ids = [row["conversation_id"] for row in due if row["tenant_id"] == tenant_id]
        database.run(tenant_id, lambda tx, ids=ids: _wake_all(tx, ids))  # type: ignore[misc]
        wake(tenant_id)
    return len(due)


def _wake_all(tx: Transaction, ids: Sequence[UUID]) -> None:
    woken = [id_ for id_ in sorted(ids) if store.wake(tx, id_)]
    detail = {"from": "snoozed", "to": "open"}
    store.keep_timeline(tx, [Happened(id_, "status", detail, SYSTEM) for id_ in woken])
    append_events(tx, [events.conversation_updated(id_, None) for id_ in woken])


def _refuse(path: str, message: str) -> None:
    raise InvalidRequest("The conversation cannot be changed so.", errors=[{"path": path, "message": message}])
