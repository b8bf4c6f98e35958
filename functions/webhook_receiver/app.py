"""webhook_receiver: GET and POST of a gateway. The one rule: 200 means durably written, and no database is touched
on the way.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

from parley import wiring
from parley.edge.problems import problem
from parley.edge.webhooks import read_address, read_webhook

LOG = wiring.start_logging("webhook_receiver")
RECEIVED = json.dumps({"received": True})

wiring.load_for_webhooks()


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer one request of the HTTP API (payload 2.0)."""
    began = time.perf_counter()
    answer = _take(event)
    if event["requestContext"]["http"]["method"] != "GET":
        rejected = int(400 <= answer["statusCode"] < 500)
        ms = round((time.perf_counter() - began) * 1000, 2)
        wiring.meter().together({"webhook.received": 1, "webhook.rejected": rejected, "webhook.ack.latency": ms})
    return answer


def _take(event: dict[str, Any]) -> dict[str, Any]:
    correlation_id = wiring.new_id()
    provider, integration_id, token = read_address(event)
    about = {"correlation_id": str(correlation_id), "provider": provider[:40], "integration_id": integration_id[:40]}
    try:
        if event["requestContext"]["http"]["method"] == "GET":
            query = event.get("queryStringParameters") or {}
            text = wiring.intake().shake_hands(provider, integration_id, token, query)
            outcome, answer = "handshake", _answer("text/plain; charset=utf-8", text, about["correlation_id"])
        else:
            outcome = wiring.intake().accept(read_webhook(event, datetime.now(UTC), correlation_id))
            answer = _answer("application/json", RECEIVED, about["correlation_id"])
    except Exception as error:
        answer = problem(error, about["correlation_id"])
        failed = answer["statusCode"] >= 500
        about["code"] = getattr(error, "code", type(error).__name__)
        (LOG.error if failed else LOG.warning)("webhook refused", exc_info=failed, extra=about)
        return answer
    (LOG.warning if outcome == "spool" else LOG.info)("webhook taken", extra={**about, "to": outcome})
    return answer


def _answer(content_type: str, body: str, correlation_id: str) -> dict[str, Any]:
    headers = {
        "content-type": content_type,
        "x-content-type-options": "nosniff",
        "x-correlation-id": correlation_id,
    }
    return {"statusCode": 200, "headers": headers, "body": body}
