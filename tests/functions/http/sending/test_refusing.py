"""Sending by HTTP: what is refused, by its name, before anything is stored."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from parley.domain.principal import Principal
from parley.edge.api import Api
from parley.store.database import Database
from tests.functions.http.conftest import Reply, Thread, ask, event

from .conftest import SEND, SHORT, TEXT, stored

INVALID_FIELDS: list[tuple[Any, str]] = [
    ({"text": "x"}, "type"),
    ({"type": "text"}, "text"),
    ({"type": "text", "text": ""}, "text"),
    ({"type": "text", "text": "\0\0"}, "text"),
    ({"type": "text", "text": "x" * 4097}, "text"),
    ({"type": "text", "text": None}, "text"),
    ({"type": "text", "text": 7}, "text"),
    ({"type": "text", "text": ["x"]}, "text"),
    ({"type": "carrier pigeon", "text": "x"}, "type"),
    ({"type": ["text"], "text": "x"}, "type"),
    ({"type": None, "text": "x"}, "type"),
    ({**TEXT, "body": "x"}, "body"),
    ({**TEXT, "reply_to": str(uuid.UUID(int=7))}, "reply_to"),
    ({**TEXT, "replyTo": "wamid.1"}, "replyTo"),
    ({**TEXT, "replyTo": 7}, "replyTo"),
    ({**TEXT, "replyTo": str(uuid.UUID(int=7))}, "replyTo"),
    ({**TEXT, "expectedNumber": -1}, "expectedNumber"),
    ({**TEXT, "expectedNumber": "3"}, "expectedNumber"),
    ({**TEXT, "expectedNumber": True}, "expectedNumber"),
    ({**TEXT, "expectedNumber": 1.0}, "expectedNumber"),
    ({**TEXT, "expectedNumber": 2**63}, "expectedNumber"),
    ({**TEXT, "metadata": []}, "metadata"),
    ({**TEXT, "metadata": "x"}, "metadata"),
    ({**TEXT, "metadata": {"x": "y" * 2048}}, "metadata"),
]


def test_a_field_that_is_not_valid_is_named(send: Callable[..., Reply], database: Database, tenant: uuid.UUID) -> None:
    for body, path in INVALID_FIELDS:
        reply = send(body)
        assert (reply.status, reply.body["code"]) == (400, "invalid_request"), (body, reply.text)
        assert [error["path"] for error in reply.body["errors"]] == [path], body
    assert stored(database, tenant) == []


def test_an_idempotency_key_that_is_none_is_refused(send: Callable[..., Reply]) -> None:
    for key in ("", "x" * 256, "a\nb", "\0", "\ud800"):
        reply = send(idempotency_key=key)
        assert (reply.status, reply.body["errors"][0]["path"]) == (400, "Idempotency-Key"), key


NOT_JSON = [
    "",
    "   ",
    "hello",
    "{",
    '{"type": "text"',
    "{'type': 'text'}",
    "[]",
    '[{"type": "text", "text": "x"}]',
    "null",
    "7",
    '"text"',
    "type=text&text=x",
    '{"type": "text", "text": "x"} {}',
    '{"type": "text", "text": "\\ud800"}',
    '{"type": "text", "text": "\ud800"}',
    '{"type": "text", "text": "x", "metadata": {"\\udc00": 1}}',
    '{"type": "text", "text": "x", "metadata": {"n": NaN}}',
    '{"type": "text", "text": "x", "metadata": {"n": -Infinity}}',
    '{"type": "text", "text": "x", "metadata": {"n": 1e999}}',
    '{"type": "text", "text": "x", "metadata": {"n": ' + "9" * 5000 + "}}",
    '{"type": "text", "text": "x", "metadata": ' + '{"a":' * 40 + "1" + "}" * 40 + "}",
    '{"type": "text", "text": "x", "metadata": {"l": ' + "[" * 500 + "]" * 500 + "}}",
    "[" * 100_000,
    '{"a":' * 20_000,
]


def test_a_body_that_is_no_json_object_is_400_before_anything_is_looked_up(
    send: Callable[..., Reply], database: Database, tenant: uuid.UUID
) -> None:
    for body in NOT_JSON:
        for to in (None, uuid.uuid4(), "nope"):
            reply = send(body) if to is None else send(body, to)
            expected = (404,) if to == "nope" and not body.strip() else (400,)
            assert reply.status in expected, (body[:60], to, reply.text)
    assert stored(database, tenant) == []


def test_bytes_that_are_no_text_or_no_base64_are_400(
    api: Api, agent: Principal, token_of: Callable[..., str], thread: Thread
) -> None:
    headers = {"authorization": f"Bearer {token_of(agent)}"}

    def send_raw(body: str) -> Reply:
        return ask(api, event(SEND, path={"id": str(thread.id)}, headers=headers, body=body, isBase64Encoded=True))

    for raw in (b"\xff\xfe", b'{"type": "text", "text": "\xe9"}', b"\x00"):
        assert send_raw(base64.b64encode(raw).decode()).status == 400
    assert send_raw("****").status == 400
    assert send_raw(base64.b64encode(json.dumps(TEXT).encode()).decode()).status == 202
    assert send_raw(base64.b64encode(b"\xef\xbb\xbf" + json.dumps(TEXT).encode()).decode()).status == 202


def test_a_body_above_256_kb_is_413(send: Callable[..., Reply]) -> None:
    reply = send(json.dumps({**TEXT, "metadata": {"x": "é" * 131_072}}, ensure_ascii=False))
    assert (reply.status, reply.body["code"]) == (413, "too_large")


def test_without_a_credential_even_a_bad_body_is_401(api: Api, thread: Thread) -> None:
    for body in ("{", json.dumps(TEXT), "x" * 300_000):
        assert ask(api, event(SEND, path={"id": str(thread.id)}, body=body)).status == 401


def test_text_is_kept_as_written_but_for_nul(send: Callable[..., Reply]) -> None:
    for text, kept in [
        ("a\0b", "ab"),
        (" \n ", " \n "),
        ("<b>é\N{WAVING HAND SIGN}\u202e</b>", None),
        ("x" * 4096, None),
    ]:
        assert send({"type": "text", "text": text}).body["data"]["text"] == (kept or text)
    clean = send({**TEXT, "metadata": {"a\0": "b\0"}})
    assert clean.body["data"]["metadata"] == {"a": "b"}


def test_a_conversation_that_is_not_there_is_404(
    send: Callable[..., Reply], send_short: Callable[..., Reply], make_tenant: Callable[..., uuid.UUID],
    make_integration: Callable[..., uuid.UUID], make_conversation: Callable[..., Thread], database: Database,
) -> None:  # fmt: skip
    other = make_tenant("Other")
    foreign = make_conversation(other, make_integration(other))
    for to in (uuid.uuid4(), foreign.id, "nope", "\0"):
        assert send(to=to).status == 404
    short = send_short(conversationId=str(foreign.id))
    assert (short.status, short.body["code"]) == (404, "not_found")
    assert stored(database, other) == []


def test_a_closed_window_is_said_with_409(
    send: Callable[..., Reply], send_short: Callable[..., Reply], tenant: uuid.UUID, integration: uuid.UUID,
    make_conversation: Callable[..., Thread],
) -> None:  # fmt: skip
    closed = make_conversation(tenant, integration, window_expires_at=datetime.now(UTC) - timedelta(seconds=1))
    reply = send(to=closed.id)
    assert (reply.status, reply.body["code"]) == (409, "window_closed")
    short = send_short(conversationId=str(closed.id))
    assert (short.status, short.body["success"], short.body["code"]) == (409, False, "window_closed")


def test_what_others_wrote_meanwhile_is_answered_with_409(
    send: Callable[..., Reply], tenant: uuid.UUID, thread: Thread, make_message: Callable[..., uuid.UUID],
    make_user: Callable[..., Principal],
) -> None:  # fmt: skip
    seen = send().body["data"]["number"]
    assert send({**TEXT, "expectedNumber": seen}).status == 202
    colleague = make_user(tenant, "Bruno")
    sent = {"direction": "outgoing", "status": "sent", "sender_kind": "user", "sender_id": colleague.id}
    missed = make_message(tenant, thread, 90, body="I answered already", **sent)
    stale = send({**TEXT, "expectedNumber": seen})
    assert (stale.status, stale.body["code"]) == (409, "stale_conversation")
    assert str(missed) in [message["id"] for message in stale.body["messages"]]


def test_a_key_without_the_scope_sends_nothing(
    api: Api, tenant: uuid.UUID, thread: Thread, make_key: Callable[..., str], database: Database
) -> None:
    headers = {"x-api-key": make_key(tenant, "messages:read", "conversations:read")}
    given = event(SEND, path={"id": str(thread.id)}, headers=headers, body=TEXT)
    assert ask(api, given).status == 403
    short = ask(api, event(SHORT, headers=headers, body={"conversationId": str(thread.id), "message": "x"}))
    assert (short.status, short.body["success"]) == (403, False)
    assert stored(database, tenant) == []
