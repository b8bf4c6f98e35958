"""Ten faults, put into the running stack one by one: each shows where an operator looks, with a sentence that is true,
and moves the metric that its alarm is made of.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import boto3
import httpx
import psycopg
import pytest

from parley.store.ids import new_id

from .conftest import ROOT, RunningStack, launch
from .numbers import Number, eventually
from .test_spine import Company, customer

pytestmark = pytest.mark.stack

SPEED = 20
QUARTER = timedelta(minutes=15) / SPEED


@dataclass
class Operator:
    """Who watches over the stack: the API as an admin, the metrics in the functions' logs, what the stack says."""

    running: RunningStack
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.demo = self.running.demo
        token = next(one["token"] for one in self.demo["tenants"][0]["users"] if one["role"] == "admin")
        self.http = httpx.Client(
            base_url=self.demo["baseUrl"], timeout=60, headers={"authorization": f"Bearer {token}"}
        )

    def get(self, path: str) -> Any:
        """The `data` of an answer."""
        answer = self.http.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def health(self, number: Number) -> dict[str, Any]:
        """How a number does."""
        found: dict[str, Any] = self.get(f"/v1/integrations/{number.id}/health")
        return found

    def told(self, number: Number) -> dict[str, Any]:
        """What the housekeeper last said of a number."""
        found: dict[str, Any] = self.get(f"/v1/integrations/{number.id}")["health"]
        return found

    def queue(self, name: str) -> dict[str, Any]:
        """One queue."""
        return next(one for one in self.get("/v1/queues") if one["name"] == name)

    def step(self, name: str) -> dict[str, Any]:
        """One of the housekeeper's steps."""
        return next(one for one in self.get("/v1/housekeeping") if one["step"] == name)

    def measured(self, metric: str, since: float) -> list[float]:
        """What the functions measured since then."""
        values: list[float] = []
        for log in (self.running.directory / "logs").glob("*.log"):
            for line in log.read_text(errors="replace").splitlines():
                if '"_aws"' not in line or f'"{metric}"' not in line:
                    continue
                found = json.loads(line)
                if found["_aws"]["Timestamp"] >= since * 1000:
                    value = found[metric]
                    values += value if isinstance(value, list) else [value]
        return values

    def sees(self, metric: str, since: float, least: float = 1) -> None:
        """Wait until a metric has moved."""
        eventually(lambda: any(value >= least for value in self.measured(metric, since)))

    def sql(self, statement: str, *values: Any, database: str | None = None) -> list[Any]:
        """Run a statement as whoever owns the server: what takes weeks cannot be made otherwise."""
        place = urlsplit(self.demo["databaseUrl"])
        address = urlunsplit(
            place._replace(netloc=f"postgres@{place.hostname}:{place.port}", path=f"/{database or place.path[1:]}")
        )
        with psycopg.connect(address, autocommit=True) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def paused(self, queue: str) -> Iterator[None]:
        """Nothing is taken from a queue."""
        assert self.http.post(f"/v1/queues/{queue}/pause", json={"reason": "A fault is looked at."}).status_code == 200
        try:
            yield
        finally:
            assert self.http.post(f"/v1/queues/{queue}/resume").status_code == 200

    def aws(self) -> boto3.Session:
        """AWS's own clients."""
        return boto3.Session("test", "test", region_name="us-east-1")

    def send(self, queue: str, hint: dict[str, Any], **more: Any) -> None:
        """Put a message into a queue of the template, past everything that watches."""
        sqs = self.aws().client("sqs", endpoint_url=self.demo["awsEndpointUrl"])
        url = sqs.get_queue_url(QueueName=f"parley-local-{queue}")["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps(hint), **more)
        sqs.close()

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`parley …` against this stack."""
        environment = {**os.environ, "PARLEY_LOCAL_DIR": str(self.running.directory)}
        return subprocess.run(
            [sys.executable, "-m", "cli.main", *words],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """A stack whose minutes are three seconds."""
    running = launch(tmp_path_factory.mktemp("faults"), f"--fast-clock={SPEED}")
    running.wait_until_ready()
    watching = Operator(running)
    assert running.process.stdout is not None
    reader = threading.Thread(target=watching.said.extend, args=(running.process.stdout,))
    reader.start()
    try:
        # What was before the stack is counted first; only then is it known who is silent.
        eventually(lambda: settled(watching))
        yield watching
    finally:
        watching.http.close()
        running.process.send_signal(signal.SIGINT)
        running.process.wait(timeout=60)
        reader.join()
        running.process.stdout.close()


def settled(operator: Operator) -> bool:
    """Whether the figures have caught up with now."""
    (behind,) = operator.sql("select max(now() - counted_to) from health_cursors")
    return bool(behind[0] < timedelta(minutes=2))


@pytest.fixture
def number(operator: Operator, request: pytest.FixtureRequest) -> Iterator[Number]:
    """The company's number at one gateway, in order."""
    number = Number(operator.demo, request.param)
    eventually(lambda: operator.told(number)["state"] == "ok")
    yield number
    number.http.close()


def becomes(operator: Operator, number: Number, state: str) -> str:
    """Wait until a number is said to be in a state, by who looks now and by who looked last; the sentence."""
    eventually(lambda: operator.told(number)["state"] == state)
    found = operator.health(number)
    assert found["state"] == state
    return str(found["reason"])


@pytest.mark.parametrize("number", ["evolution"], indirect=True)
def test_a_gateway_that_is_disconnected(operator: Operator, number: Number) -> None:
    since = time.time()
    number.control("connection", connected=False, reason="logged out")
    sentence = becomes(operator, number, "disconnected")
    assert sentence.startswith("The gateway says that this account is not connected (")
    assert " Nothing has been sent since " in sentence
    operator.sees("integration.unhealthy", since)
    shown = operator.command("integration", "health", "--all")
    assert shown.returncode == 1, shown.stderr
    assert any(number.id in line and "disconnected: " in line for line in shown.stdout.splitlines())
    number.control("connection", connected=True)
    healed = operator.command("integration", "check", number.id, "--json")
    assert healed.returncode == 0, healed.stderr
    assert json.loads(healed.stdout)["health"]["state"] == "ok"


@pytest.mark.parametrize("number", ["meta"], indirect=True)
def test_a_credential_that_has_expired(operator: Operator, number: Number) -> None:
    since = time.time()
    person = number.customer()
    person.says()
    number.control("connection", connected=False)
    queued = number.http.post(
        f"/v1/conversations/{person.conversation_id}/messages", json={"type": "text", "text": "Are you there?"}
    )
    assert queued.status_code == 202
    sentence = becomes(operator, number, "credential_expired")
    assert sentence.startswith("WhatsApp no longer accepts this number's access token.")
    operator.sees("integration.unhealthy", since)
    number.control("connection", connected=True)
    checked = operator.http.post(f"/v1/integrations/{number.id}/check").json()["data"]
    assert (checked["check"]["ok"], checked["health"]["state"]) == (True, "ok")


@pytest.mark.parametrize("number", ["zapi"], indirect=True)
def test_a_number_that_fell_silent(operator: Operator, number: Number) -> None:
    since = time.time()
    tenant = operator.demo["tenants"][0]["id"]
    operator.sql(
        "insert into integration_quarters (tenant_id, integration_id, quarter, received, processed)"
        " select %s, %s, q, 20, 20 from generate_series(quarter_of(now() - %s, %s), now() - %s, %s) q"
        " on conflict do nothing",
        tenant, number.id, QUARTER * 672 * 5, QUARTER, QUARTER * 96, QUARTER,
    )  # fmt: skip
    operator.sql(
        "insert into integration_health (tenant_id, integration_id, last_received_at) values (%s, %s, now() - %s)"
        " on conflict on constraint integration_health_pkey do update set last_received_at = excluded.last_received_at",
        tenant, number.id, QUARTER * 5,
    )  # fmt: skip
    sentence = becomes(operator, number, "silent")
    assert sentence.startswith("No webhook came from ")
    assert "; in the same hours of the last 4 weeks " in sentence
    assert operator.health(number)["expected"] == {"low": 80, "high": 80, "weeks": 4}
    operator.sees("integration.unhealthy", since)
    number.customer().says()
    becomes(operator, number, "ok")
    operator.sql("delete from integration_quarters where integration_id = %s", number.id)


def test_a_dead_letter_queue_that_is_not_empty(operator: Operator) -> None:
    since = time.time()
    hint = {"v": 1, "tenantId": operator.demo["tenants"][0]["id"], "attachmentId": str(uuid4())}
    operator.send("mediadeadletters", hint)
    queue = eventually(lambda: found if (found := operator.queue("media"))["dead"] else None)
    assert (queue["dead"], queue["sentence"]) == (1, "1 message was given up: see the dead letters.")
    operator.sees("queue.dead", since)
    (letter,) = operator.get("/v1/queues/media/dead")
    assert operator.http.delete(f"/v1/queues/media/dead/{letter['id']}").is_success
    assert operator.queue("media")["sentence"] is None


def test_a_pusher_that_is_dead(operator: Operator) -> None:
    over = threading.Event()

    def kill() -> None:
        while not over.wait(0.02):
            for pid in operator.running.workers("realtime_pusher"):
                os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        for _ in range(3):
            operator.send("pushqueue", {"v": 1, "tenantId": operator.demo["tenants"][0]["id"]}, MessageGroupId="test")
        queue = eventually(lambda: found if (found := operator.queue("push"))["sentence"] else None)
    finally:
        over.set()
        killer.join()
    failed = sum(minute["failed"] for minute in queue["series"][-5:])
    done = sum(minute["completed"] for minute in queue["series"][-5:])
    assert queue["sentence"] == f"Of {failed + done} tries in the last 5 minutes {failed} failed."
    assert queue["errorRate"] >= 0.5
    # Its alarm is made of Lambda's own count of errors; the stack says each kind of them once in a while.
    eventually(lambda: any("realtime_pusher failed" in line for line in operator.said))
    eventually(lambda: operator.queue("push")["depth"] + operator.queue("push")["inFlight"] == 0)


@pytest.mark.parametrize("number", ["meta"], indirect=True)
def test_media_that_fail(operator: Operator, number: Number) -> None:
    since = time.time()
    company = Company(operator.demo)
    for _ in range(3):
        image = {"id": f"gone{uuid4().int}", "mime_type": "image/jpeg", "sha256": "0" * 44}
        message = {
            "from": customer(), "id": f"wamid.{uuid4().hex}", "timestamp": str(int(time.time())), "type": "image",
            "image": image,
        }  # fmt: skip
        assert company.post(company.body(message)).status_code == 200
    company.http.close()
    sentence = becomes(operator, number, "media_failing")
    assert sentence.startswith("Of 3 files received between ")
    assert sentence.endswith(" 3 could not be fetched from the gateway.")
    operator.sees("media.failure", since)
    operator.sees("integration.unhealthy", since)
    assert operator.health(number)["lastHour"]["mediaFailed"] == 3


@pytest.mark.parametrize("number", ["wuzapi"], indirect=True)
def test_the_clock_of_a_stuck_send(operator: Operator, number: Number) -> None:
    since = time.time()
    tenant = operator.demo["tenants"][0]["id"]
    person = number.customer()
    person.says()
    with operator.paused("outbound"):
        message_id, attempt_id = new_id(), new_id()
        operator.sql(
            "insert into messages (tenant_id, id, integration_id, conversation_id, number, direction, kind, body,"
            " occurred_at, status, sender_kind, attempts, attempt_id, lease_until, created_at, updated_at)"
            " values (%s, %s, %s, %s, 1000, 'outgoing', 'text', 'Half-way', now() - interval '1 hour', 'sending',"
            " 'user', 12, %s, now() - interval '50 minutes', now() - interval '1 hour', now() - interval '1 hour')",
            tenant, message_id, number.id, person.conversation_id, attempt_id,
        )  # fmt: skip
        assert operator.step("stuck_sends")["sentence"] == "1 conversation has a send that nobody looks after."
        assert operator.step("stuck_sends")["waiting"] == 1
        assert "1 conversation has a send that nobody looks after." in operator.queue("outbound")["sentence"]
        eventually(lambda: operator.step("stuck_sends")["found"] == 1)
        assert operator.measured("send.failure", since) == []
    eventually(lambda: number.http.get(f"/v1/messages/{message_id}").json()["data"]["status"] == "unknown")
    operator.sees("send.failure", since)
    eventually(lambda: operator.step("stuck_sends")["sentence"] is None)


def test_a_spool_that_is_not_drained(operator: Operator) -> None:
    since = time.time()
    s3 = operator.aws().client("s3", endpoint_url=operator.demo["awsEndpointUrl"])
    bucket = next(one["Name"] for one in s3.list_buckets()["Buckets"] if "tombstones" not in one["Name"])
    began = datetime.now(UTC) - timedelta(minutes=7)
    key = f"spool/{began:%Y-%m-%dT%H:%M:%S}.000Z-{new_id()}.json"
    s3.put_object(Bucket=bucket, Key=key, Body=b"half a webho")
    try:
        step = eventually(lambda: found if (found := operator.step("spool"))["waiting"] else None)
        day = "" if began.date() == datetime.now(UTC).date() else f"{began:%Y-%m-%d} "
        assert step["sentence"] == f"1 webhook waits in the spool since {day}{began:%H:%M}."
        assert step["sentence"] in operator.queue("inbound")["sentence"]
        operator.sees("webhook.oldest.age", since, 7 * 60)
    finally:
        s3.delete_object(Bucket=bucket, Key=key)
        s3.close()
    assert operator.step("spool")["sentence"] is None
    since = time.time()
    eventually(lambda: any(value < 60 for value in operator.measured("webhook.oldest.age", since)))


def test_a_partition_that_is_missing(operator: Operator) -> None:
    """Nobody can make tables just now; the last day's is gone."""
    day = (datetime.now(UTC) + timedelta(days=7)).date()
    operator.sql(
        "create function refuse() returns event_trigger language plpgsql as"
        " $$ begin raise exception 'no room for tables' using errcode = 'query_canceled'; end $$"
    )
    operator.sql(
        "create event trigger refused on ddl_command_start when tag in ('CREATE TABLE') execute function refuse()"
    )
    said = len(operator.said)
    try:
        operator.sql(f"drop table ledger_{day:%Y%m%d}")
        step = eventually(lambda: found if (found := operator.step("partitions"))["error"] else None)
        assert (step["waiting"], step["sentence"]) == (1, f"The ledger has no partition for {day.isoformat()}.")
        assert step["sentence"] in operator.queue("inbound")["sentence"]
        # Its alarm is made of Lambda's own count of errors.
        eventually(lambda: any("housekeeper failed" in line for line in operator.said[said:]))
    finally:
        operator.sql("drop event trigger refused")
        operator.sql("drop function refuse()")
    eventually(lambda: operator.step("partitions")["sentence"] is None)
    assert operator.sql("select to_regclass(%s) is not null", f"ledger_{day:%Y%m%d}") == [(True,)]


def test_a_database_that_is_gone(operator: Operator) -> None:
    since = time.time()
    name = urlsplit(operator.demo["databaseUrl"]).path[1:]
    assert operator.http.get("/readyz").status_code == 200
    operator.sql(f"alter database {name} allow_connections false", database="postgres")
    operator.sql("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", name, database="postgres")
    try:
        eventually(lambda: operator.http.get("/readyz").status_code == 503)
        answer = operator.http.get("/v1/queues")
        assert (answer.status_code, answer.json()["detail"]) == (503, "The database cannot be reached.")
        operator.sees("database.unreachable", since)
    finally:
        operator.sql(f"alter database {name} allow_connections true", database="postgres")
    eventually(lambda: operator.http.get("/readyz").status_code == 200)
    eventually(lambda: operator.http.get("/v1/queues").status_code == 200)


def test_nothing_is_said_where_nothing_is_wrong(operator: Operator) -> None:
    number = Number(operator.demo, "telegram")
    number.http.close()
    assert (operator.health(number)["state"], operator.health(number)["reason"]) == ("ok", None)
    for queue in operator.get("/v1/queues"):
        assert queue["name"] == "push" or queue["sentence"] is None
