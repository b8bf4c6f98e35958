"""A flood of one account and a few webhooks of another: by count of batches, nobody waits behind the flood (P12). The
naive pump beside it, which hands messages out as they came, fails.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest

from local.read_ahead import Message, ReadAhead
from tests.local.conftest import RunningStack, StartStack, poll_until
from tests.local.test_spine import Company, customer, text

QUIET = 4
FLOOD = 100 * QUIET
BATCH = 10
MOST_BATCHES = 2


class FirstComeFirstServed(ReadAhead):
    """The naive variant: as if all were of one group."""

    def add(self, message: Message) -> None:
        attributes = {**message.fields["Attributes"], "MessageGroupId": "everybody"}
        super().add(Message({**message.fields, "Attributes": attributes}))


def message(id_: str, group: str) -> Message:
    return Message({"MessageId": id_, "ReceiptHandle": "r", "Attributes": {"MessageGroupId": group}})


def batches_before(ahead: ReadAhead) -> list[int]:
    """How many batches with the flood in them go before each quiet message's own, which were sent last."""
    for number in range(FLOOD):
        ahead.add(message(f"flood {number}", "flood"))
    for number in range(QUIET):
        ahead.add(message(f"quiet {number}", "quiet"))
    batches: list[list[str]] = []
    while ahead:
        batches.append([each.id for each in ahead.take(BATCH)])
    return [
        sum("flood" in " ".join(batch) for batch in batches[: next(i for i, b in enumerate(batches) if id_ in b)])
        for id_ in (f"quiet {number}" for number in range(QUIET))
    ]


def test_a_quiet_account_waits_for_two_batches_of_a_flood_at_most() -> None:
    assert max(batches_before(ReadAhead())) <= MOST_BATCHES


def test_first_come_first_served_would_keep_it_waiting_for_all_of_them() -> None:
    assert min(batches_before(FirstComeFirstServed())) == FLOOD / BATCH


@dataclass(frozen=True)
class Batch:
    """One call of the processor, as it wrote it down: when it began and what was in it."""

    began: float
    correlation_ids: frozenset[str]


def batches_of(running: RunningStack) -> list[Batch]:
    found = []
    for line in (running.directory / "logs/queue_processor.log").read_text().splitlines():
        if '"webhooks processed"' in line:
            said = json.loads(line)
            ended = datetime.fromisoformat(said["timestamp"]).timestamp()
            found.append(Batch(ended - said["ms"] / 1000, frozenset(said["correlation_ids"])))
    return sorted(found, key=lambda batch: batch.began)


def received(company: Company) -> dict[str, float]:
    """Every webhook in a company's ledger, by its correlation id: when the door took it."""
    rows = company.rows("select correlation_id::text, received_at from ledger")
    return {id_: at.timestamp() for id_, at in rows}


def write(company: Company, count: int) -> None:
    """So many customers write once each, as fast as the door takes it."""
    bodies = [company.body(text(f"wamid.{uuid4()}", customer(), f"number {n}")) for n in range(count)]
    with ThreadPoolExecutor(8) as threads:
        assert {answer.status_code for answer in threads.map(company.post, bodies)} <= {200}


def waited_behind(running: RunningStack, loud: Company, quiet: Company) -> list[int]:
    """For each quiet webhook: how many batches of the flood began after it was there and before its own did."""
    batches, floods = batches_of(running), received(loud).keys()
    resumed_at = min((batch.began for batch in batches), default=0.0)
    waited = []
    for id_, at in received(quiet).items():
        own = next(batch for batch in batches if id_ in batch.correlation_ids)
        since = max(at, resumed_at)
        waited.append(sum(since <= batch.began < own.began for batch in batches if batch.correlation_ids & floods))
    return waited


@pytest.fixture
def companies(start_stack: StartStack) -> Iterator[tuple[RunningStack, Company, Company, httpx.Client]]:
    with ExitStack() as parts:
        running = start_stack("--fast-clock=3")
        loud, quiet = (Company(running.demo, which) for which in (0, 1))
        parts.callback(loud.http.close)
        parts.callback(quiet.http.close)
        token = next(user["token"] for user in loud.tenant["users"] if user["role"] == "admin")
        headers = {"authorization": f"Bearer {token}"}
        admin = parts.enter_context(httpx.Client(base_url=running.demo["baseUrl"], headers=headers, timeout=30))
        yield running, loud, quiet, admin


@pytest.mark.stack
def test_nobody_waits_behind_more_than_two_batches_of_anothers_flood(
    companies: tuple[RunningStack, Company, Company, httpx.Client],
) -> None:
    running, loud, quiet, admin = companies
    # The flood is there before anything is taken, and the quiet ones come last.
    admin.post("/v1/queues/inbound/pause", json={"reason": "a flood is coming"}).raise_for_status()
    write(loud, FLOOD)
    write(quiet, QUIET)
    inbound = next(queue for queue in admin.get("/v1/queues").json()["data"] if queue["name"] == "inbound")
    assert inbound["depth"] == FLOOD + QUIET
    admin.post("/v1/queues/inbound/resume").raise_for_status()
    # More of the quiet ones, while the flood is worked on.
    poll_until(lambda: len(received(quiet)) == QUIET)
    assert len(received(loud)) < FLOOD, "the flood is over before the quiet ones could write again"
    write(quiet, QUIET)
    poll_until(lambda: len(received(loud)) == FLOOD)
    poll_until(lambda: len(received(quiet)) == 2 * QUIET)
    poll_until(lambda: sum(len(batch.correlation_ids) for batch in batches_of(running)) == FLOOD + 2 * QUIET)
    waited: list[Any] = waited_behind(running, loud, quiet)
    print(f"of {FLOOD} webhooks of a flood in {len(batches_of(running))} batches, the quiet ones waited for {waited}")
    assert len(waited) == 2 * QUIET
    assert max(waited) <= MOST_BATCHES
