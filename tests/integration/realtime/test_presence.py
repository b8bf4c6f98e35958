"""Presence: who is here over several tabs, what they look at, and when others are told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from parley.domain.errors import Unavailable
from parley.domain.metrics import unmeasured
from parley.domain.principal import Principal
from parley.domain.terms import Terms
from parley.services.connect import forget
from parley.services.housekeep import Housekeeper
from parley.services.presence import presence
from parley.services.push import Pusher
from parley.services.sweep import Reach, net
from parley.store.database import Database, jsonb

Make = Callable[..., Any]


@pytest.fixture
def watcher(office: Any, agent: Principal, make_user: Make) -> str:
    """A colleague's connection, to which others' presence is told; their own was told already."""
    connection: str = office.listen(make_user(agent.tenant_id, "Wanda"), topics=["tenant"])
    office.announcer.announce(agent.tenant_id)
    office.wires.frames[connection].clear()
    return connection


@pytest.fixture
def look(office: Any, agent: Principal, watcher: str) -> Callable[[], list[tuple[str, str, list[str]]]]:
    """Announce, and answer what the watcher is told thereby."""

    def announce() -> list[tuple[str, str, list[str]]]:
        office.wires.frames[watcher].clear()
        office.announcer.announce(agent.tenant_id)
        frames = office.wires.frames[watcher]
        assert {frame["type"] for frame in frames} <= {"ephemeral"}
        for frame in frames:
            assert (frame["event"] == "presence.leave") == (frame["data"]["state"] == "offline")
        return [(frame["data"]["name"], frame["data"]["state"], frame["data"]["viewing"]) for frame in frames]

    return announce


@pytest.fixture
def time_passes(database: Database, agent: Principal) -> Callable[[float], None]:
    """Let time pass for those whose last connection went."""

    def pass_time(seconds: float) -> None:
        with database.transaction(agent.tenant_id) as tx:
            tx.execute("update presences set left_at = left_at - %(span)s", span=timedelta(seconds=seconds))

    return pass_time


def conversation(database: Database, tenant_id: UUID) -> str:
    with database.transaction(tenant_id) as tx:
        return str(tx.value("select id from conversations"))


def test_who_comes_is_told_once(office: Any, agent: Principal, look: Any) -> None:
    office.listen(agent)
    assert look() == [("Ana", "online", [])]
    office.listen(agent)
    assert look() == [], "a second tab is no news"


def test_two_tabs_are_one_person_away_only_when_both_are_hidden(office: Any, agent: Principal, look: Any) -> None:
    one, other = office.listen(agent), office.listen(agent)
    assert look() == [("Ana", "online", [])]

    office.say(one, "ping", visible=False, idleMs=0)
    assert look() == []
    office.say(other, "ping", visible=True, idleMs=6 * 60 * 1000)
    assert look() == [("Ana", "away", [])]
    office.say(one, "ping", visible=True, idleMs=0)
    assert look() == [("Ana", "online", [])]


def test_a_reload_is_no_leaving_and_who_stays_away_goes_after_the_grace(
    office: Any, agent: Principal, look: Any, time_passes: Any, queues: Any, database: Database
) -> None:
    one, other = office.listen(agent), office.listen(agent)
    look()
    office.say(one, "bye")
    office.say(other, "bye")
    assert look() == []
    assert queues.push.delays[-1] == 15, "somebody looks again when the grace is over"
    names = [user["name"] for user in presence(database, agent, office.terms)["data"]["users"]]
    assert names == ["Ana", "Wanda"]

    back = office.listen(agent)
    assert look() == []
    office.say(back, "bye")
    time_passes(14)
    assert look() == []
    time_passes(1)
    assert look() == [("Ana", "offline", [])]
    assert [user["name"] for user in presence(database, agent, office.terms)["data"]["users"]] == ["Wanda"]


def test_without_the_grace_a_reload_flaps(
    office: Any, agent: Principal, look: Any, database: Database, wires: Any, queues: Any
) -> None:
    hasty = type(office)(database, wires, Terms(per_user=3, per_tenant=20, grace=timedelta(0)), queues)
    office.announcer = hasty.announcer
    one = office.listen(agent)
    look()
    office.say(one, "bye")
    assert look() == [("Ana", "offline", [])]


def test_who_views_a_conversation_is_shown_while_the_tab_is_visible(
    database: Database, office: Any, agent: Principal, customer: Any, look: Any
) -> None:
    customer.writes("hello")
    thread = conversation(database, agent.tenant_id)
    connection = office.listen(agent)
    assert look() == [("Ana", "online", [])]

    office.say(connection, "subscribe", topics=[f"conversation:{thread}"])
    assert look() == [("Ana", "online", [thread])]
    office.say(connection, "ping", visible=False, idleMs=0)
    assert look() == [("Ana", "away", [])]
    office.say(connection, "ping", visible=True, idleMs=0)
    assert look() == [("Ana", "online", [thread])]
    office.say(connection, "unsubscribe", topics=[f"conversation:{thread}"])
    assert look() == [("Ana", "online", [])]


def test_where_agents_see_only_some_nobody_is_told_who_views_what(
    database: Database, office: Any, agent: Principal, customer: Any, look: Any
) -> None:
    customer.writes("hello")
    topics = ["tenant", f"conversation:{conversation(database, agent.tenant_id)}"]
    with database.transaction(agent.tenant_id) as tx:
        tx.execute("update tenants set settings = settings || %(own)s", own=jsonb({"agentsSee": "own"}))
    office.listen(agent, topics=topics)
    assert look() == [("Ana", "online", [])]


def test_a_reload_keeps_what_was_viewed(
    database: Database, office: Any, agent: Principal, customer: Any, look: Any
) -> None:
    customer.writes("hello")
    thread = conversation(database, agent.tenant_id)
    topics = ["tenant", f"conversation:{thread}"]
    office.say(office.listen(agent, topics=topics), "bye")
    office.listen(agent, topics=topics)
    look()
    for connection in [row["id"] for row in connections(database, agent)]:
        forget(database, connection)
    assert look() == []
    (ana,) = (user for user in presence(database, agent, office.terms)["data"]["users"] if user["name"] == "Ana")
    assert (ana["state"], ana["viewing"]) == ("online", [thread])


def connections(database: Database, agent: Principal) -> list[dict[str, Any]]:
    with database.transaction(agent.tenant_id) as tx:
        return tx.rows("select id from connections where user_id = %(user)s", user=agent.id)


def test_busy_is_set_by_hand_and_holds_while_somebody_is_here(
    database: Database, office: Any, agent: Principal, look: Any
) -> None:
    office.listen(agent)
    with database.transaction(agent.tenant_id) as tx:
        tx.execute("update users set status = 'busy' where id = %(id)s", id=agent.id)
    assert look() == [("Ana", "busy", [])]
    assert presence(database, agent, office.terms)["data"]["online"] == 1, "Wanda; who is busy is not online"


def test_changes_are_gathered_into_one_look(office: Any, agent: Principal, watcher: str, queues: Any) -> None:
    queues.push.sent.clear()
    queues.push.delays.clear()

    one, other = office.listen(agent), office.listen(agent)
    office.say(one, "ping", visible=False, idleMs=0)
    office.say(other, "bye")

    assert queues.push.sent == [{"v": 1, "tenantId": str(agent.tenant_id), "presence": True}]
    assert queues.push.delays == [2], "1.5 s, in SQS's whole seconds"
    office.announcer.announce(agent.tenant_id)
    office.say(one, "ping", visible=True, idleMs=0)
    assert len(queues.push.sent) == 2, "what comes after the look needs another one"


def test_a_ping_that_changes_nothing_asks_for_nothing(office: Any, agent: Principal, queues: Any) -> None:
    connection = office.listen(agent)
    office.announcer.announce(agent.tenant_id)
    queues.push.sent.clear()

    for idle in (0, 30_000, 60_000):
        office.say(connection, "ping", visible=True, idleMs=idle)

    assert queues.push.sent == []


def test_a_look_whose_hint_was_lost_is_taken_by_the_housekeeper(
    database: Database, office: Any, agent: Principal, watcher: str, wires: Any, queues: Any, bucket: Any, queue: Any
) -> None:
    office.listen(agent)
    with database.transaction(agent.tenant_id) as tx:
        tx.execute("update presence_turns set due_at = due_at - interval '20 seconds'")

    swept = housekeeper(database, queue, bucket, office).sweep()

    assert swept["presence"] == 1
    assert [frame["data"]["name"] for frame in wires.frames[watcher]] == ["Ana"]


def test_a_connection_silent_for_too_long_goes_and_its_person_with_it(
    database: Database, office: Any, agent: Principal, watcher: str, wires: Any, bucket: Any, queue: Any
) -> None:
    silent = office.listen(agent)
    office.announcer.announce(agent.tenant_id)
    wires.frames[watcher].clear()
    with database.transaction(agent.tenant_id) as tx:
        tx.execute("update connections set seen_at = now() - interval '76 seconds' where id = %(id)s", id=silent)

    housekeeper(database, queue, bucket, office).sweep()

    assert [(f["event"], f["data"]["name"]) for f in wires.frames[watcher]] == [("presence.leave", "Ana")]
    assert [frame["code"] for frame in wires.frames[silent] if frame["type"] == "bye"] == ["unknown_connection"]
    assert wires.closed == [silent]


def housekeeper(database: Database, queue: Any, bucket: Any, office: Any) -> Housekeeper:
    reach = Reach(
        database=database,
        inbound=queue,
        outbound=queue,
        media=queue,
        bucket=bucket,
        wake=lambda _tenant_id: None,
        silent_for=office.terms.silence,
        stuck_for=timedelta(seconds=30),
        dismiss=office.say_bye,
        announce=office.announcer.announce,
    )
    return Housekeeper(database, unmeasured, net(reach))


def test_one_found_gone_by_a_push_is_noticed(
    database: Database, office: Any, agent: Principal, watcher: str, wires: Any, raw: Any, queues: Any, hints: Any
) -> None:
    gone = office.listen(agent)
    office.announcer.announce(agent.tenant_id)
    queues.push.sent.clear()
    wires.gone.add(gone)
    raw.write(agent.tenant_id)

    Pusher(database, wires, hints, presence_changed=office.notices.presence_changed).wake(agent.tenant_id)

    assert [hint["presence"] for hint in queues.push.sent] == [True]


def test_a_revoked_person_is_gone_at_once(database: Database, office: Any, agent: Principal, look: Any) -> None:
    office.listen(agent)
    look()
    with database.transaction(agent.tenant_id) as tx:
        tx.execute("update users set disabled_at = now() where id = %(id)s", id=agent.id)
    assert look() == [("Ana", "offline", [])]


def test_another_company_hears_nothing(
    office: Any, agent: Principal, wires: Any, make_user: Make, make_tenant: Make
) -> None:
    stranger = office.listen(make_user(make_tenant("Other")), topics=["tenant"])
    office.listen(agent)

    office.announcer.announce(agent.tenant_id)

    assert wires.frames[stranger] == []


def test_a_queue_that_is_away_fails_no_frame(
    office: Any, agent: Principal, database: Database, wires: Any, queues: Any
) -> None:
    class Away(type(queues.push)):  # type: ignore[misc]
        def send(self, body: str, group_id: str, delay_seconds: int = 0) -> None:
            raise Unavailable

    lonely = type(office)(database, wires, office.terms, type(queues)(Away(), Away()))

    assert lonely.say(lonely.listen(agent), "ping")["type"] == "pong"
