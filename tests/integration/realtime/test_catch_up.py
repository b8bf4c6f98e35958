"""Catching up by HTTP: the same events, the same cursor, and a snapshot that fits them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from parley.domain.errors import InvalidRequest
from parley.domain.principal import Principal
from parley.services.catch_up import events_after, snapshot
from parley.services.push import Pusher
from parley.store.database import Database

Make = Callable[..., Any]


def test_without_a_cursor_only_the_heads_is_answered(database: Database, agent: Principal, customer: Any) -> None:
    customer.writes("hello")

    page = events_after(database, agent, None)

    assert (page["data"], page["hasMore"], page["reset"]) == ([], False, False)
    assert int(page["cursor"].rpartition(":")[2]) > 0


def test_a_reader_who_pages_sees_every_event_once_in_order(database: Database, agent: Principal, raw: Any) -> None:
    cursor = events_after(database, agent, None)["cursor"]
    for number in range(7):
        raw.write(agent.tenant_id, number=number)

    numbers: list[int] = []
    more = True
    while more:
        page = events_after(database, agent, cursor, limit=3)
        numbers += [event["data"]["number"] for event in page["data"]]
        cursor, more = page["cursor"], page["hasMore"]

    assert numbers == list(range(7))


def test_an_event_is_the_same_by_http_and_on_the_socket(
    database: Database, office: Any, agent: Principal, customer: Any, pusher: Pusher, wires: Any
) -> None:
    cursor = events_after(database, agent, None)["cursor"]
    connection = office.listen(agent, topics=["tenant"])
    customer.writes("hello")
    pusher.wake(agent.tenant_id)

    page = events_after(database, agent, cursor)

    assert page["data"] == [event for batch in wires.batches(connection) for event in batch["events"]]
    assert page["data"]


def test_a_late_reader_gets_the_newest_version(database: Database, agent: Principal, customer: Any) -> None:
    cursor = events_after(database, agent, None)["cursor"]
    customer.writes("hello")
    with database.transaction(agent.tenant_id) as tx:
        tx.execute("update messages set body = 'edited', version = version + 1")

    page = events_after(database, agent, cursor)

    new = next(event for event in page["data"] if event["type"] == "message.new")
    assert (new["data"]["message"]["text"], new["data"]["message"]["version"]) == ("edited", 2)


def test_what_concerns_another_person_is_passed_over(
    database: Database, agent: Principal, raw: Any, make_user: Make
) -> None:
    other = make_user(agent.tenant_id, "Otto")
    key = Principal(agent.tenant_id, "api_key", uuid4(), "Key", scopes=frozenset({"events:read"}))
    cursor = events_after(database, agent, None)["cursor"]
    raw.write(agent.tenant_id, topics=[f"user:{other.id}"])
    raw.write(agent.tenant_id, topics=[f"user:{agent.id}"])
    raw.write(agent.tenant_id, topics=["conversation:any"])

    def seqs(caller: Principal, topics: list[str] | None = None) -> list[int]:
        return [event["seq"] for event in events_after(database, caller, cursor, 100, topics)["data"]]

    assert (seqs(agent), seqs(other), seqs(key)) == ([2, 3], [1, 3], [3])
    assert (seqs(agent, ["user"]), seqs(agent, ["tenant"])) == ([2], [])


def test_a_reader_of_another_company_sees_nothing_of_ours(
    database: Database, agent: Principal, customer: Any, make_tenant: Make, make_user: Make
) -> None:
    stranger = make_user(make_tenant("Other"))
    ours = events_after(database, agent, None)["cursor"]
    theirs = events_after(database, stranger, None)["cursor"]
    customer.writes("secret")

    assert events_after(database, stranger, theirs)["data"] == []
    assert events_after(database, stranger, ours)["reset"] is True


@pytest.mark.parametrize(
    "change",
    ["update streams set epoch = 'restored'", "delete from events where seq <= 2", "update streams set last_seq = 0"],
)
def test_reset_says_that_the_snapshot_is_needed(change: str, database: Database, agent: Principal, raw: Any) -> None:
    cursor = events_after(database, agent, None)["cursor"]
    for _ in range(3):
        raw.write(agent.tenant_id)
    later = events_after(database, agent, cursor)["cursor"]
    with database.transaction(agent.tenant_id) as tx:
        tx.execute(change)

    page = events_after(database, agent, cursor if "delete" in change else later)

    assert (page["reset"], page["data"], page["hasMore"]) == (True, [], False)
    assert events_after(database, agent, page["cursor"])["reset"] is False


def test_being_far_behind_is_no_reason_to_reset(database: Database, agent: Principal, raw: Any) -> None:
    cursor = events_after(database, agent, None)["cursor"]
    with database.transaction(agent.tenant_id) as tx:
        for _ in range(2100):
            raw.write_in(tx, topics=["user:somebody-else"])
    raw.write(agent.tenant_id)

    seen: list[int] = []
    page = {"cursor": cursor, "hasMore": True}
    while page["hasMore"]:
        page = events_after(database, agent, str(page["cursor"]))
        assert page["reset"] is False
        seen += [event["seq"] for event in page["data"]]

    assert seen == [2101]


@pytest.mark.parametrize("cursor", ["", "1", "a:b", ":1", "é:1", "a:-1", "a:1 ", "a" * 70 + ":1", "a:" + "9" * 30])
def test_what_was_never_a_cursor_is_refused(cursor: str, database: Database, agent: Principal) -> None:
    with pytest.raises(InvalidRequest):
        events_after(database, agent, cursor)


def test_the_snapshot_and_the_events_after_it_give_the_inbox(
    database: Database, agent: Principal, customer: Any
) -> None:
    customer.writes("one", phone="5511900000001", name="Ana")
    customer.writes("two", phone="5511900000002", name="Bia")
    begin = snapshot(database, agent)["data"]
    customer.writes("three", phone="5511900000001", name="Ana")
    customer.writes("four", phone="5511900000003", name="Cid")

    inbox = {conversation["id"]: conversation for conversation in begin["conversations"]}
    page = events_after(database, agent, begin["cursor"])
    for event in page["data"]:
        conversation = event["data"].get("conversation") or (
            event["data"] if event["type"] == "conversation.new" else None
        )
        if conversation and conversation["version"] >= inbox.get(conversation["id"], {"version": 0})["version"]:
            inbox[conversation["id"]] = conversation
    end = snapshot(database, agent)["data"]

    assert inbox == {conversation["id"]: conversation for conversation in end["conversations"]}
    assert [conversation["lastMessage"]["text"] for conversation in end["conversations"]] == ["four", "three", "two"]
    assert end["counts"] == {"open": 3, "mine": 0, "unassigned": 3, "unread": 3}
    assert end["cursor"] == page["cursor"]


def test_counts_are_of_open_conversations_and_the_callers_own(
    database: Database, agent: Principal, customer: Any
) -> None:
    for number in range(4):
        customer.writes("hello", phone=f"551190000000{number}")
    with database.transaction(agent.tenant_id) as tx:
        ids = [row["id"] for row in tx.rows("select id from conversations order by id")]
        tx.execute("update conversations set assignee_id = %(u)s where id = %(id)s", u=agent.id, id=ids[0])
        tx.execute("update conversations set unread_count = 0 where id = %(id)s", id=ids[1])
        tx.execute("update conversations set status = 'resolved' where id = %(id)s", id=ids[2])

    data = snapshot(database, agent)["data"]

    assert data["counts"] == {"open": 3, "mine": 1, "unassigned": 2, "unread": 2}
    assert str(ids[2]) not in [conversation["id"] for conversation in data["conversations"]]


def test_our_own_message_is_told_under_the_key_its_sender_knows(database: Database, desk: Any) -> None:
    cursor = events_after(database, desk.agent, None)["cursor"]
    desk.send("hello", key="01920000-0000-7000-8000-00000000000d")
    desk.send("without a key")

    new = [event for event in events_after(database, desk.agent, cursor)["data"] if event["type"] == "message.new"]

    assert [event.get("clientKey") for event in new] == ["01920000-0000-7000-8000-00000000000d", None]
    assert [event["data"]["message"]["status"] for event in new] == ["queued", "queued"]


def test_a_status_is_told_with_the_ids_of_its_message(database: Database, desk: Any) -> None:
    cursor = events_after(database, desk.agent, None)["cursor"]
    message_id = desk.send("hello").view["id"]
    desk.deliver()

    told = [event for event in events_after(database, desk.agent, cursor)["data"] if event["type"] == "message.status"]

    assert [event["data"]["status"] for event in told][-1] == "sent"
    assert {event["data"]["id"] for event in told} == {message_id}
    assert set(told[-1]["data"]) == {"id", "conversationId", "status", "error", "occurredAt", "version"}
