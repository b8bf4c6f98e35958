"""Dead letters on the running stack: real dead letter queues, drained by the housekeeper, worked on over HTTP, and seen
on an agent's socket.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

from local.intrinsics import ACCOUNT, REGION
from parley.domain.webhook import Webhook

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

pytestmark = pytest.mark.stack

QUEUES = ("inbound", "outbound", "media", "push")
PATIENCE_SECONDS = 90


def eventually(look: Callable[[], Any]) -> Any:
    """What `look` answers once it is truthy."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if found := look():
            return found
        threading.Event().wait(0.2)
    raise AssertionError(f"not within {PATIENCE_SECONDS} s: {look}")


class Company:
    """One tenant of the demo: its admin by HTTP, its agent at a socket, its Meta number."""

    def __init__(self, demo: dict[str, Any], which: int = 0) -> None:
        self.demo, self.tenant = demo, demo["tenants"][which]
        self.integration = next(one for one in self.tenant["integrations"] if one["provider"] == "meta")
        admin = next(user for user in self.tenant["users"] if user["role"] == "admin")
        self.agent = next(user for user in self.tenant["users"] if user["role"] == "agent")
        headers = {"Authorization": f"Bearer {admin['token']}"}
        self.http = httpx.Client(base_url=demo["baseUrl"], timeout=30, headers=headers)

    def text(self, text: str, phone: str) -> bytes:
        message = {
            "from": phone, "id": f"wamid.{uuid4().hex}", "timestamp": str(int(time.time())), "type": "text",
            "text": {"body": text},
        }  # fmt: skip
        value = {
            "messaging_product": "whatsapp",
            "metadata": {"phone_number_id": self.integration["accountId"]},
            "messages": [message],
        }
        changes = [{"field": "messages", "value": value}]
        return json.dumps({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": changes}]}).encode()

    def webhook(self, body: bytes) -> Webhook:
        """As the door writes it to the queue."""
        signature = hmac.new(self.integration["secret"].encode(), body, hashlib.sha256).hexdigest()
        headers = {"x-hub-signature-256": f"sha256={signature}", "content-type": "application/json"}
        return Webhook("meta", self.integration["id"], 1, datetime.now(UTC), uuid4(), headers, body)

    def letters(self, queue: str) -> list[dict[str, Any]]:
        answer = self.http.get(f"/v1/queues/{queue}/dead", params={"limit": 100})
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["data"]
        return found

    def redrive(self, queue: str, **wanted: Any) -> httpx.Response:
        return self.http.post(f"/v1/queues/{queue}/dead/redrive", json=wanted)

    def texts(self, socket: ClientConnection, seconds: float) -> Iterator[str]:
        """The texts of new messages that an agent's socket tells of."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                frame = json.loads(socket.recv(timeout=2))
            except TimeoutError:
                socket.send('{"action": "ping"}')
                continue
            for event in frame.get("events", ()) if frame.get("type") == "batch" else ():
                if event["type"] == "message.new":
                    yield event["data"]["message"]["text"]

    @contextmanager
    def listen(self) -> Iterator[ClientConnection]:
        bearer = {"Authorization": f"Bearer {self.agent['token']}"}
        answer = httpx.post(f"{self.demo['baseUrl']}/v1/realtime/ticket", headers=bearer, timeout=30)
        ticket = answer.json()["data"]
        protocols: Any = ["parley.v1", f"t.{ticket['ticket']}"]
        with connect(ticket["url"], subprotocols=protocols, origin=self.demo["baseUrl"]) as socket:
            socket.send(json.dumps({"action": "hello", "id": "1", "v": 1, "cursor": None, "topics": ["tenant"]}))
            yield socket


@pytest.fixture
def sqs(demo: dict[str, Any]) -> Iterator[SQSClient]:
    """SQS as functions reach it."""
    session = boto3.session.Session("local", "local", region_name=REGION)
    client = session.client("sqs", endpoint_url=demo["baseUrl"])
    yield client
    client.close()


def url(demo: dict[str, Any], queue: str, kind: str = "queue") -> str:
    return f"{demo['baseUrl']}/{ACCOUNT}/parley-local-{queue}{kind}"


def put_dead(demo: dict[str, Any], sqs: SQSClient, queue: str, body: str) -> None:
    sqs.send_message(QueueUrl=url(demo, queue, "deadletters"), MessageBody=body)


@pytest.fixture
def ours(demo: dict[str, Any]) -> Iterator[Company]:
    company = Company(demo)
    yield company
    company.http.close()


@pytest.fixture
def theirs(demo: dict[str, Any]) -> Iterator[Company]:
    company = Company(demo, 1)
    yield company
    company.http.close()


def phone() -> str:
    """A number nobody has used."""
    return f"55119{uuid4().int % 10**8:08d}"


def test_what_died_in_each_queue_is_worked_on_and_the_customer_is_heard(
    demo: dict[str, Any], sqs: SQSClient, ours: Company, theirs: Company
) -> None:
    mark = uuid4().hex
    number = phone()
    as_it_was = ours.webhook(ours.text(f"as it was {mark}", number))
    broken = ours.webhook(b'{"object": "whatsapp_business_account", "entry": [' + mark.encode())
    unwanted = ours.webhook(ours.text(f"unwanted {mark}", number))
    named = {"v": 1, "tenantId": ours.tenant["id"]}
    lost = str(uuid4())
    for webhook in (as_it_was, broken, unwanted):
        put_dead(demo, sqs, "inbound", webhook.encode())
    put_dead(demo, sqs, "outbound", json.dumps({**named, "conversationId": lost, "correlationId": mark}))
    put_dead(demo, sqs, "media", json.dumps({**named, "attachmentId": lost}))
    put_dead(demo, sqs, "push", json.dumps({**named, "after": mark, "upTo": None}))
    put_dead(demo, sqs, "outbound", f"no hint: {mark}")

    def drained() -> dict[str, dict[str, Any]]:
        found = {
            **{one["correlationId"]: one for one in ours.letters("inbound")},
            **{
                queue: one
                for queue in QUEUES[1:]
                for one in ours.letters(queue)
                if mark in str(one) or lost in str(one)
            },
        }
        webhooks = {str(webhook.correlation_id) for webhook in (as_it_was, broken, unwanted)}
        return found if {*webhooks, *QUEUES[1:]} <= found.keys() else {}

    letters = eventually(drained)
    for queue in QUEUES:
        assert mark not in str(theirs.letters(queue)), "nobody else's admin sees them"
        assert "no hint" not in str(ours.letters(queue))
    first, second = letters[str(as_it_was.correlation_id)], letters[str(broken.correlation_id)]
    assert first["payload"]["body"] == (as_it_was.body or b"").decode()
    assert theirs.redrive("inbound", ids=[first["id"]]).status_code == 404
    assert theirs.http.delete(f"/v1/queues/inbound/dead/{first['id']}").status_code == 404

    with ours.listen() as socket:
        gone = ours.http.delete(f"/v1/queues/inbound/dead/{letters[str(unwanted.correlation_id)]['id']}")
        assert gone.status_code == 200
        new = ours.text(f"edited {mark}", number).decode()
        assert ours.redrive("inbound", ids=[second["id"]], body=new).json()["data"]["redriven"] == 1
        assert ours.redrive("inbound", ids=[first["id"]]).json()["data"]["redriven"] == 1
        heard = set()
        for text in ours.texts(socket, PATIENCE_SECONDS):
            heard.add(text)
            if {f"edited {mark}", f"as it was {mark}"} <= heard:
                break
        assert {f"edited {mark}", f"as it was {mark}"} <= heard
        assert f"unwanted {mark}" not in heard

    conversation = ours.http.get("/v1/search", params={"q": mark, "in": "messages"}).json()
    for queue in QUEUES[1:]:
        assert ours.redrive(queue, ids=[letters[queue]["id"]]).json()["data"]["redriven"] == 1
        assert ours.http.get(f"/v1/queues/{queue}/dead/{letters[queue]['id']}").status_code == 404
    assert f"unwanted {mark}" not in json.dumps(conversation)
    assert [one for one in ours.letters("inbound") if one["id"] in (first["id"], second["id"])] == []
    answer = ours.http.get("/v1/audit", params={"action": "dead_letter.edited"})
    assert answer.json()["data"][0]["subject"]["id"] == second["id"]


def test_a_hint_that_fails_too_often_says_why_when_it_is_dead(
    demo: dict[str, Any], sqs: SQSClient, ours: Company
) -> None:
    """By the road that messages take: received, put off, received once more, dead, drained."""
    mark = f"no id {uuid4().hex}"
    queue = url(demo, "media")
    attributes: Any = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["RedrivePolicy"])["Attributes"]
    policy = json.loads(attributes["RedrivePolicy"])
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": json.dumps({**policy, "maxReceiveCount": 2})})
    try:
        sqs.send_message(QueueUrl=queue, MessageBody=json.dumps({"tenantId": ours.tenant["id"], "attachmentId": mark}))
        (letter,) = eventually(lambda: [one for one in ours.letters("media") if mark in json.dumps(one["payload"])])
    finally:
        sqs.set_queue_attributes(QueueUrl=queue, Attributes=attributes)
    assert letter["error"] == "unexpected: ValueError"
    assert letter["failureCount"] == 2
    command = [sys.executable, "-m", "cli.main"]
    token = ours.http.headers["authorization"].removeprefix("Bearer ")
    access = ["--url", demo["baseUrl"], "--token", token, "--json"]
    shown = subprocess.run(
        [*command, "dead", "show", "media", letter["id"], *access], capture_output=True, text=True, check=True
    )
    assert json.loads(shown.stdout) == letter
    listed = subprocess.run([*command, "dead", "list", "media", *access], capture_output=True, text=True, check=True)
    assert letter in [json.loads(line) for line in listed.stdout.splitlines()]
    gone = subprocess.run(
        [*command, "dead", "delete", "media", letter["id"], *access], capture_output=True, text=True, check=True
    )
    assert json.loads(gone.stdout) == letter
    again = subprocess.run(
        [*command, "redrive", "media", "--id", letter["id"], *access], capture_output=True, text=True, check=False
    )
    assert (again.returncode, "404" in again.stderr) == (1, True)
    every = subprocess.run([*command, "redrive", "push", "--all", *access], capture_output=True, text=True, check=True)
    assert json.loads(every.stdout)["left"] == 0
