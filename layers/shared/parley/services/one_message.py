"""A message of ours and its echo are one message. The one rule: what the gateway answered to our own send decides; what
was only guessed by the words of an echo gives way to it, and nobody's message is lost by that.
"""

from __future__ import annotations

from uuid import UUID

from parley.domain import events
from parley.domain.echoes import is_echo
from parley.domain.events import NewEvent
from parley.store import echoes as store
from parley.store.database import Row, Transaction
from parley.store.ids import new_id
from parley.store.receiving import ProviderKey, lock_provider_ids, unconfirmed
from parley.store.sending import now
from parley.store.views import timestamp

from .project import project, revise


def settle_id(tx: Transaction, message_id: UUID, key: ProviderKey, correlation_id: UUID) -> list[NewEvent]:
    """Our message has this id at the gateway, for certain; answer the events. Call under `lock_provider_ids`.

    Where an echo came first and stands there as a message of the phone, ours stays and the echo goes. Where ours had
    been given the id of another echo with the same words, that one is somebody else's again.
    """
    ours = store.lock_own(tx, message_id, key[0])
    if ours is None or ours["provider_message_id"] == key[1]:
        return []
    holder = store.lock_holder(tx, key)
    if holder is not None and holder["sender_kind"] != "device":
        return []  # another message of ours: one of the two answers is wrong, and nobody can tell which
    log: list[NewEvent] = []
    if holder is not None:
        log.append(_drop(tx, holder, ours, correlation_id))
    is_last = store.set_provider_id(tx, ours["id"], key[1])
    if holder is not None:
        ids = (ours["conversation_id"], ours["id"])
        log += revise(tx, [], {key: correlation_id})
        log.append(events.message_updated(*ids, is_last=is_last, correlation_id=correlation_id))
    if ours["provider_message_id"] is not None:
        log += _give_back(tx, ours, correlation_id)
    return log


def _drop(tx: Transaction, echo: Row, ours: Row, correlation_id: UUID) -> NewEvent:
    was_last = store.drop_echo(tx, echo["id"])
    return events.message_deleted(
        echo["conversation_id"],
        echo["id"],
        deleted_at=timestamp(now(tx)),
        replaced_by=ours["id"],
        is_last=was_last,
        correlation_id=correlation_id,
    )


def _give_back(tx: Transaction, ours: Row, correlation_id: UUID) -> list[NewEvent]:
    """The id that ours had by mistake is that of another message of ours with these words, else of one of the phone."""
    freed = (ours["integration_id"], ours["provider_message_id"])
    lock_provider_ids(tx, [freed])
    for row in unconfirmed(tx, [ours["conversation_id"]]):
        said = (ours["kind"], ours["body"], row["kind"], row["body"], row["content"])
        if row["id"] != ours["id"] and is_echo(*said):
            store.set_provider_id(tx, row["id"], freed[1])
            return project(tx, {freed: correlation_id})
    message_id = new_id()
    store.restore_echo(tx, message_id, ours["id"], freed[1], correlation_id)
    log = [events.message_new(ours["conversation_id"], message_id, correlation_id)]
    return [*log, *revise(tx, [], {freed: correlation_id}), *project(tx, {freed: correlation_id})]
