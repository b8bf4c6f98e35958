"""What agents see of the company's contacts, where their company restricts it: those they have a conversation of in
sight, and those of whom there is none.

The oracle is test_sight.py's: a contact has the id of its only conversation there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest

from parley.domain.errors import Conflict, Forbidden, NotFound
from parley.domain.events import contact_updated
from parley.domain.principal import Principal
from parley.services import plan_push
from parley.services.catch_up import events_after
from parley.services.keep_contacts import Contacts
from parley.services.meet import Partner
from parley.services.push import Pusher
from parley.services.same_person import SamePerson
from parley.services.search import Searching
from parley.services.send import SendRequest, write_first
from parley.store.database import Database
from parley.store.event_log import append_events
from parley.store.ids import new_id
from parley.store.search import Search

from .conftest import Office, Wires
from .test_sight import RULES, Company, Rule, company, restrict

__all__ = ["company"]
INSERT_PHONE = """
insert into contact_aliases (tenant_id, scope, kind, value, address, contact_id)
values (%(tenant_id)s, '00000000-0000-0000-0000-000000000000', 'phone', %(phone)s, %(phone)s, %(id)s)
"""
INSERT_GROUP = """
with made as (
  insert into groups (tenant_id, id, integration_id, address, name)
  values (%(tenant_id)s, %(id)s, %(integration_id)s, %(id)s::text, 'Padaria') returning id
),
member as (
  insert into group_members (tenant_id, group_id, contact_id, seen_at)
  select %(tenant_id)s, id, %(contact_id)s, now() from made
)
insert into conversations (tenant_id, id, integration_id, group_id, assignee_id)
select %(tenant_id)s, %(id)s, %(integration_id)s, id, %(assignee_id)s from made
"""


@pytest.fixture
def lonely(database: Database, company: Company) -> UUID:
    """A contact without any conversation."""
    contact_id = new_id()
    with database.transaction(company.id) as tx:
        tx.execute("insert into contacts (tenant_id, id, name) values (%(tenant_id)s, %(id)s, 'Maria')", id=contact_id)
    return contact_id


@pytest.mark.parametrize("rule", RULES)
def test_contacts_are_read_changed_and_found_by_whoever_sees_a_conversation_of_theirs(
    database: Database, gateway: Any, company: Company, lonely: UUID, rule: Rule
) -> None:
    contacts = Contacts(database, lambda _: None)
    people = SamePerson(database, {"meta": gateway}, lambda _: None)
    for name, person in restrict(database, company, rule).items():
        seen = company.seen_by(person, rule) | {lonely}
        assert {UUID(one["id"]) for one in contacts.page(person, None, 100).items} == seen, name
        assert _found(database, person) == seen, name
        for id_ in {thread.id for thread in company.threads} - seen:
            with pytest.raises(NotFound):
                people.contact(person, id_)
            with pytest.raises(NotFound):
                contacts.change(person, id_, {"blocked": True}, new_id())
            for pair in ((id_, lonely), (lonely, id_)):
                with pytest.raises(NotFound):
                    people.merge(person, *pair)
            with pytest.raises(NotFound):
                people.unmerge(person, id_)
        for id_ in seen:
            assert people.contact(person, id_)["id"] == str(id_)


def _found(database: Database, person: Principal) -> set[UUID]:
    """Whom somebody finds, two at a time: no page is short for what is out of sight."""
    found: set[UUID] = set()
    after = None
    while True:
        page = Searching(database).search(person, Search("mari"), after, 2, messages=False, contacts=True)
        found |= {UUID(one["contact"]["id"]) for one in page.items}
        if page.after is None:
            return found
        assert len(page.items) == 2
        after = page.after


def test_who_writes_in_a_group_alone_is_seen_with_the_group(
    database: Database, gateway: Any, company: Company, lonely: UUID
) -> None:
    everybody = restrict(database, company, "own")
    ana, bruno = everybody["Ana"], everybody["Bruno"]
    line = company.threads[0].integration_id
    with database.transaction(company.id) as tx:
        tx.execute(INSERT_GROUP, id=new_id(), integration_id=line, contact_id=lonely, assignee_id=ana.id)
    people = SamePerson(database, {"meta": gateway}, lambda _: None)
    assert people.contact(ana, lonely)["id"] == str(lonely)
    with pytest.raises(NotFound):
        people.contact(bruno, lonely)


def test_a_number_out_of_sight_is_taken_but_not_whose_it_is(database: Database, gateway: Any, company: Company) -> None:
    """Neither by adding it as a contact nor by writing to it does anybody learn more than that."""
    everybody = restrict(database, company, "own")
    ana, bruno = everybody["Ana"], everybody["Bruno"]
    thread = next(one for one in company.threads if one.assignee_id == ana.id)
    with database.transaction(company.id) as tx:
        tx.execute(INSERT_PHONE, id=thread.id, phone="5511955550100")
        tx.execute("update conversations set last_number = 1 where id = %(id)s", id=thread.id)
    contacts = Contacts(database, lambda _: None)
    for person, told in ((ana, {"contactId": str(thread.id)}), (bruno, {})):
        with pytest.raises(Conflict) as refused:
            contacts.add(person, "+55 11 95555-0100", None, {}, new_id())
        assert refused.value.extra == told
    template = SendRequest("template", content={"name": "hello", "language": "en_US", "components": []})
    partner = Partner(thread.integration_id, "+55 11 95555-0100")
    with pytest.raises(Forbidden):
        write_first(database, {"meta": gateway}, bruno, partner, template, None, new_id())
    taken = write_first(database, {"meta": gateway}, ana, partner, template, None, new_id())
    assert taken.view["conversationId"] == str(thread.id)


@pytest.mark.parametrize("rule", RULES)
def test_what_changes_of_contacts_is_told_to_whoever_sees_them(
    database: Database, company: Company, lonely: UUID, office: Office, pusher: Pusher, wires: Wires, rule: Rule
) -> None:
    heard, seen = _told(database, company, [lonely], office, pusher, wires, rule)
    assert heard == seen


def test_an_audience_by_topics_alone_tells_of_contacts_to_everybody(
    database: Database,
    company: Company,
    lonely: UUID,
    office: Office,
    pusher: Pusher,
    wires: Wires,
    naive: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plan_push, "Audience", naive("audience").ByTopicAlone)
    heard, seen = _told(database, company, [lonely], office, pusher, wires, "own")
    assert heard["pushed"] != seen["pushed"]


def _told(
    database: Database,
    company: Company,
    others: Collection[UUID],
    office: Office,
    pusher: Pusher,
    wires: Wires,
    rule: Rule,
) -> tuple[dict[str, dict[str, set[UUID]]], dict[str, dict[str, set[UUID]]]]:
    """A `contact.updated` of each contact: who heard of whom, pushed and polled, and who should have."""
    everybody = restrict(database, company, rule)
    ears = {name: office.listen(person) for name, person in everybody.items()}
    cursors = {name: events_after(database, person, None)["cursor"] for name, person in everybody.items()}
    with database.transaction(company.id) as tx:
        ids = [*(thread.id for thread in company.threads), *others]
        append_events(tx, [contact_updated(id_, None) for id_ in ids])
    pusher.push(company.id)
    heard: dict[str, dict[str, set[UUID]]] = {"pushed": {}, "polled": {}}
    for name, person in everybody.items():
        pushed = (event for batch in wires.batches(ears[name]) for event in batch["events"])
        heard["pushed"][name] = {UUID(event["data"]["id"]) for event in pushed}
        polled = events_after(database, person, cursors[name])["data"]
        heard["polled"][name] = {UUID(event["data"]["id"]) for event in polled}
    seen = {name: company.seen_by(person, rule) | set(others) for name, person in everybody.items()}
    return heard, {"pushed": seen, "polled": seen}
