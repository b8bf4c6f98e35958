"""The URL of a whole Meta app at the receiver: signed by the app or refused, and durable before it is answered 200."""

from __future__ import annotations

import hashlib
import hmac
import importlib.util
import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest

from parley import wiring
from parley.domain.tokens import DeploymentKeys

APP = Path(__file__).parents[2] / "functions" / "webhook_receiver" / "app.py"
KEYS = DeploymentKeys({1: "k" * 32}, 1)
TOKEN = KEYS.url_token("app", 1)
SECRET = "the-apps-secret"
BUCKET = "parley-test"
BODY = (
    b'{"object":"whatsapp_business_account","entry":[{"changes":[{"value":{"metadata":{"phone_number_id": "123"}}}]}]}'
)


@pytest.fixture
def receiver(aws: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The function, freshly started in an account with its queue, bucket and secret."""
    attributes = {"MaximumMessageSize": "1048576"}
    queue_url = aws.sqs.create_queue(QueueName="inbound", Attributes=attributes)["QueueUrl"]
    aws.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    secret = json.dumps({"current": "1", "key_1": "k" * 32, "meta_app_secret": SECRET})
    monkeypatch.setenv("DEPLOYMENT_SECRET_ARN", aws.secrets.create_secret(Name="d", SecretString=secret)["ARN"])
    monkeypatch.setenv("INBOUND_QUEUE_URL", queue_url)
    monkeypatch.setenv("BUCKET_NAME", BUCKET)
    start_anew()
    specification = importlib.util.spec_from_file_location("webhook_receiver_app", APP)
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    yield module
    start_anew()


def start_anew() -> None:
    """Forget what a container keeps."""
    for made in vars(wiring).values():
        if hasattr(made, "cache_clear"):
            made.cache_clear()


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    return {"X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


def event(
    body: bytes = BODY,
    *,
    method: str = "POST",
    token: str = TOKEN,
    headers: dict[str, str] | None = None,
    query: dict[str, str] | None = None,
) -> dict[str, Any]:
    return {
        "version": "2.0",
        "routeKey": f"{method} /webhooks/meta/app/{{token}}",
        "requestContext": {"http": {"method": method}},
        "pathParameters": {"token": token},
        "headers": signed(body) if headers is None else headers,
        **({"queryStringParameters": query} if query else {}),
        "body": b64encode(body).decode(),
        "isBase64Encoded": True,
    }


def queued(aws: Any) -> list[dict[str, Any]]:
    """What lies on the inbound queue."""
    url = aws.sqs.get_queue_url(QueueName="inbound")["QueueUrl"]
    return [json.loads(m["Body"]) for m in aws.sqs.receive_message(QueueUrl=url).get("Messages", [])]


def test_what_the_app_signed_is_queued_as_the_bytes_it_came_in(receiver: ModuleType, aws: Any) -> None:
    answer = receiver.handler(event(), None)
    assert (answer["statusCode"], json.loads(answer["body"])) == (200, {"received": True})
    (envelope,) = queued(aws)
    assert (b64decode(envelope["body"]), UUID(envelope["integrationId"]).int, envelope["provider"]) == (BODY, 0, "meta")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        signed(BODY, "another-secret"),
        signed(BODY + b" "),
        {"X-Hub-Signature-256": "sha256=no"},
        {"X-Hub-Signature-256": signed(BODY)["X-Hub-Signature-256"].removeprefix("sha256=")},
    ],
)
def test_a_signature_that_is_not_the_apps_is_refused_and_nothing_is_kept(
    receiver: ModuleType, aws: Any, headers: dict[str, str]
) -> None:
    answer = receiver.handler(event(headers=headers), None)
    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (401, "unauthenticated")
    assert queued(aws) == []


@pytest.mark.parametrize("token", [TOKEN[:-1] + "_", "1.x", KEYS.url_token("01920000-0000-7000-8000-000000000001", 1)])
def test_a_wrong_token_is_refused_however_well_the_body_is_signed(receiver: ModuleType, aws: Any, token: str) -> None:
    for method in ("GET", "POST"):
        assert receiver.handler(event(method=method, token=token), None)["statusCode"] == 401
    assert queued(aws) == []


def test_without_the_apps_secret_the_gateway_is_told_to_come_again(receiver: ModuleType, aws: Any) -> None:
    aws.secrets.put_secret_value(SecretId="d", SecretString=json.dumps({"current": "1", "key_1": "k" * 32}))
    assert receiver.handler(event(), None)["statusCode"] == 503
    aws.down.add("secretsmanager")
    start_anew()
    assert receiver.handler(event(), None)["statusCode"] == 503
    assert queued(aws) == []


def test_the_handshake_is_answered_for_the_deployments_own_verify_token_only(receiver: ModuleType) -> None:
    query = {"hub.mode": "subscribe", "hub.verify_token": KEYS.verify_token("app"), "hub.challenge": "1158201444"}
    answer = receiver.handler(event(method="GET", query=query), None)
    assert (answer["statusCode"], answer["body"]) == (200, "1158201444")
    query["hub.verify_token"] = KEYS.verify_token("01920000-0000-7000-8000-000000000001")
    assert receiver.handler(event(method="GET", query=query), None)["statusCode"] == 401


def test_a_gateway_without_apps_has_no_such_url(receiver: ModuleType) -> None:
    other = event()
    other["pathParameters"] = {"provider": "zapi", "integrationId": "app", "token": TOKEN}
    assert receiver.handler(other, None)["statusCode"] == 404


def test_numbers_of_one_app_queue_apart_and_large_bodies_go_through_the_bucket(
    receiver: ModuleType, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups: list[str] = []
    intake = wiring.intake()
    monkeypatch.setattr(type(intake.queue), "send", lambda self, body, group_id, delay=0: groups.append(group_id))
    large = BODY + b" " * 800_000
    for body in (BODY, BODY.replace(b"123", b"456"), b"{}", large):
        assert receiver.handler(event(body), None)["statusCode"] == 200
    assert groups == ["app:123", "app:456", "app:", "app:123"]
    (found,) = aws.s3.list_objects_v2(Bucket=BUCKET, Prefix="payloads/")["Contents"]
    assert aws.s3.get_object(Bucket=BUCKET, Key=found["Key"])["Body"].read() == large
