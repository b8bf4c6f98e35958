"""What left its queue after too many tries becomes a row of whom it names; it is read, edited, sent again, thrown away;
and nobody else's admin sees it.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from parley.cloud.ports import QueuedMessage
from parley.domain.errors import InvalidRequest, NotFound, Unavailable
from parley.domain.principal import Principal
from parley.domain.queues import QUEUES, fingerprint
from parley.domain.webhook import APP_WIDE, Webhook
from parley.providers.evolution import Evolution
from parley.providers.registry import app_of
from parley.services.drain import UNTOLD, Drain
from parley.services.note_errors import ErrorNotes
from parley.services.process import Processor
from parley.services.redrive import DeadLetters
from parley.services.take_apart import Splitter
from parley.store import dead_letters as store
from parley.store.database import Database
from parley.store.ids import new_id

MARIA = "5511987654321"
DIED_AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class DeadQueue:
    """A dead letter queue in memory; what was received and not deleted is there again after `show_again`."""

    def __init__(self) -> None:
        self.messages: dict[str, str] = {}
        self.hidden: set[str] = set()
        self.away = False

    def put(self, *bodies: str) -> None:
        for body in bodies:
            self.messages[uuid.uuid4().hex] = body

    def show_again(self) -> None:
        self.hidden.clear()

    def receive(self, hidden_seconds: int) -> Sequence[QueuedMessage]:
        if self.away:
            raise Unavailable
        found = [receipt for receipt in self.messages if receipt not in self.hidden][:10]
        self.hidden.update(found)
        return [QueuedMessage(self.messages[receipt], receipt, DIED_AT) for receipt in found]

    def delete(self, receipts: Sequence[str]) -> None:
        for receipt in receipts:
            del self.messages[receipt]


@pytest.fixture
def dead() -> dict[str, DeadQueue]:
    """The dead letter queues."""
    return {name: DeadQueue() for name in QUEUES}


@pytest.fixture
def measured() -> dict[str, float]:
    """The latest value of each metric."""
    return {}


@pytest.fixture
def drain(database: Database, dead: Any, bucket: Any, gateway: Any, measured: dict[str, float]) -> Callable[[], int]:
    """Run the housekeeper's step."""
    providers = {"meta": gateway, "evolution": Evolution(None)}  # type: ignore[arg-type]
    splitter = Splitter(database, bucket, app_of)
    made = Drain(database, dead, splitter, bucket, providers, lambda name, *values: measured.update({name: values[-1]}))
    return made.drain


@pytest.fixture
def live() -> dict[str, list[tuple[str, str]]]:
    """What was sent to the queues: bodies and groups."""
    return {name: [] for name in QUEUES}


@pytest.fixture
def letters(database: Database, live: Any, bucket: Any, gateway: Any) -> DeadLetters:
    """The service behind the routes."""

    class Live:
        def __init__(self, name: str) -> None:
            self.name = name

        def send(self, body: str, group_id: str, delay_seconds: int = 0) -> None:
            live[self.name].append((body, group_id))

        def change_visibility(self, receipt: str, seconds: int) -> None:
            raise AssertionError("nobody should ask")

    providers = {"meta": gateway, "evolution": Evolution(None)}  # type: ignore[arg-type]
    return DeadLetters(database, Live, lambda: bucket, providers)


@pytest.fixture
def admin(make_user: Callable[..., Principal], tenant: uuid.UUID) -> Principal:
    return make_user(tenant, "Clara", role="admin")


@pytest.fixture
def stranger(make_tenant: Any, make_user: Any) -> Principal:
    """An admin of another company."""
    admin: Principal = make_user(make_tenant("Other"), "Otto", role="admin")
    return admin


@pytest.fixture
def strays(owner_url: str, server: Any, database_name: str) -> Callable[[], list[Any]]:
    """What names no tenant, as the operator sees it."""

    def read() -> list[Any]:
        with psycopg.connect(server.database_url(database_name)) as connection:
            return connection.execute("select reason, body, correlation_id from strays order by received_at").fetchall()

    return read


def ledger(database: Database, tenant: uuid.UUID) -> list[dict[str, Any]]:
    with database.transaction(tenant) as tx:
        return tx.rows(
            "select state, reason, body, encode(body_hash, 'hex') as hash, repetitions, correlation_id from ledger"
            " order by received_at, id"
        )


def hello(meta: Any, text: str = "hello", id_: str = "wamid.1") -> bytes:
    body: bytes = meta.body(messages=[meta.text(id_, MARIA, text)], names={MARIA: "Maria"})
    return body


def listed(letters: DeadLetters, admin: Principal, queue: Any) -> list[dict[str, Any]]:
    return letters.page(admin, queue, None, 100).items


def test_a_dead_webhook_is_a_row_of_its_tenant_and_a_parked_line_of_the_ledger(
    database: Database, dead: Any, drain: Any, door: Any, meta: Any, letters: DeadLetters, admin: Principal,
    measured: Any, stranger: Principal,
) -> None:  # fmt: skip
    webhook = door(hello(meta))
    ErrorNotes(database).note("inbound", webhook.encode(), Unavailable("The bucket cannot be reached."))
    dead["inbound"].put(webhook.encode())
    assert drain() == 1
    (letter,) = listed(letters, admin, "inbound")
    assert letter["error"] == "unavailable: The bucket cannot be reached."
    assert (letter["failureCount"], letter["correlationId"]) == (1, str(webhook.correlation_id))
    assert letter["payload"] == {
        "provider": "meta",
        "integrationId": str(webhook.integration_id),
        "receivedAt": letter["payload"]["receivedAt"],
        "headers": {},
        "body": hello(meta).decode(),
    }
    (row,) = ledger(database, admin.tenant_id)
    assert (row["state"], row["reason"]) == ("parked", "dead_letter: unavailable: The bucket cannot be reached.")
    assert bytes(row["body"]) == hello(meta)
    assert row["hash"] == hashlib.sha256(hello(meta)).hexdigest()
    assert dead["inbound"].messages == {}
    assert measured["queue.dead"] == 1
    assert listed(letters, stranger, "inbound") == []


def test_hints_of_every_queue_are_rows_of_the_tenant_they_name(
    database: Database, dead: Any, drain: Any, letters: DeadLetters, admin: Principal, tenant: uuid.UUID
) -> None:
    named = {"v": 1, "tenantId": str(tenant)}
    hints = {
        "outbound": {**named, "conversationId": str(new_id()), "correlationId": str(new_id())},
        "media": {**named, "attachmentId": str(new_id())},
        "push": {**named, "after": "a", "upTo": None},
    }
    for name, hint in hints.items():
        dead[name].put(json.dumps(hint))
    assert drain() == 3
    for name, hint in hints.items():
        (letter,) = listed(letters, admin, name)
        assert (letter["payload"], letter["queue"], letter["error"]) == (hint, name, UNTOLD)
        assert letter["firstFailedAt"] == "2026-03-01T12:00:00.000Z"
    with database.transaction(tenant) as tx:
        assert store.count(tx) == {"inbound": 0, "outbound": 1, "media": 1, "push": 1}


def test_the_hint_of_a_replay_lies_among_the_webhooks_and_is_a_hint_all_the_same(
    dead: Any, drain: Any, letters: DeadLetters, admin: Principal, live: Any, strays: Any
) -> None:
    hint = {"v": 1, "replay": {"tenantId": str(admin.tenant_id), "replayId": str(new_id())}}
    dead["inbound"].put(json.dumps(hint), json.dumps({"replay": 7}))
    drain()
    (letter,) = listed(letters, admin, "inbound")
    assert letter["payload"] == hint
    assert [reason for reason, _, _ in strays()] == [
        "dead_letter of inbound: The queue message is no hint: it names no tenant."
    ]
    with pytest.raises(InvalidRequest):
        letters.redrive(admin, "inbound", [uuid.UUID(letter["id"])], {"tenantId": str(admin.tenant_id)}, new_id())
    letters.redrive_all(admin, "inbound", new_id())
    ((body, group),) = live["inbound"]
    assert (json.loads(body), group) == (hint, str(admin.tenant_id))


def test_the_same_payload_is_one_row_however_often_and_by_whomever_it_is_drained(
    database: Database,
    dead: Any,
    drain: Any,
    letters: DeadLetters,
    admin: Principal,
    tenant: uuid.UUID,
    in_threads: Any,
) -> None:
    hint = {"v": 1, "tenantId": str(tenant), "attachmentId": str(new_id())}
    dead["media"].put(json.dumps(hint), json.dumps(dict(reversed(hint.items())), indent=1))
    receipts = dict(dead["media"].messages)
    assert drain() == 2
    dead["media"].messages = receipts
    dead["media"].show_again()
    in_threads([drain, drain])
    (letter,) = listed(letters, admin, "media")
    assert letter["failureCount"] == 4


def test_what_names_nobody_here_is_a_stray_once(
    dead: Any, drain: Any, door: Any, meta: Any, strays: Any, letters: DeadLetters, admin: Principal
) -> None:
    nobodys = door(hello(meta), integration_id=new_id())
    poison = [
        "not json",
        "[1]",
        json.dumps({"tenantId": "x"}),
        json.dumps({"tenantId": str(new_id()), "conversationId": str(new_id())}),
        json.dumps({"tenantId": str(admin.tenant_id), "x": "\0"}),
        json.dumps({"tenantId": str(admin.tenant_id), "x": "\ud800"}),
        '{"tenantId": "' + str(admin.tenant_id) + '", "x": 1e999}',
        "[" * 100_000,
    ]
    for queue in ("outbound", "media", "push"):
        dead[queue].put(*poison)
    dead["inbound"].put(*poison, nobodys.encode(), "{}")
    drain()
    again = [body for queue in dead.values() for body in queue.messages.values()]
    assert again == []
    for queue in QUEUES:
        assert listed(letters, admin, queue) == []
    found = strays()
    assert {reason.split(":")[0] for reason, _, _ in found} == {
        "dead_letter of inbound", "dead_letter of outbound", "dead_letter of media", "dead_letter of push",
        "unknown_integration",
    }  # fmt: skip
    assert len(found) == 4 * len(poison) + 2
    assert b"not json" in [bytes(body) for _, body, _ in found]
    why = {bytes(body): reason.partition(": ")[2] for reason, body, _ in found}
    assert why[poison[3].encode()] == "It names no tenant there is."
    assert why[poison[4].encode()] == "The queue message is no JSON object of ours."


def test_a_dead_webhook_of_a_whole_app_is_taken_apart_by_account(
    database: Database, dead: Any, drain: Any, meta: Any, integration: uuid.UUID, letters: DeadLetters,
    admin: Principal, stranger: Principal, make_integration: Any, strays: Any, processor: Processor, live: Any,
) -> None:  # fmt: skip
    with database.transaction(admin.tenant_id) as tx:
        tx.execute("update integrations set app_business = 'waba-1'")
    make_integration(stranger.tenant_id, account_id="999", app_business="waba-2")
    bodies = [json.loads(meta.body(messages=[meta.text(f"wamid.{n}", MARIA, f"to {n}")], account=n)) for n in ACCOUNTS]
    whole = {"object": "whatsapp_business_account", "entry": [entry for body in bodies for entry in body["entry"]]}
    for entry, business in zip(whole["entry"], ("waba-1", "waba-2", "waba-3"), strict=True):
        entry["id"] = business
    webhook = Webhook(
        "meta", APP_WIDE, 1, meta.start, uuid.uuid4(), {"x-hub-signature-256": "checked"}, json.dumps(whole).encode()
    )
    dead["inbound"].put(webhook.encode())
    drain()
    (ours,), (theirs,) = listed(letters, admin, "inbound"), listed(letters, stranger, "inbound")
    assert "to 123456789" in ours["payload"]["body"]
    assert "to 999" in theirs["payload"]["body"]
    assert "to 999" not in json.dumps(ours)
    assert "to 777" not in json.dumps([ours, theirs])
    assert [reason for reason, _, _ in strays()] == ["unknown_account"]
    letters.redrive_all(admin, "inbound", new_id())
    assert processor.process([Webhook.decode(live["inbound"][0][0])]).failed == {}
    (row,) = ledger(database, admin.tenant_id)
    assert row["state"] == "processed", "a part needs no signature, the door checked that of the whole"


ACCOUNTS = ("123456789", "999", "777")


def test_a_row_is_committed_before_its_message_goes(
    dead: Any, drain: Any, letters: DeadLetters, admin: Principal, tenant: uuid.UUID, monkeypatch: Any
) -> None:
    dead["push"].put(*(json.dumps({"tenantId": str(tenant), "after": str(n)}) for n in range(3)))
    seen: list[int] = []
    delete = dead["push"].delete

    def spy(receipts: Sequence[str]) -> None:
        seen.append(len(listed(letters, admin, "push")))
        delete(receipts)

    monkeypatch.setattr(dead["push"], "delete", spy)
    drain()
    assert seen == [3]


def test_one_queue_that_is_away_keeps_no_other_waiting_and_what_was_kept_is_deleted(
    database: Database, dead: Any, drain: Any, letters: DeadLetters, admin: Principal, tenant: uuid.UUID, bucket: Any,
    door: Any, monkeypatch: Any,
) -> None:  # fmt: skip
    dead["inbound"].put(door(b"{}").encode(), door(b"{}", pointer="payloads/x").encode())
    dead["push"].put(json.dumps({"tenantId": str(tenant)}))

    def away(key: str, limit: int) -> bytes:
        raise Unavailable

    monkeypatch.setattr(bucket, "get", away)
    with pytest.raises(Unavailable):
        drain()
    assert ["payloads/x" in body for body in dead["inbound"].messages.values()] == [True]
    assert len(listed(letters, admin, "inbound")) == 1
    assert len(listed(letters, admin, "push")) == 1
    assert dead["push"].messages == {}


def test_a_dead_webhook_keeps_the_ledger_row_it_has(
    database: Database, dead: Any, drain: Any, door: Any, meta: Any, processor: Processor, tenant: uuid.UUID
) -> None:
    webhook = door(hello(meta))
    processor.process([webhook])
    dead["inbound"].put(webhook.encode())
    drain()
    (row,) = ledger(database, tenant)
    assert (row["state"], row["repetitions"]) == ("processed", 0)


def test_a_redriven_webhook_is_received_as_if_it_had_not_died(
    database: Database, dead: Any, drain: Any, door: Any, meta: Any, letters: DeadLetters, admin: Principal, live: Any,
    processor: Processor, inbox: Any,
) -> None:  # fmt: skip
    dead["inbound"].put(door(hello(meta)).encode())
    drain()
    (letter,) = listed(letters, admin, "inbound")
    done = letters.redrive(admin, "inbound", [uuid.UUID(letter["id"])], None, new_id())
    assert done == {"redriven": 1, "left": 0}
    ((body, group),) = live["inbound"]
    assert group == letter["payload"]["integrationId"]
    assert processor.process([Webhook.decode(body)]).failed == {}
    assert [row["body"] for row in inbox(admin.tenant_id)["messages"]] == ["hello"]
    (row,) = ledger(database, admin.tenant_id)
    assert row["state"] == "processed"


def test_a_forged_webhook_is_rejected_when_it_is_redriven(
    database: Database, dead: Any, drain: Any, door: Any, meta: Any, letters: DeadLetters, admin: Principal, live: Any,
    processor: Processor,
) -> None:  # fmt: skip
    dead["inbound"].put(door(hello(meta), secret="somebody else's").encode())
    drain()
    letters.redrive_all(admin, "inbound", new_id())
    processor.process([Webhook.decode(live["inbound"][0][0])])
    (row,) = ledger(database, admin.tenant_id)
    assert row["state"] == "rejected", "dying is no proof"


def test_an_edited_webhook_is_believed_and_stays_with_its_account(
    database: Database, dead: Any, drain: Any, door: Any, meta: Any, letters: DeadLetters, admin: Principal, live: Any,
    processor: Processor, inbox: Any,
) -> None:  # fmt: skip
    dead["inbound"].put(door(b'{"object": "broken').encode())
    drain()
    (letter,) = listed(letters, admin, "inbound")
    edited = hello(meta, "edited").decode()
    letters.redrive(admin, "inbound", [uuid.UUID(letter["id"])], edited, new_id())
    webhook = Webhook.decode(live["inbound"][0][0])
    assert str(webhook.integration_id) == letter["payload"]["integrationId"]
    processor.process([webhook])
    assert [row["body"] for row in inbox(admin.tenant_id)["messages"]] == ["edited"]
    rows = {row["hash"]: row["state"] for row in ledger(database, admin.tenant_id)}
    assert rows == {
        hashlib.sha256(b'{"object": "broken').hexdigest(): "parked",
        hashlib.sha256(edited.encode()).hexdigest(): "processed",
    }
    with database.transaction(admin.tenant_id) as tx:
        (deed,) = tx.rows("select action, subject_id, detail from audit")
    assert (deed["action"], str(deed["subject_id"])) == ("dead_letter.edited", letter["id"])
    assert "edited" not in json.dumps(deed["detail"]), "what was written is nobody's business here"


@pytest.mark.parametrize("shape", ["text", "json", "payload"])
def test_the_new_body_may_be_text_json_or_the_payload_as_it_was_read(
    shape: str, dead: Any, drain: Any, door: Any, meta: Any, letters: DeadLetters, admin: Principal, live: Any
) -> None:
    dead["inbound"].put(door(b"?").encode())
    drain()
    (letter,) = listed(letters, admin, "inbound")
    new = hello(meta, "new").decode()
    given: Any = {"text": new, "json": json.loads(new), "payload": {**letter["payload"], "body": new}}[shape]
    letters.redrive(admin, "inbound", [uuid.UUID(letter["id"])], given, new_id())
    webhook = Webhook.decode(live["inbound"][0][0])
    assert json.loads(webhook.body or b"") == json.loads(new)
    assert webhook.believed_as == hashlib.sha256(webhook.body or b"").digest()


def test_an_edit_can_leave_neither_the_account_nor_the_company(
    database: Database, dead: Any, drain: Any, door: Any, letters: DeadLetters, admin: Principal, stranger: Principal,
    live: Any, make_integration: Any, desk: Any,
) -> None:  # fmt: skip
    theirs = make_integration(stranger.tenant_id)
    named = {"v": 1, "tenantId": str(admin.tenant_id)}
    dead["inbound"].put(door(b"?").encode())
    dead["outbound"].put(json.dumps({**named, "conversationId": str(new_id())}))
    dead["media"].put(json.dumps({**named, "attachmentId": str(new_id())}))
    dead["push"].put(json.dumps(named))
    drain()
    ids = {queue: uuid.UUID(listed(letters, admin, queue)[0]["id"]) for queue in QUEUES}
    payload = listed(letters, admin, "inbound")[0]["payload"]
    other = str(stranger.tenant_id)
    ours = str(desk.conversation_id)
    attempts: list[tuple[Any, Any, type[Exception]]] = [
        ("inbound", {**payload, "integrationId": str(theirs)}, InvalidRequest),
        ("inbound", {**payload, "provider": "zapi"}, InvalidRequest),
        ("inbound", "", InvalidRequest),
        ("outbound", {**named, "conversationId": str(new_id())}, NotFound),
        ("outbound", {"v": 1, "tenantId": other, "conversationId": ours}, NotFound),
        ("outbound", {**named}, InvalidRequest),
        ("outbound", {**named, "conversationId": ours, "to": "x"}, InvalidRequest),
        ("outbound", {**named, "conversationId": ours, "typing": "yes"}, InvalidRequest),
        ("outbound", {**named, "conversationId": 7}, InvalidRequest),
        ("outbound", "text", InvalidRequest),
        ("media", {**named, "attachmentId": ours}, NotFound),
        ("push", {"tenantId": other}, NotFound),
        ("push", {"tenantId": "x"}, InvalidRequest),
        ("push", {"after": "\n"}, InvalidRequest),
    ]
    for queue, body, refusal in attempts:
        with pytest.raises(refusal):
            letters.redrive(admin, queue, [ids[queue]], body, new_id())
    assert [bodies for bodies in live.values() if bodies] == []
    letters.redrive(admin, "outbound", [ids["outbound"]], {"conversationId": ours}, new_id())
    letters.redrive(admin, "push", [ids["push"]], {"presence": True}, new_id())
    assert json.loads(live["outbound"][0][0]) == {**named, "conversationId": ours}
    assert json.loads(live["push"][0][0]) == {**named, "presence": True}


def test_another_company_neither_sees_nor_touches_a_letter(
    dead: Any, drain: Any, door: Any, letters: DeadLetters, admin: Principal, stranger: Principal, live: Any
) -> None:
    named = {"v": 1, "tenantId": str(admin.tenant_id)}
    dead["inbound"].put(door(b"?").encode())
    dead["outbound"].put(json.dumps({**named, "conversationId": str(new_id())}))
    dead["media"].put(json.dumps({**named, "attachmentId": str(new_id())}))
    dead["push"].put(json.dumps(named))
    drain()
    for queue in QUEUES:
        (letter,) = listed(letters, admin, queue)
        id_ = uuid.UUID(letter["id"])
        assert listed(letters, stranger, queue) == []
        with pytest.raises(NotFound):
            letters.read(stranger, queue, id_)
        with pytest.raises(NotFound):
            letters.redrive(stranger, queue, [id_], None, new_id())
        with pytest.raises(NotFound):
            letters.delete(stranger, queue, id_, new_id())
        assert letters.redrive_all(stranger, queue, new_id()) == {"redriven": 0, "left": 0}
        others = [name for name in QUEUES if name != queue]
        with pytest.raises(NotFound):
            letters.read(admin, others[0], id_)
        assert listed(letters, admin, queue) == [letter]
    assert [bodies for bodies in live.values() if bodies] == []


def test_a_deleted_letter_is_gone_and_its_webhook_stays_in_the_ledger(
    database: Database, dead: Any, drain: Any, door: Any, letters: DeadLetters, admin: Principal, live: Any
) -> None:
    dead["inbound"].put(door(b"?").encode())
    drain()
    (letter,) = listed(letters, admin, "inbound")
    assert letters.delete(admin, "inbound", uuid.UUID(letter["id"]), new_id()) == letter
    with pytest.raises(NotFound):
        letters.delete(admin, "inbound", uuid.UUID(letter["id"]), new_id())
    assert listed(letters, admin, "inbound") == []
    assert letters.redrive_all(admin, "inbound", new_id()) == {"redriven": 0, "left": 0}
    assert live["inbound"] == []
    assert [row["state"] for row in ledger(database, admin.tenant_id)] == ["parked"]
    with database.transaction(admin.tenant_id) as tx:
        assert [row["action"] for row in tx.rows("select action from audit")] == ["dead_letter.deleted"]


def test_all_are_redriven_in_bounded_calls_and_one_that_is_not_there_sends_nothing(
    dead: Any, drain: Any, letters: DeadLetters, admin: Principal, tenant: uuid.UUID, live: Any
) -> None:
    dead["push"].put(*(json.dumps({"tenantId": str(tenant), "after": str(n)}) for n in range(250)))
    while drain():
        pass
    (letter, *_) = listed(letters, admin, "push")
    with pytest.raises(NotFound):
        letters.redrive(admin, "push", [uuid.UUID(letter["id"]), new_id()], None, new_id())
    assert live["push"] == []
    assert letters.redrive_all(admin, "push", new_id()) == {"redriven": 200, "left": 50}
    assert letters.redrive_all(admin, "push", new_id()) == {"redriven": 50, "left": 0}
    assert {json.loads(body)["after"] for body, _ in live["push"]} == {str(n) for n in range(250)}


def test_a_queue_that_is_away_halfway_keeps_what_was_not_sent(
    dead: Any, drain: Any, letters: DeadLetters, admin: Principal, tenant: uuid.UUID, database: Database, bucket: Any
) -> None:
    dead["push"].put(*(json.dumps({"tenantId": str(tenant), "after": str(n)}) for n in range(5)))
    drain()

    class Failing:
        def __init__(self) -> None:
            self.sent: list[str] = []

        def send(self, body: str, group_id: str, delay_seconds: int = 0) -> None:
            if len(self.sent) == 3:
                raise Unavailable
            self.sent.append(json.loads(body)["after"])

        def change_visibility(self, receipt: str, seconds: int) -> None:
            raise AssertionError("nobody should ask")

    failing = Failing()
    with pytest.raises(Unavailable):
        DeadLetters(database, lambda _name: failing, lambda: bucket, {}).redrive_all(admin, "push", new_id())
    left = {letter["payload"]["after"] for letter in listed(letters, admin, "push")}
    assert left == {str(n) for n in range(5)} - set(failing.sent)
    assert len(left) == 2


def test_what_proves_a_webhook_and_what_a_gateway_put_in_is_not_shown(
    dead: Any, drain: Any, letters: DeadLetters, admin: Principal, make_integration: Any, tenant: uuid.UUID,
    database: Database,
) -> None:  # fmt: skip
    line = make_integration(tenant, provider="evolution", account_id="shop")
    body = b'{"event": "messages.upsert", "instance": "shop", "apikey": "hush-hush", "data": {}}'
    headers = {"authorization": "Bearer proof", "content-type": "application/json"}
    webhook = Webhook("evolution", line, 1, DIED_AT, uuid.uuid4(), headers, body)
    dead["inbound"].put(webhook.encode())
    drain()
    (letter,) = listed(letters, admin, "inbound")
    whole = letters.read(admin, "inbound", uuid.UUID(letter["id"]))
    for shown in (letter, whole):
        assert shown["payload"]["headers"] == {"content-type": "application/json"}
        assert "messages.upsert" in shown["payload"]["body"]
        assert "hush-hush" not in json.dumps(shown)
        assert "proof" not in json.dumps(shown)
    assert b"hush-hush" not in bytes(ledger(database, tenant)[0]["body"])


def test_a_long_body_is_read_alone_and_one_behind_a_pointer_too(
    dead: Any, drain: Any, door: Any, letters: DeadLetters, admin: Principal, bucket: Any
) -> None:
    long = b'{"x": "' + b"y" * 20_000 + b'"}'
    bucket.put("payloads/far", b'{"far": "away"}')
    dead["inbound"].put(door(long).encode(), door(b"", pointer="payloads/far").encode())
    dead["inbound"].put(door(b"", pointer="payloads/gone").encode())
    drain()
    found = listed(letters, admin, "inbound")
    assert [letter["payload"]["body"] for letter in found] == [None, None, None]
    bodies = {letters.read(admin, "inbound", uuid.UUID(letter["id"]))["payload"]["body"] for letter in found}
    assert bodies == {long.decode(), '{"far": "away"}', None}


def test_an_error_is_noted_with_how_often_and_since_when_and_forgotten_in_time(
    database: Database, dead: Any, drain: Any, letters: DeadLetters, admin: Principal, tenant: uuid.UUID
) -> None:
    hint = json.dumps({"tenantId": str(tenant)})
    notes = ErrorNotes(database)
    for _ in range(99):
        notes.note("push", hint, Unavailable("The socket's API is away."))
    notes.note("push", hint, ValueError(f"secret of {tenant}"))
    dead["push"].put(hint)
    drain()
    (letter,) = listed(letters, admin, "push")
    assert (letter["failureCount"], letter["error"]) == (100, "unexpected: ValueError")
    with database.unscoped() as tx:
        assert store.forget_errors(tx, timedelta(hours=1), 10) == 0
        assert store.forget_errors(tx, timedelta(0), 10) == 1
        assert store.find_error(tx, "push", fingerprint(hint)) is None


def test_a_database_that_is_away_is_not_asked_for_every_record(tenant: uuid.UUID) -> None:
    clock = [0.0]
    away = Database("postgresql://nobody@127.0.0.1:9/none?connect_timeout=1")
    asked: list[int] = []
    transaction = away.unscoped

    def counted() -> Any:
        asked.append(1)
        return transaction()

    away.unscoped = counted  # type: ignore[method-assign]
    notes = ErrorNotes(away, lambda: clock[0])
    for _ in range(3):
        notes.note("push", "{}", ValueError())
    assert len(asked) == 1
    try:
        with transaction():
            raise AssertionError("it is away")
    except Unavailable as error:
        clock[0] = 3600.0
        notes.note("push", "{}", error)
    assert len(asked) == 1, "the error itself says that there is nowhere to note it"
    notes.note("push", "{}", ValueError())
    assert len(asked) == 2
