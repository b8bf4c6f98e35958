"""message_sender: hints from the outbound queue; each sends one conversation's due messages, or shows a customer that
somebody types. The one rule: a hint decides nothing, the rows do; only of typing there are none.
"""

from __future__ import annotations

import json
from functools import partial
from typing import Any
from uuid import UUID

from parley import wiring
from parley.domain.errors import ParleyError, Unavailable
from parley.edge.records import partial_failure, put_off

LOG = wiring.start_logging("message_sender")
NOTE = partial(wiring.note_error, "outbound")
SPARE_MILLISECONDS = 110_000
"""The slowest send of any adapter, and what follows it, must fit into what is left of the function's time."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Deliver the conversations these hints name; answer which hints must come again."""
    failed = []
    for place, record in enumerate(event["Records"]):
        try:
            if place and not _has_time(context):
                raise Unavailable("There is no time left for a send.")
            hint = json.loads(record["body"])
            if "typing" in hint:
                _show_typing(hint)
            else:
                _deliver(hint, context)
        except (ParleyError, ValueError, KeyError, TypeError) as error:
            failed.append(record)
            put_off(wiring.outbound_queue(), record, error, LOG, NOTE)
        except Exception as error:
            NOTE(record["body"], error)
            raise
    return partial_failure(failed)


def _show_typing(hint: dict[str, Any]) -> None:
    conversation_id = UUID(hint["conversationId"])
    shown = wiring.pass_typing_on(UUID(hint["tenantId"]), conversation_id, bool(hint["typing"]), str(hint["at"]))
    LOG.info("typing", extra={"tenant_id": hint["tenantId"], "conversation_id": conversation_id, "shown": shown})


def _deliver(hint: dict[str, str], context: Any) -> None:
    tenant_id, conversation_id = UUID(hint["tenantId"]), UUID(hint["conversationId"])
    attempts = wiring.deliverer().deliver(tenant_id, conversation_id, may_go_on=lambda: _has_time(context))
    about = {"correlation_id": hint.get("correlationId"), "tenant_id": tenant_id, "conversation_id": conversation_id}
    LOG.info("hint followed", extra={**about, "attempts": attempts})


def _has_time(context: Any) -> bool:
    return bool(context.get_remaining_time_in_millis() > SPARE_MILLISECONDS)
