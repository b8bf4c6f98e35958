"""The webhook receiver from API Gateway's event to the queue: what is answered 200 is durable, and nothing else is."""

from __future__ import annotations

import importlib.util
import json
import logging
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
ID = "01920000-0000-7000-8000-000000000001"
TOKEN = KEYS.url_token(ID, 3)
BUCKET = "parley-test"
CANARY = "canary-text-of-a-customer"


@pytest.fixture
def receiver(aws: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The function, freshly started in an account with its queue, bucket and secret."""
    attributes = {"MaximumMessageSize": "1048576"}
    queue_url = aws.sqs.create_queue(QueueName="inbound", Attributes=attributes)["QueueUrl"]
    aws.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    secret = json.dumps({"current": "1", "key_1": "k" * 32})
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


def event(
    body: bytes | str = b"{}",
    *,
    method: str = "POST",
    provider: str = "meta",
    integration_id: str = ID,
    token: str = TOKEN,
    headers: dict[str, str] | None = None,
    query: dict[str, str] | None = None,
) -> dict[str, Any]:
    binary = isinstance(body, bytes)
    return {
        "version": "2.0",
        "requestContext": {"http": {"method": method}},
        "pathParameters": {"provider": provider, "integrationId": integration_id, "token": token},
        "headers": headers or {"content-type": "application/json"},
        **({"queryStringParameters": query} if query else {}),
        "body": b64encode(body).decode() if isinstance(body, bytes) else body,
        "isBase64Encoded": binary,
    }


def queued(aws: Any) -> list[dict[str, Any]]:
    """What lies on the inbound queue."""
    url = aws.sqs.get_queue_url(QueueName="inbound")["QueueUrl"]
    return [json.loads(m["Body"]) for m in aws.sqs.receive_message(QueueUrl=url).get("Messages", [])]


def stored(aws: Any, prefix: str = "") -> dict[str, bytes]:
    """What lies in the bucket."""
    found = aws.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    return {o["Key"]: aws.s3.get_object(Bucket=BUCKET, Key=o["Key"])["Body"].read() for o in found}


def test_a_webhook_is_queued_as_the_bytes_it_came_in(receiver: ModuleType, aws: Any) -> None:
    body = b'{"text": "ol\\u00e1 \xc3\xa1 \x00 \xff"}\r\n'
    headers = {
        "X-Hub-Signature-256": "sha256=00",
        "content-type": "application/json",
        "cookie": "secret=1",
        "x-forwarded-for": "198.51.100.1",
        "user-agent": "facebookexternalua",
    }
    answer = receiver.handler(event(body, headers=headers), None)
    assert (answer["statusCode"], json.loads(answer["body"])) == (200, {"received": True})
    (envelope,) = queued(aws)
    assert b64decode(envelope.pop("body")) == body
    correlation_id = envelope.pop("correlationId")
    assert answer["headers"]["x-correlation-id"] == correlation_id
    assert UUID(correlation_id).version == 7
    assert envelope.pop("receivedAt").endswith("Z")
    assert envelope == {
        "v": 1,
        "provider": "meta",
        "integrationId": ID,
        "generation": 3,
        "headers": {
            "x-hub-signature-256": "sha256=00",
            "content-type": "application/json",
            "user-agent": "facebookexternalua",
        },
    }


def test_a_body_handed_over_as_text_is_queued_as_its_utf8(receiver: ModuleType, aws: Any) -> None:
    receiver.handler(event('{"text": "olá"}'), None)
    assert b64decode(queued(aws)[0]["body"]) == '{"text": "olá"}'.encode()


def test_what_is_not_understood_is_received_all_the_same(receiver: ModuleType, aws: Any) -> None:
    assert receiver.handler(event(b"not json"), None)["statusCode"] == 200
    empty = event()
    del empty["body"], empty["isBase64Encoded"], empty["headers"]
    assert receiver.handler(empty, None)["statusCode"] == 200
    assert len(queued(aws) + queued(aws)) == 2


@pytest.mark.parametrize("size", [700_000, 700_001, 2_000_000, 6 * 1024 * 1024])
def test_a_large_body_goes_through_the_bucket(receiver: ModuleType, aws: Any, size: int) -> None:
    body = b"x" * size
    assert receiver.handler(event(body), None)["statusCode"] == 200
    (envelope,) = queued(aws)
    if size <= 700_000:
        assert b64decode(envelope["body"]) == body
        assert stored(aws) == {}
        return
    assert "body" not in envelope
    assert stored(aws) == {envelope["pointer"]: body}
    assert envelope["pointer"].startswith(f"payloads/{envelope['receivedAt'][:10]}/{ID}/")


def test_more_than_lambda_takes_is_refused_and_not_kept(receiver: ModuleType, aws: Any) -> None:
    answer = receiver.handler(event(b"x" * (6 * 1024 * 1024 + 1)), None)
    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (413, "too_large")
    assert (queued(aws), stored(aws)) == ([], {})


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"token": KEYS.url_token("01920000-0000-7000-8000-000000000002", 3)}, 401),
        ({"token": TOKEN[:-1] + ("A" if TOKEN[-1] != "A" else "B")}, 401),
        ({"token": TOKEN.replace("3.", "4.", 1)}, 401),
        ({"token": ""}, 401),
        ({"token": "é"}, 401),
        ({"integration_id": "app"}, 401),
        ({"integration_id": "not an id \ud800"}, 401),
        ({"provider": "pigeon"}, 404),
    ],
)
def test_a_wrong_address_is_refused_and_nothing_is_kept(
    receiver: ModuleType, aws: Any, changes: dict[str, str], status: int
) -> None:
    for method in ("POST", "GET"):
        answer = receiver.handler(event(method=method, **changes), None)  # type: ignore[arg-type]
        assert answer["statusCode"] == status
        assert answer["headers"]["content-type"] == "application/problem+json"
    assert (queued(aws), stored(aws)) == ([], {})


def test_a_body_that_is_not_the_base64_it_is_said_to_be_is_a_bad_request(receiver: ModuleType) -> None:
    broken = event()
    broken["body"] = "no base64!"
    assert receiver.handler(broken, None)["statusCode"] == 400


def test_without_the_queue_the_bucket_keeps_what_the_queue_would_have_held(receiver: ModuleType, aws: Any) -> None:
    aws.down.add("sqs")
    assert receiver.handler(event(b"small"), None)["statusCode"] == 200
    assert receiver.handler(event(b"x" * 800_000), None)["statusCode"] == 200
    envelopes = [json.loads(text) for text in stored(aws, "spool/").values()]
    assert b64decode(envelopes[0]["body"]) == b"small"
    assert stored(aws, "payloads/") == {envelopes[1]["pointer"]: b"x" * 800_000}
    assert all(
        key == f"spool/{e['receivedAt']}-{key[-41:]}" for key, e in zip(stored(aws, "spool/"), envelopes, strict=True)
    )


def test_without_queue_and_bucket_the_gateway_is_told_to_come_again(receiver: ModuleType, aws: Any) -> None:
    aws.down.add("sqs")
    aws.s3.delete_bucket(Bucket=BUCKET)
    answer = receiver.handler(event(), None)
    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (503, "unavailable")


def test_without_the_bucket_a_large_body_is_not_called_received(receiver: ModuleType, aws: Any) -> None:
    aws.s3.delete_bucket(Bucket=BUCKET)
    assert receiver.handler(event(b"x" * 800_000), None)["statusCode"] == 503
    assert queued(aws) == []


def test_without_the_secret_nobody_is_let_in_and_nobody_is_sent_away_for_good(receiver: ModuleType, aws: Any) -> None:
    aws.down.add("secretsmanager")
    assert receiver.handler(event(), None)["statusCode"] == 503


def test_metas_handshake_is_answered_with_its_challenge_as_plain_text(receiver: ModuleType) -> None:
    query = {"hub.mode": "subscribe", "hub.verify_token": KEYS.verify_token(ID), "hub.challenge": "1158201444"}
    answer = receiver.handler(event(method="GET", query=query), None)
    assert (answer["statusCode"], answer["body"]) == (200, "1158201444")
    assert answer["headers"]["content-type"].startswith("text/plain")
    for wrong in ({"hub.verify_token": "guess"}, {"hub.mode": "other"}):
        assert receiver.handler(event(method="GET", query=query | wrong), None)["statusCode"] == 401
    assert receiver.handler(event(method="GET"), None)["statusCode"] == 401


def test_no_outcome_logs_a_body_a_token_or_a_header(
    receiver: ModuleType, aws: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    headers = {"authorization": CANARY, "x-hub-signature-256": CANARY}
    receiver.handler(event(CANARY, headers=headers), None)
    receiver.handler(event(CANARY, token=CANARY), None)
    aws.down.update({"sqs"})
    receiver.handler(event(CANARY, headers=headers), None)
    aws.s3.delete_object(Bucket=BUCKET, Key=next(iter(stored(aws))))
    aws.s3.delete_bucket(Bucket=BUCKET)
    receiver.handler(event(CANARY, headers=headers), None)
    ours = [record for record in caplog.records if record.name.startswith("parley")]
    assert [record.levelname for record in ours] == ["INFO", "WARNING", "WARNING", "ERROR"]
    shown = "".join(f"{record.getMessage()}{record.__dict__}{record.exc_text}" for record in ours)
    assert ID in shown
    assert CANARY not in shown
    assert TOKEN not in shown


def test_each_post_is_measured_and_what_is_refused_counts_as_rejected(
    receiver: ModuleType, aws: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    receiver.handler(event(b"{}"), None)
    receiver.handler(event(b"{}", token="3.wrong"), None)
    aws.down.add("sqs")
    receiver.handler(event(b"{}"), None)
    receiver.handler(event(method="GET", query={}), None)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert [(line["webhook.received"], line["webhook.rejected"]) for line in lines] == [(1, 0), (1, 1), (1, 0)]
    assert all(line["webhook.ack.latency"] > 0 for line in lines)
