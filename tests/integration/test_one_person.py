"""Joining contacts and telling them apart: what moves, what comes back, and where answers go."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from parley.cloud.sealing import Sealer
from parley.domain.errors import Conflict, NotFound
from parley.domain.identity import Address, Person
from parley.domain.incoming import Group, GroupSeen, MessageReceived, NumberChanged
from parley.domain.principal import Principal
from parley.domain.webhook import Webhook
from parley.providers.base import Capabilities
from parley.services.process import Processor
from parley.services.same_person import SamePerson
from parley.services.send import SendRequest, send_message
from parley.store.database import Database
from parley.store.views import load_messages
from tests.integration.conftest import MemoryBucket

ACCOUNT = "123456789"
START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
ANA, BEA, LID = Address("phone", "5511911111111"), Address("phone", "5511922222222"), Address("lid", "9@lid")


class Gateway:
    """Says of each body what it was told to."""

    name, channel = "meta", "whatsapp"
    capabilities = Capabilities(kinds=frozenset({"text"}), window=timedelta(hours=24))

    def __init__(self) -> None:
        self.facts: dict[bytes, Any] = {}

    def verify(self, *said: Any) -> None:
        """Everybody is believed."""

    def redact(self, body: bytes, headers: Any) -> bytes:
        return body

    def normalise(self, body: bytes, headers: Any) -> Any:
        return self.facts[body]


class Shop:
    """A company with a number; customers write, agents join and part them."""

    def __init__(self, database: Database, sealer: Sealer, agent: Principal, integration: UUID) -> None:
        self.database, self.agent, self.integration = database, agent, integration
        self.gateway = Gateway()
        providers: Any = {"meta": self.gateway}
        self.providers = providers
        self.processor = Processor(database, MemoryBucket(), providers, lambda: sealer)
        self.people = SamePerson(database, providers, lambda tenant_id: None)
        self.count = 0

    def take(self, *facts: Any) -> None:
        body = uuid4().bytes
        self.gateway.facts[body] = list(facts)
        done = self.processor.process([Webhook("meta", self.integration, 1, datetime.now(UTC), uuid4(), {}, body)])
        assert (done.failed, done.parked) == ({}, 0), self.rows("select state, reason from ledger")

    def write(self, *addresses: Address, text: str | None = None, name: str | None = None) -> str:
        """A customer writes, later than everybody before; answers the text."""
        self.count += 1
        text = text or f"{addresses[0].value} {self.count}"
        at = START + timedelta(seconds=self.count)
        self.take(MessageReceived(ACCOUNT, f"m{self.count}", Person(addresses, name), "text", at, text))
        return text

    def contact_of(self, address: Address) -> UUID:
        with self.database.transaction(self.agent.tenant_id) as tx:
            found: UUID = tx.value("select contact_id from contact_aliases where value = %(key)s", key=address.key)
            return found

    def rows(self, query: str, **parameters: Any) -> list[dict[str, Any]]:
        with self.database.transaction(self.agent.tenant_id) as tx:
            return tx.rows(query, **parameters)

    def open_conversation(self, address: Address) -> dict[str, Any]:
        (found,) = self.rows(
            "select * from conversations where contact_id = %(id)s and status <> 'resolved'",
            id=self.contact_of(address),
        )
        return found

    def thread(self, conversation_id: UUID) -> list[str]:
        found = self.rows("select body from messages where conversation_id = %(id)s order by occurred_at, body",
                          id=conversation_id)  # fmt: skip
        return [row["body"] for row in found]

    def merge(self, one: Address, other: Address) -> dict[str, Any]:
        return self.people.merge(self.agent, self.contact_of(one), self.contact_of(other))

    def unmerge(self, address: Address) -> dict[str, Any]:
        return self.people.unmerge(self.agent, self.contact_of(address))

    def events(self) -> list[str]:
        return [row["type"] for row in self.rows("select type from events order by ordinal")]

    def send(self, conversation_id: UUID, text: str, key: str | None = None) -> dict[str, Any]:
        return send_message(
            self.database,
            self.providers,
            self.agent,
            conversation_id,
            SendRequest(kind="text", text=text),
            key,
            uuid4(),
        ).view


@pytest.fixture
def shop(database: Database, sealer: Sealer, agent: Principal, make_integration: Callable[..., UUID]) -> Shop:
    return Shop(database, sealer, agent, make_integration(agent.tenant_id, account_id=ACCOUNT))


def test_two_contacts_joined_by_hand_are_one_with_one_thread_and_the_evidence(shop: Shop) -> None:
    first, second = shop.write(ANA, name="Ana"), shop.write(BEA, name="Ana B.")
    older, younger = shop.contact_of(ANA), shop.contact_of(BEA)
    before = len(shop.events())
    view = shop.people.merge(shop.agent, younger, older)
    assert (view["id"], view["name"]) == (str(older), "Ana B.")
    assert {alias["value"] for alias in view["aliases"]} == {ANA.value, BEA.value}
    assert view == shop.people.contact(shop.agent, younger) == shop.people.contact(shop.agent, older)
    conversation = shop.open_conversation(BEA)
    assert shop.thread(conversation["id"]) == [first, second]
    assert (conversation["reply_address"], conversation["unread_count"]) == (BEA.value, 2)
    assert shop.events()[before:] == ["conversation.updated", "conversation.updated", "contact.updated"]
    (merge,) = shop.rows("select evidence from merges")
    assert merge["evidence"] == {"mergedBy": {"kind": "user", "id": str(shop.agent.id)}}
    (sender,) = {m["sender"]["id"] for m in views(shop, conversation["id"]).values()}
    assert sender == str(older)


def views(shop: Shop, conversation_id: UUID) -> dict[UUID, Any]:
    with shop.database.transaction(shop.agent.tenant_id) as tx:
        ids = [
            row["id"] for row in tx.rows("select id from messages where conversation_id = %(id)s", id=conversation_id)
        ]
        return load_messages(tx, ids)


def test_told_apart_each_has_its_own_again_and_what_its_address_wrote_since(shop: Shop) -> None:
    a1, b1 = shop.write(ANA, name="Ana"), shop.write(BEA, name="Bea")
    ana, bea = shop.contact_of(ANA), shop.contact_of(BEA)
    places = {address: shop.open_conversation(address)["id"] for address in (ANA, BEA)}
    numbers = shop.rows("select body, number from messages order by body")
    shop.merge(ANA, BEA)
    a2, b2 = shop.write(ANA), shop.write(BEA, name="Bea")
    shop.send(places[ANA], "an answer to Bea")
    a3 = shop.write(ANA)
    before = len(shop.events())
    view = shop.unmerge(ANA)
    assert (view["id"], view["name"]) == (str(ana), "Ana")
    assert (shop.contact_of(ANA), shop.contact_of(BEA)) == (ana, bea)
    now = {address: shop.open_conversation(address) for address in (ANA, BEA)}
    assert {address: row["id"] for address, row in now.items()} == places
    assert shop.thread(places[ANA]) == [a1, a2, a3]
    assert shop.thread(places[BEA]) == [b1, b2, "an answer to Bea"]
    assert [now[address]["reply_address"] for address in (ANA, BEA)] == [ANA.value, BEA.value]
    assert [now[address]["unread_count"] for address in (ANA, BEA)] == [3, 2]
    assert now[BEA]["window_expires_at"] == START + timedelta(seconds=4, hours=24)
    senders = {view["sender"]["id"] for view in views(shop, places[BEA]).values() if view["direction"] == "incoming"}
    assert senders == {str(bea)}
    kept = shop.rows("select body, number from messages where body in (%(a)s, %(b)s) order by body", a=a1, b=b1)
    assert kept == numbers
    assert sorted(shop.events()[before:]) == [*["contact.updated"] * 2, *["conversation.updated"] * 2]
    (merge,) = shop.rows("select evidence, undone_at is not null as undone from merges")
    assert (merge["undone"], merge["evidence"]["unmergedBy"]["id"]) == (True, str(shop.agent.id))


def test_an_answer_after_telling_apart_goes_to_the_address_that_last_wrote_in_that_thread(shop: Shop) -> None:
    shop.write(ANA)
    shop.write(BEA)
    shop.merge(ANA, BEA)
    shop.write(ANA)
    places = shop.rows("select id from conversations order by id")
    shop.unmerge(BEA)
    addresses = []
    for place in places:
        shop.send(place["id"], "hello")
        addresses += [
            row["reply_address"] for row in shop.rows("select * from conversations where id = %(id)s", **place)
        ]
    assert addresses == [ANA.value, BEA.value]


def test_a_new_address_seen_beside_ones_own_goes_along(shop: Shop) -> None:
    shop.write(ANA)
    shop.write(BEA)
    shop.merge(ANA, BEA)
    new = Address("phone", "5511933333333")
    shop.write(BEA, LID)
    shop.take(NumberChanged(ACCOUNT, BEA, new, None))
    text = shop.write(LID)
    shop.unmerge(ANA)
    assert shop.contact_of(LID) == shop.contact_of(BEA) == shop.contact_of(new) != shop.contact_of(ANA)
    assert text in shop.thread(shop.open_conversation(BEA)["id"])
    shop.write(BEA, LID)
    assert shop.contact_of(ANA) != shop.contact_of(BEA)


def test_one_that_had_no_thread_gets_one_for_what_it_wrote_since(shop: Shop) -> None:
    a1 = shop.write(ANA)
    shop.write(BEA)
    bea = shop.contact_of(BEA)
    with shop.database.transaction(shop.agent.tenant_id) as tx:
        tx.execute("delete from messages where sender_id = %(id)s", id=bea)
        tx.execute("delete from conversations where contact_id = %(id)s", id=bea)
    shop.merge(ANA, BEA)
    b1, a2 = shop.write(BEA), shop.write(ANA)
    before = len(shop.events())
    shop.unmerge(ANA)
    assert shop.thread(shop.open_conversation(BEA)["id"]) == [b1]
    assert shop.thread(shop.open_conversation(ANA)["id"]) == [a1, a2]
    assert "conversation.new" in shop.events()[before:]


def test_what_was_resolved_stays_whose_it_was_and_as_it_was(shop: Shop) -> None:
    for address in (ANA, BEA):
        shop.write(address)
    with shop.database.transaction(shop.agent.tenant_id) as tx:
        tx.execute("update conversations set status = 'resolved'")
    places = {address: shop.rows("select id from conversations where contact_id = %(id)s", id=shop.contact_of(address))
              for address in (ANA, BEA)}  # fmt: skip
    shop.merge(ANA, BEA)
    a2 = shop.write(ANA)  # reopens the younger one, which is Bea's
    shop.unmerge(ANA)
    for address, rows in places.items():
        assert shop.rows("select id from conversations where contact_id = %(id)s", id=shop.contact_of(address)) == rows
    assert a2 in shop.thread(places[ANA][0]["id"])
    assert shop.open_conversation(ANA)["id"] == places[ANA][0]["id"]


def test_in_a_group_each_is_the_author_of_what_their_address_wrote(shop: Shop) -> None:
    group = Group("1@g.us", "Friends")
    shop.write(ANA)
    for number, address in enumerate((ANA, BEA)):
        at = START + timedelta(minutes=number)
        shop.take(MessageReceived(ACCOUNT, f"g{number}", Person((address,)), "text", at, address.value, group=group))
    ids = {address.value: str(shop.contact_of(address)) for address in (ANA, BEA)}
    (place,) = shop.rows("select id from conversations where group_id is not null")

    def authors() -> dict[str, str]:
        return {view["text"]: view["sender"]["id"] for view in views(shop, place["id"]).values()}

    def members() -> set[str]:
        return {str(row["contact_id"]) for row in shop.rows("select contact_id from group_members")}

    assert (authors(), members()) == (ids, set(ids.values()))
    shop.merge(ANA, BEA)
    assert set(authors().values()) == members() == {ids[ANA.value]}
    at = START + timedelta(minutes=5)
    shop.take(MessageReceived(ACCOUNT, "g5", Person((BEA,)), "text", at, "later", group=group))
    shop.unmerge(ANA)
    assert authors() == {**ids, "later": ids[BEA.value]}
    assert members() == set(ids.values())


def test_a_groups_new_name_is_its_conversations(shop: Shop) -> None:
    text = MessageReceived(ACCOUNT, "g1", Person((ANA,)), "text", START, "hi", group=Group("1@g.us", "Friends"))
    named = [
        GroupSeen(ACCOUNT, Group("1@g.us", name), START + timedelta(seconds=at))
        for name, at in (("Old", -5), ("New", 5))
    ]
    shop.take(GroupSeen(ACCOUNT, Group("2@g.us", "Nobody's"), START))
    shop.take(text)
    before = len(shop.events())
    for fact in (named[1], named[0], named[1]):
        shop.take(fact)
    assert shop.rows("select address, name from groups") == [{"address": "1@g.us", "name": "New"}]
    assert shop.events()[before:] == ["conversation.updated"]


def test_joins_are_undone_from_the_last_one_back(shop: Shop) -> None:
    carl = Address("phone", "5511944444444")
    texts = {address: shop.write(address) for address in (ANA, BEA, carl)}
    ids = {address: shop.contact_of(address) for address in texts}
    shop.merge(BEA, carl)
    shop.merge(ANA, BEA)
    first, last = (row["id"] for row in shop.rows("select id from merges order by id"))
    with pytest.raises(Conflict) as refused:
        shop.people.unmerge(shop.agent, ids[ANA], first)
    assert refused.value.extra == {"mergeId": str(last)}
    assert shop.people.contact(shop.agent, ids[carl])["id"] == str(ids[ANA])
    shop.people.unmerge(shop.agent, ids[ANA], last)
    assert shop.people.contact(shop.agent, ids[carl])["id"] == str(ids[BEA])
    shop.people.unmerge(shop.agent, ids[carl])
    for address, text in texts.items():
        assert shop.contact_of(address) == ids[address]
        assert shop.thread(shop.open_conversation(address)["id"]) == [text]


def test_what_cannot_be_joined_or_undone_is_a_conflict_and_anothers_is_not_there(
    shop: Shop, make_tenant: Callable[..., UUID], make_user: Callable[..., Principal]
) -> None:
    shop.write(ANA)
    shop.write(BEA)
    ana, bea = shop.contact_of(ANA), shop.contact_of(BEA)
    stranger = make_user(make_tenant("Other"))
    for people, one, other, refusal in (
        (shop.agent, ana, ana, Conflict),
        (shop.agent, ana, uuid4(), NotFound),
        (stranger, ana, bea, NotFound),
    ):
        with pytest.raises(refusal):
            shop.people.merge(people, one, other)
    for one, refusal, caller in (
        (ana, Conflict, shop.agent),
        (uuid4(), NotFound, shop.agent),
        (ana, NotFound, stranger),
    ):
        with pytest.raises(refusal):
            shop.people.unmerge(caller, one)
    with pytest.raises(NotFound):
        shop.people.contact(stranger, ana)
    shop.merge(ANA, BEA)
    with pytest.raises(Conflict):
        shop.people.merge(shop.agent, ana, bea)


def test_who_writes_into_a_thread_that_went_on_in_another_writes_into_that_one_and_once(shop: Shop) -> None:
    shop.write(ANA)
    shop.write(BEA)
    kept, closed = shop.open_conversation(ANA)["id"], shop.open_conversation(BEA)["id"]
    before = shop.send(closed, "typed before", "key")
    shop.merge(ANA, BEA)
    assert shop.send(closed, "typed before", "key")["id"] == before["id"]
    assert shop.send(closed, "typed after", "other")["conversationId"] == str(kept)
    assert shop.send(closed, "typed after", "other")["conversationId"] == str(kept)
    assert shop.thread(kept).count("typed after") == 1
