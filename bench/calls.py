"""A first call of each function, as AWS would make it, that it answers without an error."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

from .bed import Bed
from .company import Company


def first_calls(bed: Bed) -> dict[str, dict[str, Any]]:
    """The events by function; a function that is not in it is only made ready."""
    company = bed.company("first calls")
    batch = [company.webhook(number).encode() for number in range(10)]
    webhooks = [company.webhook(number) for number in range(3)]
    company.processor().process(webhooks)
    with company.database.transaction(company.id) as tx:
        conversation_id = tx.value("select id from conversations limit 1")
    headers = {"x-api-key": company.api_key(), "content-type": "application/json"}
    hint = {"v": 1, "tenantId": str(company.id), "conversationId": str(conversation_id), "correlationId": str(uuid4())}
    return {
        "webhook_receiver": _webhook(company),
        "queue_processor": _records(batch),
        "send_message": _request(
            "POST",
            "/v1/conversations/{id}/messages",
            {**headers, "idempotency-key": str(uuid4())},
            {"id": str(conversation_id)},
            {"type": "text", "text": "It is."},
        ),
        "message_sender": _records([json.dumps(hint)]),
        "inbox_api": _request("GET", "/v1/conversations", headers),
        "realtime_pusher": _records([json.dumps({"v": 1, "tenantId": str(company.id)})]),
        "housekeeper": {},
    }


def _webhook(company: Company) -> dict[str, Any]:
    webhook = company.webhook(1)
    token = company.keys.url_token(str(company.integration_id), 1)
    path = {"provider": "meta", "integrationId": str(company.integration_id), "token": token}
    event = _request("POST", "/webhooks/{provider}/{integrationId}/{token}", dict(webhook.headers), path)
    return {**event, "body": (webhook.body or b"").decode()}


def _request(
    method: str,
    route: str,
    headers: dict[str, str],
    path: dict[str, str] | None = None,
    body: object = None,
) -> dict[str, Any]:
    address = route
    for name, value in (path or {}).items():
        address = address.replace(f"{{{name}}}", value)
    http = {"method": method, "path": address, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "bench"}
    return {
        "version": "2.0",
        "routeKey": f"{method} {route}",
        "rawPath": address,
        "rawQueryString": "",
        "headers": headers,
        "pathParameters": path or {},
        "requestContext": {
            "http": http,
            "requestId": str(uuid4()),
            "stage": "$default",
            "routeKey": f"{method} {route}",
        },
        "isBase64Encoded": False,
        **({"body": json.dumps(body)} if body is not None else {}),
    }


def _records(bodies: list[str]) -> dict[str, Any]:
    records = [
        {
            "messageId": str(uuid4()),
            "receiptHandle": "bench",
            "body": body,
            "attributes": {"ApproximateReceiveCount": "1"},
            "eventSource": "aws:sqs",
        }
        for body in bodies
    ]
    return {"Records": records}
