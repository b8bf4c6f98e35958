"""realtime_pusher: large audiences, what an inline push left behind, and changes of presence. The one rule: the hint
names a tenant, and at most a chunk of its connections; what there is to push, the rows say.
"""

from __future__ import annotations

import json
from functools import partial
from typing import Any
from uuid import UUID

from parley import wiring
from parley.domain.errors import ParleyError
from parley.edge.records import partial_failure, put_off

LOG = wiring.start_logging("realtime_pusher")
NOTE = partial(wiring.note_error, "push")


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Follow these hints, the same ones once; answer which must come again."""
    failed = []
    followed: set[str] = set()
    for record in event["Records"]:
        try:
            if record["body"] not in followed:
                _follow(json.loads(record["body"]))
                followed.add(record["body"])
        except (ParleyError, ValueError, KeyError, TypeError) as error:
            failed.append(record)
            put_off(wiring.push_queue(), record, error, LOG, NOTE)
        except Exception as error:
            NOTE(record["body"], error)
            raise
    LOG.info("hints followed", extra={"hints": len(event["Records"]), "failed": len(failed)})
    return partial_failure(failed)


def _follow(hint: dict[str, Any]) -> None:
    tenant_id = UUID(hint["tenantId"])
    if hint.get("presence"):
        wiring.announcer().announce(tenant_id)
        wiring.distributor().distribute(tenant_id, thorough=True)
    else:
        wiring.push_chunk(tenant_id, hint.get("after"), hint.get("upTo"))
