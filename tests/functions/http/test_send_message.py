"""Sending by HTTP: what is taken, what is refused, and that a key is one message."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from parley.domain.errors import InvalidRequest, NotFound, Unavailable
from parley.domain.outgoing import Draft, Outcome
from parley.domain.principal import Principal
from parley.edge.api import Api
from parley.edge.authentication import Authenticator
from parley.edge.routes_sending import add_sending_routes, preferred_wait
from parley.providers.base import Account, Capabilities
from parley.services.outbox import Outbox
from parley.store.database import Database

from .conftest import Reply, Thread, ask, event

SEND = "POST /v1/conversations/{id}/messages"
SHORT = "POST /send-message"
TEXT = {"type": "text", "text": "We are open until six."}


KINDS = frozenset(
    {"text", "image", "audio", "video", "document", "sticker", "location", "contacts", "template", "interactive"}
)


class Gateway:
    """A gateway that can send everything but stickers and lists, within a day; nothing here reaches it."""

    name = "meta"
    channel = "whatsapp"
    capabilities = Capabilities(
        kinds=KINDS - {"sticker"},
        interactive=frozenset({"buttons"}),
        templates=True,
        replies=True,
        window=timedelta(hours=24),
    )

    def handshake(self, query: Any, verify_token: str) -> str | None:
        raise AssertionError("nothing comes in here")

    def verify(self, body: bytes, headers: Any, account: Account) -> None:
        raise AssertionError("nothing comes in here")

    def normalise(self, body: bytes, headers: Any) -> Sequence[Any]:
        raise AssertionError("nothing comes in here")

    def send(self, draft: Draft, account: Account) -> Outcome:
        raise AssertionError("taking a message asks no gateway")


class Files:
    """Where files come from: every upload is ready, and every address but one has a picture."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.fetched: list[str] = []

    def settle(self, principal: Principal, media_id: uuid.UUID) -> None:
        with self.database.transaction(principal.tenant_id) as tx:
            if tx.row("select id from attachments where id = %(id)s", id=media_id) is None:
                raise NotFound

    def fetch_url(self, principal: Principal, url: str) -> uuid.UUID:
        if "nothing" in url:
            raise InvalidRequest(errors=[{"path": "url", "message": "is not there"}])
        self.fetched.append(url)
        return self.add(principal.tenant_id)

    def add(self, tenant_id: uuid.UUID, mime_type: str = "image/jpeg") -> uuid.UUID:
        media_id = uuid.uuid4()
        insert = """insert into attachments (tenant_id, id, kind, state, mime_type, file_name, size, object_key)
                    values (%(tenant_id)s, %(id)s, 'image', 'stored', %(mime_type)s, 'cat', 10, 'key')"""
        with self.database.transaction(tenant_id) as tx:
            tx.execute(insert, id=media_id, mime_type=mime_type)
        return media_id


class Post:
    """The world behind taking a message: the queue of hints and the pusher. `on_hint` is what the sender then does."""

    def __init__(self) -> None:
        self.hints: list[dict[str, Any]] = []
        self.woken: list[uuid.UUID] = []
        self.away = False
        self.on_hint: Callable[[dict[str, Any]], object] = lambda hint: hint

    def send(self, body: str, group_id: str, delay_seconds: int = 0) -> None:
        if self.away:
            raise Unavailable("the queue is away")
        self.hints.append({**json.loads(body), "group": group_id, "delay": delay_seconds})
        self.on_hint(self.hints[-1])

    def change_visibility(self, receipt: str, seconds: int) -> None:
        raise AssertionError("nobody should ask")

    def wake(self, tenant_id: uuid.UUID) -> None:
        self.woken.append(tenant_id)


@pytest.fixture
def post() -> Post:
    """The queue and the pusher of this test."""
    return Post()


@pytest.fixture
def files(database: Database) -> Files:
    """The files of this test."""
    return Files(database)


@pytest.fixture
def api(database: Database, authenticator: Authenticator, post: Post, files: Files) -> Api:
    """The sending routes on the test's database."""
    api = Api("send_message", authenticator)
    outbox = Outbox(database, {"meta": Gateway()}, post, post.wake, files=lambda: files)  # type: ignore[dict-item]
    add_sending_routes(api, lambda: outbox)
    return api


@pytest.fixture
def send(api: Api, agent: Principal, token_of: Callable[..., str], thread: Thread) -> Callable[..., Reply]:
    """Send into the one conversation as the one agent: `send(body, header=value)`."""
    token = token_of(agent)

    def sending(body: object = TEXT, to: object = thread.id, **headers: str) -> Reply:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return ask(
            api, event(SEND, path={"id": str(to)}, headers={"authorization": f"Bearer {token}", **given}, body=body)
        )

    return sending


@pytest.fixture
def send_short(api: Api, agent: Principal, token_of: Callable[..., str], thread: Thread) -> Callable[..., Reply]:
    """The same in the short form: `send_short(message=…)`."""
    token = token_of(agent)

    def sending(**fields: Any) -> Reply:
        body = {"conversationId": str(thread.id), "message": "hello", "messageType": "text", **fields}
        return ask(api, event(SHORT, headers={"authorization": f"Bearer {token}"}, body=body))

    return sending


@pytest.fixture
def outcome(database: Database, tenant: uuid.UUID, post: Post) -> Callable[..., None]:
    """Let the sender bring every message to an end as soon as it is hinted at: `outcome("sent", id="wamid.1")`."""
    update = """update messages set status = %(status)s, provider_message_id = %(id)s, error = %(error)s::jsonb
                where tenant_id = %(tenant_id)s and status = 'queued'"""

    def script(status: str, id: str | None = None, error: dict[str, Any] | None = None) -> None:  # noqa: A002
        def act(_hint: dict[str, Any]) -> None:
            with database.transaction(tenant) as tx:
                tx.execute(update, status=status, id=id, error=json.dumps(error) if error else None)

        post.on_hint = act

    return script


def stored(database: Database, tenant_id: uuid.UUID) -> list[dict[str, Any]]:
    """Every message of a tenant."""
    with database.transaction(tenant_id) as tx:
        return tx.rows("select * from messages where tenant_id = %(tenant_id)s order by number")


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


PLACE = {"latitude": -23.5, "longitude": 0, "name": "Office"}
CARD = {"name": "Bia", "phones": ["+55 11 98765-4321"]}
TEMPLATE = {"name": "order_ready", "language": "pt_BR", "components": [{"type": "body", "parameters": []}]}
BUTTONS = {"type": "buttons", "body": "Shall we?", "buttons": [{"id": "y", "title": "Yes"}, {"id": "n", "title": "No"}]}
ROWS = [{"id": str(n), "title": f"Row {n}"} for n in range(11)]
LIST = {"type": "list", "body": "Which?", "button": "Choose", "sections": [{"rows": ROWS[:2]}]}
FILE_ID = str(uuid.UUID(int=7))

SENDABLE: list[tuple[dict[str, Any], str | None, dict[str, Any]]] = [
    ({"type": "location", "location": PLACE}, None, PLACE),
    ({"type": "contacts", "contacts": [CARD]}, None, {"contacts": [CARD]}),
    ({"type": "template", "template": TEMPLATE}, None, TEMPLATE),
    ({"type": "interactive", "interactive": BUTTONS}, "Shall we?", BUTTONS),
]


def test_every_kind_without_a_file_is_kept_as_it_was_sent(send: Callable[..., Reply]) -> None:
    for body, text, content in SENDABLE:
        reply = send(body)
        assert reply.status == 202, reply.text
        message = reply.body["data"]
        assert (message["kind"], message["text"], message["content"]) == (body["type"], text, content)


def test_a_file_goes_with_its_kind_caption_and_voice(
    send: Callable[..., Reply], files: Files, tenant: uuid.UUID
) -> None:
    image = str(files.add(tenant))
    message = send({"type": "image", "mediaId": image, "caption": "Our cat"}).body["data"]
    (attachment,) = message["attachments"]
    assert (message["text"], attachment["id"], attachment["kind"]) == ("Our cat", image, "image")
    voice = str(files.add(tenant, "audio/ogg; codecs=opus"))
    message = send({"type": "audio", "mediaId": voice, "voice": True}).body["data"]
    assert [(one["kind"], one["voice"]) for one in message["attachments"]] == [("audio", True)]
    again = send({"type": "image", "mediaId": image})
    assert (again.status, again.body["code"], again.body["errors"][0]["path"]) == (409, "conflict", "mediaId")
    wrong = send({"type": "image", "mediaId": str(files.add(tenant, "text/html"))})
    assert (wrong.status, wrong.body["code"]) == (422, "unsupported_media")


INVALID_KINDS: list[tuple[dict[str, Any], str]] = [
    ({"type": "image"}, "mediaId"),
    ({"type": "image", "mediaId": "nope"}, "mediaId"),
    ({"type": "image", "mediaId": FILE_ID}, "mediaId"),
    ({"type": "image", "mediaId": FILE_ID, "text": "x"}, "text"),
    ({"type": "audio", "mediaId": FILE_ID, "caption": "x"}, "caption"),
    ({"type": "video", "mediaId": FILE_ID, "voice": True}, "voice"),
    ({"type": "audio", "mediaId": FILE_ID, "voice": 1}, "voice"),
    ({"type": "image", "mediaId": FILE_ID, "caption": "x" * 4097}, "caption"),
    ({"type": "location"}, "location"),
    ({"type": "location", "location": {"latitude": 1}}, "location.longitude"),
    ({"type": "location", "location": {"latitude": 91, "longitude": 0}}, "location.latitude"),
    ({"type": "location", "location": {"latitude": "1", "longitude": 0}}, "location.latitude"),
    ({"type": "location", "location": {"latitude": True, "longitude": 0}}, "location.latitude"),
    ({"type": "location", "location": {**PLACE, "city": "x"}}, "location.city"),
    ({"type": "contacts", "contacts": []}, "contacts"),
    ({"type": "contacts", "contacts": [{"name": "x", "phones": []}]}, "contacts.0.phones"),
    ({"type": "contacts", "contacts": [{"name": "x", "phones": ["call me"]}]}, "contacts.0.phones.0"),
    ({"type": "contacts", "contacts": [{"name": "", "phones": ["123456"]}]}, "contacts.0.name"),
    ({"type": "template", "template": {"name": "Big Name", "language": "pt_BR"}}, "template.name"),
    ({"type": "template", "template": {"name": "x", "language": "Portuguese!"}}, "template.language"),
    ({"type": "template", "template": {**TEMPLATE, "components": [{}]}}, "template.components"),
    ({"type": "template", "template": {**TEMPLATE, "components": [{"type": "x" * 20_000}]}}, "template.components"),
    ({"type": "interactive", "interactive": {}}, "interactive"),
    ({"type": "interactive", "interactive": {"type": "poll"}}, "interactive"),
    ({"type": "interactive", "interactive": {**BUTTONS, "buttons": []}}, "interactive.buttons.buttons"),
    (
        {"type": "interactive", "interactive": {**BUTTONS, "buttons": [BUTTONS["buttons"][0]] * 2}},
        "interactive.buttons",
    ),
    ({"type": "interactive", "interactive": {**LIST, "sections": [{"rows": ROWS[:2] * 2}]}}, "interactive.sections"),
    (
        {
            "type": "interactive",
            "interactive": {**LIST, "sections": [{"title": "x", "rows": ROWS[:9]}, {"title": "y", "rows": ROWS[9:]}]},
        },
        "interactive.sections",
    ),
    (
        {"type": "interactive", "interactive": {**LIST, "sections": [{"rows": ROWS[:1]}, {"rows": ROWS[1:2]}]}},
        "interactive.sections",
    ),
    ({"type": "text", "text": "x", "location": PLACE}, "location"),
    ({"type": "location", "location": PLACE, "text": "x"}, "text"),
]  # fmt: skip


def test_what_does_not_fit_a_kind_is_named(send: Callable[..., Reply], database: Database, tenant: uuid.UUID) -> None:
    for body, path in INVALID_KINDS:
        reply = send(body)
        assert (reply.status, reply.body["code"]) == (400, "invalid_request"), (body, reply.text)
        assert path in [error["path"] for error in reply.body["errors"]], (body, reply.text)
    assert stored(database, tenant) == []


def test_what_the_gateway_cannot_do_is_422_by_the_capabilitys_name(
    send: Callable[..., Reply], files: Files, tenant: uuid.UUID
) -> None:
    for body, capability in [
        ({"type": "sticker", "mediaId": str(files.add(tenant, "image/webp"))}, "kinds"),
        ({"type": "interactive", "interactive": LIST}, "interactive"),
    ]:
        reply = send(body)
        assert (reply.status, reply.body["code"]) == (422, "unsupported_capability"), reply.text
        assert reply.body["capability"] == capability


def test_what_is_not_sent_yet_is_422_by_its_name(send: Callable[..., Reply], send_short: Callable[..., Reply]) -> None:
    for body, path in [
        ({"type": "note", "text": "x"}, "type"),
        ({**TEXT, "scheduledAt": "2030-01-01T00:00:00Z"}, "scheduledAt"),
        ({**TEXT, "mentions": ["Ana"]}, "mentions"),
    ]:
        reply = send(body)
        assert (reply.status, reply.body["code"]) == (422, "unsupported_capability"), reply.text
        assert [error["path"] for error in reply.body["errors"]] == [path]
    assert send({**TEXT, "scheduledAt": None, "mentions": None}).status == 202
    short = send_short(messageType="location")
    assert (short.status, short.body["success"], short.body["code"]) == (422, False, "unsupported_capability")


def test_the_short_form_sends_a_file_by_id_or_by_address(
    send_short: Callable[..., Reply], files: Files, outcome: Callable[..., None], tenant: uuid.UUID, database: Database
) -> None:
    outcome("sent", id="wamid.1")
    assert send_short(messageType="image", message="Our cat", mediaId=str(files.add(tenant))).status == 200
    outcome("sent", id="wamid.2")
    by_address = {"messageType": "image", "message": None, "mediaUrl": "https://example.com/a.png", "clientKey": "u"}
    first = send_short(**by_address)
    assert first.status == 200, first.text
    assert send_short(**by_address).body == first.body
    assert files.fetched == ["https://example.com/a.png"], "a replay fetches nothing"
    changed = send_short(**{**by_address, "mediaUrl": "https://example.com/b.png"})
    assert (changed.status, changed.body["code"]) == (422, "idempotency_mismatch")
    assert [(row["kind"], row["body"]) for row in stored(database, tenant)] == [("image", "Our cat"), ("image", None)]
    for fields, word in [
        ({"messageType": "image"}, "mediaId"),
        ({"messageType": "image", "mediaId": FILE_ID, "mediaUrl": "https://example.com/a.png"}, "mediaId"),
        ({"messageType": "audio", "mediaId": FILE_ID}, "message"),
        ({"mediaId": FILE_ID}, "mediaId"),
        ({"messageType": "image", "mediaUrl": "https://example.com/nothing"}, "mediaUrl"),
        ({"messageType": "image", "mediaUrl": ""}, "mediaUrl"),
    ]:
        reply = send_short(**fields)
        assert (reply.status, reply.body["code"]) == (400, "invalid_request"), (fields, reply.text)
        assert word in reply.body["error"], reply.text


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


def test_a_reply_quotes_a_message_of_the_conversation(
    send: Callable[..., Reply], tenant: uuid.UUID, thread: Thread, make_message: Callable[..., uuid.UUID]
) -> None:
    original = make_message(tenant, thread, body="When are you open?")
    quoted = send({**TEXT, "replyTo": str(original)}).body["data"]["replyTo"]
    assert quoted == {"id": str(original), "text": "When are you open?", "kind": "text"}


def test_a_key_without_the_scope_sends_nothing(
    api: Api, tenant: uuid.UUID, thread: Thread, make_key: Callable[..., str], database: Database
) -> None:
    headers = {"x-api-key": make_key(tenant, "messages:read", "conversations:read")}
    given = event(SEND, path={"id": str(thread.id)}, headers=headers, body=TEXT)
    assert ask(api, given).status == 403
    short = ask(api, event(SHORT, headers=headers, body={"conversationId": str(thread.id), "message": "x"}))
    assert (short.status, short.body["success"]) == (403, False)
    assert stored(database, tenant) == []


def test_the_short_form_answers_what_became_of_the_message(
    send_short: Callable[..., Reply], outcome: Callable[..., None], api: Api
) -> None:
    outcome("sent", id="wamid.7")
    first = send_short(clientKey="c1")
    assert first.status == 200
    assert first.body == {
        "success": True,
        "messageId": first.body["messageId"],
        "externalMessageId": "wamid.7",
        "status": "sent",
    }
    assert send_short(clientKey="c1").body == first.body
    outcome("sent", id="wamid.8")
    assert send_short().body["messageId"] != first.body["messageId"]
    outcome("failed", error={"code": "provider_rejected", "message": "The number is not on WhatsApp."})
    refused = send_short()
    assert (refused.status, refused.body) == (
        422,
        {"success": False, "error": "The number is not on WhatsApp.", "code": "provider_rejected"},
    )
    assert ask(api, event(SHORT, body={})).body["success"] is False


def test_the_short_form_refuses_with_the_status_a_problem_would_have(send_short: Callable[..., Reply]) -> None:
    for fields, word in [
        ({"message": ""}, "message"),
        ({"messageType": "fax"}, "messageType"),
        ({"conversationId": "nope"}, "conversationId"),
        ({"clientKey": ""}, "clientKey"),
        ({"clientKey": "\n"}, "clientKey"),
        ({"colour": "red"}, "colour"),
    ]:
        reply = send_short(**fields)
        assert (reply.status, reply.body["success"], reply.body["code"]) == (400, False, "invalid_request"), fields
        assert word in reply.body["error"]
