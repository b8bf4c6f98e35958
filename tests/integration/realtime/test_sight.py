"""What agents see, where their company restricts it: the same for all that is read and all that is pushed.

The oracle is written here a second time, in a few words of Python; the product decides in the database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, Literal
from uuid import UUID

import pytest

from parley.domain.errors import NotFound
from parley.domain.events import conversation_assigned, conversation_updated
from parley.domain.principal import Principal
from parley.services import plan_push
from parley.services.appoint import Staff
from parley.services.assign import Assigning
from parley.services.catch_up import events_after, snapshot
from parley.services.presence import presence
from parley.services.push import Pusher
from parley.services.read_inbox import Inbox
from parley.services.read_more import Reading
from parley.store.database import Database
from parley.store.event_log import append_events
from parley.store.ids import new_id

from .conftest import Office, Wires

Rule = Literal["everything", "integrations", "own"]
RULES: tuple[Rule, ...] = ("everything", "integrations", "own")
INSERT = """
with contact as (
  insert into contacts (tenant_id, id, name) values (%(tenant_id)s, %(id)s, 'Maria') returning id
),
conversation as (
  insert into conversations (tenant_id, id, integration_id, contact_id, assignee_id, unread_count, last_message_at)
  select %(tenant_id)s, %(id)s, %(integration_id)s, id, %(assignee_id)s, 1, now() from contact
  returning id
)
insert into messages (tenant_id, id, integration_id, conversation_id, number, direction, kind, body, occurred_at,
  status, sender_kind)
select %(tenant_id)s, %(id)s, %(integration_id)s, id, 1, 'incoming', 'text', 'hello', now(), 'received', 'contact'
from conversation
"""
INSERT_FILE = """
insert into attachments (tenant_id, id, message_id, kind) values (%(tenant_id)s, %(id)s, %(id)s, 'image')
"""


@dataclass(frozen=True)
class Thread:
    """A conversation; its message and file have the same id."""

    id: UUID
    integration_id: UUID
    assignee_id: UUID | None


@dataclass(frozen=True)
class Company:
    """People by name, and conversations of two lines, each assigned to every agent or to nobody."""

    id: UUID
    people: Mapping[str, Principal]
    members: Mapping[UUID, frozenset[UUID]]
    threads: tuple[Thread, ...]

    def seen_by(self, person: Principal, rule: Rule) -> set[UUID]:
        """The oracle."""
        return {thread.id for thread in self.threads if self.sees(person, thread, rule)}

    def sees(self, person: Principal, thread: Thread, rule: Rule) -> bool:
        """Whether a person may see a conversation."""
        if person.role != "agent" or rule == "everything" or thread.assignee_id == person.id:
            return True
        if rule == "own":
            return thread.assignee_id is None
        return person.id in self.members[thread.integration_id]


@pytest.fixture
def company(
    database: Database, tenant: UUID, make_user: Callable[..., Principal], make_integration: Callable[..., UUID]
) -> Company:
    """Ana looks after both lines, Bruno after one, Davi after none; Clara is an admin, Olga an owner."""
    roles = {"Ana": "agent", "Bruno": "agent", "Davi": "agent", "Clara": "admin", "Olga": "owner"}
    people = {name: make_user(tenant, name, role=role) for name, role in roles.items()}
    first, second = make_integration(tenant), make_integration(tenant)
    members = {first: frozenset({people["Ana"].id, people["Bruno"].id}), second: frozenset({people["Ana"].id})}
    staff = Staff(database, lambda _: None)
    for person in people.values():
        lines = [line for line, ids in members.items() if person.id in ids]
        staff.change(people["Olga"], person.id, {"integration_ids": lines}, new_id())
    holders = [None, *(people[name].id for name in ("Ana", "Bruno", "Davi"))]
    threads = tuple(Thread(new_id(), line, holder) for line in members for holder in holders)
    with database.transaction(tenant) as tx:
        for thread in threads:
            tx.execute(INSERT, id=thread.id, integration_id=thread.integration_id, assignee_id=thread.assignee_id)
            tx.execute(INSERT_FILE, id=thread.id)
    return Company(tenant, people, members, threads)


def restrict(database: Database, company: Company, rule: Rule) -> dict[str, Principal]:
    """Let agents see this; answer everybody as they come in from now on."""
    olga = company.people["Olga"]
    Staff(database, lambda _: None).choose(olga, {"agentsSee": rule}, new_id())
    with database.transaction(company.id) as tx:
        rights = {row["id"]: row["rights_version"] for row in tx.rows("select id, rights_version from users")}
    return {
        name: replace(
            person,
            rights_version=rights[person.id],
            restricted=person.role == "agent" and rule != "everything",
        )
        for name, person in company.people.items()
    }


@pytest.mark.parametrize("rule", RULES)
def test_what_is_read_is_what_may_be_seen(database: Database, company: Company, rule: Rule) -> None:
    everybody = restrict(database, company, rule)
    for name, person in everybody.items():
        seen = company.seen_by(person, rule)
        with database.transaction(company.id, viewer=person.id) as tx:
            for table, column in (("conversations", "id"), ("messages", "conversation_id"), ("attachments", "id")):
                rows = tx.rows(f"select {column} as id from {table} where tenant_id = %(tenant_id)s")
                assert {row["id"] for row in rows} == seen, (name, table)
        shown = snapshot(database, person)["data"]
        assert {UUID(one["id"]) for one in shown["conversations"]} == seen, name
        assert shown["counts"]["open"] == len(seen), name
        assert Reading(database).counts(person)["unread"] == len(seen), name
        for thread in company.threads:
            for read in (Inbox(database).conversation, Inbox(database).message):
                if thread.id in seen:
                    assert read(person, thread.id)["id"] == str(thread.id)
                else:
                    with pytest.raises(NotFound):
                        read(person, thread.id)


def test_without_a_viewer_the_rows_are_all_there(database: Database, company: Company) -> None:
    restrict(database, company, "own")
    with database.transaction(company.id) as tx:
        assert len(tx.rows("select id from conversations")) == len(company.threads)


@pytest.mark.parametrize("rule", RULES)
def test_what_is_pushed_and_polled_is_what_may_be_seen(
    database: Database, company: Company, office: Office, pusher: Pusher, wires: Wires, rule: Rule
) -> None:
    leaks, misses = list(_differences(database, company, office, pusher, wires, rule))
    assert (leaks, misses) == (set(), set())


def test_an_audience_by_topics_alone_leaks(
    database: Database,
    company: Company,
    office: Office,
    pusher: Pusher,
    wires: Wires,
    naive: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plan_push, "Audience", naive("audience").ByTopicAlone)
    leaks, _ = _differences(database, company, office, pusher, wires, "own")
    assert leaks


def _differences(
    database: Database, company: Company, office: Office, pusher: Pusher, wires: Wires, rule: Rule
) -> Iterator[set[tuple[str, UUID]]]:
    """An event of each conversation: who heard of one that they may not see, and who did not of one that they may."""
    everybody = restrict(database, company, rule)
    ears, cursors = {}, {}
    for name, person in everybody.items():
        seen = company.seen_by(person, rule)
        topics = ["tenant", "user", *(f"conversation:{id_}" for id_ in seen)]
        ears[name] = office.listen(person, topics)
        cursors[name] = events_after(database, person, None)["cursor"]
    with database.transaction(company.id) as tx:
        append_events(tx, [conversation_updated(thread.id, None) for thread in company.threads])
    pusher.push(company.id)
    leaks, misses = set(), set()
    for name, person in everybody.items():
        seen = company.seen_by(person, rule)
        pushed = {UUID(event["conversationId"]) for batch in wires.batches(ears[name]) for event in batch["events"]}
        polled = {UUID(event["conversationId"]) for event in events_after(database, person, cursors[name])["data"]}
        leaks |= {(name, id_) for id_ in (pushed | polled) - seen}
        misses |= {(name, id_) for id_ in seen - (pushed & polled)}
    yield leaks
    yield misses


@pytest.mark.parametrize("rule", ["integrations", "own"])
def test_nobody_subscribes_to_a_conversation_out_of_sight(
    database: Database, company: Company, office: Office, rule: Rule
) -> None:
    davi = restrict(database, company, rule)["Davi"]
    seen = company.seen_by(davi, rule)
    ear = office.listen(davi)
    answers = {
        thread.id: office.say(ear, "subscribe", topics=[f"conversation:{thread.id}"])["type"]
        for thread in company.threads
    }
    assert answers == {thread.id: "ok" if thread.id in seen else "error" for thread in company.threads}


def test_a_conversation_that_somebody_takes_leaves_the_others_sight(
    database: Database, company: Company, office: Office, pusher: Pusher, wires: Wires
) -> None:
    everybody = restrict(database, company, "own")
    ears = {name: office.listen(person) for name, person in everybody.items()}
    free = next(thread for thread in company.threads if thread.assignee_id is None)
    ana = everybody["Ana"]
    Assigning(database, pusher.push).assign(ana, free.id, ana.id, new_id())
    heard = {name: _assigned(wires, ear) for name, ear in ears.items()}
    for name in ("Ana", "Clara", "Olga"):
        assert heard[name][0]["conversation"]["id"] == str(free.id)
    for name in ("Bruno", "Davi"):
        assert [(data["conversation"], data["note"]) for data in heard[name]] == [(None, None)]
        assert heard[name][0]["to"]["id"] == str(ana.id)
    later = conversation_updated(free.id, None)
    with database.transaction(company.id) as tx:
        append_events(tx, [later])
    pusher.push(company.id)
    last = {name: wires.batches(ear)[-1]["events"][-1]["type"] for name, ear in ears.items()}
    assert last["Ana"] == "conversation.updated"
    assert last["Davi"] == "conversation.assigned", "what happens out of sight is not told"
    with pytest.raises(NotFound):
        Assigning(database, pusher.push).assign(everybody["Davi"], free.id, everybody["Davi"].id, new_id())


def test_an_assignment_between_others_is_not_heard_at_all(
    database: Database, company: Company, office: Office, pusher: Pusher, wires: Wires
) -> None:
    everybody = restrict(database, company, "own")
    ear = office.listen(everybody["Davi"])
    thread = next(one for one in company.threads if one.assignee_id == everybody["Ana"].id)
    olga = everybody["Olga"]
    event = conversation_assigned(
        thread.id, old=thread.assignee_id, new=everybody["Bruno"].id, by=olga.actor, note_id=None, correlation_id=None
    )
    with database.transaction(company.id) as tx:
        tx.execute(
            "update conversations set assignee_id = %(to)s where id = %(id)s", id=thread.id, to=everybody["Bruno"].id
        )
        append_events(tx, [event])
    pusher.push(company.id)
    assert _assigned(wires, ear) == []


def test_whoever_sees_something_else_from_now_on_hears_bye_and_begins_anew(
    database: Database, company: Company, office: Office, pusher: Pusher, wires: Wires
) -> None:
    before = restrict(database, company, "everything")
    ears = {name: office.listen(person) for name, person in before.items()}
    restrict(database, company, "own")
    pusher.push(company.id)
    byes = {
        name: [frame["code"] for frame in wires.frames[ear] if frame["type"] == "bye"] for name, ear in ears.items()
    }
    assert byes == {"Ana": ["rights"], "Bruno": ["rights"], "Davi": ["rights"], "Clara": [], "Olga": []}


def test_nobody_learns_what_others_look_at_out_of_their_sight(
    database: Database, company: Company, office: Office
) -> None:
    everybody = restrict(database, company, "own")
    topics = ["tenant", *(f"conversation:{thread.id}" for thread in company.threads)]
    office.listen(everybody["Clara"], topics)
    for name in ("Ana", "Olga"):
        person = everybody[name]
        (clara,) = presence(database, person, office.terms)["data"]["users"]
        assert {UUID(id_) for id_ in clara["viewing"]} == company.seen_by(person, "own"), name


def _assigned(wires: Wires, ear: str) -> list[dict[str, Any]]:
    """What a connection heard of assignments."""
    events = (event for batch in wires.batches(ear) for event in batch["events"])
    return [event["data"] for event in events if event["type"] == "conversation.assigned"]
