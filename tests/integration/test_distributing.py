"""Conversations that wait go to people who are online, by turns; who went away loses them to those who are here."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from parley.domain.principal import Principal
from parley.domain.terms import Terms
from parley.services.assign import Assigning
from parley.services.change import Changing
from parley.services.distribute import Distributor
from parley.store.database import Database
from parley.store.ids import new_id

InThreads = Callable[[Sequence[Callable[[], object]]], list[Any]]
GRACE = timedelta(minutes=5)
START = datetime.now(UTC) - timedelta(hours=1)

CONNECT = """
insert into connections (tenant_id, id, user_id, state, visible, idle_ms, expires_at)
values (%(tenant_id)s, %(id)s, %(user_id)s, 'active', %(visible)s, %(idle_ms)s, now() + interval '1 hour')
"""
WRITE = """
with contact as (insert into contacts (tenant_id, id) values (%(tenant_id)s, %(contact_id)s) returning id),
conversation as (
  insert into conversations (tenant_id, id, integration_id, contact_id, last_message_id, last_message_at, last_number)
  select %(tenant_id)s, %(id)s, %(integration_id)s, id, %(message_id)s, %(at)s, 1 from contact
)
insert into messages (tenant_id, id, integration_id, conversation_id, number, direction, kind, occurred_at, status,
  sender_kind)
select %(tenant_id)s, %(message_id)s, %(integration_id)s, %(id)s, 1, 'incoming', 'text', %(at)s, 'received', 'contact'
"""


def nobody(_tenant: UUID) -> None:
    """There is nobody to wake."""


class Office:
    """A company whose conversations go round."""

    def __init__(self, database: Database, tenant: UUID, integration: UUID) -> None:
        self.database = database
        self.tenant = tenant
        self.integration = integration
        self.woken: list[UUID] = []
        self.distributor = Distributor(database, self.woken.append, Terms(), GRACE)
        self.minute = 0

    def choose(self, **rule: Any) -> None:
        with self.database.transaction(self.tenant) as tx:
            tx.execute("update tenants set settings = %(s)s::jsonb", s=json.dumps({"autoAssignment": rule}))

    def come(self, person: Principal, *, visible: bool = True, idle_ms: int = 0) -> None:
        with self.database.transaction(self.tenant) as tx:
            tx.execute(CONNECT, id=str(uuid4()), user_id=person.id, visible=visible, idle_ms=idle_ms)

    def go(self, person: Principal) -> None:
        with self.database.transaction(self.tenant) as tx:
            tx.execute("delete from connections where user_id = %(id)s", id=person.id)

    def later(self, by: timedelta) -> None:
        with self.database.transaction(self.tenant) as tx:
            tx.execute("update assignment_turns set gone_at = gone_at - %(by)s", by=by)

    def write(self, integration: UUID | None = None) -> UUID:
        """A customer writes; the conversation."""
        self.minute += 1
        about = {"id": new_id(), "contact_id": new_id(), "message_id": new_id()}
        at = START + timedelta(minutes=self.minute)
        with self.database.transaction(self.tenant) as tx:
            tx.execute(WRITE, **about, integration_id=integration or self.integration, at=at)
        return about["id"]

    def whose(self, conversation_id: UUID) -> UUID | None:
        with self.database.transaction(self.tenant) as tx:
            found: UUID | None = tx.value("select assignee_id from conversations where id = %(id)s", id=conversation_id)
        return found

    def give(self) -> int:
        return self.distributor.distribute(self.tenant)

    def look(self) -> int:
        return self.distributor.distribute_all()


@pytest.fixture
def office(database: Database, tenant: UUID, integration: UUID) -> Office:
    """A company that gives at most two conversations to each."""
    office = Office(database, tenant, integration)
    office.choose(mode="round_robin", capacity=2)
    return office


@pytest.fixture
def bruno(make_user: Callable[..., Principal], tenant: UUID) -> Principal:
    """Another agent."""
    return make_user(tenant, "Bruno")


def test_conversations_go_round_among_those_who_are_online_as_far_as_they_have_room(
    office: Office, agent: Principal, bruno: Principal, make_user: Callable[..., Principal]
) -> None:
    away, busy, boss = (make_user(office.tenant, name) for name in ("Carla", "Davi", "Olga"))
    with office.database.transaction(office.tenant) as tx:
        tx.execute("update users set status = 'busy' where id = %(id)s", id=busy.id)
        tx.execute("update users set role = 'owner' where id = %(id)s", id=boss.id)
    for person in (agent, bruno, busy, boss):
        office.come(person)
    office.come(away, visible=False)
    waiting = [office.write() for _ in range(6)]
    assert office.give() == 4
    assert [office.whose(id_) for id_ in waiting[:2]] in ([agent.id, bruno.id], [bruno.id, agent.id])
    assert Counter(office.whose(id_) for id_ in waiting) == {agent.id: 2, bruno.id: 2, None: 2}
    assert (office.whose(waiting[4]), office.whose(waiting[5])) == (None, None), "who waited longest came first"
    assert (office.give(), office.woken) == (0, [office.tenant])


def test_the_backlog_is_drained_as_people_come_and_get_room(office: Office, agent: Principal, bruno: Principal) -> None:
    waiting = [office.write() for _ in range(4)]
    assert (office.give(), office.look()) == (0, 0), "nobody is here"
    office.come(agent)
    assert office.look() == 2

    def follow_up(_tenant: UUID) -> None:
        office.give()

    changing = Changing(office.database, follow_up)
    changing.change(agent, waiting[0], {"status": "resolved"}, uuid4())
    assert office.whose(waiting[2]) == agent.id
    office.come(bruno)
    assert (office.look(), office.whose(waiting[3])) == (1, bruno.id)


def test_who_went_away_loses_the_conversations_in_which_a_customer_waits(
    office: Office, agent: Principal, bruno: Principal
) -> None:
    office.come(agent)
    waiting, answered = office.write(), office.write()
    office.look()
    with office.database.transaction(office.tenant) as tx:
        tx.execute(
            "update messages set direction = 'outgoing', status = 'sent' where conversation_id = %(id)s", id=answered
        )
    office.go(agent)
    office.come(bruno)
    assert office.look() == 0, "only just gone"
    office.later(GRACE)
    assert office.look() == 1
    assert (office.whose(waiting), office.whose(answered)) == (bruno.id, agent.id)
    with office.database.transaction(office.tenant) as tx:
        last = tx.row("select topics, delta, actor from events order by ordinal desc limit 1")
    assert last is not None
    assert last["delta"] == {"from": str(agent.id), "to": str(bruno.id)}
    assert {f"user:{agent.id}", f"user:{bruno.id}"} < set(last["topics"])
    assert last["actor"]["kind"] == "system"


def test_who_comes_back_in_time_or_was_chosen_by_a_person_keeps_what_they_have(
    office: Office, agent: Principal, bruno: Principal
) -> None:
    office.come(agent)
    given, chosen = office.write(), office.write()
    Assigning(office.database, lambda _tenant: None).assign(bruno, chosen, agent.id, uuid4())
    office.look()
    office.go(agent)
    office.look()
    office.come(agent)
    office.look()
    office.come(bruno)
    office.later(GRACE)
    assert (office.look(), office.whose(given)) == (0, agent.id)
    office.go(agent)
    office.look()
    office.later(GRACE)
    assert (office.look(), office.whose(given), office.whose(chosen)) == (1, bruno.id, agent.id)


def test_nothing_goes_round_where_nobody_asked_for_it_and_an_account_may_ask_for_itself(
    office: Office, agent: Principal, make_integration: Callable[..., UUID]
) -> None:
    office.choose(mode="off")
    office.come(agent)
    other = make_integration(office.tenant)
    rule = json.dumps({"autoAssignment": {"mode": "round_robin"}})
    with office.database.transaction(office.tenant) as tx:
        tx.execute("update integrations set settings = %(rule)s::jsonb where id = %(id)s", rule=rule, id=other)
    here, there = office.write(), office.write(other)
    assert (office.look(), office.whose(here), office.whose(there)) == (1, None, agent.id)


def test_where_agents_see_their_accounts_only_they_are_given_of_those_only(
    office: Office, agent: Principal, bruno: Principal
) -> None:
    office.come(agent)
    office.come(bruno)
    with office.database.transaction(office.tenant) as tx:
        tx.execute("""update tenants set settings = settings || '{"agentsSee": "integrations"}'""")
        tx.execute(
            "insert into integration_members (tenant_id, integration_id, user_id) values (%(tenant_id)s, %(i)s, %(u)s)",
            i=office.integration,
            u=bruno.id,
        )
    waiting = [office.write() for _ in range(3)]
    assert office.look() == 2
    assert {office.whose(id_) for id_ in waiting} == {bruno.id, None}


def test_a_persons_own_capacity_goes_before_the_companys(office: Office, agent: Principal) -> None:
    with office.database.transaction(office.tenant) as tx:
        tx.execute("update users set capacity = 1 where id = %(id)s", id=agent.id)
    office.come(agent)
    for _ in range(3):
        office.write()
    assert office.look() == 1


def test_ten_who_give_at_once_give_nobody_more_than_they_have_room_for(
    office: Office, agent: Principal, bruno: Principal, in_threads: InThreads
) -> None:
    office.come(agent)
    office.come(bruno)
    waiting = [office.write() for _ in range(20)]
    given = in_threads([office.give, office.look] * 5)
    assert sum(given) == 4
    assert Counter(office.whose(id_) for id_ in waiting) == {agent.id: 2, bruno.id: 2, None: 16}


def test_what_somebody_put_back_is_given_to_nobody_by_turns_until_it_is_taken_or_resolved(
    office: Office, agent: Principal, bruno: Principal
) -> None:
    assigning, changing = Assigning(office.database, nobody), Changing(office.database, nobody)
    office.come(agent)
    put_back = office.write()
    office.look()
    assigning.assign(bruno, put_back, None, uuid4())
    assert (office.give(), office.look(), office.whose(put_back)) == (0, 0, None)
    waiting = office.write()
    assert (office.give(), office.whose(waiting), office.whose(put_back)) == (1, agent.id, None)
    changing.change(bruno, put_back, {"status": "resolved"}, uuid4())
    changing.change(bruno, put_back, {"status": "open"}, uuid4())
    assert (office.give(), office.whose(put_back)) == (1, agent.id), "it is another matter by now"


def test_what_was_put_back_after_it_was_resolved_is_given_when_the_customer_writes_again(
    office: Office, agent: Principal
) -> None:
    assigning, changing = Assigning(office.database, nobody), Changing(office.database, nobody)
    office.come(agent)
    conversation_id = office.write()
    office.look()
    changing.change(agent, conversation_id, {"status": "resolved"}, uuid4())
    assigning.assign(agent, conversation_id, None, uuid4())
    changing.change(agent, conversation_id, {"status": "open"}, uuid4())
    assert (office.give(), office.whose(conversation_id)) == (1, agent.id)
