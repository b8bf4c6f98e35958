"""Write a note: a message that only the company's people see. The one rule: it is numbered with the messages, but what
customers see of the conversation, and its place in the inbox, stay as they were.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from parley.domain import events
from parley.domain.errors import NotFound
from parley.domain.principal import Principal
from parley.store import conversations as store
from parley.store.database import Row, Transaction
from parley.store.event_log import append_events
from parley.store.ids import new_id


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody notes; `mentions`: people it names. `client_key` and `request_hash` as of any message."""

    text: str
    mentions: Sequence[UUID] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    client_key: str | None = None
    request_hash: bytes | None = None


def write_note(tx: Transaction, by: Principal, conversation: Row, note: Note, correlation_id: UUID) -> UUID:
    """Write a note into a locked conversation (id, integration_id, last_number) and tell those it names; answer its id.

    Raises NotFound for a mention of somebody who is not there.
    """
    mentions = list(dict.fromkeys(note.mentions))
    if set(mentions) - store.active_people(tx, mentions):
        problem = {"path": "mentions", "message": "should be people of the company"}
        raise NotFound("The note mentions somebody who is not there.", errors=[problem])
    note_id, conversation_id = new_id(), conversation["id"]
    store.insert_note(
        tx,
        {
            "id": note_id,
            "integration_id": conversation["integration_id"],
            "conversation_id": conversation_id,
            "number": conversation["last_number"] + 1,
            "body": note.text,
            "content": {"mentions": [str(id_) for id_ in mentions]} if mentions else {},
            "metadata": dict(note.metadata),
            "sender_kind": by.sender_kind,
            "sender_id": by.id,
            "principal": by.key,
            "client_key": note.client_key,
            "request_hash": note.request_hash,
            "correlation_id": correlation_id,
        },
    )
    named = [
        events.user_mentioned(user_id, conversation_id, note_id, by.actor, correlation_id)
        for user_id in mentions
        if user_id != by.id
    ]
    append_events(tx, [events.message_new(conversation_id, note_id, correlation_id), *named])
    return note_id
