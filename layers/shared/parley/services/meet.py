"""Meet somebody by their address: the contact and the conversation a first message goes into. The one rule: whoever
wrote to the company under this address before is the same person.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from parley.domain import events
from parley.domain.errors import NotFound
from parley.domain.identity import Address, Person, phone_key
from parley.domain.principal import Actor
from parley.store import conversations as working
from parley.store import receiving, sending
from parley.store.database import Transaction
from parley.store.event_log import append_events
from parley.store.ids import new_id
from parley.store.integrations import integration_by_id

from .identify import Sighting, identify

NOWHERE: Final = UUID(int=0)
"""The conversation of a message whose conversation is not known yet."""


@dataclass(frozen=True, slots=True)
class Partner:
    """Somebody to write to: a phone number, and the integration to write from."""

    integration_id: UUID
    phone: str

    def __str__(self) -> str:
        return f"{self.integration_id} {phone_key(self.phone)}"


def meet(tx: Transaction, partner: Partner, by: Actor, correlation_id: UUID) -> UUID:
    """Find or make the contact and the conversation; answer the conversation, which is not resolved.

    Raises NotFound where there is no such integration.
    """
    integration = integration_by_id(tx, partner.integration_id)
    if integration is None:
        problem = {"path": "integrationId", "message": "no integration of the company"}
        raise NotFound("There is no such integration.", errors=[problem])
    reopen = integration.settings.get("whenResolved", "reopen") == "reopen"
    address = Address("phone", re.sub(r"\D", "", partner.phone))
    sighting = Sighting(partner.integration_id, Person((address,)), sending.now(tx), correlation_id)
    identified = identify(tx, [sighting])
    chat = (partner.integration_id, identified.contacts[0])
    found = receiving.lock_conversations(tx, [chat]).get(chat)
    if found is not None and (found["status"] != "resolved" or reopen):
        reopened = working.reopen(tx, found["id"], by)
        told = [events.conversation_updated(found["id"], correlation_id)] if reopened else []
        append_events(tx, [*identified.log, *told])
        return UUID(str(found["id"]))
    conversation_id = new_id()
    row = {"id": conversation_id, "integration_id": chat[0], "contact_id": chat[1], "group_id": None}
    receiving.insert_conversations(tx, [row])
    append_events(tx, [*identified.log, events.conversation_new(conversation_id, correlation_id)])
    return conversation_id
