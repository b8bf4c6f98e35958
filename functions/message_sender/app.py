"""message_sender: hints from the outbound queue; each sends one conversation's due messages. The one rule: a hint
decides nothing, the rows do.
"""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from parley import wiring
from parley.domain.errors import ParleyError
from parley.edge.records import partial_failure, put_off

LOG = wiring.start_logging("message_sender")
SPARE_MILLISECONDS = 20_000
"""The slowest call of an adapter, and what follows it, must fit into what is left of the function's time."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Deliver the conversations these hints name; answer which hints must come again."""
    failed = []
    for record in event["Records"]:
        try:
            _deliver(json.loads(record["body"]), context)
        except (ParleyError, ValueError, KeyError, TypeError) as error:
            failed.append(record)
            put_off(wiring.outbound_queue(), record, error, LOG)
    return partial_failure(failed)


def _deliver(hint: dict[str, str], context: Any) -> None:
    tenant_id, conversation_id = UUID(hint["tenantId"]), UUID(hint["conversationId"])
    attempts = wiring.deliverer().deliver(
        tenant_id,
        conversation_id,
        may_go_on=lambda: context.get_remaining_time_in_millis() > SPARE_MILLISECONDS,
    )
    about = {"correlation_id": hint.get("correlationId"), "tenant_id": tenant_id, "conversation_id": conversation_id}
    LOG.info("hint followed", extra={**about, "attempts": attempts})
