"""The work of an inbox on the running stack: races, messages for later, snoozes, and conversations that go round."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.local.test_spine import Company, Demo, eventually

pytestmark = pytest.mark.stack


@pytest.fixture
def company(demo: Demo) -> Iterator[Company]:
    """The second company, whose settings these tests may change."""
    company = Company(demo, 1)
    yield company
    company.http.close()


def writes(company: Company, text: str = "Hello") -> dict[str, Any]:
    """Somebody new writes; their conversation."""
    phone = f"55119{random.randrange(10**8):08d}"
    message = {"integrationId": company.integration["id"], "from": f"+{phone}", "kind": "text", "text": text}
    company.http.post("/simulator/messages", json=message).raise_for_status()
    found: dict[str, Any] = eventually(lambda: company.conversation_of(phone))
    return found


def now_is(company: Company, conversation: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = company.http.get(f"/v1/conversations/{conversation['id']}").json()["data"]
    return answer


def test_two_agents_race_for_a_conversation_over_http(company: Company) -> None:
    conversation = writes(company)
    path = f"/v1/conversations/{conversation['id']}/assign"
    users = company.tenant["users"][:2]

    def take(place: int) -> int:
        body = {"userId": users[place]["id"]}
        return httpx.post(
            f"{company.http.base_url}{path}", json=body, headers=company.bearer(place), timeout=30
        ).status_code

    seen: Counter[tuple[int, ...]] = Counter()
    with ThreadPoolExecutor(2) as pool:
        for _ in range(10):
            seen[tuple(sorted(pool.map(take, (0, 1))))] += 1
            company.http.post(path, json={"userId": None}).raise_for_status()
    assert seen == {(200, 409): 10}


def test_a_message_for_later_goes_out_when_its_time_has_come(company: Company) -> None:
    conversation = writes(company)
    at = datetime.now(UTC) + timedelta(seconds=3)
    path = f"/v1/conversations/{conversation['id']}/messages"
    taken = company.http.post(path, json={"type": "text", "text": "Later", "scheduledAt": at.isoformat()}).json()[
        "data"
    ]
    assert taken["status"] == "scheduled"

    def sent() -> Any:
        view = company.http.get(f"/v1/messages/{taken['id']}").json()["data"]
        return view if view["status"] in ("sent", "delivered", "read") else None

    assert datetime.fromisoformat(eventually(sent)["occurredAt"]) >= at


def test_conversations_go_to_who_is_online_and_on_when_they_leave(company: Company) -> None:
    admin = next(place for place, user in enumerate(company.tenant["users"]) if user["role"] == "admin")
    rule = {"autoAssignment": {"mode": "round_robin", "capacity": 50}}
    company.http.patch("/v1/settings", json=rule, headers=company.bearer(admin)).raise_for_status()
    try:
        backlog = writes(company)
        with company.socket() as listener:
            me = company.tenant["users"][0]["id"]
            eventually(lambda: (now_is(company, backlog)["assignee"] or {}).get("id") == me)
            fresh = writes(company)
            eventually(lambda: (now_is(company, fresh)["assignee"] or {}).get("id") == me)
            event = listener.until(lambda event: event["type"] == "conversation.assigned")
            assert event["data"]["by"]["kind"] == "system"
    finally:
        off = {"autoAssignment": {"mode": "off"}}
        company.http.patch("/v1/settings", json=off, headers=company.bearer(admin)).raise_for_status()
