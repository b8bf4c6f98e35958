"""The routes of dead letters: what may be asked, and how it is refused."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from parley import wiring
from parley.domain.principal import Principal
from parley.store.database import Database
from parley.store.dead_letters import Failure, Letter, keep
from parley.store.ids import new_id

from .conftest import Reply, ask, event

LIST = "GET /v1/queues/{name}/dead"
ONE = "GET /v1/queues/{name}/dead/{id}"
REDRIVE = "POST /v1/queues/{name}/dead/redrive"
SOME_ID = "0192d3a4-5b6c-7d8e-9f01-23456789abcd"


@pytest.fixture
def call(deployed: Any, token_of: Any, make_user: Any, tenant: uuid.UUID) -> Callable[..., Reply]:
    """Ask as an admin: `call(route, name=…, id=…, query=…, body=…)`."""
    admin: Principal = make_user(tenant, "Clara", role="admin")
    headers = {"authorization": f"Bearer {token_of(admin)}"}
    api = deployed("admin_api").handler

    def send(route: str, *, query: Any = None, body: Any = None, **path: str) -> Reply:
        return ask(api, event(route, path=path, query=query, headers=headers, body=body))

    return send


@pytest.fixture
def bury(database: Database, tenant: uuid.UUID) -> Callable[[int], None]:
    """Let hints of the tenant die."""

    def put(count: int) -> None:
        with database.transaction(tenant) as tx:
            for n in range(count):
                payload = {"v": 1, "tenantId": str(tenant), "after": str(n)}
                keep(tx, Letter("push", new_id().bytes, payload, None, Failure("x", 1, datetime.now(UTC))))

    return put


@pytest.mark.parametrize("name", ["delivery", "Inbound", "inbound ", "%00", "x" * 300])
def test_an_unknown_queue_is_not_there(call: Callable[..., Reply], name: str) -> None:
    assert call(LIST, name=name).status == 404
    assert call(ONE, name=name, id=SOME_ID).status == 404
    assert call("DELETE /v1/queues/{name}/dead/{id}", name=name, id=SOME_ID).status == 404
    assert call(REDRIVE, name=name, body={"all": True}).status == 404


@pytest.mark.parametrize(
    "body",
    [
        None, {}, {"ids": []}, {"ids": ["x"]}, {"ids": [SOME_ID] * 101}, {"all": False}, {"all": 1}, {"all": "true"},
        {"ids": [SOME_ID], "all": True}, {"ids": [SOME_ID, SOME_ID], "body": "x"}, {"all": True, "body": "x"},
        {"ids": [SOME_ID], "body": 7}, {"ids": [SOME_ID], "body": [1]}, {"all": True, "more": 1}, {"body": "x"},
    ],
)  # fmt: skip
def test_a_redrive_says_exactly_which(call: Callable[..., Reply], body: Any) -> None:
    reply = call(REDRIVE, name="push", body=body)
    assert (reply.status, reply.body["code"]) == (400, "invalid_request")


def test_letters_come_in_pages_the_latest_first(call: Callable[..., Reply], bury: Callable[[int], None]) -> None:
    bury(5)
    first = call(LIST, name="push", query={"limit": "2"})
    cursor = first.body["pagination"]["nextCursor"]
    second = call(LIST, name="push", query={"limit": "2", "cursor": cursor})
    third = call(LIST, name="push", query={"limit": "2", "cursor": second.body["pagination"]["nextCursor"]})
    found = [one for page in (first, second, third) for one in page.body["data"]]
    # Ids begin with the millisecond; of two letters of one, either may be the later.
    assert [one["id"] for one in found] == sorted((one["id"] for one in found), reverse=True)
    assert sorted(one["payload"]["after"] for one in found) == ["0", "1", "2", "3", "4"]
    assert third.body["pagination"] == {"nextCursor": None, "hasMore": False}
    assert call(LIST, name="media", query={"cursor": cursor}).status == 400, "a cursor of another queue"


def test_a_redriven_letter_is_on_its_queue_and_gone(
    call: Callable[..., Reply], bury: Callable[[int], None], aws: Any
) -> None:
    bury(3)
    (chosen, *_) = call(LIST, name="push").body["data"]
    assert call(REDRIVE, name="push", body={"ids": [chosen["id"], SOME_ID]}).status == 404
    assert call(REDRIVE, name="push", body={"ids": [chosen["id"]]}).body == {"data": {"redriven": 1, "left": 2}}
    assert call(ONE, name="push", id=chosen["id"]).status == 404
    assert call(REDRIVE, name="push", body={"all": True}).body == {"data": {"redriven": 2, "left": 0}}
    assert call(REDRIVE, name="push", body={"all": True}).body == {"data": {"redriven": 0, "left": 0}}
    url = wiring.settings().push_queue_url
    messages = aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert {json.loads(message["Body"])["after"] for message in messages} == {"0", "1", "2"}
