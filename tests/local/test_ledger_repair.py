"""A parser with a bug on the running stack: what it cannot read is parked, the breaker stops the queue, and once the
bug is mended the queue is resumed and one command brings everything in: to the right inbox, in order, once.

The stack runs from a copy of the project whose adapter has the bug, so that mending it is what it is in life: other
code in new processes.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.local.conftest import ROOT, RunningStack, StartStack, poll_until
from tests.local.test_spine import Company, customer, text

pytestmark = pytest.mark.stack

PARTS = ("local", "layers", "functions", "cli", "web", "template.yaml")
ADAPTER = "layers/shared/parley/providers/meta/incoming.py"
BUG = '''

_read = read


def read(body: bytes) -> Sequence[Fact]:
    """Say what a webhook says, unless it is one of those nobody thought of."""
    if b"flawed" in body:
        raise KeyError("flawed")
    return _read(body)
'''
CUSTOMERS, EACH = 6, 14
"""Together more than the breaker's minimum for each of two workers, and a batch under way for each."""
START = 1_790_000_000


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project with a bug in one adapter."""
    copy = tmp_path / "project"
    copy.mkdir()
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, copy / part, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
        else:
            shutil.copy(source, copy / part)
    with (copy / ADAPTER).open("a", encoding="utf-8") as adapter:
        adapter.write(BUG)
    return copy


def mend(project: Path, running: RunningStack) -> None:
    """Put the adapter right, and let new processes have it."""
    shutil.copy(ROOT / ADAPTER, project / ADAPTER)
    old = running.workers("queue_processor")
    assert old
    for pid in old:
        os.kill(pid, signal.SIGTERM)
    poll_until(lambda: not set(old) & running.pids())


class Admin:
    """An admin of the first company, by HTTP and by command."""

    def __init__(self, running: RunningStack) -> None:
        self.company = Company(running.demo)
        self.directory = running.directory
        admin = next(user for user in self.company.tenant["users"] if user["role"] == "admin")
        headers = {"authorization": f"Bearer {admin['token']}"}
        self.http = httpx.Client(base_url=running.demo["baseUrl"], headers=headers, timeout=30)

    def close(self) -> None:
        self.http.close()
        self.company.http.close()

    def parley(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PARLEY_LOCAL_DIR": str(self.directory)}
        command = [sys.executable, "-m", "cli.main", *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        return done

    def get(self, path: str, **query: Any) -> Any:
        answer = self.http.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def inbound(self) -> dict[str, Any]:
        return next(queue for queue in self.get("/v1/queues")["data"] if queue["name"] == "inbound")

    def ledger(self, **query: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        page: dict[str, Any] = {"pagination": {"nextCursor": None}}
        while True:
            cursor = page["pagination"]["nextCursor"]
            page = self.get("/v1/ledger", limit=100, **query, **({"cursor": cursor} if cursor else {}))
            found += page["data"]
            if not page["pagination"]["hasMore"]:
                return found

    def events_after(self, cursor: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            page = self.get("/v1/events", after=cursor, limit=500)
            assert not page["reset"]
            found, cursor = found + page["data"], page["cursor"]
            if not page["hasMore"]:
                return found

    def thread_of(self, phone: str) -> list[str]:
        """What a customer wrote, as the inbox shows it, the oldest first."""
        conversation = self.company.conversation_of(phone)
        if conversation is None:
            return []
        assert conversation["unreadCount"] == EACH
        return [one["text"] for one in self.company.all(f"/v1/conversations/{conversation['id']}/messages")][::-1]


def words(number: int) -> str:
    return f"flawed {number:02}"


def post_everything(admin: Admin, phones: list[str]) -> None:
    """Every customer's messages, in the order in which a bad network brings them."""
    everything = [(phone, number) for phone in phones for number in range(EACH)]
    random.Random(6).shuffle(everything)
    for phone, number in everything:
        message = text(f"wamid.{phone}.{number}", phone, words(number)) | {"timestamp": str(START + number)}
        assert admin.company.post(admin.company.body(message)).status_code == 200


def test_a_parser_bug_parks_and_trips_and_one_replay_repairs_it(start_stack: StartStack, project: Path) -> None:
    running = start_stack("--fast-clock=2", project=project)
    with closing(Admin(running)) as admin:
        head = admin.get("/v1/events")["cursor"]
        phones = [customer() for _ in range(CUSTOMERS)]
        post_everything(admin, phones)
        poll_until(lambda: admin.inbound()["paused"])
        poll_until(lambda: admin.inbound()["inFlight"] == 0)
        parked, waiting = admin.ledger(state="parked"), admin.inbound()["depth"]
        assert {row["reason"] for row in parked} == {"KeyError while reading it"}
        assert len(parked) + waiting == CUSTOMERS * EACH
        assert waiting > 0, "the breaker left some in the queue"
        assert [admin.thread_of(phone) for phone in phones] == [[]] * CUSTOMERS

        mend(project, running)
        admin.parley("queues", "resume", "inbound")
        replayed = admin.parley("ledger", "replay", "--state", "parked", "--wait", "--json")
        poll_until(lambda: admin.inbound()["depth"] + admin.inbound()["inFlight"] == 0)
        check(admin, phones, head, json.loads(replayed.stdout), len(parked))


def check(admin: Admin, phones: list[str], head: str, replay: dict[str, Any], parked: int) -> None:
    """Everything is in, in order, once."""
    assert replay["state"] == "done"
    assert (replay["done"], replay["outcomes"]["processed"]) == (parked, parked)
    assert [admin.thread_of(phone) for phone in phones] == [[words(number) for number in range(EACH)]] * CUSTOMERS
    rows = admin.ledger()
    assert {(row["state"], row["repetitions"], len(row["messageIds"])) for row in rows} == {("processed", 0, 1)}
    assert len(rows) == CUSTOMERS * EACH
    events = admin.events_after(head)
    numbers = [event["seq"] for event in events]
    first = int(head.rpartition(":")[2]) + 1
    assert numbers == list(range(first, first + len(events))), "an event number is missing"
    new = [event["data"]["message"]["id"] for event in events if event["type"] == "message.new"]
    assert len(new) == len(set(new)) == CUSTOMERS * EACH
    assert {id_ for row in rows for id_ in row["messageIds"]} == set(new)
