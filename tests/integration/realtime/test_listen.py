"""The socket's signals, on the real database: what each answers, and that nothing falls between two of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Event
from typing import Any
from uuid import UUID, uuid4

import pytest

from parley.domain.errors import Forbidden, RateLimited
from parley.domain.principal import Principal
from parley.services import tickets
from parley.services.presence import presence
from parley.services.push import Pusher
from parley.store.database import Database
from parley.store.event_log import number_events

Make = Callable[..., Any]


def cursor_of(welcome: dict[str, Any]) -> str:
    return f"{welcome['epoch']}:{welcome['to']}"


def conversation_ids(database: Database, tenant: UUID) -> list[UUID]:
    with database.transaction(tenant) as tx:
        return [row["id"] for row in tx.rows("select id from conversations order by created_at")]


def test_hello_without_a_cursor_begins_at_the_head(office: Any, agent: Principal, customer: Any) -> None:
    customer.writes("before")
    connection = office.connect(agent)

    welcome = office.say(connection, "hello", v=1, cursor=None, topics=["tenant", "user"], tab="a", visible=True)

    assert (welcome["type"], welcome["id"], welcome["connectionId"]) == ("welcome", "1", connection)
    assert (welcome["recovered"], welcome["reason"]) == (False, "no_cursor")
    assert welcome["from"] == welcome["to"] > 0
    assert (welcome["events"], welcome["more"]) == ([], False)
    assert welcome["heartbeatMs"] == 30_000
    assert [person["userId"] for person in welcome["presence"]] == [str(agent.id)]


def test_hello_with_a_cursor_answers_everything_since(office: Any, agent: Principal, customer: Any) -> None:
    first = office.say(office.connect(agent), "hello", v=1, cursor=None, topics=["tenant"])
    customer.writes("while away")

    again = office.say(office.connect(agent), "hello", v=1, cursor=cursor_of(first), topics=["tenant"])

    assert again["recovered"] is True
    assert again["from"] == first["to"]
    messages = [event for event in again["events"] if event["type"] == "message.new"]
    assert [event["data"]["message"]["text"] for event in messages] == ["while away"]
    assert messages[0]["data"]["conversation"]["lastMessage"]["text"] == "while away"
    assert again["to"] == again["events"][-1]["seq"]


def test_hello_hears_only_its_topics(office: Any, agent: Principal, customer: Any) -> None:
    first = office.say(office.connect(agent), "hello", v=1, cursor=None, topics=["user"])
    customer.writes("not for those who listen to themselves alone")

    again = office.say(office.connect(agent), "hello", v=1, cursor=cursor_of(first), topics=["user"])

    assert (again["recovered"], again["events"]) == (True, [])
    assert again["to"] > first["to"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("update streams set epoch = 'restored'", "epoch"),
        ("update users set rights_version = rights_version + 1", "epoch"),
        ("delete from events where seq <= 3", "too_old"),
        ("update streams set last_seq = last_seq + 2001", "too_far"),
        ("update streams set last_seq = 0", "epoch"),
    ],
)
def test_a_cursor_that_cannot_be_gone_on_from_says_why(
    change: str, reason: str, database: Database, office: Any, agent: Principal, raw: Any, make_user: Make
) -> None:
    raw.write(agent.tenant_id)
    first = office.say(office.connect(agent), "hello", v=1, cursor=None, topics=["tenant"])
    for _ in range(4):
        raw.write(agent.tenant_id)
    number_events(database, agent.tenant_id)
    with database.transaction(agent.tenant_id) as tx:
        tx.execute(change)
        rights = tx.value("select rights_version from users where id = %(id)s", id=agent.id)
    again = Principal(agent.tenant_id, "user", agent.id, agent.name, agent.role, rights_version=rights)

    welcome = office.say(office.connect(again), "hello", v=1, cursor=cursor_of(first), topics=["tenant"])

    assert (welcome["recovered"], welcome.get("reason"), welcome["events"]) == (False, reason, [])
    assert welcome["from"] == welcome["to"]


def test_a_welcome_too_long_for_a_frame_goes_on_by_sync(office: Any, agent: Principal, raw: Any) -> None:
    first = office.say(office.connect(agent), "hello", v=1, cursor=None, topics=["tenant"])
    for number in range(8):
        raw.write(agent.tenant_id, kind="x" * 9000, number=number)
    connection = office.connect(agent)
    welcome = office.say(connection, "hello", v=1, cursor=cursor_of(first), topics=["tenant"])
    assert welcome["more"] is True

    numbers = [event["data"]["number"] for event in welcome["events"]]
    frame = welcome
    while frame["more"]:
        frame = office.say(connection, "sync", **{"from": frame["to"], "limit": 500})
        assert len(json.dumps(frame).encode()) < 32_768
        numbers += [event["data"]["number"] for event in frame["events"]]

    assert numbers == list(range(8))


def test_an_event_committed_during_a_hello_is_in_the_welcome_or_pushed(
    office: Any, agent: Principal, raw: Any, pusher: Pusher, wires: Any, in_threads: Any, chance: Any
) -> None:
    connection = office.connect(agent)
    epoch = office.say(connection, "hello", v=1, cursor=None, topics=["tenant"])["epoch"]
    rounds, barrier = 60, Barrier(2)
    welcomes: list[dict[str, Any]] = []

    def commit() -> None:
        for _ in range(rounds):
            barrier.wait(30)
            Event().wait(chance.random() / 100)
            raw.write(agent.tenant_id)
            pusher.wake(agent.tenant_id)
            barrier.wait(30)

    def arrive() -> None:
        for number in range(rounds):
            # A connection that was there before would be told in any case.
            office.say(connection, "bye")
            office.connect(agent, connection)
            barrier.wait(30)
            welcomes.append(office.say(connection, "hello", v=1, cursor=f"{epoch}:{number}", topics=["tenant"]))
            barrier.wait(30)
            seen = {event["seq"] for event in welcomes[-1]["events"]} | set(wires.seqs(connection))
            if number + 1 not in seen:
                missed.append(number + 1)

    missed: list[int] = []
    in_threads([commit, arrive])

    assert missed == []
    assert {len(welcome["events"]) for welcome in welcomes} == {0, 1}, "the race never went both ways"


def test_a_subscription_is_answered_with_the_head(
    database: Database, office: Any, agent: Principal, customer: Any, pusher: Pusher, wires: Any
) -> None:
    connection = office.listen(agent, topics=["user"])
    customer.writes("before")
    (conversation_id,) = conversation_ids(database, agent.tenant_id)
    number_events(database, agent.tenant_id)

    ok = office.say(connection, "subscribe", topics=[f"conversation:{conversation_id}"])
    customer.writes("after")
    pusher.wake(agent.tenant_id)

    assert ok["type"] == "ok"
    assert wires.seqs(connection)[-1] > ok["at"]
    texts = [
        e["data"]["message"]["text"] for b in wires.batches(connection) for e in b["events"] if "message" in e["data"]
    ]
    assert "after" in texts


def test_an_unsubscribed_thread_is_silent_from_the_next_event(
    database: Database, office: Any, agent: Principal, customer: Any, pusher: Pusher, wires: Any
) -> None:
    customer.writes("before")
    (conversation_id,) = conversation_ids(database, agent.tenant_id)
    connection = office.listen(agent, topics=[f"conversation:{conversation_id}"])

    assert office.say(connection, "unsubscribe", topics=[f"conversation:{conversation_id}"])["type"] == "ok"
    customer.writes("after")
    pusher.wake(agent.tenant_id)

    assert wires.batches(connection) == []


@pytest.mark.parametrize("action", ["hello", "subscribe"])
def test_a_thread_of_another_company_is_not_there(
    action: str, database: Database, office: Any, agent: Principal, customer: Any, make_tenant: Make, make_user: Make
) -> None:
    customer.writes("ours")
    (conversation_id,) = conversation_ids(database, agent.tenant_id)
    stranger = office.listen(make_user(make_tenant("Other")), topics=[])

    error = office.say(stranger, action, topics=["tenant", f"conversation:{conversation_id}"])

    assert (error["type"], error["code"]) == ("error", "not_found")
    assert error["topic"] == f"conversation:{conversation_id}"


@pytest.mark.parametrize(
    "topic",
    ["everything", "user:0192", "conversation:1", "conversation:", "user:01920000-0000-7000-8000-000000000000", ""],
)
def test_a_topic_that_is_none_is_named(topic: str, office: Any, agent: Principal) -> None:
    connection = office.listen(agent)

    error = office.say(connection, "subscribe", topics=["tenant", topic])

    assert (error["type"], error["code"], error.get("topic", "")) == ("error", "invalid_request", topic)


def test_what_comes_before_hello_is_refused(office: Any, agent: Principal) -> None:
    connection = office.connect(agent)

    codes = [
        office.say(connection, "subscribe", topics=["tenant"])["code"],
        office.say(connection, "sync", **{"from": 0})["code"],
    ]

    assert codes == ["conflict", "conflict"]


def test_pong_covers_what_was_examined_since_the_last_frame(
    office: Any, agent: Principal, raw: Any, pusher: Pusher, wires: Any
) -> None:
    connection = office.listen(agent, topics=["tenant"])
    raw.write(agent.tenant_id)
    raw.write(agent.tenant_id, topics=["user:somebody-else"])
    pusher.wake(agent.tenant_id)
    raw.write(agent.tenant_id, topics=["user:somebody-else"])
    pusher.wake(agent.tenant_id)

    pong = office.say(connection, "ping", at=2, visible=True, idleMs=10)

    assert [(batch["from"], batch["to"]) for batch in wires.batches(connection)] == [(0, 2)]
    assert (pong["type"], pong["from"], pong["to"]) == ("pong", 2, 3)


def test_pong_shows_a_client_that_it_missed_the_last_frame(
    office: Any, agent: Principal, raw: Any, pusher: Pusher
) -> None:
    connection = office.listen(agent, topics=["tenant"])
    raw.write(agent.tenant_id)
    pusher.wake(agent.tenant_id)

    pong = office.say(connection, "ping", at=0, visible=True, idleMs=0)
    batch = office.say(connection, "sync", **{"from": 0, "limit": 10})

    assert pong["from"] == 1
    assert (batch["type"], batch["from"], batch["to"], batch["more"]) == ("batch", 0, 1, False)
    assert [event["seq"] for event in batch["events"]] == [1]


def test_sync_pages_without_a_gap(office: Any, agent: Principal, raw: Any) -> None:
    connection = office.listen(agent, topics=["tenant"])
    for _ in range(5):
        raw.write(agent.tenant_id)

    pages = []
    start, more = 0, True
    while more:
        page = office.say(connection, "sync", **{"from": start, "limit": 2})
        pages.append((page["from"], page["to"], len(page["events"])))
        start, more = page["to"], page["more"]

    assert pages == [(0, 2, 2), (2, 4, 2), (4, 5, 1)]


def test_sync_from_before_the_log_is_an_error(database: Database, office: Any, agent: Principal, raw: Any) -> None:
    for _ in range(3):
        raw.write(agent.tenant_id)
    connection = office.listen(agent, topics=["tenant"])
    with database.transaction(agent.tenant_id) as tx:
        tx.execute("delete from events where seq <= 2")

    assert office.say(connection, "sync", **{"from": 0})["code"] == "not_found"
    assert office.say(connection, "sync", **{"from": 99})["code"] == "not_found"
    assert office.say(connection, "sync", **{"from": 2})["type"] == "batch"


def test_a_frame_from_nowhere_is_sent_back_to_connect(office: Any, wires: Any) -> None:
    assert office.say("nobody", "ping") == {}

    (frame,) = wires.frames["nobody"]
    assert (frame["type"], frame["code"], frame["reconnect"]) == ("bye", "unknown_connection", "now")
    assert wires.closed == ["nobody"]


@pytest.mark.parametrize(
    ("change", "code", "reconnect"),
    [
        ("update users set rights_version = rights_version + 1", "rights", "now"),
        ("update users set disabled_at = now()", "revoked", "never"),
        ("update connections set expires_at = now() - interval '1 second'", "expired", "now"),
    ],
)
@pytest.mark.parametrize("by", ["a frame", "a push"])
def test_who_may_not_go_on_hears_why_and_is_closed(
    by: str,
    change: str,
    code: str,
    reconnect: str,
    database: Database,
    office: Any,
    agent: Principal,
    raw: Any,
    pusher: Pusher,
    wires: Any,
) -> None:
    connection = office.listen(agent, topics=["tenant"])
    with database.transaction(agent.tenant_id) as tx:
        tx.execute(change)
    raw.write(agent.tenant_id)

    if by == "a frame":
        office.say(connection, "sync", **{"from": 0})
    else:
        pusher.wake(agent.tenant_id)

    assert [(f["type"], f["code"], f["reconnect"]) for f in wires.frames[connection]] == [("bye", code, reconnect)]
    assert wires.closed == [connection]
    with database.transaction(agent.tenant_id) as tx:
        assert tx.value("select count(*) from connections") == 0


def test_a_ticket_renews_an_open_socket_even_when_it_just_expired(
    database: Database, office: Any, agent: Principal, expire: Any, make_user: Make
) -> None:
    connection = office.listen(agent)
    expire(agent.tenant_id, timedelta(hours=3))
    other = make_user(agent.tenant_id, "Otto")
    theirs = tickets.issue(database, other, "ws://here", timedelta(seconds=30))["data"]["ticket"]
    ours = tickets.issue(database, agent, "ws://here", timedelta(seconds=30))["data"]["ticket"]

    assert office.say(connection, "auth", ticket=theirs)["code"] == "forbidden"
    ok = office.say(connection, "auth", ticket=ours)

    assert (ok["type"], ok["id"]) == ("ok", "1")
    assert ok["expiresAt"] > "2026"
    assert office.say(connection, "ping")["type"] == "pong"
    assert office.say(connection, "auth", ticket=ours)["code"] == "unauthenticated"


def test_the_oldest_connection_makes_room(office: Any, agent: Principal, wires: Any, make_user: Make) -> None:
    somebody_else = office.listen(make_user(agent.tenant_id, "Otto"))
    connections = [office.listen(agent) for _ in range(4)]

    (bye,) = wires.frames[connections[0]]

    assert (bye["type"], bye["code"], bye["reconnect"]) == ("bye", "too_many", "never")
    assert wires.closed == connections[:1]
    assert office.say(somebody_else, "ping")["type"] == "pong"


def test_a_company_has_only_so_many_connections(office: Any, agent: Principal, make_user: Make) -> None:
    for number in range(20):
        office.connect(make_user(agent.tenant_id, f"Agent {number}"))

    with pytest.raises(RateLimited):
        office.connect(agent)


def test_a_key_has_no_connection(office: Any, tenant: UUID) -> None:
    with pytest.raises(Forbidden):
        office.connect(Principal(tenant, "api_key", uuid4(), "Key"))


def test_bye_forgets_the_connection(database: Database, office: Any, agent: Principal) -> None:
    connection = office.listen(agent)

    assert office.say(connection, "bye") == {}

    with database.transaction(agent.tenant_id) as tx:
        assert tx.value("select count(*) from connections") == 0
        assert tx.value("select count(*) from subscriptions") == 0


def test_presence_says_who_is_here_and_what_they_look_at(
    database: Database, office: Any, agent: Principal, customer: Any, make_user: Make, make_tenant: Make, expire: Any
) -> None:
    gone, hidden = make_user(agent.tenant_id, "Carl"), make_user(agent.tenant_id, "Dora")
    office.listen(gone)
    expire(agent.tenant_id, timedelta(seconds=80))
    customer.writes("hello")
    (conversation_id,) = conversation_ids(database, agent.tenant_id)
    office.listen(agent, topics=["tenant", f"conversation:{conversation_id}"])
    office.say(office.listen(hidden), "ping", visible=False, idleMs=0)
    office.listen(make_user(make_tenant("Other"), "Eve"))

    here = presence(database, agent, office.terms)["data"]

    assert here["online"] == 1
    assert [(user["name"], user["state"], user["viewing"]) for user in here["users"]] == [
        ("Ana", "online", [str(conversation_id)]),
        ("Dora", "away", []),
    ]
