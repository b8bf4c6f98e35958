"""Decide who hears an event, in one snapshot. The one rule: whoever may not see a conversation hears nothing of it but
that it left their sight, and whoever may not see a contact nothing of them.

Topics say what an event is about and what a client asked for (domain/audience.py); the database says who may see it
(store/sight.py), now, not when it happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal
from uuid import UUID

from parley.domain.audience import Listener, hears
from parley.domain.batches import Told, told
from parley.store.database import Row, Transaction
from parley.store.sight import contacts_out_of_sight, out_of_sight

Hearing = Literal["all of it", "that it left"]
_ASSIGNED = "conversation.assigned"


class Audience:
    """Who of these people hears what of these events."""

    def __init__(self, tx: Transaction, people: Iterable[UUID | None], events: Sequence[Row]) -> None:
        wanted = {id_ for id_ in people if id_ is not None}
        conversations = {row["conversation_id"] for row in events if row["conversation_id"] is not None}
        contacts = {row["contact_id"] for row in events if row["contact_id"] is not None}
        self._hidden = out_of_sight(tx, wanted, conversations)
        self._strangers = contacts_out_of_sight(tx, wanted, contacts)

    def hearing(self, listener: Listener, event: Row) -> Hearing | None:
        """What a listener hears of an event; None: nothing."""
        if not hears(listener, event["topics"]):
            return None
        if listener.user_id is None:
            return "all of it"
        if (listener.user_id, event["contact_id"]) in self._strangers:
            return None
        if_unassigned = self._hidden.get((listener.user_id, event["conversation_id"]))
        if if_unassigned is None:
            return "all of it"
        if event["type"] != _ASSIGNED:
            return None
        before = event["delta"].get("from")
        saw = if_unassigned if before is None else before == str(listener.user_id)
        return "that it left" if saw else None


def withhold(event: Told) -> Told:
    """A `conversation.assigned` as whoever lost sight of the conversation hears it: who has it now, nothing of it."""
    data = event.body["data"] or {}
    left = {"conversation": None, "from": data.get("from"), "to": data.get("to"), "by": data.get("by"), "note": None}
    return told(event.seq, event.topics, {**event.body, "data": left}, None)
