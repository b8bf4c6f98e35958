"""queue_processor: webhooks from the inbound queue into the inbox. The one rule: a record leaves the queue once its
webhook is committed, in the inbox or in the ledger.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from parley import wiring
from parley.domain.errors import Unreadable
from parley.domain.webhook import Webhook
from parley.edge.records import partial_failure, put_off

LOG = wiring.start_logging("queue_processor")


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
    wiring.hint_media(done.files)
    wiring.resume_sending(done.resumed)
    for tenant_id in done.changed:
        wiring.distributor().distribute(tenant_id)
    for heard in done.typing:
        wiring.typists().customer(
            heard.tenant_id, heard.integration_id, heard.person, on=heard.on, seen_at=heard.seen_at
        )
    for index, error in done.failed.items():
        failed.append(records[index])
        ids = {"correlation_id": webhooks[index].correlation_id, "integration_id": webhooks[index].integration_id}
        put_off(wiring.inbound_queue(), records[index], error, LOG, **ids)
    about = {
        "records": len(event["Records"]),
        "failed": len(failed),
        "parked": done.parked,
        "ms": round((time.monotonic() - started) * 1000),
        "correlation_ids": [str(webhook.correlation_id) for webhook in webhooks],
    }
    (LOG.warning if failed or done.parked else LOG.info)("webhooks processed", extra=about)
    return partial_failure(failed)
