"""The housekeeper on the running stack: killed in the middle of a run, it is gone on with by the next minute. And every
metric that alarms are made of is written by the functions themselves.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import boto3
import psycopg
import pytest
from botocore.config import Config

from parley.domain.metrics import UNITS

from .conftest import RunningStack, end, launch
from .numbers import Number, eventually
from .test_sockets import customer_writes, listener, people_of, rows_of, wrote
from .test_spine import Company, customer

pytestmark = pytest.mark.stack
MOST_NEWS = 20


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A stack whose minutes are five seconds."""
    running = launch(tmp_path_factory.mktemp("quick"), "--fast-clock=12")
    try:
        running.wait_until_ready()
        yield running
    finally:
        end(running)


@pytest.fixture
def admin(quick: RunningStack) -> Iterator[Number]:
    """A number of the company, seen by its admin."""
    number = Number(quick.demo, "meta")
    token = next(one["token"] for one in quick.demo["tenants"][0]["users"] if one["role"] == "admin")
    number.http.headers["authorization"] = f"Bearer {token}"
    yield number
    number.http.close()


def steps(admin: Number) -> dict[str, dict[str, Any]]:
    answer = admin.http.get("/v1/housekeeping")
    assert answer.status_code == 200, answer.text
    return {row["step"]: row for row in answer.json()["data"]}


def lines(running: RunningStack, function: str = "*") -> Iterator[dict[str, Any]]:
    """What functions wrote into their logs."""
    for log in (running.directory / "logs").glob(f"{function}.log"):
        for line in log.read_text(errors="replace").splitlines():
            if line.startswith("{"):
                yield json.loads(line)


def runs(running: RunningStack) -> list[dict[str, Any]]:
    return [line for line in lines(running, "housekeeper") if line.get("message") == "swept"]


def test_a_housekeeper_killed_in_the_middle_of_a_run_is_gone_on_with_by_the_next_minute(
    quick: RunningStack, admin: Number
) -> None:
    eventually(lambda: runs(quick))
    names = list(runs(quick)[0]["steps"])
    place = names.index("spent_signals")
    with psycopg.connect(owner_of(quick)) as blocker:
        # Whoever wants to forget who typed has to wait.
        blocker.execute("lock table typists in access exclusive mode")
        eventually(lambda: waits_for_typists(quick))
        before = len(runs(quick))
        (housekeeper,) = quick.workers("housekeeper")
        os.kill(housekeeper, signal.SIGKILL)
    eventually(lambda: len(runs(quick)) > before)
    last = runs(quick)[before]
    assert list(last["steps"]) == names[place + 1 :] + names[: place + 1]
    assert (last["failed"], last["left"]) == ({}, [])
    assert [row["step"] for row in steps(admin).values() if row["sentence"] or row["lastOkAt"] is None] == []


def owner_of(running: RunningStack) -> str:
    """Whoever owns the server."""
    place = urlsplit(running.demo["databaseUrl"])
    return str(place._replace(netloc=f"postgres@{place.hostname}:{place.port}").geturl())


def waits_for_typists(running: RunningStack) -> bool:
    query = "select exists (select from pg_locks where relation = 'typists'::regclass and not granted)"
    with psycopg.connect(owner_of(running)) as connection:
        (found,) = connection.execute(query).fetchone() or (False,)
        return bool(found)


def metrics(running: RunningStack) -> set[str]:
    """The names that were measured."""
    described = (one for line in lines(running) if "_aws" in line for one in line["_aws"]["CloudWatchMetrics"])
    return {metric["Name"] for one in described for metric in one["Metrics"]}


def test_every_metric_is_written_by_the_functions(quick: RunningStack, admin: Number) -> None:
    company = Company(quick.demo)
    person = admin.customer()
    person.says()
    person.gets(type="text", text="Hello")
    admin.control("faults", behaviour="refuse")
    assert person.gets(type="text", text="Nobody wants this").json()["data"]["status"] == "failed"
    image = {"id": f"gone{uuid4().int}", "mime_type": "image/jpeg", "sha256": "0" * 44}
    about = {"from": customer(), "id": f"wamid.{uuid4().hex}", "timestamp": str(int(time.time())), "type": "image"}
    assert company.post(company.body({**about, "image": image})).status_code == 200
    company.http.close()
    with rows_of(quick.demo) as database:
        asyncio.run(listen_well_and_badly(quick, database))
    lose_the_database(quick)
    eventually(lambda: not set(UNITS) - metrics(quick))
    assert metrics(quick) == set(UNITS)


async def listen_well_and_badly(running: RunningStack, database: Any) -> None:
    good, bad = people_of(running.demo, database, 2)
    async with listener(running.demo, database, good) as hears, listener(running.demo, database, bad) as hears_not:
        place = next(frame for frame in hears.frames if frame["type"] == "welcome")
        again = await hears.ask("hello", v=1, cursor=f"{place['epoch']}:{place['to']}", topics=["tenant"])
        assert again["type"] == "welcome"
        slow = next(frame for frame in hears_not.frames if frame["type"] == "welcome")["connectionId"]
        with database.transaction(good.tenant_id) as tx:
            # The clock is fast; nobody shall be taken for dead meanwhile.
            tx.execute("update connections set seen_at = now() + interval '1 hour'")
        hears_not.socket.transport.pause_reading()
        # What the kernel still takes makes room again for a while.
        for number in range(MOST_NEWS):
            await asyncio.to_thread(fill, running.demo, slow)
            await asyncio.to_thread(customer_writes, running.demo, f"news {number}")
            await hears.until(wrote(f"news {number}"))
            if "realtime.push.failure" in metrics(running):
                return


def fill(demo: dict[str, Any], connection_id: str) -> None:
    """Post to a client that does not read until the gateway takes not even a short frame for it."""
    gateway = boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=demo["baseUrl"],
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"total_max_attempts": 1}),
    )
    for size in (120_000, 4_000, 100):
        junk = json.dumps({"type": "junk", "filler": "x" * size}).encode()
        with pytest.raises(gateway.exceptions.LimitExceededException):
            post_for_ever(gateway, connection_id, junk)
    gateway.close()


def post_for_ever(gateway: Any, connection_id: str, data: bytes) -> None:
    while True:
        gateway.post_to_connection(ConnectionId=connection_id, Data=data)


def lose_the_database(running: RunningStack) -> None:
    """For as long as it takes until somebody has noticed."""
    place = urlsplit(owner_of(running))
    name = place.path[1:]
    with psycopg.connect(place._replace(path="/postgres").geturl(), autocommit=True) as connection:
        connection.execute(f"alter database {name} allow_connections false")
        connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name])
        try:
            eventually(lambda: "database.unreachable" in metrics(running))
        finally:
            connection.execute(f"alter database {name} allow_connections true")
