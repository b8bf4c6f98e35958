"""migrate: the deployment's custom resource. The one rule: a migration that fails, fails the deployment.

CloudFormation waits for an answer at the event's ResponseURL; a direct call has none and gets the answer, or the error,
itself.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.request import Request, urlopen

from parley import wiring

LOG = wiring.start_logging("migrate")
RESOURCE_ID = "parley-database"


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Migrate on Create and Update; leave the data alone on Delete."""
    try:
        applied = [] if event["RequestType"] == "Delete" else wiring.migrate()
    except Exception as error:
        LOG.exception("migration failed")
        if not event.get("ResponseURL"):
            raise
        _answer(event, {"Status": "FAILED", "Reason": f"{type(error).__name__}: {error}"[:400]})
        return {"applied": []}
    LOG.info("migrated", extra={"applied": applied})
    if event.get("ResponseURL"):
        _answer(event, {"Status": "SUCCESS"})
    return {"applied": applied}


def _answer(event: dict[str, Any], outcome: dict[str, str]) -> None:
    ids = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    body = json.dumps({**outcome, **ids, "PhysicalResourceId": RESOURCE_ID}).encode()
    # The URL is CloudFormation's own, presigned for this one answer.
    request = Request(event["ResponseURL"], data=body, method="PUT", headers={"content-type": ""})  # noqa: S310
    with urlopen(request, timeout=10):  # noqa: S310  # nosec B310
        pass
