"""Look after sends of which nobody knows whether they left. The one rule: evidence decides; where there is none after a
quarter of an hour, a person is told, once, and nothing is sent again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from parley.domain import events
from parley.domain.echoes import is_echo
from parley.domain.errors import DataRefused
from parley.domain.principal import SYSTEM
from parley.store import unknown as store
from parley.store.conversations import Happened, keep_timeline
from parley.store.database import Database, Transaction
from parley.store.event_log import append_events
from parley.store.receiving import lock_provider_ids

from .one_message import settle_id
from .outcomes import tell_status
from .project import project

LOG = logging.getLogger("parley.housekeep")
SHOWN_AFTER: Final = timedelta(minutes=15)
UNCONFIRMED: Final[Mapping[str, Any]] = {
    "code": "unconfirmed",
    "message": "Nobody can tell whether this message was sent. Ask the customer, or send it again.",
    "provider": {},
}
_AT_MOST: Final = 200


def show_unknown(database: Database, wake: Callable[[UUID], None], after: timedelta) -> int:
    """Settle by evidence, or show to people, messages of all tenants whose outcome has been unknown for so long; answer
    how many there were.
    """
    with database.unscoped() as tx:
        found = store.find_unsaid(tx, after, _AT_MOST)
    for row in found:
        try:
            database.run(row["tenant_id"], lambda tx, id_=row["message_id"]: _settle_or_show(tx, id_))  # type: ignore[misc]
        except DataRefused:
            # One that cannot be shown must not hide those behind it.
            LOG.exception("a send stays unknown", extra=row)
    for tenant_id in dict.fromkeys(row["tenant_id"] for row in found):
        wake(tenant_id)
    return len(found)


def _settle_or_show(tx: Transaction, message_id: UUID) -> None:
    message = store.lock_unsaid(tx, message_id)
    if message is None or _has_evidence(tx, message):
        return
    tell_status(tx, store.say(tx, message_id, UNCONFIRMED), message["correlation_id"])
    conversation_id = message["conversation_id"]
    keep_timeline(tx, [Happened(conversation_id, "send_unknown", {"messageId": str(message_id)}, SYSTEM)])
    append_events(tx, [events.conversation_updated(conversation_id, message["correlation_id"])])


def _has_evidence(tx: Transaction, message: Mapping[str, Any]) -> bool:
    """Whether what stands there as typed on the phone is this message: the same words, while it was being sent."""
    for echo in store.echoes(tx, message["id"]):
        if is_echo(echo["kind"], echo["body"], message["kind"], message["body"], message["content"]):
            key = (message["integration_id"], echo["provider_message_id"])
            lock_provider_ids(tx, [key])
            append_events(tx, settle_id(tx, message["id"], key, message["correlation_id"]))
            append_events(tx, project(tx, {key: message["correlation_id"]}))
            return True
    return False
