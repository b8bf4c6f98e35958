"""What is under way when something dies: a file whose fetcher is killed, messages whose account is lost. None of it is
lost, and none comes twice. These have a stack of their own with a faster clock, as much of it is waiting.
"""

from __future__ import annotations

import base64
import hashlib
import os
import signal
from collections.abc import Iterator
from typing import Any

import boto3
import psycopg
import pytest

from .conftest import RunningStack, end, launch
from .numbers import PROVIDERS, Number, capabilities_of, eventually
from .test_large_media import MEGABYTES_16, film

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A stack whose leases and sweeps are short."""
    running = launch(tmp_path_factory.mktemp("quick"), "--fast-clock=12")
    try:
        running.wait_until_ready()
        yield running
    finally:
        end(running)


@pytest.fixture
def number(quick: RunningStack, request: pytest.FixtureRequest) -> Iterator[Number]:
    """The company's number at one gateway."""
    number = Number(quick.demo, request.param)
    yield number
    number.http.close()


def uploads_under_way(demo: dict[str, Any]) -> list[str]:
    """Files of which a part is in the bucket already."""
    s3 = boto3.client(
        "s3",
        endpoint_url=demo["awsEndpointUrl"],
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    buckets = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    uploads = [upload for name in buckets for upload in s3.list_multipart_uploads(Bucket=name).get("Uploads", ())]
    s3.close()
    return [upload["Key"] for upload in uploads]


@pytest.mark.parametrize("number", ["meta"], indirect=True)
def test_a_fetcher_killed_half_way_through_a_film_loses_nothing(quick: RunningStack, number: Number) -> None:
    content = film(MEGABYTES_16)
    number.control("faults", behaviour="stall")
    media = {"base64": base64.b64encode(content).decode(), "mimeType": "video/mp4"}
    message = number.customer().says("video", text="The waves", media=media)
    assert message["attachments"][0]["state"] == "pending"
    eventually(lambda: uploads_under_way(quick.demo))
    fetchers = quick.workers("media_fetcher")
    assert fetchers
    for fetcher in fetchers:
        os.kill(fetcher, signal.SIGKILL)
    assert number.http.get(f"/v1/messages/{message['id']}").json()["data"]["attachments"][0]["state"] == "pending"

    file = number.file(message["id"])
    assert (file["state"], file["size"]) == ("stored", len(content))
    assert file["sha256"] == hashlib.sha256(content).hexdigest()
    assert number.content_of(file) == content
    with psycopg.connect(quick.demo["databaseUrl"]) as connection:
        connection.execute("select set_config('parley.tenant', %s, true)", [quick.demo["tenants"][0]["id"]])
        assert connection.execute("select tries from attachments where id = %s", [file["id"]]).fetchall() == [(2,)]
    updates = [event for event in events(number) if event["type"] == "message.updated"]
    assert [event["data"]["id"] for event in updates].count(message["id"]) == 1


def events(number: Number) -> list[dict[str, Any]]:
    """The company's events, from the first."""
    # The first event follows the cursor that is one below it.
    epoch = number.http.get("/v1/events").json()["cursor"].partition(":")[0]
    found: list[dict[str, Any]] = []
    cursor, more = f"{epoch}:0", True
    while more:
        page = number.http.get("/v1/events", params={"after": cursor, "limit": 500}).json()
        found, cursor, more = found + page["data"], page["cursor"], page["hasMore"]
    return found


@pytest.mark.parametrize("number", PROVIDERS, indirect=True)
def test_what_is_sent_while_the_account_is_lost_waits_and_goes_out_in_order(number: Number) -> None:
    customer = number.customer()
    customer.says()
    path = f"/v1/conversations/{customer.conversation_id}/messages"

    def state() -> str:
        told = [e["data"] for e in events(number) if e["type"] == "integration.updated"]
        states = [data["state"] for data in told if data["id"] == number.id]
        return states[-1] if states else "connected"

    def queue(words: str) -> dict[str, Any]:
        answer = number.http.post(path, json={"type": "text", "text": words})
        assert answer.status_code == 202
        queued: dict[str, Any] = answer.json()["data"]
        return queued

    number.control("connection", connected=False, reason="logged out")
    waiting = []
    if not capabilities_of(number.provider).connection_state:
        # Such a gateway says it only to who tries to send.
        waiting.append(queue("first"))
    eventually(lambda: state() in {"disconnected", "paused"})
    waiting += [queue(words) for words in ("second", "third", "fourth")]
    asked = {"integrationId": number.id, "from": customer.phone}
    shown = number.http.get("/simulator/messages", params=asked).json()["data"]
    assert [each["author"] for each in shown] == ["customer"]
    assert {each["status"] for each in number.thread(customer.conversation_id)} == {"received", "queued"}

    number.control("connection", connected=True)
    for message in waiting:
        customer.becomes(message, lambda m: m["status"] not in {"queued", "sending"})
    shown = number.http.get("/simulator/messages", params=asked).json()["data"]
    assert [each["text"] for each in shown if each["author"] == "company"] == [each["text"] for each in waiting]
    assert {each["status"] for each in number.thread(customer.conversation_id)} <= {
        "received", "sent", "delivered", "read",
    }  # fmt: skip
    eventually(lambda: state() == "connected")
