"""Assign a conversation: take it, hand it on, put it back. The one rule: it is compared and set under the row's lock,
so that of two who reach for it at once one has it and the other is told.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from parley.domain import events
from parley.domain.errors import Conflict, NotFound
from parley.domain.principal import Actor, Principal
from parley.store import conversations as store
from parley.store.conversations import Happened
from parley.store.database import Database, Row, Transaction
from parley.store.event_log import append_events
from parley.store.views import View, load_conversations

from .note import Note, write_note
from .sight import require_conversation


class Assigning:
    """Gives conversations to people."""

    def __init__(self, database: Database, wake: Callable[[UUID], None]) -> None:
        self._database = database
        self._wake = wake

    def assign(
        self,
        by: Principal,
        conversation_id: UUID,
        user_id: UUID | None,
        correlation_id: UUID,
        *,
        version: int | None = None,
        note: str | None = None,
    ) -> View:
        """Give a conversation to a person, or (None) to nobody, with a note where there is one; answer it.

        `version`: only if the conversation is still that one. Without it, taking for oneself what somebody else has is
        refused as well: who takes it from them must have seen that they have it. What is so already is not done again.
        Raises NotFound (of the person too), Conflict.
        """

        def work(tx: Transaction) -> View:
            require_conversation(tx, by, conversation_id)
            conversation = lock_unmerged(tx, conversation_id)
            tx.widen()  # who hands it on may not see it any more
            if user_id is not None and user_id not in store.active_people(tx, [user_id]):
                problem = {"path": "userId", "message": "should be a person of the company"}
                raise NotFound("There is no such person.", errors=[problem])
            if conversation["assignee_id"] != user_id:
                _compare(tx, conversation, by, user_id, version)
            note_id = write_note(tx, by, conversation, Note(note), correlation_id) if note else None
            if conversation["assignee_id"] != user_id:
                hand_over(tx, conversation, user_id, by.actor, correlation_id, note_id=note_id)
            return load_conversations(tx, [conversation_id])[conversation_id]

        view = self._database.run(by.tenant_id, work, viewer=by.viewer)
        self._wake(by.tenant_id)
        return view


def hand_over(
    tx: Transaction,
    conversation: Row,
    user_id: UUID | None,
    by: Actor,
    correlation_id: UUID | None,
    *,
    note_id: UUID | None = None,
    automatic: bool = False,
) -> None:
    """Give a locked conversation (id, assignee_id) to somebody else or to nobody, and tell of it."""
    store.assign(tx, conversation["id"], user_id, automatic=automatic)
    sides = {"from": conversation["assignee_id"], "to": user_id, **({"noteId": note_id} if note_id else {})}
    store.keep_timeline(tx, [Happened(conversation["id"], "assigned", sides, by)])
    event = events.conversation_assigned(
        conversation["id"],
        old=conversation["assignee_id"],
        new=user_id,
        by=by,
        note_id=note_id,
        correlation_id=correlation_id,
    )
    append_events(tx, [event])


def lock_unmerged(tx: Transaction, conversation_id: UUID) -> Row:
    """Lock a conversation that is still one of its own. Raises NotFound, Conflict where it went on in another."""
    conversation = store.lock(tx, conversation_id)
    if conversation is None:
        raise NotFound
    if conversation["merged_into"] is not None:
        raise Conflict("This conversation went on in another one.", mergedInto=conversation["merged_into"])
    return conversation


def refuse_stale(tx: Transaction, conversation: Row, version: int | None) -> None:
    """Refuse a version that is not the conversation's any more. Raises Conflict with the conversation as it is."""
    if version is not None and version != conversation["version"]:
        view = load_conversations(tx, [conversation["id"]])[conversation["id"]]
        raise Conflict("Somebody changed this conversation meanwhile.", conversation=view)


def _compare(tx: Transaction, conversation: Row, by: Principal, user_id: UUID | None, version: int | None) -> None:
    refuse_stale(tx, conversation, version)
    taken = conversation["assignee_id"] is not None and user_id == by.id
    if version is None and taken:
        view = load_conversations(tx, [conversation["id"]])[conversation["id"]]
        raise Conflict("Somebody else has taken this conversation.", conversation=view)
