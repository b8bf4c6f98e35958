"""`webhook_receiver` warm: the handler from API Gateway's event to its answer, beside boto3's `send_message` of the
same queue message alone, both against the same stub over kept connections.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import boto3

from bench.bed import Bed
from bench.company import APP_SECRET, sign, text_body
from bench.functions import FUNCTIONS, environment
from bench.measure import Row, interleave, median, ms, timed
from parley.domain.tokens import DeploymentKeys

TITLE = "webhook_receiver warm, handler only"


def rows(bed: Bed) -> Iterator[Row]:
    """Measure."""
    with _environment(environment(bed, "webhook_receiver", with_database=False)):
        handler = _load_handler()
        integration_id = str(uuid4())
        token = DeploymentKeys.from_secret(bed.secret).url_token(integration_id, 1)
        event = _event(integration_id, token)
        sqs = boto3.client("sqs", region_name="us-east-1", endpoint_url=bed.aws_url)
        queue_url = os.environ["INBOUND_QUEUE_URL"]
        envelope = _envelope_of(event, integration_id)

        def receive() -> None:
            assert handler(event, SimpleNamespace())["statusCode"] == 200

        def send() -> None:
            sqs.send_message(QueueUrl=queue_url, MessageBody=envelope, MessageGroupId=integration_id)

        interleave({"ours": timed(receive, 50), "boto3": timed(send, 50)}, 1)
        found = interleave({"ours": timed(receive, 50), "boto3": timed(send, 50)}, bed.size(30, 10))
        sqs.close()
    ours, theirs = median(found["ours"]), median(found["boto3"])
    yield Row(TITLE, ms(ours), f"boto3 send_message {ms(theirs)}", ours / theirs, "×", 1.5, 1.1)


def _load_handler() -> Callable[[Any, Any], Any]:
    path = FUNCTIONS / "webhook_receiver" / "app.py"
    spec = importlib.util.spec_from_file_location("bench_webhook_receiver", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    handler: Callable[[Any, Any], Any] = module.handler
    return handler


def _event(integration_id: str, token: str) -> dict[str, Any]:
    body = text_body("900000000001", 1, "Is the blue one still there?")
    path = f"/webhooks/meta/{integration_id}/{token}"
    return {
        "version": "2.0",
        "routeKey": "POST /webhooks/{provider}/{integrationId}/{token}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {
            "content-type": "application/json",
            "user-agent": "facebookexternalua",
            "x-hub-signature-256": sign(body, APP_SECRET),
            "x-forwarded-for": "127.0.0.1",
        },
        "pathParameters": {"provider": "meta", "integrationId": integration_id, "token": token},
        "requestContext": {
            "http": {"method": "POST", "path": path, "sourceIp": "127.0.0.1"},
            "requestId": str(uuid4()),
            "stage": "$default",
        },
        "body": body.decode(),
        "isBase64Encoded": False,
    }


def _envelope_of(event: dict[str, Any], integration_id: str) -> str:
    """A queue message as long as the receiver's own."""
    headers = {name: value for name, value in event["headers"].items() if name != "x-forwarded-for"}
    about = {"v": 1, "provider": "meta", "integrationId": integration_id, "generation": 1}
    when = {"receivedAt": "2026-01-01T00:00:00.000Z", "correlationId": str(uuid4())}
    return json.dumps({**about, **when, "headers": headers, "body": "x" * (len(event["body"]) * 4 // 3)})


@contextlib.contextmanager
def _environment(given: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(given)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
