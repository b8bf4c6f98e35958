"""realtime_pusher: large audiences, and what an inline push left behind. The one rule: the hint names a tenant and
nothing else; what there is to push, the rows say.
"""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from parley import wiring
from parley.domain.errors import ParleyError
from parley.edge.records import partial_failure, put_off

LOG = wiring.start_logging("realtime_pusher")


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Push the tenants these hints name, each once; answer which hints must come again."""
    failed = []
    pushed: set[UUID] = set()
    for record in event["Records"]:
        try:
            tenant_id = UUID(json.loads(record["body"])["tenantId"])
            if tenant_id not in pushed:
                wiring.patient_pusher().push(tenant_id)
                pushed.add(tenant_id)
        except (ParleyError, ValueError, KeyError, TypeError) as error:
            failed.append(record)
            put_off(wiring.push_queue(), record, error, LOG)
    LOG.info("hints followed", extra={"hints": len(event["Records"]), "failed": len(failed)})
    return partial_failure(failed)
