"""queue_processor: webhooks from the inbound queue into the inbox. The one rule: a record leaves the queue once its
webhook is committed, in the inbox or in the ledger.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from typing import Any

from parley import wiring
from parley.domain.errors import ParleyError, Unreadable
from parley.domain.webhook import Webhook
from parley.edge.records import partial_failure, pause_seconds

LOG = logging.getLogger("parley.queue_processor")


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Process one batch; answer which records must come again."""
    started = time.monotonic()
    records: list[Mapping[str, Any]] = []
    webhooks: list[Webhook] = []
    failed: list[Mapping[str, Any]] = []
    for record in event["Records"]:
        try:
            webhooks.append(Webhook.decode(record["body"]))
            records.append(record)
        except Unreadable:
            # Not ours, and nobody's: it stays until the queue gives it to the dead letters.
            failed.append(record)
    done = wiring.processor().process(webhooks)
    for tenant_id in done.changed:
        wiring.pusher().wake(tenant_id)
    for index, error in done.failed.items():
        failed.append(records[index])
        _put_off(records[index], error)
    about = {
        "records": len(event["Records"]),
        "failed": len(failed),
        "parked": done.parked,
        "ms": round((time.monotonic() - started) * 1000),
        "correlation_ids": [str(webhook.correlation_id) for webhook in webhooks],
    }
    LOG.log(logging.WARNING if failed or done.parked else logging.INFO, "webhooks processed %s", json.dumps(about))
    return partial_failure(record["messageId"] for record in failed)


def _put_off(record: Mapping[str, Any], error: ParleyError) -> None:
    LOG.warning("webhook put off: %s", error.code)
    try:
        wiring.inbound_queue().change_visibility(record["receiptHandle"], pause_seconds(record))
    except ParleyError:
        # The queue's own visibility timeout brings it back.
        LOG.warning("visibility unchanged")
