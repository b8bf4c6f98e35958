"""queue_processor: webhooks from the inbound queue into the inbox. The one rule: a record leaves the queue once its
webhook is committed, in the inbox or in the ledger.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from parley import wiring
from parley.domain.errors import Unreadable
from parley.domain.webhook import Webhook
from parley.edge.records import hand_back, partial_failure, put_off
from parley.edge.replays import go_on_replaying, split_replays

LOG = wiring.start_logging("queue_processor")
NOTE = partial(wiring.note_error, "inbound")


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Process one batch; answer which records must come again."""
    if wiring.inbound_watch().is_paused():
        return hand_back(wiring.inbound_queue(), event["Records"], LOG)
    started = time.monotonic()
    records: list[Mapping[str, Any]] = []
    webhooks: list[Webhook] = []
    failed: list[Mapping[str, Any]] = []
    replays, others = split_replays(event["Records"])
    for record in others:
        try:
            webhooks.append(Webhook.decode(record["body"]))
            records.append(record)
        except Unreadable:
            # Not ours, and nobody's: it stays until the queue gives it to the dead letters.
            failed.append(record)
    try:
        done = wiring.processor().process(webhooks)
    except Exception as bug:
        for record in records:
            NOTE(record["body"], bug)
        raise
    committed = datetime.now(UTC)
    wiring.inbound_watch().note(done.ended, done.parked_of)
    wiring.follow_up(done)
    for heard in done.typing:
        wiring.typists().customer(
            heard.tenant_id, heard.integration_id, heard.person, on=heard.on, seen_at=heard.seen_at
        )
    again: Callable[..., None] = partial(put_off, wiring.inbound_queue(), log=LOG, note=NOTE)
    for index, error in done.failed.items():
        failed.append(records[index])
        ids = {"correlation_id": webhooks[index].correlation_id, "integration_id": webhooks[index].integration_id}
        again(records[index], error, **ids)
    failed += go_on_replaying(replays, wiring.replaying, wiring.follow_up, again, LOG)
    ms = round((time.monotonic() - started) * 1000)
    fresh = [webhook for i, webhook in enumerate(webhooks) if i not in done.replayed and i not in done.failed]
    wiring.meter()("queue.processing", ms)
    wiring.meter()("webhook.parked", done.parked)
    if done.unsent:
        wiring.meter()("send.failure", done.unsent)
    rejected = (entry for i, entry in done.entries.items() if i not in done.replayed and entry.state == "rejected")
    wiring.meter()("webhook.rejected", sum(1 for _ in rejected))
    wiring.meter()("inbound.latency", *((committed - each.received_at).total_seconds() * 1000 for each in fresh))
    about = {
        "records": len(event["Records"]),
        "failed": len(failed),
        "parked": done.parked,
        "ms": ms,
        "correlation_ids": [str(webhook.correlation_id) for webhook in webhooks],
    }
    (LOG.warning if failed or done.parked else LOG.info)("webhooks processed", extra=about)
    return partial_failure(failed)
