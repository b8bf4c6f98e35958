"""Sending by HTTP: what is taken, and that a key is one message."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from parley.domain.principal import Principal
from parley.edge.api import Api
from parley.edge.routes_sending import preferred_wait
from parley.store.database import Database
from tests.functions.http.conftest import Reply, Thread, ask, event

from .conftest import PLACE, SEND, TEXT, WELCOME, Post, stored


def test_a_message_is_taken_hinted_at_and_pushed(
    send: Callable[..., Reply], post: Post, database: Database, tenant: uuid.UUID, thread: Thread, agent: Principal
) -> None:
    reply = send({**TEXT, "metadata": {"ticket": [1, 2.5, None, {"deep": True}]}})
    assert reply.status == 202, reply.text
    message = reply.body["data"]
    assert (message["status"], message["text"], message["direction"]) == ("queued", TEXT["text"], "outgoing")
    assert message["sender"] == {"kind": "user", "id": str(agent.id), "name": "Ana"}
    assert message["metadata"] == {"ticket": [1, 2.5, None, {"deep": True}]}
    assert reply.headers["location"] == f"/v1/messages/{message['id']}"
    assert "idempotency-replayed" not in reply.headers
    assert [row["id"] for row in stored(database, tenant)] == [uuid.UUID(message["id"])]
    [hint] = post.hints
    assert (hint["tenantId"], hint["conversationId"], hint["delay"]) == (str(tenant), str(thread.id), 0)
    assert hint["group"] == str(thread.integration_id)
    assert post.woken == [tenant]


def test_a_message_is_taken_while_the_queue_is_away(
    send: Callable[..., Reply], post: Post, database: Database, tenant: uuid.UUID
) -> None:
    post.away = True
    assert send().status == 202
    assert [row["status"] for row in stored(database, tenant)] == ["queued"]
    assert post.woken == [tenant]


def test_the_same_key_and_body_are_the_same_message(
    send: Callable[..., Reply], post: Post, database: Database, tenant: uuid.UUID
) -> None:
    first, second = send(idempotency_key="k 1"), send(idempotency_key="k 1")
    assert first.status == second.status == 202
    assert first.body == second.body
    assert (first.headers.get("idempotency-replayed"), second.headers["idempotency-replayed"]) == (None, "true")
    assert len(stored(database, tenant)) == 1
    assert (len(post.hints), len(post.woken)) == (2, 1)
    other = send({**TEXT, "text": "else"}, idempotency_key="k 1")
    assert (other.status, other.body["code"]) == (422, "idempotency_mismatch")
    assert send().body["data"]["id"] != send().body["data"]["id"]


def test_a_key_belongs_to_its_caller(
    send: Callable[..., Reply], api: Api, tenant: uuid.UUID, thread: Thread, make_key: Callable[..., str]
) -> None:
    mine = send(idempotency_key="same")
    headers = {"x-api-key": make_key(tenant, "messages:write"), "idempotency-key": "same"}
    robots = ask(api, event(SEND, path={"id": str(thread.id)}, headers=headers, body=TEXT))
    assert robots.status == 202
    assert robots.body["data"]["id"] != mine.body["data"]["id"]
    assert robots.body["data"]["sender"]["kind"] == "bot"


def test_prefer_wait_answers_201_with_the_outcome(send: Callable[..., Reply], outcome: Callable[..., None]) -> None:
    outcome("sent", id="wamid.1")
    reply = send(prefer="respond-async, wait=5", idempotency_key="w")
    assert (reply.status, reply.body["data"]["status"]) == (201, "sent")
    assert reply.body["data"]["providerMessageId"] == "wamid.1"
    assert reply.headers["preference-applied"] == "wait=5"
    again = send(prefer="wait=1", idempotency_key="w")
    assert (again.status, again.headers["idempotency-replayed"]) == (201, "true")
    outcome("failed", error={"code": "provider_rejected", "message": "no"})
    failed = send(prefer="wait=5")
    assert (failed.status, failed.body["data"]["error"]["code"]) == (201, "provider_rejected")
    outcome("unknown")
    assert (send(prefer="wait=5").status, send(prefer="wait=99").status) == (202, 202)


def test_prefer_wait_answers_202_when_the_time_is_over(send: Callable[..., Reply]) -> None:
    reply = send(prefer="wait=1")
    assert (reply.status, reply.body["data"]["status"]) == (202, "queued")


def test_only_a_wait_of_1_to_25_seconds_is_a_preference() -> None:
    waits = {"wait=1": 1, 'Wait = "25"': 25, "a, wait=7; x=1": 7, "handling=lenient,wait=3": 3}
    ignored = [
        "",
        "wait",
        "wait=0",
        "wait=26",
        "wait=-1",
        "wait=1.5",
        "wait=9999",
        "await=5",
        "wait=٣",
        "wait=5x",
        ",;=",
    ]
    assert {text: preferred_wait(text) for text in waits} == waits
    assert {preferred_wait(text) for text in ignored} == {None}


def test_a_note_is_written_at_once_and_has_nothing_of_a_message_to_the_customer(
    send: Callable[..., Reply], send_short: Callable[..., Reply], agent: Principal, post: Post
) -> None:
    note = send({"type": "note", "text": "She paid in May", "mentions": [str(agent.id)]}, prefer="wait=5")
    assert (note.status, note.body["data"]["direction"], note.body["data"]["status"]) == (201, "internal", "sent")
    assert post.hints == [], "nobody sends it"
    for field, value in [
        ("scheduledAt", "2030-01-01T00:00:00Z"),
        ("replyTo", str(uuid.uuid4())),
        ("mediaId", str(uuid.uuid4())),
    ]:
        refused = send({"type": "note", "text": "x", field: value})
        assert (refused.status, [error["path"] for error in refused.body["errors"]]) == (400, [field])
    for body, path in [
        ({**TEXT, "mentions": [str(agent.id)]}, "mentions"),
        ({"type": "note"}, "text"),
        ({"type": "note", "text": "x", "mentions": ["Ana"]}, "mentions.0"),
    ]:
        refused = send(body)
        assert (refused.status, [error["path"] for error in refused.body["errors"]]) == (400, [path]), refused.text
    assert send({**TEXT, "scheduledAt": None, "mentions": None}).status == 202
    for kind in ("location", "note"):
        short = send_short(messageType=kind)
        assert (short.status, short.body["success"], short.body["code"]) == (422, False, "unsupported_capability")


def test_a_message_for_later_is_taken_and_hinted_at_only_if_that_is_soon(
    send: Callable[..., Reply], post: Post
) -> None:
    for minutes, hinted in [(50, []), (10, [600])]:
        at = (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()
        taken = send({**TEXT, "scheduledAt": at}, prefer="wait=5")
        assert (taken.status, taken.body["data"]["status"]) == (202, "scheduled")
        assert taken.body["data"]["earliestSendAt"][:19] == at[:19]
        assert [hint["delay"] for hint in post.hints] == hinted
    for wrong in ("2020-01-01T00:00:00Z", "tomorrow", "2030-01-01T00:00:00", 1893456000):
        refused = send({**TEXT, "scheduledAt": wrong})
        assert (refused.status, refused.body["errors"][0]["path"]) == (400, "scheduledAt")


def test_a_first_message_finds_or_makes_its_conversation(
    api: Api, agent: Principal, token_of: Callable[..., str], integration: uuid.UUID
) -> None:
    def write(**body: Any) -> Reply:
        given = {"integrationId": str(integration), "to": "+55 11 98765-0000", **WELCOME, **body}
        return ask(api, event("POST /v1/messages", headers={"authorization": f"Bearer {token_of(agent)}"}, body=given))

    one, two = write(), write(to="5511987650000")
    assert one.status == 202, one.text
    assert (one.status, one.headers["location"]) == (202, f"/v1/messages/{one.body['data']['id']}")
    assert one.body["data"]["conversationId"] == two.body["data"]["conversationId"]
    closed = write(type="text", text="Hello", template=None)
    assert (closed.status, closed.body["code"]) == (409, "window_closed")
    refusals: list[tuple[dict[str, Any], int, str]] = [
        ({"to": "Maria"}, 400, "to"),
        ({"to": None}, 400, "to"),
        ({"integrationId": str(uuid.uuid4())}, 404, "integrationId"),
        ({"conversationId": str(uuid.uuid4())}, 400, "conversationId"),
    ]
    for wrong, status, path in refusals:
        refused = write(**wrong)
        assert (refused.status, refused.body["errors"][0]["path"]) == (status, path), refused.text


def test_a_failed_message_is_sent_again_once_as_a_new_one(
    api: Api, send: Callable[..., Reply], outcome: Callable[..., None], post: Post, agent: Principal,
    token_of: Callable[..., str], make_tenant: Callable[..., uuid.UUID], make_user: Callable[..., Principal],
) -> None:  # fmt: skip
    def resend(message_id: str, by: Principal = agent, key: str | None = None) -> Reply:
        given = {"authorization": f"Bearer {token_of(by)}"} | ({"idempotency-key": key} if key else {})
        return ask(api, event("POST /v1/messages/{id}/resend", path={"id": message_id}, headers=given))

    outcome("failed", error={"code": "provider_rejected", "message": "no"})
    failed = send({"type": "location", "location": PLACE}, prefer="wait=5").body["data"]
    post.on_hint = lambda hint: hint
    again = resend(failed["id"], key="r")
    assert again.status == 202, again.text
    message = again.body["data"]
    assert (message["resendOf"], message["kind"], message["content"]) == (failed["id"], "location", PLACE)
    assert (message["status"], message["id"] != failed["id"]) == ("queued", True)
    replay = resend(failed["id"], key="r")
    assert (replay.headers["idempotency-replayed"], replay.body) == ("true", again.body)
    for target, by, status in [
        (failed["id"], agent, 409),
        (message["id"], agent, 409),
        (str(uuid.uuid4()), agent, 404),
        ("nope", agent, 404),
        (failed["id"], make_user(make_tenant("Other")), 404),
    ]:
        assert resend(target, by).status == status


def test_a_reply_quotes_a_message_of_the_conversation(
    send: Callable[..., Reply], tenant: uuid.UUID, thread: Thread, make_message: Callable[..., uuid.UUID]
) -> None:
    original = make_message(tenant, thread, body="When are you open?")
    quoted = send({**TEXT, "replyTo": str(original)}).body["data"]["replyTo"]
    assert quoted == {"id": str(original), "text": "When are you open?", "kind": "text"}
