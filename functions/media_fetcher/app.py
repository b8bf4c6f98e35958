"""media_fetcher: hints from the media queue; each fetches one file. The one rule: a hint decides nothing, the row
does.
"""

from __future__ import annotations

import json
import time
from functools import partial
from typing import Any
from uuid import UUID

from parley import wiring
from parley.domain.errors import ParleyError
from parley.edge.records import partial_failure, put_off

LOG = wiring.start_logging("media_fetcher")
NOTE = partial(wiring.note_error, "media")


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Fetch the files these hints name; answer which hints must come again."""
    failed = []
    for record in event["Records"]:
        started = time.monotonic()
        try:
            hint = json.loads(record["body"])
            tenant_id, attachment_id = UUID(hint["tenantId"]), UUID(hint["attachmentId"])
            outcome = wiring.media_fetcher().fetch(tenant_id, attachment_id)
        except (ParleyError, ValueError, KeyError, TypeError) as error:
            failed.append(record)
            put_off(wiring.media_queue(), record, error, LOG, NOTE)
            continue
        except Exception as error:
            NOTE(record["body"], error)
            raise
        if outcome == "failed":
            wiring.meter()("media.failure", 1)
        about = {"tenant_id": tenant_id, "attachment_id": attachment_id, "outcome": outcome}
        log = LOG.warning if outcome in {"failed", "again"} else LOG.info
        log("hint followed", extra={**about, "ms": round((time.monotonic() - started) * 1000)})
    return partial_failure(failed)
