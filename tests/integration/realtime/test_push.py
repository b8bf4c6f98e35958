"""Pushing: whom a commit reaches, in which frames, and what a connection's troubles cost the others."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from parley.cloud.ports import PostFailed, Throttled
from parley.domain.errors import Unavailable
from parley.domain.principal import Principal
from parley.services.push import Pusher
from parley.store.database import Database
from parley.store.push_leases import Chunk

Make = Callable[..., Any]


def test_a_customers_message_reaches_every_agent_of_the_company_and_nobody_else(
    office: Any, agent: Principal, customer: Any, pusher: Pusher, wires: Any, make_user: Make, make_tenant: Make
) -> None:
    ours = [office.listen(agent), office.listen(make_user(agent.tenant_id, "Otto"))]
    stranger = office.listen(make_user(make_tenant("Other")))

    customer.writes("hello")
    pusher.wake(agent.tenant_id)

    for connection in ours:
        events = [event for batch in wires.batches(connection) for event in batch["events"]]
        new = next(event for event in events if event["type"] == "message.new")
        assert new["data"]["message"]["text"] == "hello"
        assert new["data"]["conversation"]["unreadCount"] == 1
        assert new["conversationId"] == new["data"]["conversation"]["id"]
        assert "clientKey" not in new
    assert wires.frames[stranger] == []


def test_what_concerns_one_person_reaches_that_person(
    office: Any, agent: Principal, raw: Any, pusher: Pusher, wires: Any, make_user: Make
) -> None:
    other = make_user(agent.tenant_id, "Otto")
    mine, theirs = office.listen(agent), office.listen(other)

    raw.write(agent.tenant_id, topics=[f"user:{agent.id}"], kind="mention")
    pusher.wake(agent.tenant_id)

    assert (wires.seqs(mine), wires.seqs(theirs)) == ([1], [])


def test_ranges_follow_each_other_without_a_gap(
    office: Any, agent: Principal, raw: Any, pusher: Pusher, wires: Any, chance: Any
) -> None:
    connection = office.listen(agent, topics=["tenant"])
    visible = []
    for seq in range(1, 41):
        if chance.random() < 0.5:
            visible.append(seq)
            raw.write(agent.tenant_id)
        else:
            raw.write(agent.tenant_id, topics=["user:somebody-else"])
        if chance.random() < 0.5:
            pusher.wake(agent.tenant_id)
    raw.write(agent.tenant_id)
    pusher.wake(agent.tenant_id)

    batches = wires.batches(connection)
    assert [batch["from"] for batch in batches] == [0, *(batch["to"] for batch in batches[:-1])]
    assert wires.seqs(connection) == [*visible, 41]
    assert batches[-1]["to"] == 41


def test_everybody_with_the_same_frame_gets_the_same_bytes(
    office: Any, agent: Principal, raw: Any, pusher: Pusher, wires: Any
) -> None:
    connections = [office.listen(agent) for _ in range(3)]

    raw.write(agent.tenant_id)
    pusher.wake(agent.tenant_id)

    assert len({wires.bytes[connection][0] for connection in connections}) == 1


def test_a_gone_connection_is_forgotten_and_no_other(
    database: Database, office: Any, agent: Principal, raw: Any, pusher: Pusher, wires: Any
) -> None:
    gone, here = office.listen(agent), office.listen(agent)
    wires.gone.add(gone)

    raw.write(agent.tenant_id)
    pusher.wake(agent.tenant_id)

    with database.transaction(agent.tenant_id) as tx:
        assert [row["id"] for row in tx.rows("select id from connections")] == [here]
    assert wires.seqs(here) == [1]


def test_a_throttled_post_is_tried_twice_more(
    office: Any, agent: Principal, raw: Any, pusher: Pusher, wires: Any
) -> None:
    connection = office.listen(agent)
    wires.troubles[connection] = [Throttled(), Throttled()]

    raw.write(agent.tenant_id)
    pusher.wake(agent.tenant_id)

    assert wires.seqs(connection) == [1]


@pytest.mark.parametrize("guarded", [True, False])
def test_a_dead_and_a_slow_connection_change_nothing_for_the_others(
    guarded: bool,
    database: Database,
    office: Any,
    agent: Principal,
    raw: Any,
    wires: Any,
    hints: Any,
    naive: Any,
    make_user: Make,
) -> None:
    people = [make_user(agent.tenant_id, f"Agent {number}") for number in range(10)]
    dead, slow, *others = (office.listen(person) for person in people)
    wires.gone.add(dead)
    wires.troubles[slow] = [Throttled() for _ in range(30)]
    pushes = Pusher if guarded else naive("posting").Unguarded
    pusher = pushes(database, wires, hints, pause=lambda _seconds: None)

    for _ in range(3):
        raw.write(agent.tenant_id)
        pusher.wake(agent.tenant_id)

    heard = [wires.seqs(connection) for connection in others]
    assert (heard == [[1, 2, 3]] * 8) is guarded


def test_what_was_not_posted_comes_with_the_next_push_in_one_range(
    office: Any, agent: Principal, raw: Any, pusher: Pusher, wires: Any
) -> None:
    troubled, other = office.listen(agent), office.listen(agent)
    for trouble in ([PostFailed()], [Throttled(), Throttled(), Throttled()]):
        wires.troubles[troubled] = [*trouble]
        raw.write(agent.tenant_id)
        pusher.wake(agent.tenant_id)

    assert (wires.seqs(troubled), wires.seqs(other)) == ([], [1, 2])
    raw.write(agent.tenant_id)
    pusher.wake(agent.tenant_id)

    (batch,) = wires.batches(troubled)
    assert (batch["from"], batch["to"], len(batch["events"])) == (0, 3, 3)


def test_no_frame_is_longer_than_one_billed_message(
    office: Any, agent: Principal, raw: Any, pusher: Pusher, wires: Any
) -> None:
    connection = office.listen(agent)
    for _ in range(30):
        raw.write(agent.tenant_id, kind="ação " * 800)

    pusher.wake(agent.tenant_id)

    batches = wires.batches(connection)
    assert wires.seqs(connection) == list(range(1, 31))
    assert [batch["from"] for batch in batches] == [0, *(batch["to"] for batch in batches[:-1])]
    assert max(len(data) for data in wires.bytes[connection]) <= 32_000
    assert len(batches) > 1


def test_an_event_too_long_for_a_frame_is_sent_as_a_stub_to_fetch(
    database: Database, office: Any, agent: Principal, customer: Any, pusher: Pusher, wires: Any
) -> None:
    connection = office.listen(agent)
    customer.writes("ã" * 20_000)
    pusher.wake(agent.tenant_id)

    stub = next(e for batch in wires.batches(connection) for e in batch["events"] if e["type"] == "message.new")
    with database.transaction(agent.tenant_id) as tx:
        message_id = tx.value("select id from messages")

    assert (stub["data"], stub["ref"]) == (None, f"/v1/messages/{message_id}")
    assert max(len(data) for data in wires.bytes[connection]) <= 32_000


def test_a_subject_that_was_erased_is_told_no_more(
    database: Database, office: Any, agent: Principal, customer: Any, pusher: Pusher, wires: Any
) -> None:
    connection = office.listen(agent)
    customer.writes("forget me")
    with database.transaction(agent.tenant_id) as tx:
        tx.execute("delete from messages")

    pusher.wake(agent.tenant_id)

    (batch,) = wires.batches(connection)
    assert "message.new" not in [event["type"] for event in batch["events"]]
    assert "forget me" not in json.dumps(batch)


def test_one_far_behind_does_not_hold_the_others_back(
    database: Database, office: Any, agent: Principal, raw: Any, pusher: Pusher, wires: Any
) -> None:
    slow, quick = office.listen(agent), office.listen(agent)
    wires.troubles[slow] = [PostFailed() for _ in range(3)]
    for _ in range(3):
        for _ in range(400):
            raw.write(agent.tenant_id)
        pusher.wake(agent.tenant_id)

    assert (len(wires.seqs(slow)), len(wires.seqs(quick))) == (0, 1200)
    raw.write(agent.tenant_id)
    pusher.wake(agent.tenant_id)

    assert wires.seqs(quick) == list(range(1, 1202))
    assert wires.seqs(slow) == list(range(1, 1202))


def test_a_push_without_end_is_handed_over_to_the_queue(
    database: Database, office: Any, agent: Principal, raw: Any, pusher: Pusher, wires: Any, hints: Any
) -> None:
    connection = office.listen(agent)
    more_to_come = iter(range(10))

    def commit_another(_connection_id: str) -> None:
        if next(more_to_come, None) is not None:
            other = Database(database._conninfo)
            type(raw)(other).write(agent.tenant_id)
            Pusher(other, wires, hints).wake(agent.tenant_id)
            other.close()

    wires.before_post = commit_another
    raw.write(agent.tenant_id)
    pusher.wake(agent.tenant_id)
    assert hints.sent == [{"v": 1, "tenantId": str(agent.tenant_id)}]
    assert len(wires.batches(connection)) == 3

    while hints.sent:
        hints.sent.pop()
        pusher.push(agent.tenant_id)

    assert wires.seqs(connection) == list(range(1, 12))


def test_a_large_audience_is_left_to_the_queue(
    database: Database, office: Any, agent: Principal, raw: Any, wires: Any, hints: Any
) -> None:
    connections = [office.listen(agent) for _ in range(3)]
    raw.write(agent.tenant_id)
    Pusher(database, wires, hints, audience_limit=2).wake(agent.tenant_id)
    assert wires.batches(connections[0]) == []
    assert hints.sent == [{"v": 1, "tenantId": str(agent.tenant_id)}]

    Pusher(database, wires, hints, audience_limit=None).push(agent.tenant_id)

    assert [wires.seqs(connection) for connection in connections] == [[1], [1], [1]]


def test_a_large_audience_goes_to_the_queue_in_chunks_that_hold_everybody_once(
    database: Database, office: Any, agent: Principal, raw: Any, wires: Any, hints: Any, make_user: Make
) -> None:
    people = [agent, make_user(agent.tenant_id, "Otto"), make_user(agent.tenant_id, "Pia")]
    connections = [office.listen(person) for person in people for _ in range(3)]
    raw.write(agent.tenant_id)
    large = Pusher(database, wires, hints, audience_limit=4, chunk=4)
    large.wake(agent.tenant_id)

    with database.transaction(agent.tenant_id) as tx:
        ids = [row["id"] for row in tx.rows("select id from connections order by id")]
    assert [(hint["after"], hint["upTo"]) for hint in hints.sent] == [("", ids[3]), (ids[3], ids[7]), (ids[7], None)]
    assert wires.batches(connections[0]) == []

    first, second, third = (Chunk(hint["after"], hint["upTo"]) for hint in hints.sent)
    large.push(agent.tenant_id, second)
    assert [len(wires.seqs(id_)) for id_ in ids] == [0] * 4 + [1] * 4 + [0]
    late = office.listen(make_user(agent.tenant_id, "Quim"))
    for chunk in (first, third, second):
        large.push(agent.tenant_id, chunk)
    assert [len(wires.seqs(id_)) for id_ in ids] == [1] * 9
    assert wires.seqs(late) == [], "they began after it"
    with database.transaction(agent.tenant_id) as tx:
        assert tx.value("select count(*) from push_leases where lease is not null") == 0


def test_a_chunk_is_pushed_by_one_at_a_time_and_nothing_wanted_meanwhile_is_lost(
    database: Database, office: Any, agent: Principal, raw: Any, wires: Any, hints: Any
) -> None:
    connection = office.listen(agent)
    chunk = Chunk("", "zzzz")
    twice = iter(["once"])

    def commit_another(_connection_id: str) -> None:
        if next(twice, None):
            other = Database(database._conninfo)
            type(raw)(other).write(agent.tenant_id)
            Pusher(other, wires, hints).push(agent.tenant_id, chunk)
            other.close()

    wires.before_post = commit_another
    raw.write(agent.tenant_id)
    Pusher(database, wires, hints).push(agent.tenant_id, chunk)

    assert [(batch["from"], batch["to"]) for batch in wires.batches(connection)] == [(0, 1), (1, 2)]
    assert hints.sent == []


def test_who_cannot_be_reached_is_left_alone_for_a_while_and_looked_after_then(
    database: Database, office: Any, agent: Principal, raw: Any, wires: Any, hints: Any
) -> None:
    slow, quick = office.listen(agent), office.listen(agent)
    tries: list[str] = []
    wires.before_post = tries.append
    wires.troubles[slow] = [Throttled() for _ in range(3)]
    pauses: list[float] = []
    pusher = Pusher(database, wires, hints, pause=pauses.append)
    for _ in range(5):
        raw.write(agent.tenant_id)
        pusher.wake(agent.tenant_id)

    assert (tries.count(slow), len(pauses)) == (3, 2), "the others waited for it once"
    assert wires.seqs(quick) == [1, 2, 3, 4, 5]
    assert (hints.sent, hints.delays) == ([{"v": 1, "tenantId": str(agent.tenant_id)}], [5])
    with database.transaction(agent.tenant_id) as tx:
        tx.execute("update connections set held_until = now() where held_until is not null")
    pusher.push(agent.tenant_id)
    assert [(batch["from"], batch["to"]) for batch in wires.batches(slow)] == [(0, 5)]


def test_a_push_is_measured(
    database: Database, office: Any, agent: Principal, raw: Any, wires: Any, hints: Any
) -> None:
    fine, failing, gone = (office.listen(agent) for _ in range(3))
    wires.troubles[failing] = [PostFailed()]
    wires.gone.add(gone)
    raw.write(agent.tenant_id)
    with database.transaction(agent.tenant_id) as tx:
        committed = tx.value("select occurred_at from events").timestamp()
    noted: list[tuple[str, tuple[float, ...]]] = []
    pusher = Pusher(
        database,
        wires,
        hints,
        now=lambda: committed + 0.25,
        meter=lambda metric, *values: noted.append((metric, values)),
    )

    pusher.wake(agent.tenant_id)

    assert wires.seqs(fine) == [1]
    assert noted == [
        ("realtime.latency", (250.0,)),
        ("realtime.push.success", (1,)),
        ("realtime.push.failure", (1,)),
    ]


def test_a_push_decided_before_a_hello_does_not_move_that_hello(
    database: Database, office: Any, agent: Principal, raw: Any, pusher: Pusher, wires: Any
) -> None:
    connection = office.listen(agent, topics=["user"])
    raw.write(agent.tenant_id)
    raw.write(agent.tenant_id, topics=[f"user:{agent.id}"])
    with database.transaction(agent.tenant_id) as tx:
        epoch = tx.value("select epoch from streams")

    def say_hello_again(_connection_id: str) -> None:
        wires.before_post = lambda _connection_id: None
        other = type(office)(Database(database._conninfo), wires, office.terms, office.queues)
        welcome = other.say(connection, "hello", v=1, cursor=f"{epoch}.0:0", topics=["tenant"])
        assert (welcome["to"], [event["seq"] for event in welcome["events"]]) == (2, [1])
        with other.database.transaction(agent.tenant_id) as tx:
            # As if this welcome had been cut short.
            tx.execute("update connections set sent_seq = 0, eval_seq = 0")
        other.database.close()

    wires.before_post = say_hello_again
    pusher.wake(agent.tenant_id)

    with database.transaction(agent.tenant_id) as tx:
        assert tx.row("select sent_seq, eval_seq from connections") == {"sent_seq": 0, "eval_seq": 0}


def test_nobody_listening_costs_no_numbers(database: Database, tenant: UUID, raw: Any, pusher: Pusher) -> None:
    raw.write(tenant)
    pusher.wake(tenant)

    with database.transaction(tenant) as tx:
        assert tx.value("select count(*) from events where seq is null") == 1


def test_a_database_that_is_away_does_not_fail_the_commit(wires: Any, hints: Any, tenant: UUID) -> None:
    pusher = Pusher(Database("host=127.0.0.1 port=9 connect_timeout=1"), wires, hints)

    pusher.wake(tenant)

    assert wires.frames == {}


def test_a_queue_that_is_away_does_not_fail_the_commit(
    database: Database, office: Any, agent: Principal, raw: Any, wires: Any
) -> None:
    class Away:
        def send(self, body: str, group_id: str, delay_seconds: int = 0) -> None:
            raise Unavailable

        def change_visibility(self, receipt: str, seconds: int) -> None:
            raise Unavailable

    connection = office.listen(agent)
    raw.write(agent.tenant_id)
    Pusher(database, wires, Away(), audience_limit=0).wake(agent.tenant_id)
    assert wires.batches(connection) == []

    Pusher(database, wires, Away()).wake(agent.tenant_id)

    assert wires.seqs(connection) == [1]
