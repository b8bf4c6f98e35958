"""An hour without the database, on the fast clock, while webhooks come: the door goes on answering 200, and when the
database is back all of it arrives, nothing twice, nothing parked, nothing dead (P13).

The hour is half a minute in CI and five minutes under PARLEY_PROOF=1.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import boto3
import httpx
import psycopg
import pytest

from local.children import LAUNCHER
from local.options import HOST
from local.ports import free_port
from local.postgres import DATABASE, MIGRATOR, SETTINGS, SUPERUSER, find_binaries
from tests.local.conftest import RunningStack, end, launch, poll_until
from tests.local.test_spine import Company, customer, text

pytestmark = pytest.mark.stack

HOUR_SECONDS = 3600
CLOCK = 12 if os.environ.get("PARLEY_PROOF") == "1" else 120
AWAY_SECONDS = HOUR_SECONDS / CLOCK
PER_SECOND = 50
DRAIN_SECONDS = 600


class Postgres:
    """A server of the test's own, which can be stopped and started again where it was."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self._port = free_port()
        binaries = find_binaries()
        user = "nobody" if os.geteuid() == 0 else "-"
        if user != "-":
            shutil.chown(directory, user)
        self._launch = [sys.executable, "-I", "-S", str(LAUNCHER), str(int(signal.SIGINT)), str(os.getpid()), user]
        self._binaries = [str(binaries), "--"]
        initdb = [str(binaries / "initdb"), "-D", str(directory / "data"), "-U", SUPERUSER, "--auth=trust"]
        command = [*self._launch, *self._binaries, *initdb, "--encoding=UTF8", "--locale=C.UTF-8"]
        subprocess.run(command, check=True, capture_output=True, cwd=directory)
        settings = [f"--{name}={value}" for name, value in {**SETTINGS, "port": str(self._port)}.items()]
        self._command = [str(binaries / "postgres"), "-D", str(directory / "data"), *settings]

    def url(self, user: str, database: str) -> str:
        return f"postgresql://{user}@{HOST}:{self._port}/{database}"

    def start(self) -> None:
        with (self._directory / "log").open("ab") as log:
            command = [*self._launch, *self._binaries, *self._command]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._directory, process_group=0)
        poll_until(self._answers)

    def stop(self) -> None:
        if self._process:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(30)
            self._process = None

    def provide(self) -> str:
        """Make the role that migrates and its database; answer how to reach it."""
        with psycopg.connect(self.url(SUPERUSER, "postgres"), autocommit=True) as connection:
            connection.execute(f"create role {MIGRATOR} login createrole")
            connection.execute(f"create database {DATABASE} owner {MIGRATOR}")
        return self.url(MIGRATOR, DATABASE)

    def _answers(self) -> bool:
        with suppress(psycopg.OperationalError):
            psycopg.connect(self.url(SUPERUSER, "postgres"), connect_timeout=5).close()
            return True
        return False


class World:
    """A stack on a Postgres that can go away."""

    def __init__(self, parts: ExitStack, directory: Path) -> None:
        (directory / "postgres").mkdir(mode=0o755)
        self.postgres = Postgres(directory / "postgres")
        parts.callback(self.postgres.stop)
        self.postgres.start()
        self.running: RunningStack = launch(
            directory / "local", f"--fast-clock={CLOCK}", database_url=self.postgres.provide()
        )
        parts.callback(end, self.running)
        self.running.wait_until_ready()
        self.company = Company(self.running.demo)
        parts.callback(self.company.http.close)
        token = next(user["token"] for user in self.company.tenant["users"] if user["role"] == "admin")
        headers = {"authorization": f"Bearer {token}"}
        base = self.running.demo["baseUrl"]
        self.admin = parts.enter_context(httpx.Client(base_url=base, headers=headers, timeout=60))

    def in_ledger(self) -> dict[str, int]:
        return dict(self.company.rows("select state, count(*) from ledger group by state"))

    def waiting(self) -> int:
        queue = next(one for one in self.admin.get("/v1/queues").json()["data"] if one["name"] == "inbound")
        return int(queue["depth"] + queue["inFlight"])

    def dead(self) -> int:
        """What lies in the dead letter queues, and what was found there."""
        local = {"region_name": "us-east-1", "aws_access_key_id": "local", "aws_secret_access_key": "local"}
        sqs = boto3.client("sqs", endpoint_url=self.running.demo["awsEndpointUrl"], **local)  # type: ignore[call-overload]
        count = 0
        for url in [url for url in sqs.list_queues()["QueueUrls"] if "deadletters" in url]:
            told: dict[str, Any] = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
            count += int(told["ApproximateNumberOfMessages"]) + int(told["ApproximateNumberOfMessagesNotVisible"])
        sqs.close()
        return count + sum(int(queue["dead"]) for queue in self.admin.get("/v1/queues").json()["data"])


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    tmp_path.chmod(0o755)
    with ExitStack() as parts:
        yield World(parts, tmp_path)


def post_steadily(company: Company, seconds: float) -> list[str]:
    """Webhooks at an even pace for so long; the ids of those answered 200, which is to be all of them."""
    answered: list[str] = []
    pause = threading.Event()
    began = time.monotonic()
    with httpx.Client(timeout=30) as http:
        while (number := len(answered)) < seconds * PER_SECOND:
            pause.wait(max(0.0, began + number / PER_SECOND - time.monotonic()))
            id_ = f"wamid.hour.{number}"
            body = company.body(text(id_, customer(), f"number {number}"))
            answer = http.post(company.integration["webhookUrl"], content=body, headers=signed(company, body))
            assert answer.status_code == 200, answer.text
            answered.append(id_)
    return answered


def signed(company: Company, body: bytes) -> dict[str, str]:
    key = company.integration["secret"].encode()
    return {"x-hub-signature-256": f"sha256={hmac.new(key, body, hashlib.sha256).hexdigest()}"}


def test_an_hour_without_the_database_loses_nothing(world: World) -> None:
    company = world.company
    world.postgres.stop()
    answered: list[str] = []
    poster = threading.Thread(target=lambda: answered.extend(post_steadily(company, AWAY_SECONDS)))
    poster.start()
    try:
        assert httpx.get(f"{world.running.demo['baseUrl']}/healthz", timeout=30).status_code == 200
        assert httpx.get(f"{world.running.demo['baseUrl']}/readyz", timeout=60).status_code == 503
        refused = world.admin.get("/v1/conversations")
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        assert int(refused.headers["retry-after"]) > 0
    finally:
        poster.join()
    assert len(answered) == AWAY_SECONDS * PER_SECOND, "the door said no to one"

    back = time.monotonic()
    world.postgres.start()
    poll_until(lambda: world.in_ledger().get("processed", 0) >= len(answered), DRAIN_SECONDS)
    poll_until(lambda: world.waiting() == 0, DRAIN_SECONDS)
    took = time.monotonic() - back
    print(
        f"{len(answered)} webhooks in an hour of the fast clock ({AWAY_SECONDS:.0f} s) without the database: drained "
        f"{took:.1f} s after it was back ({took * CLOCK / 60:.0f} min of that clock)"
    )
    assert world.in_ledger() == {"processed": len(answered)}
    stored = company.rows("select provider_message_id from messages where direction = 'incoming'")
    assert sorted(row[0] for row in stored) == sorted(answered), "each is there, and once"
    assert world.dead() == 0
    assert httpx.get(f"{world.running.demo['baseUrl']}/readyz", timeout=30).status_code == 200
