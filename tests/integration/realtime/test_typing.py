"""Typing: who is told that somebody types, how often, when it ends, and that nothing of it is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from parley.domain.errors import UnsupportedCapability
from parley.domain.identity import Address, Person
from parley.domain.outgoing import Accepted, NotSent, Refused
from parley.domain.principal import Principal
from parley.services.act import Acting
from parley.services.show_typing import is_stale
from parley.store.database import Database

Make = Callable[..., Any]
PHONE = "5511987654321"


@pytest.fixture
def thread(database: Database, agent: Principal, customer: Any) -> str:
    """A customer's conversation."""
    customer.writes("hello", phone=PHONE)
    return newest_conversation(database, agent.tenant_id)


def newest_conversation(database: Database, tenant_id: UUID) -> str:
    with database.transaction(tenant_id) as tx:
        return str(tx.value("select id from conversations order by created_at desc, id desc limit 1"))


def told(wires: Any, connection_id: str) -> list[tuple[str, bool]]:
    """Who was said to type, or no longer, on a connection."""
    frames = (frame for frame in wires.frames[connection_id] if frame["type"] == "ephemeral")
    return [(frame["data"]["by"]["name"], frame["data"]["on"]) for frame in frames]


def test_an_agents_typing_reaches_those_in_the_thread_and_nobody_else(
    office: Any, agent: Principal, wires: Any, thread: str, queues: Any, make_user: Make
) -> None:
    otto = make_user(agent.tenant_id, "Otto")
    writer = office.listen(agent, topics=["tenant", f"conversation:{thread}"])
    colleague = office.listen(otto, topics=["tenant", f"conversation:{thread}"])
    elsewhere = office.listen(otto, topics=["tenant", "user"])

    assert office.say(writer, "typing", conversationId=thread, on=True) == {}

    (frame,) = wires.frames[colleague]
    assert frame == {
        "type": "ephemeral",
        "event": "presence.typing",
        "data": {
            "conversationId": thread,
            "by": {"kind": "user", "id": str(agent.id), "name": "Ana"},
            "on": True,
        },
        "ttlMs": 6000,
    }
    assert (wires.frames[writer], wires.frames[elsewhere]) == ([], [])
    (hint,) = queues.outbound.sent
    assert (hint["conversationId"], hint["typing"]) == (thread, True)


def test_typing_is_repeated_after_a_while_and_ended_once(
    database: Database, office: Any, agent: Principal, wires: Any, thread: str, make_user: Make
) -> None:
    writer = office.listen(agent)
    colleague = office.listen(make_user(agent.tenant_id, "Otto"), topics=[f"conversation:{thread}"])

    def say(on: bool) -> None:
        with database.transaction(agent.tenant_id) as tx:
            tx.execute("delete from rate_limits")
        assert office.say(writer, "typing", conversationId=thread, on=on) == {}

    say(False)
    assert told(wires, colleague) == [], "nobody believed it"
    say(True)
    say(True)
    assert told(wires, colleague) == [("Ana", True)]
    with database.transaction(agent.tenant_id) as tx:
        tx.execute("update typists set told_at = told_at - interval '3 seconds'")
    say(True)
    assert told(wires, colleague) == [("Ana", True)] * 2
    say(False)
    say(False)
    assert told(wires, colleague) == [("Ana", True), ("Ana", True), ("Ana", False)]


def test_a_message_clears_typing_so_that_more_typing_is_told_at_once(
    database: Database, office: Any, agent: Principal, wires: Any, thread: str, customer: Any, make_user: Make
) -> None:
    writer = office.listen(agent)
    colleague = office.listen(make_user(agent.tenant_id, "Otto"), topics=[f"conversation:{thread}"])
    assert office.say(writer, "typing", conversationId=thread, on=True) == {}

    customer.writes("and another thing", phone=PHONE)
    assert office.say(writer, "typing", conversationId=thread, on=True) == {}

    assert told(wires, colleague) == [("Ana", True)] * 2


def test_who_types_too_often_hears_when_to_type_again(
    office: Any, agent: Principal, thread: str, wires: Any, make_user: Make
) -> None:
    writer = office.listen(agent)
    answers = [office.say(writer, "typing", conversationId=thread, on=bool(n % 2)) for n in range(4)]

    assert answers[:2] == [{}, {}]
    for error in answers[2:]:
        assert (error["type"], error["code"], error["temporary"]) == ("error", "rate_limited", True)
        assert 0 < error["retryAfterMs"] <= 1000
    other = office.listen(make_user(agent.tenant_id, "Otto"))
    assert office.say(other, "typing", conversationId=thread, on=True) == {}, "each has their own measure"


@pytest.mark.parametrize(("conversation", "code"), [(str(UUID(int=7)), "not_found"), ("moon", "invalid_request")])
def test_typing_nowhere_is_an_error(conversation: str, code: str, office: Any, agent: Principal) -> None:
    assert office.say(office.listen(agent), "typing", conversationId=conversation, on=True)["code"] == code


def test_typing_in_another_company_is_nowhere(
    office: Any, thread: str, wires: Any, agent: Principal, make_user: Make, make_tenant: Make
) -> None:
    ours = office.listen(agent, topics=[f"conversation:{thread}"])
    stranger = office.listen(make_user(make_tenant("Other")))

    assert office.say(stranger, "typing", conversationId=thread, on=True)["code"] == "not_found"
    assert wires.frames[ours] == []


def test_typing_is_not_told_to_whom_it_is_none_of_the_business_any_more(
    database: Database, office: Any, agent: Principal, thread: str, wires: Any, make_user: Make
) -> None:
    writer = office.listen(agent)
    ended = [office.listen(make_user(agent.tenant_id, name), topics=[f"conversation:{thread}"]) for name in "OPQR"]
    with database.transaction(agent.tenant_id) as tx:
        tx.execute("update users set disabled_at = now() where name = 'O'")
        tx.execute("update users set rights_version = 1 where name = 'P'")
        tx.execute("update connections set expires_at = now() - interval '1 second' where id = %(id)s", id=ended[2])
    office.say(ended[3], "unsubscribe", topics=[f"conversation:{thread}"])

    assert office.say(writer, "typing", conversationId=thread, on=True) == {}

    assert [wires.frames[connection] for connection in ended] == [[], [], [], []]


def test_whom_the_company_shows_only_their_own_hears_nothing_of_others_threads(
    database: Database, office: Any, agent: Principal, thread: str, wires: Any, make_user: Make
) -> None:
    otto, boss = make_user(agent.tenant_id, "Otto"), make_user(agent.tenant_id, "Pia", role="admin")
    restricted = office.listen(otto, topics=[f"conversation:{thread}"])
    watching = office.listen(boss, topics=[f"conversation:{thread}"])
    writer = office.listen(agent)
    with database.transaction(agent.tenant_id) as tx:
        tx.execute("update tenants set settings = jsonb_build_object('agentsSee', 'own')")
        tx.execute("update conversations set assignee_id = %(id)s", id=agent.id)

    assert office.say(writer, "typing", conversationId=thread, on=True) == {}
    refused = office.say(restricted, "typing", conversationId=thread, on=True)
    unseen = office.say(restricted, "subscribe", topics=[f"conversation:{thread}"])

    assert (told(wires, watching), told(wires, restricted)) == ([("Ana", True)], [])
    assert (refused["code"], unseen["code"]) == ("not_found", "not_found")


def test_one_that_is_gone_is_forgotten_and_the_others_hear(
    database: Database, office: Any, agent: Principal, thread: str, wires: Any, queues: Any, make_user: Make
) -> None:
    writer = office.listen(agent)
    gone, here = (
        office.listen(make_user(agent.tenant_id, name), topics=[f"conversation:{thread}"]) for name in ("Otto", "Pia")
    )
    wires.gone.add(gone)

    assert office.say(writer, "typing", conversationId=thread, on=True) == {}

    assert told(wires, here) == [("Ana", True)]
    with database.transaction(agent.tenant_id) as tx:
        assert {row["id"] for row in tx.rows("select id from connections")} == {writer, here}
    assert queues.push.sent[-1]["presence"] is True


@pytest.fixture
def types(office: Any, agent: Principal, integration: UUID) -> Callable[..., None]:
    """Let the customer type."""

    def type_(on: bool, phone: str = PHONE, ago: timedelta = timedelta(0)) -> None:
        person = Person((Address("phone", phone),))
        office.typists.customer(agent.tenant_id, integration, person, on=on, seen_at=datetime.now(UTC) - ago)

    return type_


def test_a_customers_typing_reaches_those_in_the_thread(
    office: Any, agent: Principal, wires: Any, thread: str, types: Any, make_user: Make, database: Database
) -> None:
    inside = office.listen(agent, topics=[f"conversation:{thread}"])
    outside = office.listen(make_user(agent.tenant_id, "Otto"), topics=["tenant"])

    types(True)
    types(True)
    types(False)

    assert told(wires, inside) == [("Bia", True), ("Bia", False)]
    by = wires.frames[inside][0]["data"]["by"]
    with database.transaction(agent.tenant_id) as tx:
        assert by == {"kind": "contact", "id": str(tx.value("select id from contacts")), "name": "Bia"}
        assert tx.value("select count(*) from events where type like 'presence%%'") == 0
    assert wires.frames[outside] == []


def test_old_typing_and_that_of_strangers_is_told_to_nobody(
    office: Any, agent: Principal, wires: Any, thread: str, types: Any
) -> None:
    inside = office.listen(agent, topics=[f"conversation:{thread}"])

    types(True, ago=timedelta(seconds=7))
    types(True, phone="5521912345678")

    assert wires.frames[inside] == []


@pytest.fixture
def acting(database: Database, gateway: Any, sealer: Any, office: Any) -> Acting:
    """What is done over HTTP."""
    return Acting(database, {"meta": gateway}, lambda: sealer, lambda _tenant_id: None, office.typists)


def test_typing_over_http_reaches_colleagues_and_the_customer(
    office: Any, agent: Principal, wires: Any, thread: str, acting: Acting, gateway: Any, make_user: Make
) -> None:
    colleague = office.listen(make_user(agent.tenant_id, "Otto"), topics=[f"conversation:{thread}"])

    acting.show_typing(agent, UUID(thread), True, uuid4())

    assert told(wires, colleague) == [("Ana", True)]
    assert [(deed[0], deed[2]) for deed in gateway.deeds] == [("typing", True)]


def test_where_the_gateway_has_no_typing_colleagues_hear_of_it_all_the_same(
    office: Any, agent: Principal, wires: Any, thread: str, acting: Acting, gateway: Any, make_user: Make
) -> None:
    gateway.capabilities = replace(gateway.capabilities, typing=False)
    colleague = office.listen(make_user(agent.tenant_id, "Otto"), topics=[f"conversation:{thread}"])

    with pytest.raises(UnsupportedCapability):
        acting.show_typing(agent, UUID(thread), True, uuid4())

    assert told(wires, colleague) == [("Ana", True)]
    assert acting.pass_typing_on(agent.tenant_id, UUID(thread), True, uuid4()) is False
    assert gateway.deeds == []


def test_a_gateway_in_trouble_fails_nothing_that_was_typed_on_the_socket(
    agent: Principal, thread: str, acting: Acting, gateway: Any
) -> None:
    gateway.deed_script = [NotSent("throttled", timedelta(seconds=9)), Refused("131047", "no"), Accepted("")]

    shown = [acting.pass_typing_on(agent.tenant_id, UUID(thread), True, uuid4()) for _ in range(3)]

    assert shown == [False, False, True]


@pytest.mark.parametrize(("age", "stale"), [(0, False), (5, False), (7, True)])
def test_a_hint_of_typing_is_too_old_after_six_seconds(age: int, stale: bool) -> None:
    now = datetime.now(UTC)

    assert is_stale((now - timedelta(seconds=age)).isoformat(), now) is stale
