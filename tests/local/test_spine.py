"""The spine on the running stack, over real HTTP and WebSocket: what the README promises, driven as strangers do."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from websockets.sync.client import ClientConnection, connect

pytestmark = pytest.mark.stack

Demo = dict[str, Any]
PATIENCE_SECONDS = 60
HEARTBEAT_SECONDS = 5


def eventually(look: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> Any:
    """What `look` answers once it is truthy."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        pause.wait(0.05)
    raise AssertionError(f"not within {seconds} s: {look}")


class Company:
    """One tenant of the demo: its first agent by HTTP, its number's webhook."""

    def __init__(self, demo: Demo, which: int = 0) -> None:
        self.demo = demo
        self.tenant = demo["tenants"][which]
        self.integration = self.tenant["integrations"][0]
        self.http = httpx.Client(base_url=demo["baseUrl"], timeout=30, headers=self.bearer())

    def bearer(self, user: int = 0) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tenant['users'][user]['token']}"}

    def body(self, *messages: dict[str, Any]) -> bytes:
        value = {
            "messaging_product": "whatsapp",
            "metadata": {"phone_number_id": self.integration["accountId"]},
            "messages": list(messages),
        }
        changes = [{"field": "messages", "value": value}]
        return json.dumps({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": changes}]}).encode()

    def post(self, body: bytes, *, url: str | None = None, secret: str | None = None) -> httpx.Response:
        key = (secret or self.integration["secret"]).encode()
        signature = "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()
        headers = {"X-Hub-Signature-256": signature, "Content-Type": "application/json"}
        return httpx.post(url or self.integration["webhookUrl"], content=body, headers=headers, timeout=30)

    def conversation_of(self, phone: str) -> dict[str, Any] | None:
        people = (c for c in self.all("/v1/conversations") if c["contact"])
        return next((c for c in people if c["contact"]["phone"] == f"+{phone}"), None)

    def all(self, path: str) -> Iterator[dict[str, Any]]:
        cursor = None
        while True:
            answer = self.http.get(path, params={"limit": 100, **({"cursor": cursor} if cursor else {})}).json()
            yield from answer["data"]
            cursor = answer["pagination"]["nextCursor"]
            if not cursor:
                return

    def rows(self, query: str, *parameters: Any) -> list[Any]:
        with psycopg.connect(self.demo["databaseUrl"]) as connection:
            connection.execute("select set_config('parley.tenant', %s, true)", [self.tenant["id"]])
            return connection.execute(query, parameters).fetchall()

    def ledger_of(self, body: bytes) -> list[Any]:
        digest = hashlib.sha256(body).digest()
        return self.rows("select state, reason, repetitions from ledger where body_hash = %s", digest)

    @contextmanager
    def socket(self) -> Iterator[Listener]:
        origin = self.demo["baseUrl"]
        ticket = self.http.post("/v1/realtime/ticket").json()["data"]
        protocols = ["parley.v1", f"t.{ticket['ticket']}"]
        with connect(ticket["url"], subprotocols=protocols, origin=origin) as socket:  # type: ignore[arg-type]
            yield Listener(socket)


class Listener:
    """An agent's socket that said hello: applies ranges as a client does, and insists that there is no gap."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.events: list[dict[str, Any]] = []
        self.socket.send(json.dumps({"action": "hello", "id": "1", "v": 1, "cursor": None, "topics": ["tenant"]}))
        self.welcome = self._next("welcome")
        self.position = self.welcome["to"]

    def _next(self, type_: str) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                frame: dict[str, Any] = json.loads(self.socket.recv(timeout=HEARTBEAT_SECONDS))
            except TimeoutError:
                if time.monotonic() > deadline:
                    raise
                self.socket.send('{"action": "ping"}')
                continue
            if frame.get("type") == type_:
                return frame

    def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Read until an event fits; answer it."""
        checked = 0
        while True:
            while checked < len(self.events):
                checked += 1
                if wanted(self.events[checked - 1]):
                    return self.events[checked - 1]
            frame = self._next("batch")
            if frame["to"] > self.position:
                assert frame["from"] <= self.position, "a gap"
                self.events += [event for event in frame["events"] if event["seq"] > self.position]
                self.position = frame["to"]


def customer() -> str:
    """A phone number nobody has used."""
    return f"55119{random.randrange(10**8):08d}"


def text(id_: str, phone: str, words: str, at: int | None = None) -> dict[str, Any]:
    return {"id": id_, "from": phone, "timestamp": str(at or int(time.time())), "type": "text", "text": {"body": words}}


@pytest.fixture
def company(demo: Demo) -> Iterator[Company]:
    company = Company(demo)
    yield company
    company.http.close()


def test_a_message_goes_from_the_phone_to_the_socket_and_the_answer_back_until_it_is_read(company: Company) -> None:
    phone = customer()
    with company.socket() as listener:
        written = {"integrationId": company.integration["id"], "from": phone, "kind": "text", "text": "Anybody there?"}
        company.http.post("/simulator/messages", json=written).raise_for_status()
        event = listener.until(
            lambda e: e["type"] == "message.new" and e["data"]["message"]["text"] == "Anybody there?"
        )
        assert event["data"]["conversation"]["unreadCount"] == 1
        conversation_id = event["conversationId"]
        assert company.conversation_of(phone)["id"] == conversation_id  # type: ignore[index]

        answer = company.http.post(
            f"/v1/conversations/{conversation_id}/messages",
            json={"type": "text", "text": "Yes, good morning!"},
            headers={"Prefer": "wait=10", "Idempotency-Key": str(uuid4())},
        )
        assert answer.status_code == 201
        message = answer.json()["data"]
        assert message["providerMessageId"]
        listener.until(lambda e: e["type"] == "message.status" and e["data"]["status"] == "read")
        statuses = [e["data"]["status"] for e in listener.events if e["data"].get("id") == message["id"]]
        assert statuses[-1] == "read"
        assert statuses == [s for s in ("sending", "sent", "delivered", "read") if s in statuses], "never backwards"
    asked = company.http.get(
        "/simulator/requests", params={"integrationId": company.integration["id"], "contains": message["id"]}
    )
    assert [request["body"]["text"]["body"] for request in asked.json()["data"]] == ["Yes, good morning!"]
    thread = company.http.get(f"/v1/conversations/{conversation_id}/messages").json()["data"]
    assert [(m["direction"], m["status"]) for m in thread] == [("outgoing", "read"), ("incoming", "received")]


def test_events_are_dense_and_the_same_by_socket_and_by_polling(company: Company) -> None:
    start = company.http.get("/v1/events").json()["cursor"]
    with company.socket() as listener:
        for n in range(5):
            company.post(company.body(text(f"wamid.{uuid4()}", customer(), f"dense {n}")))
        for n in range(5):
            listener.until(
                lambda e, n=n: e["type"] == "message.new" and e["data"]["message"]["text"] == f"dense {n}"  # type: ignore[misc]
            )
    polled = company.http.get("/v1/events", params={"after": start, "limit": 500}).json()
    assert not polled["reset"]
    numbers = [event["seq"] for event in polled["data"]]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    by_id = {event["id"]: event for event in polled["data"]}
    assert all(by_id[event["id"]]["data"] == event["data"] for event in listener.events if event["id"] in by_id)
    assert len(listener.events) >= 10


def test_a_client_that_comes_back_with_its_cursor_misses_nothing_and_gets_nothing_twice(company: Company) -> None:
    with company.socket() as listener:
        cursor = f"{listener.welcome['epoch']}:{listener.position}"
    words = [f"while away {uuid4()}" for _ in range(3)]
    for word in words:
        company.post(company.body(text(f"wamid.{uuid4()}", customer(), word)))
    eventually(lambda: company.rows("select 1 from messages where body = %s", words[-1]))
    ticket = company.http.post("/v1/realtime/ticket").json()["data"]
    with connect(ticket["url"], subprotocols=["parley.v1", f"t.{ticket['ticket']}"]) as socket:  # type: ignore[list-item]
        hello = {"action": "hello", "id": "1", "v": 1, "cursor": cursor, "topics": ["tenant"]}
        socket.send(json.dumps(hello))
        welcome = json.loads(socket.recv(timeout=PATIENCE_SECONDS))
    assert (welcome["type"], welcome["recovered"]) == ("welcome", True)
    said = [e["data"]["message"]["text"] for e in welcome["events"] if e["type"] == "message.new"]
    assert [one for one in said if one in words] == words


def test_a_thousand_webhooks_repeated_shuffled_and_workers_killed_are_a_thousand_messages(
    company: Company, demo: Demo, workers: Callable[[], list[int]]
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    run, count = uuid4().hex[:8], 1_000
    phones = [customer() for _ in range(25)]
    start = company.http.get("/v1/events").json()["cursor"]
    now = int(time.time())
    bodies = [
        company.body(text(f"wamid.{run}.{n}", phones[n % 25], f"{run} {n}", now - count + n)) for n in range(count)
    ]
    posts = [body for body in bodies for _ in range(dice.randint(1, 5))]
    dice.shuffle(posts)
    stop = threading.Event()

    def kill_workers() -> int:
        killed = 0
        while not stop.wait(0.7):
            victims = workers()
            if victims:
                os.kill(dice.choice(victims), signal.SIGKILL)
                killed += 1
        return killed

    def post_until_taken(body: bytes) -> None:
        # As a gateway does: anything but 200 comes again.
        eventually(lambda: company.post(body).status_code == 200)

    with ThreadPoolExecutor(9) as pool:
        killer = pool.submit(kill_workers)
        list(pool.map(post_until_taken, posts))
        stop.set()
        assert killer.result() > 3
    like = f"wamid.{run}.%"
    eventually(
        lambda: company.rows("select count(*) from messages where provider_message_id like %s", like) == [(count,)], 240
    )
    people = [c for c in company.all("/v1/conversations") if c["contact"]]
    mine = [c for c in people if c["contact"]["phone"] in {f"+{phone}" for phone in phones}]
    assert sorted(c["unreadCount"] for c in mine) == [count // 25] * 25
    assert {c["lastMessage"]["text"] for c in mine} == {f"{run} {n}" for n in range(count - 25, count)}
    seen: list[dict[str, Any]] = []
    cursor = start
    while True:
        page = company.http.get("/v1/events", params={"after": cursor, "limit": 500}).json()
        seen += page["data"]
        cursor = page["cursor"]
        if not page["hasMore"]:
            break
    numbers = [event["seq"] for event in seen]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    new = [e["data"]["message"]["providerMessageId"] for e in seen if e["type"] == "message.new"]
    assert sorted(id_ for id_ in new if id_.startswith(f"wamid.{run}.")) == sorted(
        f"wamid.{run}.{n}" for n in range(count)
    )
    assert company.rows("select count(*) from ledger where state = 'parked'") == [(0,)]


def test_twenty_identical_sends_at_once_are_one_message_and_one_provider_request(company: Company) -> None:
    conversation_id = open_conversation(company)
    key, words = str(uuid4()), f"once {uuid4()}"

    def send(_: int) -> httpx.Response:
        return company.http.post(
            f"/v1/conversations/{conversation_id}/messages",
            json={"type": "text", "text": words},
            headers={"Idempotency-Key": key},
        )

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(send, range(20)))
    assert {answer.status_code for answer in answers} == {202}
    (id_,) = {answer.json()["data"]["id"] for answer in answers}
    assert sum(answer.headers.get("Idempotency-Replayed") == "true" for answer in answers) == 19
    eventually(lambda: company.http.get(f"/v1/messages/{id_}").json()["data"]["status"] == "read")
    asked = company.http.get("/simulator/requests", params={"contains": words}).json()["data"]
    assert len(asked) == 1


def test_a_provider_that_accepts_and_then_times_out_leaves_unknown_and_its_status_heals_it(company: Company) -> None:
    conversation_id = open_conversation(company)
    fault = {"integrationId": company.integration["id"], "behaviour": "error-after-accept", "times": 1}
    company.http.post("/simulator/faults", json=fault).raise_for_status()
    words = f"perhaps {uuid4()}"
    with company.socket() as listener:
        sent = company.http.post(
            f"/v1/conversations/{conversation_id}/messages", json={"type": "text", "text": words}
        ).json()["data"]
        listener.until(
            lambda e: e["type"] == "message.status" and e["data"]["id"] == sent["id"] and e["data"]["status"] == "read"
        )
        statuses = [e["data"]["status"] for e in listener.events if e["data"].get("id") == sent["id"]]
    assert "unknown" in statuses
    assert len(company.http.get("/simulator/requests", params={"contains": words}).json()["data"]) == 1


def test_the_short_form_answers_with_the_providers_id(company: Company) -> None:
    wanted = {"conversationId": open_conversation(company), "message": "short", "messageType": "text"}
    answer = company.http.post("/send-message", json=wanted)
    assert (answer.status_code, answer.json()["success"]) == (200, True)
    assert answer.json()["externalMessageId"].startswith("wamid.")


def test_the_handshake_answers_the_challenge_and_only_to_our_verify_token(company: Company) -> None:
    url = company.integration["webhookUrl"]
    query = {
        "hub.mode": "subscribe",
        "hub.challenge": "1158201444",
        "hub.verify_token": company.integration["verifyToken"],
    }
    answer = httpx.get(url, params=query)
    assert (answer.status_code, answer.text) == (200, "1158201444")
    assert httpx.get(url, params={**query, "hub.verify_token": "guess"}).status_code == 401


def test_the_smallest_body_people_test_with_is_accepted(company: Company, samples: Callable[[str], bytes]) -> None:
    body = samples("meta/hand__minimal.json")
    assert company.post(body).status_code == 200
    eventually(lambda: company.ledger_of(body))
    assert company.rows("select body from messages where provider_message_id = 'wamid.test_123'") == [
        ("Hello from test",)
    ]


def test_hostile_webhooks_leave_the_inbox_alone_and_are_kept(company: Company, demo: Demo) -> None:
    phone = customer()
    url = company.integration["webhookUrl"]
    good = company.body(text(f"wamid.{uuid4()}", phone, "never stored"))
    assert company.post(good, url=url[:-4] + "AAAA").status_code == 401
    foreign = demo["tenants"][1]["integrations"][0]["webhookUrl"].rsplit("/", 1)[1]
    assert company.post(good, url=url.rsplit("/", 1)[0] + "/" + foreign).status_code == 401

    forged = company.body(text(f"wamid.{uuid4()}", phone, "forged"))
    assert company.post(forged, secret="guessed").status_code == 200
    truncated = good[: len(good) // 2]
    assert company.post(truncated).status_code == 200
    assert company.post(b"not json at all " + uuid4().bytes.hex().encode()).status_code == 200
    eventually(lambda: company.ledger_of(forged) and company.ledger_of(truncated))
    assert company.ledger_of(forged)[0][0] == "rejected"
    assert company.ledger_of(truncated)[0][0] == "parked"

    nul = company.body(text(f"wamid.{uuid4()}", customer(), f"nul\x00{phone}"))
    large = company.body(text(f"wamid.{uuid4()}", customer(), f"{phone} " + "x" * 2_000_000))
    assert company.post(nul).status_code == 200
    assert company.post(large).status_code == 200
    assert company.post(company.body(text("wamid.huge", phone, "x" * 7_000_000))).status_code == 413
    eventually(lambda: company.ledger_of(nul) and company.ledger_of(large))
    assert company.rows("select body from messages where body = %s", f"nul{phone}") == [(f"nul{phone}",)]
    assert company.rows(
        "select pointer is not null from ledger where body_hash = %s", hashlib.sha256(large).digest()
    ) == [(True,)]
    assert company.rows("select length(body) from messages where body like %s", f"{phone} x%") == [(2_000_000 + 14,)]
    assert company.conversation_of(phone) is None
    other = Company(demo, 1)
    assert other.conversation_of(phone) is None
    other.http.close()


def test_what_belongs_to_another_tenant_is_not_found(company: Company, demo: Demo) -> None:
    conversation_id = open_conversation(company)
    other = Company(demo, 1)
    try:
        assert other.http.get(f"/v1/conversations/{conversation_id}").status_code == 404
        assert other.http.get(f"/v1/conversations/{conversation_id}/messages").status_code == 404
        sent = other.http.post(f"/v1/conversations/{conversation_id}/messages", json={"type": "text", "text": "hi"})
        assert (sent.status_code, sent.json()["code"]) == (404, "not_found")
    finally:
        other.http.close()


def test_outside_the_window_only_a_template_may_be_sent(company: Company) -> None:
    phone = customer()
    company.post(company.body(text(f"wamid.{uuid4()}", phone, "long ago", int(time.time()) - 25 * 3600)))
    conversation = eventually(lambda: company.conversation_of(phone))
    assert conversation["window"]["open"] is False
    sent = company.http.post(f"/v1/conversations/{conversation['id']}/messages", json={"type": "text", "text": "hello"})
    assert (sent.status_code, sent.json()["code"]) == (409, "window_closed")


def open_conversation(company: Company) -> str:
    """A customer who has just written; the conversation's id."""
    phone = customer()
    company.post(company.body(text(f"wamid.{uuid4()}", phone, "Hello")))
    found: str = eventually(lambda: company.conversation_of(phone))["id"]
    return found
