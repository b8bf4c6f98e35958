"""message_sender: hints from the outbound queue; each makes one conversation's due messages go out. The one rule: a hint
decides nothing, the rows do.
"""

from __future__ import annotations

import json
import logging
from typing import Any
from uuid import UUID

from parley import wiring
from parley.domain.errors import ParleyError
from parley.edge.records import partial_failure, pause_seconds

LOG = logging.getLogger("parley.message_sender")
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
            LOG.warning("hint put off: %s", getattr(error, "code", type(error).__name__))
            try:
                wiring.outbound_queue().change_visibility(record["receiptHandle"], pause_seconds(record))
            except ParleyError:
                # The queue's own visibility timeout brings it back.
                LOG.warning("visibility unchanged")
    return partial_failure(record["messageId"] for record in failed)


def _deliver(hint: dict[str, str], context: Any) -> None:
    tenant_id, conversation_id = UUID(hint["tenantId"]), UUID(hint["conversationId"])
    attempts = wiring.deliverer().deliver(
        tenant_id,
        conversation_id,
        may_go_on=lambda: context.get_remaining_time_in_millis() > SPARE_MILLISECONDS,
    )
    about = {"tenant_id": str(tenant_id), "conversation_id": str(conversation_id), "attempts": attempts}
    LOG.info("hint followed %s", json.dumps(about))
