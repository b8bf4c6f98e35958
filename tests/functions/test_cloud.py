"""SQS, Secrets Manager and S3 as Parley calls them, against moto; the signature against botocore's own."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import given
from hypothesis import strategies as st

from parley.cloud import signing
from parley.cloud.endpoint import CallFailed, Endpoint, service_url
from parley.cloud.ports import Bucket as BucketPort
from parley.cloud.ports import Queue as QueuePort
from parley.cloud.ports import Secrets as SecretsPort
from parley.cloud.s3 import Bucket
from parley.cloud.secrets import TERM_SECONDS, Secrets
from parley.cloud.signing import Credentials, ambient_credentials, canonical_query, sign
from parley.cloud.sqs import Queue
from parley.domain.errors import NotFound, TooLarge, Unavailable

WORDS = st.text("abcXYZ019-_.~=@ +%é", min_size=1, max_size=12)


def make_queue(aws: Any) -> str:
    return str(aws.sqs.create_queue(QueueName="inbound", Attributes={"MaximumMessageSize": "1048576"})["QueueUrl"])


@given(
    service=st.sampled_from(["sqs", "secretsmanager", "execute-api"]),
    token=st.none() | st.just("a/session+token=="),
    segments=st.lists(WORDS, max_size=3),
    value=st.text("ab  1;=é", max_size=10),
    body=st.binary(max_size=40),
    asked=st.dictionaries(WORDS, WORDS, max_size=3),
)
def test_our_signature_is_the_one_botocore_makes(
    service: str, token: str | None, segments: list[str], value: str, body: bytes, asked: dict[str, str]
) -> None:
    from urllib.parse import quote

    path = "/" + "/".join(quote(segment, safe="") for segment in segments if segment.strip("."))
    headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"A.{value}"}
    ours = sign(
        Credentials("AKID", "sEcReT", token),
        service=service,
        region="sa-east-1",
        method="POST",
        host="host.example:8080",
        path=path,
        headers=headers,
        body=body,
        now=datetime.now(UTC),
        query=canonical_query(asked),
    )
    query = f"?{canonical_query(asked)}" if asked else ""
    request = AWSRequest("POST", f"https://host.example:8080{path}{query}", headers=headers, data=body)
    oracle = SigV4Auth(BotocoreCredentials("AKID", "sEcReT", token), service, "sa-east-1")
    request.context["timestamp"] = ours["x-amz-date"]
    request.headers["X-Amz-Date"] = ours["x-amz-date"]
    if token:
        request.headers["X-Amz-Security-Token"] = token
    text = oracle.string_to_sign(request, oracle.canonical_request(request))
    assert ours["authorization"].endswith(f"Signature={oracle.signature(text, request)}")
    assert f"Credential={oracle.scope(request)}," in ours["authorization"]
    assert f"SignedHeaders={oracle.signed_headers(oracle.headers_to_sign(request))}," in ours["authorization"]


def test_credentials_are_read_anew_for_every_request(aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = Queue(make_queue(aws))
    queue.send("{}", "i")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDOTHER")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "next")
    queue.send("{}", "i")
    before, after = (headers for _, headers in aws.relayed)
    assert "Credential=AKIDTEST/" in before["authorization"]
    assert "Credential=AKIDOTHER/" in after["authorization"]
    assert after["x-amz-security-token"] == "next"


def test_without_credentials_in_the_environment_botocores_chain_finds_them(
    aws: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    shared = tmp_path / "credentials"
    shared.write_text("[default]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = s\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(shared))
    signing._chain.cache_clear()
    assert ambient_credentials() == Credentials("AKIDPROFILE", "s", None)
    signing._chain.cache_clear()


def test_a_message_is_queued_with_its_body_untouched(aws: Any) -> None:
    url = make_queue(aws)
    queue: QueuePort = Queue(url)
    body = json.dumps({"body": "é\u2028 ☃ \U0001f600" + "x" * 900_000}, ensure_ascii=False)
    queue.send(body, "integration-1")
    (message,) = aws.sqs.receive_message(QueueUrl=url, MessageSystemAttributeNames=["All"])["Messages"]
    assert message["Body"] == body
    assert message["Attributes"]["MessageGroupId"] == "integration-1"


def test_a_delay_is_capped_at_what_sqs_takes(aws: Any) -> None:
    url = make_queue(aws)
    Queue(url).send("{}", "i", delay_seconds=5000)
    names: Any = ["ApproximateNumberOfMessagesDelayed"]
    assert aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"][names[0]] == "1"


def test_a_received_message_can_be_put_off_and_shown_again(aws: Any) -> None:
    url = make_queue(aws)
    queue = Queue(url)
    queue.send("{}", "i")
    (message,) = aws.sqs.receive_message(QueueUrl=url)["Messages"]
    assert "Messages" not in aws.sqs.receive_message(QueueUrl=url)
    queue.change_visibility(message["ReceiptHandle"], 0)
    assert aws.sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "{}"


def test_a_queue_that_is_not_there_or_does_not_answer_is_unavailable(aws: Any) -> None:
    with pytest.raises(Unavailable, match=r"NonExistentQueue|QueueDoesNotExist"):
        Queue(f"https://sqs.eu-west-1.amazonaws.com/{'1' * 12}/none").send("{}", "i")
    aws.down.add("sqs")
    with pytest.raises(CallFailed) as failed:
        Queue(make_queue(aws)).send("{}", "i")
    assert failed.value.http_status == 503
    with pytest.raises(CallFailed, match="NewConnectionError"):
        Endpoint("http://127.0.0.1:1", "sqs").request("POST", "/")


def test_a_secret_is_read_once_in_five_minutes_and_is_then_the_same_object(aws: Any) -> None:
    arn = aws.secrets.create_secret(Name="deployment", SecretString='{"current": "1", "key_1": "a"}')["ARN"]
    now = 1000.0
    secrets: SecretsPort = Secrets(clock=lambda: now)
    first = secrets.read(arn)
    aws.secrets.put_secret_value(SecretId=arn, SecretString='{"current": "2", "key_1": "a", "key_2": "b"}')
    assert secrets.read(arn) is first
    assert len(aws.relayed) == 1
    now += TERM_SECONDS
    assert secrets.read(arn)["current"] == "2"


def test_a_secret_once_read_outlives_an_outage_but_none_is_made_up(aws: Any) -> None:
    arn = aws.secrets.create_secret(Name="deployment", SecretString='{"current": "1"}')["ARN"]
    now = 1000.0
    secrets = Secrets(clock=lambda: now)
    first = secrets.read(arn)
    aws.down.add("secretsmanager")
    now += TERM_SECONDS
    assert secrets.read(arn) is first
    with pytest.raises(Unavailable):
        secrets.read("arn:of:another")
    aws.down.clear()
    now += TERM_SECONDS
    assert secrets.read(arn) is first


@pytest.mark.parametrize("text", ["not json", "[]"])
def test_a_secret_that_is_no_json_object_is_unavailable(aws: Any, text: str) -> None:
    arn = aws.secrets.create_secret(Name="odd", SecretString=text)["ARN"]
    with pytest.raises(Unavailable, match="not a JSON"):
        Secrets().read(arn)


def test_objects_are_put_listed_read_within_a_bound_and_deleted(aws: Any) -> None:
    aws.s3.create_bucket(Bucket="parley-test", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    bucket: BucketPort = Bucket("parley-test")
    for key in ("spool/2", "spool/1", "payloads/1"):
        bucket.put(key, key.encode(), "application/json")
    assert bucket.list_prefix("spool/") == ["spool/1", "spool/2"]
    assert bucket.list_prefix("spool/", limit=1) == ["spool/1"]
    assert bucket.get("spool/2", limit=7) == b"spool/2"
    with pytest.raises(TooLarge):
        bucket.get("spool/2", limit=6)
    bucket.delete("spool/2")
    bucket.delete("spool/2")
    with pytest.raises(NotFound):
        bucket.get("spool/2", limit=7)
    with pytest.raises(Unavailable):
        Bucket("another").put("k", b"")


def test_a_service_is_where_the_environment_says_else_where_its_queue_is_else_in_its_region(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "cn-north-1")
    assert service_url("sqs") == "https://sqs.cn-north-1.amazonaws.com.cn"
    monkeypatch.setenv("AWS_REGION", "sa-east-1")
    assert service_url("sqs") == "https://sqs.sa-east-1.amazonaws.com"
    assert service_url("sqs", "https://queue.example") == "https://queue.example"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    assert service_url("sqs", "https://queue.example") == "http://127.0.0.1:4566"
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:8080")
    assert service_url("sqs") == "http://127.0.0.1:8080"
