"""Random histories of people: addresses seen together, numbers that change, contacts joined by hand and told apart,
with long threads moved in steps between. Whatever the order, each person is one contact with their own thread, evidence
is kept, and an answer goes to the address that last wrote there. The model below is the whole of the rules.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from parley.cloud.sealing import Sealer
from parley.domain.errors import Conflict
from parley.domain.identity import Address
from parley.domain.incoming import NumberChanged
from parley.domain.principal import Principal
from parley.services import move_messages
from parley.store.database import Database
from tests.integration.test_one_person import ACCOUNT, START, Shop

ADDRESSES = (
    Address("phone", "5531987654321"),
    Address("phone", "553187654321"),  # the same number without its ninth digit
    Address("phone", "5511912345678"),
    Address("phone", "5511923456789"),
    Address("lid", "111@lid"),
    Address("bsuid", "BR.abc"),
    Address("bsuid", "BR.def"),
)
some = st.sampled_from(range(len(ADDRESSES)))
seen = st.tuples(st.just("seen"), st.lists(some, min_size=1, max_size=2, unique=True))
changed = st.tuples(st.just("changed"), st.tuples(st.sampled_from((0, 2, 3)), st.sampled_from((1, 2, 3))))
renamed = st.tuples(st.just("changed"), st.sampled_from(((5, 6), (6, 5))))
merged = st.tuples(st.just("merged"), st.tuples(some, some))
parted = st.tuples(st.just("parted"), st.tuples(some, st.booleans()))
moved = st.tuples(st.just("moved"), st.integers(1, 2))
alone = st.tuples(st.just("seen"), st.lists(some, min_size=1, max_size=1))
steps = st.lists(
    st.one_of(alone, alone, seen, changed, renamed, merged, merged, parted, parted, moved), min_size=5, max_size=16
)
BEFORE = tuple(("seen", [place]) for place in (0, 2, 4, 5, 2, 4, 4))
"""Some wrote, and some of them much, before anything happens."""
QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@dataclass(eq=False)
class Contact:
    """`beside`: each key with the one beside which it was first seen. `joins`: who was joined to it, the last on top,
    with the keys they had and when that was.
    """

    age: int
    beside: dict[str, str | None] = field(default_factory=dict)
    joins: list[tuple[Contact, dict[str, str | None], int]] = field(default_factory=list)


class Model:
    """The rules: a key is of whom it was first seen with; the older contact stays; the last join is undone first, and
    what was seen beside a key since then goes where that key goes.
    """

    def __init__(self) -> None:
        self.contacts: list[Contact] = []
        self.since: dict[str, int] = {}
        self.said: list[tuple[str, str, str]] = []  # the key, how it was written, the text
        self.step = self.joins = self.parts = 0

    def of(self, key: str) -> Contact | None:
        return next((contact for contact in self.contacts if key in contact.beside), None)

    def see(self, keys: list[str]) -> None:
        self.step += 1
        while len(found := sorted(self._with(keys), key=lambda contact: contact.age)) > 1:
            self._join(found[0], found[1])
        if not found:
            found = [Contact(self.step, {keys[0]: None})]
            self.contacts.append(found[0])
            self.since[keys[0]] = self.step
        anchor = next(key for key in keys if key in found[0].beside)
        for key in keys:
            if key not in found[0].beside:
                found[0].beside[key] = anchor
                self.since[key] = self.step

    def merge(self, one: Contact, other: Contact) -> None:
        self.step += 1
        self._join(*sorted((one, other), key=lambda contact: contact.age))

    def part(self, kept: Contact) -> None:
        self.step += 1
        self.parts += 1
        gone, theirs, joined_at = kept.joins.pop()
        mine = {key: beside for key, beside in kept.beside.items() if key not in theirs}
        while late := [k for k, beside in mine.items() if beside in theirs and self.since[k] > joined_at]:
            theirs |= {key: mine.pop(key) for key in late}
        kept.beside, gone.beside = mine, theirs
        self.contacts.append(gone)

    def _with(self, keys: list[str]) -> list[Contact]:
        return [contact for contact in self.contacts if contact.beside.keys() & set(keys)]

    def _join(self, kept: Contact, gone: Contact) -> None:
        kept.joins.append((gone, dict(gone.beside), self.step))
        kept.beside |= gone.beside
        self.contacts.remove(gone)
        self.joins += 1


class Play:
    """Does the same to the model and to a shop."""

    def __init__(self, shop: Shop) -> None:
        self.shop, self.model = shop, Model()

    def seen(self, places: list[int]) -> None:
        addresses = [ADDRESSES[place] for place in places]
        text = self.shop.write(*addresses)
        self.model.see([address.key for address in addresses])
        self.model.said.append((addresses[0].key, addresses[0].value, text))

    def changed(self, places: tuple[int, int]) -> None:
        old, new = (ADDRESSES[place] for place in places)
        self.shop.take(NumberChanged(ACCOUNT, old, new, START))
        if self.model.of(old.key) or self.model.of(new.key):
            self.model.see([new.key, old.key])

    def merged(self, places: tuple[int, int]) -> None:
        one, other = (self.model.of(ADDRESSES[place].key) for place in places)
        if one is not None and other is not None and one is not other:
            self.shop.merge(ADDRESSES[places[0]], ADDRESSES[places[1]])
            self.model.merge(one, other)

    def parted(self, asked: tuple[int, bool]) -> None:
        address, patient = ADDRESSES[asked[0]], asked[1]
        contact = self.model.of(address.key)
        if contact is None:
            return
        if patient:
            self.drain()
        if not contact.joins:
            with pytest.raises(Conflict):
                self.shop.unmerge(address)
            return
        try:
            self.shop.unmerge(address)
        except Conflict:
            assert not patient
            self.drain()
            self.shop.unmerge(address)
        self.model.part(contact)

    def moved(self, count: int) -> None:
        move_messages.carry_on(self.shop.database, count)

    def drain(self) -> None:
        while move_messages.carry_on(self.shop.database):
            pass


def check(shop: Shop, model: Model) -> None:
    """The shop is as the model says."""
    aliases = shop.rows("select contact_id, value, evidence from contact_aliases")
    owner: dict[str, UUID] = {row["value"]: row["contact_id"] for row in aliases}
    keys: dict[UUID, set[str]] = {}
    for key, contact_id in owner.items():
        keys.setdefault(contact_id, set()).add(key)
    assert sorted(map(sorted, keys.values())) == sorted(sorted(contact.beside) for contact in model.contacts)
    assert all(row["evidence"]["correlationId"] for row in aliases)
    merges = shop.rows("select evidence, undone_at from merges")
    assert (len(merges), sum(row["undone_at"] is not None for row in merges)) == (model.joins, model.parts)
    assert all("correlationId" in row["evidence"] or "mergedBy" in row["evidence"] for row in merges)
    live = "select * from conversations where merged_into is null and contact_id = %(id)s and last_number > 0"
    for contact_id, theirs in keys.items():
        mine = [said for said in model.said if said[0] in theirs]
        threads = [row for row in shop.rows(live, id=contact_id) if shop.thread(row["id"])]
        assert [shop.thread(row["id"]) for row in threads] == ([[text for _, _, text in mine]] if mine else [])
        for row in threads:
            assert (row["status"], row["unread_count"], row["reply_address"]) == ("open", len(mine), mine[-1][1])
            assert shop.rows("select body from messages where id = %(id)s", id=row["last_message_id"]) == [
                {"body": mine[-1][2]}
            ]
            assert row["window_expires_at"] == row["reply_at"] + timedelta(hours=24)
    assert len(shop.rows("select id from messages")) == len(model.said)


def test_random_histories_of_people_end_with_each_person_one_contact(
    database: Database,
    sealer: Sealer,
    make_tenant: Callable[..., UUID],
    make_user: Callable[..., Principal],
    make_integration: Callable[..., UUID],
    full_proof: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(move_messages, "AT_ONCE", 2)
    monkeypatch.setattr(move_messages, "STEP", 2)

    @settings(max_examples=1000 if full_proof else 60, deadline=None, suppress_health_check=QUIET, database=None)
    @given(steps)
    @example([("merged", (0, 2)), ("merged", (0, 4)), ("parted", (0, True))])
    @example([("merged", (0, 2)), ("seen", [2, 6]), ("changed", (2, 3)), ("seen", [3]), ("parted", (0, True))])
    @example(
        [("merged", (2, 4)), ("merged", (0, 2)), ("moved", 1), ("seen", [4]), ("parted", (4, False)), ("seen", [2])]
    )
    @example(
        [("merged", (0, 4)), ("seen", [4]), ("seen", [0]), ("seen", [4]), ("parted", (0, False)), ("merged", (4, 0))]
    )
    def each_person_is_one_contact(history: list[tuple[str, object]]) -> None:
        tenant = make_tenant()
        shop = Shop(database, sealer, make_user(tenant), make_integration(tenant, account_id=ACCOUNT))
        play = Play(shop)
        for name, given_ in (*BEFORE, *history):
            getattr(play, name)(given_)
        play.drain()
        check(shop, play.model)

    each_person_is_one_contact()
