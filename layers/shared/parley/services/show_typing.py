"""Show that somebody types: an agent to colleagues and to the customer, a customer to the agents. The one rule: it is
told to those who have the thread before them, at most every few seconds, and nothing of it is kept.

What is told ends by itself after a few seconds, with `on: false`, or with the message that was being typed.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from parley.cloud.ports import Queue
from parley.domain.errors import NotFound, ParleyError
from parley.domain.events import conversation_topic
from parley.domain.identity import Person
from parley.domain.terms import Terms
from parley.store import presence as store
from parley.store.connections import known_conversations
from parley.store.database import Database, Transaction
from parley.store.views import timestamp

from .whisper import Whisper, Word

LOG = logging.getLogger("parley.typing")

STALE = timedelta(seconds=6)
"""Word of typing that comes later than this says nothing about now. By the wall clock, however fast ours runs."""


class Typists:
    """Tells who types. `outbound` carries an agent's typing to the function that speaks with gateways; `now` is the
    wall clock.
    """

    def __init__(
        self, database: Database, whisper: Whisper, outbound: Queue, terms: Terms, now: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._whisper = whisper
        self._outbound = outbound
        self._terms = terms
        self._now = now

    def colleague(
        self,
        tenant_id: UUID,
        by: dict[str, str],
        conversation_id: UUID,
        *,
        on: bool,
        viewer: UUID | None = None,
        connection_id: str | None = None,
    ) -> bool:
        """Tell the others in a thread that one of the company (`kind`, `id`, `name`) types, or no longer; answer
        whether it was news. `viewer`: the person, who must see the thread. Raises NotFound.
        """

        def note(tx: Transaction) -> bool:
            if not known_conversations(tx, [conversation_id]):
                raise NotFound("There is no such conversation here.")
            return self._note(tx, conversation_id, by, on=on)

        news = self._database.run(tenant_id, note, viewer=viewer)
        if news:
            self._tell(tenant_id, conversation_id, by, on=on, but=connection_id)
        return news

    def pass_on(self, tenant_id: UUID, conversation_id: UUID, *, on: bool) -> None:
        """Have the customer shown that somebody types, where the gateway can; never raises."""
        hint = {
            "v": 1,
            "tenantId": str(tenant_id),
            "conversationId": str(conversation_id),
            "typing": on,
            "at": timestamp(self._now()),
        }
        try:
            self._outbound.send(json.dumps(hint), str(conversation_id))
        except ParleyError as error:
            LOG.warning("typing was not passed on", extra={"tenant_id": tenant_id, "code": error.code})

    def customer(self, tenant_id: UUID, integration_id: UUID, person: Person, *, on: bool, seen_at: datetime) -> None:
        """Tell those in a thread that its customer types, or no longer; never raises."""
        if self._now() - seen_at > STALE:
            return

        def note(tx: Transaction) -> tuple[UUID, dict[str, Any]] | None:
            thread = store.conversation_of_customer(tx, integration_id, person)
            if thread is None:
                return None
            by = {"kind": "contact", "id": str(thread["contact_id"]), "name": thread["name"]}
            return (thread["id"], by) if self._note(tx, thread["id"], by, on=on) else None

        try:
            noted = self._database.run(tenant_id, note)
        except ParleyError as error:
            LOG.warning("a customer's typing was not told", extra={"tenant_id": tenant_id, "code": error.code})
            return
        if noted is not None:
            self._tell(tenant_id, *noted, on=on)

    def _note(self, tx: Transaction, conversation_id: UUID, by: dict[str, Any], *, on: bool) -> bool:
        actor = f"{by['kind']}:{by['id']}"
        if on:
            return store.start_typing(tx, conversation_id, actor, self._terms.typing_again)
        return store.stop_typing(tx, conversation_id, actor, self._terms.typing_life)

    def _tell(
        self, tenant_id: UUID, conversation_id: UUID, by: dict[str, Any], *, on: bool, but: str | None = None
    ) -> None:
        data = {"conversationId": str(conversation_id), "by": by, "on": on}
        word = Word("presence.typing", data, self._terms.typing_life)
        self._whisper.tell(tenant_id, conversation_topic(conversation_id), [word], but)


def is_stale(at: str, now: datetime) -> bool:
    """Whether word of typing is too old to be passed on."""
    return now - datetime.fromisoformat(at) > STALE
