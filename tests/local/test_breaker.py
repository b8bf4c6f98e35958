"""The breaker on the running stack: what nobody can read stops the queue rather than empty it into the ledger, whatever
comes meanwhile waits in it, and nothing is lost or done twice.
"""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any

import httpx
import pytest

from tests.local.conftest import StartStack, poll_until
from tests.local.test_spine import Company, customer, text

pytestmark = pytest.mark.stack

BROKEN = 90
"""More than the breaker's minimum for each of two workers, and a batch under way for each."""


def unreadable(number: int) -> bytes:
    """What this gateway signs and its adapter cannot read."""
    return json.dumps({"object": "whatsapp_business_account", "entry": [{"changes": number}]}).encode()


class Desk:
    """An admin of the first company, and how its ledger stands."""

    def __init__(self, demo: dict[str, Any]) -> None:
        self.company = Company(demo)
        admin = next(user for user in self.company.tenant["users"] if user["role"] == "admin")
        headers = {"authorization": f"Bearer {admin['token']}"}
        self.http = httpx.Client(base_url=demo["baseUrl"], headers=headers, timeout=30)

    def close(self) -> None:
        self.http.close()
        self.company.http.close()

    def inbound(self) -> dict[str, Any]:
        answer = self.http.get("/v1/queues")
        assert answer.status_code == 200, answer.text
        return next(queue for queue in answer.json()["data"] if queue["name"] == "inbound")

    def ledger(self) -> dict[str, int]:
        return dict(self.company.rows("select state, count(*) from ledger group by state"))


def test_what_nobody_can_read_stops_the_queue_and_what_comes_meanwhile_waits(start_stack: StartStack) -> None:
    running = start_stack("--fast-clock=2")
    with closing(Desk(running.demo)) as desk:
        stop_and_resume(desk)


def stop_and_resume(desk: Desk) -> None:
    for number in range(BROKEN):
        assert desk.company.post(unreadable(number)).status_code == 200
    poll_until(lambda: desk.inbound()["paused"])
    # All that is under way ends: then what is parked and what waits are all there is.
    poll_until(lambda: desk.inbound()["inFlight"] == 0)
    parked = desk.ledger().get("parked", 0)
    stopped = desk.inbound()
    assert stopped["depth"] == BROKEN - parked > 0, "it stopped before the queue was empty"
    assert "could not be read" in stopped["paused"]["reason"]

    phone = customer()
    assert desk.company.post(desk.company.body(text("wamid.paused", phone, "while it was paused"))).status_code == 200
    assert desk.inbound()["depth"] == stopped["depth"] + 1
    assert desk.company.conversation_of(phone) is None

    resumed = 0
    while desk.ledger().get("parked", 0) < BROKEN:
        answer = desk.http.post("/v1/queues/inbound/resume")
        assert answer.status_code == 200, answer.text
        assert answer.json()["data"]["paused"] is None
        resumed += 1
        poll_until(lambda: desk.inbound()["paused"] or desk.ledger().get("parked", 0) == BROKEN)
        poll_until(lambda: desk.inbound()["inFlight"] == 0)
    desk.http.post("/v1/queues/inbound/resume")
    poll_until(lambda: desk.company.conversation_of(phone))
    poll_until(lambda: desk.inbound()["depth"] + desk.inbound()["inFlight"] == 0)
    assert desk.ledger() == {"parked": BROKEN, "processed": 1}
    print(f"stopped at {parked} of {BROKEN}, resumed {resumed} times")
