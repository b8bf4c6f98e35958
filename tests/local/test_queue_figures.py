"""Every number on `GET /v1/queues` against what the test put in, on the running stack: what waits, what is under way,
how old the oldest is, what became of all, how many died.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import httpx
import pytest

from tests.local.conftest import RunningStack, end, launch, poll_until
from tests.local.test_spine import Company, customer, open_conversation, text

pytestmark = pytest.mark.stack

NAMES = ["inbound", "outbound", "media", "push"]
LATELY = 5
WAITING, BROKEN, GOOD, DEAD = 7, 3, 9, 4
CLOCK = "--fast-clock=3"


class Operations:
    """The admins of two companies, and the queues as AWS's own client sees them."""

    def __init__(self, running: RunningStack, parts: ExitStack) -> None:
        self.company = Company(running.demo)
        parts.callback(self.company.http.close)
        self.http, self.other = (parts.enter_context(self._admin(running, which)) for which in (0, 1))
        self.sqs = boto3.client(
            "sqs",
            endpoint_url=running.demo["awsEndpointUrl"],
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )
        parts.callback(self.sqs.close)

    def _admin(self, running: RunningStack, which: int) -> httpx.Client:
        token = next(u["token"] for u in running.demo["tenants"][which]["users"] if u["role"] == "admin")
        return httpx.Client(base_url=running.demo["baseUrl"], headers={"authorization": f"Bearer {token}"}, timeout=30)

    def queues(self, http: httpx.Client | None = None) -> dict[str, dict[str, Any]]:
        answer = (http or self.http).get("/v1/queues")
        assert answer.status_code == 200, answer.text
        assert [queue["name"] for queue in answer.json()["data"]] == NAMES
        return {queue["name"]: queue for queue in answer.json()["data"]}

    def queue(self, name: str) -> dict[str, Any]:
        return self.queues()[name]

    def put(self, queue: str, *bodies: str) -> None:
        """Put messages into a queue of the template, past the gateway."""
        for body in bodies:
            url = self.sqs.get_queue_url(QueueName=f"parley-local-{queue.lower()}")["QueueUrl"]
            self.sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="test")

    def write(self, count: int) -> None:
        """So many customers write once each."""
        for number in range(count):
            body = self.company.body(text(f"wamid.{uuid4()}", customer(), f"number {number}"))
            assert self.company.post(body).status_code == 200


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("figures") / "local"


@pytest.fixture(scope="module")
def operations(directory: Path) -> Iterator[Operations]:
    running = launch(directory, CLOCK)
    try:
        running.wait_until_ready()
        with ExitStack() as parts:
            yield Operations(running, parts)
    finally:
        end(running)


def total(queue: dict[str, Any], what: str, lately: int = 60) -> int:
    return sum(int(minute[what]) for minute in queue["series"][-lately:])


class Since:
    """What became of a queue's messages since here."""

    def __init__(self, operations: Operations, name: str) -> None:
        self._operations = operations
        self._name = name
        self._before = operations.queue(name)

    def now(self) -> dict[str, Any]:
        """The queue, with what was completed and what failed since."""
        queue = self._operations.queue(self._name)
        return {**queue, **{what: total(queue, what) - total(self._before, what) for what in ("completed", "failed")}}


def rates_agree(queue: dict[str, Any]) -> None:
    """The rates are those of the last five minutes of the series."""
    done, failed = (total(queue, what, LATELY) for what in ("completed", "failed"))
    assert queue["ratePerMinute"] == round(done / LATELY, 3)
    assert queue["errorRate"] == (round(failed / (done + failed), 4) if done + failed else 0)


def test_an_idle_queue_is_nought_everywhere_and_shows_an_hour(operations: Operations) -> None:
    for queue in operations.queues().values():
        told = {name: value for name, value in queue.items() if name not in ("name", "series")}
        assert told == {
            "depth": 0,
            "inFlight": 0,
            "oldestAgeSeconds": None,
            "ratePerMinute": 0,
            "errorRate": 0,
            "dead": 0,
            "paused": None,
            "sentence": None,
        }
        assert len(queue["series"]) == 60
        assert (total(queue, "completed"), total(queue, "failed")) == (0, 0)
        assert [minute["at"] for minute in queue["series"]] == sorted({minute["at"] for minute in queue["series"]})


def test_what_waits_in_a_paused_queue_is_counted_to_the_message_and_then_what_became_of_it(
    operations: Operations,
) -> None:
    since = Since(operations, "inbound")
    assert operations.http.post("/v1/queues/inbound/pause", json={"reason": "to count"}).status_code == 200
    before = time.time()
    operations.write(1)
    after = time.time()
    operations.write(WAITING - 1)
    asked = time.time()
    queue = since.now()
    answered = time.time()
    assert (queue["depth"], queue["inFlight"], queue["paused"]["reason"]) == (WAITING, 0, "to count")
    assert asked - after - 0.01 <= queue["oldestAgeSeconds"] <= answered - before + 0.01
    assert (queue["completed"], queue["failed"]) == (0, 0)

    assert operations.http.post("/v1/queues/inbound/resume").json()["data"]["paused"] is None
    poll_until(lambda: since.now()["completed"] == WAITING)
    queue = since.now()
    assert (queue["depth"], queue["inFlight"], queue["oldestAgeSeconds"], queue["failed"]) == (0, 0, None, 0)
    assert queue["ratePerMinute"] > 0
    rates_agree(queue)


def test_a_send_that_stalls_at_its_gateway_is_under_way(operations: Operations) -> None:
    company = operations.company
    conversation_id = open_conversation(company)
    fault = {"integrationId": company.integration["id"], "behaviour": "slow", "times": 1}
    company.http.post("/simulator/faults", json=fault).raise_for_status()
    since = Since(operations, "outbound")
    before = time.time()
    sent = company.http.post(f"/v1/conversations/{conversation_id}/messages", json={"type": "text", "text": "slowly"})
    assert sent.status_code == 202
    queue: dict[str, Any] = {}

    def is_under_way() -> bool:
        queue.update(since.now())
        return bool(queue["inFlight"])

    poll_until(is_under_way)
    assert (queue["depth"], queue["inFlight"], queue["completed"]) == (0, 1, 0)
    assert 0 <= queue["oldestAgeSeconds"] <= time.time() - before + 0.01
    poll_until(lambda: since.now()["completed"] == 1)
    queue = since.now()
    assert (queue["depth"], queue["inFlight"], queue["failed"]) == (0, 0, 0)
    rates_agree(queue)
    # Its statuses are webhooks too, and would count in what is put in next.
    message = f"/v1/messages/{sent.json()['data']['id']}"
    poll_until(lambda: company.http.get(message).json()["data"]["status"] == "read")


def test_the_dead_are_the_callers_own(operations: Operations) -> None:
    ours, theirs = (tenant["id"] for tenant in operations.company.demo["tenants"][:2])
    for tenant_id, count in {ours: DEAD, theirs: 1}.items():
        bodies = [json.dumps({"v": 1, "tenantId": tenant_id, "attachmentId": str(uuid4())}) for _ in range(count)]
        operations.put("MediaDeadLetters", *bodies)
    poll_until(lambda: operations.queue("media")["dead"] == DEAD)
    poll_until(lambda: operations.queues(operations.other)["media"]["dead"] == 1)
    assert {queue["dead"] for name, queue in operations.queues().items() if name != "media"} == {0}


def test_what_comes_back_to_be_tried_again_is_under_way_and_counts_as_failed(operations: Operations) -> None:
    since = Since(operations, "inbound")
    before = time.time()
    operations.put("InboundQueue", *(f"not a webhook {number}" for number in range(BROKEN)))
    after = time.time()
    operations.write(GOOD)
    poll_until(lambda: (now := since.now())["completed"] == GOOD and now["failed"] == BROKEN)
    asked = time.time()
    queue = since.now()
    answered = time.time()
    assert (queue["depth"], queue["inFlight"]) == (0, BROKEN)
    assert asked - after - 0.01 <= queue["oldestAgeSeconds"] <= answered - before + 0.01
    assert queue["errorRate"] > 0
    rates_agree(queue)


def test_depth_is_right_at_once_after_the_stack_was_started_again(tmp_path: Path) -> None:
    for run in ("first", "second"):
        running = launch(tmp_path / "local", CLOCK)
        try:
            running.wait_until_ready()
            with ExitStack() as parts:
                wait_over_night(Operations(running, parts), first=run == "first")
        finally:
            end(running)


def wait_over_night(operations: Operations, *, first: bool) -> None:
    if first:
        operations.http.post("/v1/queues/inbound/pause", json={"reason": "over night"})
        operations.write(WAITING)
    queue: dict[str, Any] = {}

    def waits() -> bool:
        """A new pump is told of the pause within a minute; until then consumers hand back what they take."""
        queue.update(operations.queue("inbound"))
        return (queue["depth"], queue["inFlight"]) == (WAITING, 0)

    poll_until(waits)
    assert queue["paused"]["reason"] == "over night"
    assert queue["oldestAgeSeconds"] > 0
