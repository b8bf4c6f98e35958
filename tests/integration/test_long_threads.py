"""Joining contacts of whom one wrote much: the thread arrives in steps, and whoever dies on the way is followed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from parley.cloud.sealing import Sealer
from parley.domain.errors import Conflict
from parley.domain.identity import Address
from parley.domain.principal import Principal
from parley.services import move_messages
from parley.store import joining
from parley.store.database import Database
from parley.store.joining import find_moves, move_some
from tests.integration.test_one_person import ACCOUNT, ANA, BEA, Shop


@pytest.fixture
def shop(database: Database, sealer: Sealer, agent: Principal, make_integration: Callable[..., UUID]) -> Shop:
    return Shop(database, sealer, agent, make_integration(agent.tenant_id, account_id=ACCOUNT))


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(move_messages, "AT_ONCE", 4)
    monkeypatch.setattr(move_messages, "STEP", 3)


@pytest.mark.usefixtures("small_steps")
def test_a_long_thread_moves_in_steps_while_the_kept_one_goes_on(shop: Shop) -> None:
    kept = [shop.write(ANA)]
    long = [shop.write(BEA) for _ in range(11)]
    place, closed = shop.open_conversation(ANA)["id"], shop.open_conversation(BEA)["id"]
    shop.merge(ANA, BEA)
    assert shop.thread(closed) == sorted(long, key=long.index)
    kept_now = shop.open_conversation(ANA)
    assert (kept_now["id"], kept_now["unread_count"], kept_now["reply_address"]) == (place, 12, BEA.value)
    late = shop.write(BEA)
    with pytest.raises(Conflict):
        shop.unmerge(ANA)
    assert move_messages.carry_on(shop.database, steps=2) == 2
    assert len(shop.thread(closed)) == 5
    assert move_messages.carry_on(shop.database) > 0
    assert shop.thread(closed) == []
    assert shop.thread(place) == [*kept, *long, late]
    numbers = [row["number"] for row in shop.rows("select number from messages order by occurred_at")]
    assert numbers == sorted(set(numbers))
    assert move_messages.carry_on(shop.database) == 0
    assert shop.events()[-2:] == ["conversation.updated"] * 2
    shop.unmerge(BEA)
    now = {address: shop.open_conversation(address) for address in (ANA, BEA)}
    assert [(row["reply_address"], row["unread_count"]) for row in now.values()] == [(ANA.value, 1), (BEA.value, 12)]
    assert shop.thread(closed) != [*long, late]
    while move_messages.carry_on(shop.database):
        pass
    assert shop.thread(closed) == [*long, late]
    assert shop.thread(place) == kept


@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_mover_that_dies_half_way_is_followed_by_another_and_nothing_is_lost_or_twice(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    class Crash(BaseException):
        """The process is gone."""

    kept, long = shop.write(ANA), [shop.write(BEA) for _ in range(11)]
    shop.merge(ANA, BEA)
    count = 0

    def dying(*given: Any) -> int:
        nonlocal count
        moved = move_some(*given)
        count += 1
        if count > after:
            raise Crash
        return moved

    monkeypatch.setattr(joining, "move_some", dying)
    with pytest.raises(Crash):
        move_messages.carry_on(shop.database)
    monkeypatch.setattr(joining, "move_some", move_some)
    place = shop.open_conversation(ANA)["id"]
    assert len(shop.thread(place)) == 1 + 3 * after
    while move_messages.carry_on(shop.database):
        pass
    assert shop.thread(place) == [kept, *long]


@pytest.mark.usefixtures("small_steps")
def test_joins_of_joins_arrive_in_their_order(shop: Shop) -> None:
    carl = Address("phone", "5511944444444")
    texts = [shop.write(address) for address in (ANA, BEA, carl) for _ in range(6)]
    shop.merge(BEA, carl)
    shop.merge(ANA, BEA)
    while move_messages.carry_on(shop.database):
        pass
    assert shop.thread(shop.open_conversation(ANA)["id"]) == texts


@pytest.mark.usefixtures("small_steps")
def test_a_move_waits_for_the_one_that_still_brings_what_it_takes(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    carl = Address("phone", "5511944444444")
    texts = [shop.write(address) for address in (ANA, BEA, carl) for _ in range(6)]
    shop.merge(BEA, carl)
    shop.merge(ANA, BEA)
    monkeypatch.setattr(joining, "find_moves", lambda *given: list(reversed(find_moves(*given))))
    for _ in range(3):
        move_messages.carry_on(shop.database)
    assert shop.thread(shop.open_conversation(ANA)["id"]) == texts


@pytest.mark.usefixtures("small_steps")
def test_two_being_sent_at_once_wait_for_each_other(shop: Shop) -> None:
    shop.write(ANA)
    for _ in range(6):
        shop.write(BEA)
    places = [shop.open_conversation(address)["id"] for address in (ANA, BEA)]
    for place in places:
        shop.send(place, "on its way")
    with shop.database.transaction(shop.agent.tenant_id) as tx:
        tx.execute("update messages set status = 'sending', lease_until = now() where status = 'queued'")
    shop.merge(ANA, BEA)
    move_messages.carry_on(shop.database)
    assert "on its way" in shop.thread(places[1])
    with shop.database.transaction(shop.agent.tenant_id) as tx:
        tx.execute("update messages set status = 'sent', lease_until = null where status = 'sending'")
    while move_messages.carry_on(shop.database):
        pass
    assert shop.thread(places[1]) == []
