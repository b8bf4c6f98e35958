"""Erasing a contact: nothing of the person stays anywhere, and nothing of it comes back."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from parley.domain.errors import Conflict, NotFound, Unavailable
from parley.domain.identity import Address, Person
from parley.domain.incoming import (
    Edit,
    Media,
    MessageReceived,
)
from parley.domain.media import object_key, thumbnail_key
from parley.domain.outgoing import Accepted, Draft
from parley.domain.principal import Principal
from parley.services.erase import Erasing
from parley.services.same_person import SamePerson
from parley.services.suppress import Suppression
from parley.store.views import load_contacts
from tests.integration.erasing_company import (
    ACCOUNT,
    NAME,
    NUMBER,
    OTHER,
    PERSON,
    PNG,
    START,
    WORDS,
    Bucket,
    Company,
    hashing_of,
    live,
    message,
)
from tests.integration.naive.erasing import AskedBefore


def test_nothing_of_an_erased_person_is_left_in_any_table_or_bucket(company: Company) -> None:
    contact = live(company)
    everywhere = {re.sub(r"_\d{6,8}$", "", place.partition(".")[0]) for place in company.traces()}
    assert {"contacts", "contact_aliases", "messages", "revisions", "attachments", "timeline", "attempts"} <= everywhere
    assert {"events", "integration_notices", "dead_letters", "message_words", "contact_words", "ledger"} <= everywhere

    state = company.erase(contact)

    assert state["state"] == "erased"
    assert company.traces() == []
    assert company.contact_of(PERSON) is None
    assert [row["body"] for row in company.rows("select body from messages order by provider_message_id")] == [
        "thanks @…!", "see you", "on the phone", "until later", "hello"
    ]  # fmt: skip


def test_erase_then_replay_everything_stays_erased(company: Company) -> None:
    contact = live(company)
    before = company.rows("select id, body from messages where provider_message_id in ('g2', 'g3', 'o1') order by id")
    company.erase(contact)

    company.replay()

    assert company.traces() == []
    assert company.contact_of(PERSON) is None
    assert [row["id"] for row in before] == [
        row["id"]
        for row in company.rows("select id from messages where provider_message_id in ('g2', 'g3', 'o1') order by id")
    ]
    assert {row["reason"] for row in company.rows("select reason from ledger where state = 'ignored'")} == {"erased"}


def test_a_message_that_comes_only_after_the_erasure_but_was_written_before_is_not_taken_in(company: Company) -> None:
    contact = live(company)
    late = company.webhook(message("late", PERSON, at=20))
    edit = company.webhook(Edit(ACCOUNT, "late", "e", WORDS, START + timedelta(seconds=21)))
    company.erase(contact)

    company.process(edit)
    company.process(late)
    company.process(edit)

    assert company.traces() == []
    assert company.rows("select * from revisions") == []


def test_a_message_written_after_the_erasure_is_of_somebody_never_seen_before(company: Company) -> None:
    contact = live(company)
    company.erase(contact)
    later = datetime.now(UTC) + timedelta(seconds=5)
    fresh = MessageReceived(ACCOUNT, "new", Person((PERSON,), "Q."), "text", later, "hi again")
    company.take(fresh, at=later)

    again = company.contact_of(PERSON)

    assert again not in (None, contact)
    with company.database.transaction(company.admin.tenant_id) as tx:
        assert load_contacts(tx, [again])[again]["name"] == "Q."
    company.replay()
    assert [row["body"] for row in company.rows("select body from messages where provider_message_id = 'new'")] == [
        "hi again"
    ]
    assert company.rows("select 1 from messages where body like '%%xylophone%%'") == []


def test_one_webhook_with_words_of_an_erased_person_and_of_another_loses_only_the_erased_ones(company: Company) -> None:
    contact = live(company)
    both = company.webhook(message("both1", PERSON, at=30), message("both2", OTHER, text="of Otto", at=30))
    company.erase(contact)

    company.process(both)

    assert [
        row["body"] for row in company.rows("select body from messages where provider_message_id like 'both%%'")
    ] == ["of Otto"]
    (row,) = company.rows("select state, reason, body from ledger where reason like 'erased:%%'")
    assert row == {"state": "processed", "reason": "erased: a part of it", "body": None}


def test_a_person_joined_of_several_goes_with_all_addresses_and_one_told_apart_stays(company: Company) -> None:
    third = Address("phone", "5511933333333")
    for place, address in enumerate((PERSON, OTHER, third)):
        company.take(message(f"a{place}", address, text=f"of {address.value}", at=place))
    people = SamePerson(company.database, company.providers, lambda tenant_id: None)
    ids = [company.contact_of(address) or uuid4() for address in (PERSON, OTHER, third)]
    people.merge(company.admin, ids[0], ids[1])
    people.merge(company.admin, ids[0], ids[2])
    people.unmerge(company.admin, ids[0])

    company.erase(ids[1])  # the one that was joined names the person

    assert [company.contact_of(address) for address in (PERSON, OTHER)] == [None, None]
    assert company.contact_of(third) == ids[2]
    company.replay()
    assert company.rows("select distinct body from messages") == [{"body": "of 5511933333333"}]
    assert company.traces() == []


def test_while_messages_are_moved_nothing_is_erased(company: Company) -> None:
    contact = live(company)
    with company.database.transaction(company.admin.tenant_id) as tx:
        (thread,) = tx.rows("select id from conversations where contact_id = %(id)s", id=contact)
        tx.execute(
            "insert into merges (tenant_id, id, kept_id, merged_id, evidence, moved)"
            " values (%(tenant_id)s, %(id)s, %(contact)s, %(contact)s, '{}', '{}')", id=contact, contact=contact,
        )  # fmt: skip
        tx.execute(
            "insert into moves (tenant_id, id, merge_id, from_id, into_id, low, high, shift)"
            " values (%(tenant_id)s, %(id)s, %(id)s, %(thread)s, %(thread)s, 0, 1, 0)", id=contact, thread=thread["id"],
        )  # fmt: skip
    with pytest.raises(Conflict):
        company.erase(contact)
    assert company.contact_of(PERSON) == contact


def test_a_contact_that_is_not_there_cannot_be_erased_and_one_that_was_erased_says_so(company: Company) -> None:
    contact = live(company)
    with pytest.raises(NotFound):
        company.erase(uuid4())
    first = company.erase(contact)
    assert company.erase(contact) == first
    assert [row["action"] for row in company.rows("select action from audit")] == ["contact.erased"]


def test_a_long_thread_is_erased_in_pieces_that_go_on_after_a_crash(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parley.services.erase_steps.MESSAGES", 3)
    monkeypatch.setattr("parley.services.erase_steps._PAGE", 2)
    monkeypatch.setattr("parley.services.erase_traces._WEBHOOKS", 2)
    contact = live(company)
    company.erasing = company.new_erasing(ticks=30)  # its time is up after the first step

    assert company.erase(contact)["state"] == "erasing"

    left = company.rows("select count(*) as n from messages where body like '%%xylophone%%'")
    assert left[0]["n"] > 0, "there is something to go on with"
    assert company.contact_of(PERSON) is None
    with company.database.transaction(company.admin.tenant_id) as tx:
        assert load_contacts(tx, [contact]) == {}
    company.replay()
    company.finish()
    assert company.erase(contact)["state"] == "erased"
    assert company.traces() == []


def test_while_the_bucket_is_away_the_housekeeper_waits_and_then_goes_on(company: Company) -> None:
    contact = live(company)
    company.tombstones.away = True
    assert company.erase(contact)["state"] == "erasing"
    with pytest.raises(Unavailable):
        company.erasing.carry_on()
    company.tombstones.away = False
    company.finish()
    assert company.traces() == []
    assert len(company.tombstones.objects) == 1


def test_a_file_that_somebody_else_sent_too_stays(company: Company) -> None:
    shared, own = PNG + b"a meme", PNG + b"only theirs"
    files = tuple(Media("image", "image/png", inline=data) for data in (shared, own))
    company.take(message("f1", PERSON, media=files))
    company.take(message("f2", OTHER, text="look", media=files[:1]))
    keys = [object_key(company.admin.tenant_id, data) for data in (shared, own)]
    company.bucket.put(thumbnail_key(keys[1]), b"small")

    company.erase(company.contact_of(PERSON) or uuid4())
    assert sorted(company.bucket.objects) == [keys[0]]

    company.replay()
    assert sorted(company.bucket.objects) == [keys[0]], "a replay brings no file back"


def test_a_webhook_that_comes_while_a_contact_is_erased_does_not_bring_it_back(
    company: Company, in_threads: Callable[..., list[object]]
) -> None:
    for turn in range(25):
        person = Address("phone", f"5531987654{turn:03}")
        company.take(said_now(f"t{turn}", person))
        contact = company.contact_of(person)
        assert contact is not None
        racing = [
            company.webhook(
                said_now(f"r{turn}-{n}", person), Edit(ACCOUNT, f"t{turn}", str(n), WORDS, datetime.now(UTC))
            )
            for n in range(3)
        ]
        in_threads([lambda of=contact: company.erase(of), *(lambda w=w: company.process(w) for w in racing)])
        company.finish()
        assert company.rows("select body from messages") == [], turn
        assert company.rows("select body from revisions") == [], turn
        assert company.contact_of(person) is None
    assert company.traces() == []


def said_now(id_: str, person: Address = PERSON) -> MessageReceived:
    return MessageReceived(ACCOUNT, id_, Person((person,), NAME), "text", datetime.now(UTC), WORDS)


class AskedAfter(Suppression):
    """The real one; `meanwhile` comes before it has any lock."""

    meanwhile: Callable[[], Any]

    def receive(self, *given: Any, **more: Any) -> Any:
        self.meanwhile()
        return super().receive(*given, **more)


@pytest.mark.parametrize("naive", [True, False])
def test_asking_before_receiving_alone_lets_a_webhook_bring_an_erased_person_back(
    company: Company, in_threads: Callable[..., list[object]], naive: bool
) -> None:
    company.take(said_now("first"))
    contact = company.contact_of(PERSON) or uuid4()

    def meanwhile() -> None:
        in_threads([lambda: company.erase(contact)])

    suppression = AskedBefore(hashing_of, meanwhile) if naive else AskedAfter(hashing_of)
    if isinstance(suppression, AskedAfter):
        suppression.meanwhile = meanwhile
    company.new_processor(suppression).process([company.webhook(said_now("second"))])

    assert (company.contact_of(PERSON) is not None) is naive


def test_without_tombstones_a_replay_brings_everything_back(company: Company) -> None:
    company.erase(live(company))
    company.processor = company.new_processor(None)
    company.replay()
    assert company.contact_of(PERSON) is not None
    assert company.rows("select 1 from messages where body like '%%xylophone%%'") != []


def test_a_message_that_is_being_sent_and_those_behind_it_go_too(
    desk: Any, in_threads: Callable[..., list[object]], make_user: Callable[..., Principal]
) -> None:
    admin = make_user(desk.agent.tenant_id, "Clara", "admin")
    erasing = Erasing(desk.database, hashing_of, Bucket, Bucket, lambda tenant_id: None)
    with desk.database.transaction(admin.tenant_id) as tx:
        contact = tx.value("select id from contacts")

    def erased_meanwhile(draft: Draft) -> Accepted:
        in_threads([lambda: erasing.erase(admin, contact, uuid4())])
        return Accepted(f"wamid.{draft.reference.hex}")

    desk.gateway.script = [erased_meanwhile]
    for words in ("one", "two"):
        desk.send(words)
    desk.deliver()

    assert [draft.text for draft in desk.gateway.sends] == ["one"]
    with desk.database.transaction(admin.tenant_id) as tx:
        for table in ("messages", "attempts", "conversations", "contacts"):
            assert tx.value(f"select count(*) from {table}") == 0, table
    with pytest.raises(NotFound):
        desk.send("three")


def test_open_browsers_hear_that_the_conversation_and_the_contact_are_gone(company: Company) -> None:
    from parley.services.render import render

    contact = live(company)
    before = company.rows("select coalesce(max(ordinal), 0) as n from events")[0]["n"]
    company.erase(contact)
    with company.database.transaction(company.admin.tenant_id) as tx:
        rows = tx.rows(
            "select row_number() over (order by ordinal) as seq, id, type, conversation_id, message_id, contact_id,"
            " topics, delta, actor, correlation_id, occurred_at from events where ordinal > %(n)s order by ordinal",
            n=before,
        )
        told = [(one.body["type"], one.body["data"]) for one in render(tx, rows)]
    assert ("contact.updated", {"id": str(contact), "erased": True}) in told
    assert any(type_ == "conversation.updated" and data.get("erased") for type_, data in told)
    assert any(type_ == "message.deleted" for type_, _ in told), "what was written in the group"
    assert any(type_ == "conversation.updated" and data.get("group") for type_, data in told)


def test_counters_and_the_group_say_what_is_left(company: Company) -> None:
    contact = live(company)
    company.erase(contact)
    (counts,) = company.rows("select sum(open) as open, sum(unread) as unread from conversation_counts")
    (open_,) = company.rows("select count(*) as n, count(*) filter (where unread_count > 0) as unread"
                            " from conversations where status = 'open'")  # fmt: skip
    assert (counts["open"], counts["unread"]) == (open_["n"], open_["unread"])
    (group,) = company.rows(
        "select m.body, c.unread_count from conversations c join messages m on m.id = c.last_message_id"
        " where c.group_id is not null"
    )
    assert group == {"body": "until later", "unread_count": 1}


def test_a_company_has_nothing_in_common_with_another_ones_tombstones(
    company: Company, make_tenant: Callable[..., UUID]
) -> None:
    named = (UUID(int=0), "phone", NUMBER)
    hashing = hashing_of()
    assert hashing.mark(company.admin.tenant_id, named) != hashing.mark(make_tenant("Other"), named)
