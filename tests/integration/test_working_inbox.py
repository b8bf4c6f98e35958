"""Work on conversations on a real Postgres: races, counters, snoozes, blocked customers, members of groups."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from parley.domain.errors import Conflict, NotFound
from parley.domain.identity import Address, Person
from parley.domain.incoming import Group, MessageReceived
from parley.domain.principal import Principal
from parley.services.act import Acting
from parley.services.assign import Assigning
from parley.services.catch_up import events_after
from parley.services.change import Changing, wake_snoozed
from parley.services.keep_contacts import Contacts
from parley.services.process import Processor
from parley.services.read_more import MessageFilter, Reading
from parley.store.conversations import compact_counts
from parley.store.database import Database
from parley.store.views import load_conversations

from .conftest import ACCOUNT, Desk, ScriptedGateway, meta_body, text_message

InThreads = Callable[[Sequence[Callable[[], object]]], list[Any]]
RACES = 200
TRULY = """
select count(*) as open, count(*) filter (where assignee_id = %(me)s) as mine,
  count(*) filter (where assignee_id is null) as unassigned, count(*) filter (where unread_count > 0) as unread
from conversations where status = 'open'
"""


def nobody(_tenant: UUID) -> None:
    """There is nobody to wake."""


def view_of(desk: Desk) -> dict[str, Any]:
    with desk.database.transaction(desk.agent.tenant_id) as tx:
        return load_conversations(tx, [desk.conversation_id])[desk.conversation_id]


def test_of_two_agents_who_reach_for_a_conversation_one_has_it_and_the_other_is_told(
    desk: Desk, make_user: Callable[..., Principal], in_threads: InThreads
) -> None:
    """Two hundred times, by turns with `If-Match` and without."""
    agents = [desk.agent, make_user(desk.agent.tenant_id, "Bruno")]
    assigning = Assigning(desk.database, nobody)

    def take(agent: Principal, version: int | None) -> Conflict | UUID:
        try:
            assigning.assign(agent, desk.conversation_id, agent.id, uuid4(), version=version)
        except Conflict as refused:
            return refused
        return agent.id

    for place in range(RACES):
        version = view_of(desk)["version"] if place % 2 else None
        results = in_threads([partial(take, agent, version) for agent in agents])
        (winner,) = (result for result in results if isinstance(result, UUID))
        (refused,) = (result for result in results if isinstance(result, Conflict))
        holder = view_of(desk)["assignee"]["id"]
        assert (holder, refused.extra["conversation"]["assignee"]["id"]) == (str(winner), str(winner))
        assigning.assign(desk.agent, desk.conversation_id, None, uuid4())
    assert len(desk.events("conversation.assigned")) == 2 * RACES


def test_counters_are_what_counting_would_say_whatever_happens_and_stay_few(
    database: Database,
    tenant: UUID,
    agent: Principal,
    integration: UUID,
    make_user: Callable[..., Principal],
    in_threads: InThreads,
) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    people: list[UUID | None] = [None, agent.id, make_user(tenant, "Bruno").id]
    ids = [uuid4() for _ in range(20)]
    insert = """with contact as (insert into contacts (tenant_id, id) values (%(tenant_id)s, %(id)s) returning id)
      insert into conversations (tenant_id, id, integration_id, contact_id)
      select %(tenant_id)s, %(id)s, %(integration_id)s, id from contact"""
    with database.transaction(tenant) as tx:
        for id_ in ids:
            tx.execute(insert, id=id_, integration_id=integration)

    def work(number: int) -> None:
        chance = random.Random(seed + number)
        for _ in range(30):
            about = {
                "status": chance.choice(["open", "open", "pending", "resolved", "snoozed"]),
                "assignee": chance.choice(people),
                "unread": chance.choice([0, 0, 1, 2]),
            }
            change = """update conversations set status = %(status)s, assignee_id = %(assignee)s,
              unread_count = %(unread)s where id = %(id)s"""
            with database.transaction(tenant) as tx:
                tx.execute(change, id=chance.choice(ids), **about)
            if chance.random() < 0.1:
                with database.unscoped() as tx:
                    compact_counts(tx, 1000)

    in_threads([partial(work, number) for number in range(6)])
    counted = Reading(database).counts(agent)
    with database.transaction(tenant) as tx:
        assert counted == tx.row(TRULY, me=agent.id)
    with database.unscoped() as tx:
        compact_counts(tx, 1000)
    assert Reading(database).counts(agent) == counted
    with database.transaction(tenant) as tx:
        assert tx.value("select count(*) from conversation_counts") <= len(people)
        tx.execute("delete from conversations")
    assert Reading(database).counts(agent) == {"open": 0, "mine": 0, "unassigned": 0, "unread": 0}


def test_reading_counters_reads_no_conversation(database_url: str, tenant: UUID) -> None:
    query = """explain (costs off) select sum(open) from conversation_counts where tenant_id = %s"""
    with psycopg.connect(database_url) as connection:
        connection.execute("select set_config('parley.tenant', %s, true)", [str(tenant)])
        plan = "\n".join(row[0] for row in connection.execute(query, [tenant]))
    assert "on conversation_counts" in plan
    assert "on conversations" not in plan


def test_a_snooze_ends_by_the_clock_or_when_the_customer_writes_and_the_timeline_says_which(
    desk: Desk, processor: Processor, door: Any
) -> None:
    changing, reading = Changing(desk.database, nobody), Reading(desk.database)
    soon = datetime.now(UTC) + timedelta(hours=1)
    changing.change(desk.agent, desk.conversation_id, {"status": "snoozed", "snoozed_until": soon}, uuid4())
    assert wake_snoozed(desk.database, nobody, 500) == 0
    assert view_of(desk)["status"] == "snoozed"
    with desk.database.transaction(desk.agent.tenant_id) as tx:
        tx.execute("update conversations set snoozed_until = now()")
    assert [wake_snoozed(desk.database, nobody, 500) for _ in range(2)] == [1, 0]
    assert (view_of(desk)["status"], view_of(desk)["snoozedUntil"]) == ("open", None)
    changing.change(desk.agent, desk.conversation_id, {"status": "snoozed"}, uuid4())
    processor.process([door(meta_body(messages=[text_message("wamid.2", "5511987654321", "Hello?", 3000)]))])
    assert view_of(desk)["status"] == "open"
    happened = reading.timeline(desk.agent, desk.conversation_id, None, 10).items
    assert [(one["data"].get("to"), one["by"]["kind"]) for one in happened] == [
        ("open", "contact"),
        ("snoozed", "user"),
        ("open", "system"),
        ("snoozed", "user"),
        (None, "system"),
    ]


def test_a_blocked_customer_is_kept_but_neither_reopens_nor_counts(desk: Desk, processor: Processor, door: Any) -> None:
    contacts, changing = Contacts(desk.database, nobody), Changing(desk.database, nobody)
    contact_id = UUID(view_of(desk)["contact"]["id"])
    changing.change(desk.agent, desk.conversation_id, {"status": "resolved"}, uuid4())
    contacts.change(desk.agent, contact_id, {"blocked": True}, uuid4())
    before = view_of(desk)
    processor.process([door(meta_body(messages=[text_message("wamid.2", "5511987654321", "Buy!", 3000)]))])
    after = view_of(desk)
    assert (after["status"], after["unreadCount"]) == ("resolved", before["unreadCount"])
    assert after["lastNumber"] == 2, "it is kept"
    contacts.change(desk.agent, contact_id, {"blocked": False}, uuid4())
    processor.process([door(meta_body(messages=[text_message("wamid.3", "5511987654321", "Sorry", 3500)]))])
    assert (view_of(desk)["status"], view_of(desk)["unreadCount"]) == ("open", before["unreadCount"] + 1)


def test_a_name_that_a_person_gave_holds_against_what_the_gateway_tells(
    desk: Desk, processor: Processor, door: Any
) -> None:
    contacts = Contacts(desk.database, nobody)
    contact_id = UUID(view_of(desk)["contact"]["id"])
    contacts.change(desk.agent, contact_id, {"name": "Beatriz (VIP)"}, uuid4())
    names = {"5511987654321": "~bia~"}

    def write(id_: str) -> None:
        body = meta_body(messages=[text_message(id_, "5511987654321", "Hi", 3000)], names=names)
        processor.process([door(body, received_at=datetime.now(UTC))])

    write("wamid.2")
    assert view_of(desk)["contact"]["name"] == "Beatriz (VIP)"
    contacts.change(desk.agent, contact_id, {"name": None}, uuid4())
    write("wamid.3")
    assert view_of(desk)["contact"]["name"] == "~bia~"


def test_who_writes_in_a_group_is_one_of_its_members(
    desk: Desk, processor: Processor, door: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = Group("120363@g.us", "Family")

    def said(number: int, phone: str, name: str) -> MessageReceived:
        person = Person((Address("phone", phone),), name)
        at = datetime.now(UTC) + timedelta(seconds=number)
        return MessageReceived(ACCOUNT, f"g{number}", person, "text", at, "hi", group=group)

    facts = [said(1, "5511987654321", "Marta"), said(2, "5521912345678", "Zoe"), said(3, "5511987654321", "Marta")]
    monkeypatch.setattr(ScriptedGateway, "normalise", lambda *_: facts)
    processor.process([door(b"{}", received_at=datetime.now(UTC) + timedelta(seconds=5))])
    with desk.database.transaction(desk.agent.tenant_id) as tx:
        in_group = tx.value("select id from conversations where group_id is not null")
    reading = Reading(desk.database)
    first = reading.members(desk.agent, in_group, None, 1)
    rest = reading.members(desk.agent, in_group, first.after, 1)
    assert {one["contact"]["name"] for one in (*first.items, *rest.items)} == {"Marta", "Zoe"}
    assert rest.after is None
    assert reading.members(desk.agent, desk.conversation_id, None, 10).items == [], "theirs is no group"


def test_an_assignment_is_told_with_names_and_the_note_as_it_is_when_it_is_read(
    desk: Desk, make_user: Callable[..., Principal], sealer: Any
) -> None:
    bruno = make_user(desk.agent.tenant_id, "Bruno")
    start = events_after(desk.database, bruno, None)["cursor"]
    Assigning(desk.database, nobody).assign(desk.agent, desk.conversation_id, bruno.id, uuid4(), note="Please call her")
    (told,) = events_after(desk.database, bruno, start, topics=["user"])["data"]
    assert told["type"] == "conversation.assigned"
    data = told["data"]
    assert (data["from"], data["to"], data["note"]) == (None, {"id": str(bruno.id), "name": "Bruno"}, "Please call her")
    assert data["by"] == {"kind": "user", "id": str(desk.agent.id), "name": "Ana"}
    assert data["conversation"]["assignee"]["id"] == str(bruno.id)
    with desk.database.transaction(desk.agent.tenant_id) as tx:
        note = tx.value("select id from messages where direction = 'internal'")
    Acting(desk.database, {}, lambda: sealer, nobody).delete(desk.agent, note, uuid4())
    told = events_after(desk.database, bruno, start, topics=["user"])["data"][0]
    assert told["data"]["note"] is None


def test_who_sees_only_their_own_counts_lists_and_hands_on_only_that(
    desk: Desk, make_user: Callable[..., Principal]
) -> None:
    tenant = desk.agent.tenant_id
    bruno = make_user(tenant, "Bruno")
    with desk.database.transaction(tenant) as tx:
        tx.execute("""update tenants set settings = settings || '{"agentsSee": "own"}'""")
    ana, bruno = replace(desk.agent, restricted=True), replace(bruno, restricted=True)
    assigning, reading = Assigning(desk.database, nobody), Reading(desk.database)
    assert reading.counts(bruno) == {"open": 1, "mine": 0, "unassigned": 1, "unread": 1}
    assigning.assign(ana, desk.conversation_id, ana.id, uuid4())
    assert reading.counts(bruno) == {"open": 0, "mine": 0, "unassigned": 0, "unread": 0}
    assert reading.messages(bruno, MessageFilter(), None, 10).items == []
    for forbidden in (
        lambda: assigning.assign(bruno, desk.conversation_id, bruno.id, uuid4()),
        lambda: Changing(desk.database, nobody).change(bruno, desk.conversation_id, {"status": "resolved"}, uuid4()),
        lambda: reading.timeline(bruno, desk.conversation_id, None, 10),
        lambda: reading.members(bruno, desk.conversation_id, None, 10),
    ):
        with pytest.raises(NotFound):
            forbidden()
    handed = assigning.assign(ana, desk.conversation_id, bruno.id, uuid4(), note="Yours now")
    assert handed["assignee"]["name"] == "Bruno"
    assert (reading.counts(ana)["open"], reading.counts(bruno)["mine"]) == (0, 1)
