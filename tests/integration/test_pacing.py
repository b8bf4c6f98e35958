"""Keeping the pace a gateway allows: per account, per customer and per day, however many ask at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest

from parley.providers.base import Pacing
from parley.services.pace import Pace
from parley.store.database import jsonb
from parley.store.housekeeping import forget_pacing

from .conftest import EVERYTHING, Desk

InThreads = Callable[[Sequence[Callable[[], object]]], list[Any]]
SECOND = timedelta(seconds=1)


def paced(**pacing: Any) -> Any:
    return replace(EVERYTHING, pacing=Pacing(**pacing))


def earliest_in(desk: Desk, view: dict[str, Any]) -> float:
    with desk.database.transaction(desk.agent.tenant_id) as tx:
        now = tx.value("select now()")
    wait: timedelta = datetime.fromisoformat(view["earliestSendAt"]) - now
    return wait.total_seconds()


def test_a_message_too_early_for_its_customer_says_when_it_will_go_and_holds_back_the_next(desk: Desk) -> None:
    desk.gateway.capabilities = paced(pair=timedelta(seconds=60))
    first = desk.send("first").view
    assert first["earliestSendAt"] is None
    desk.deliver()
    second, third = desk.send("second").view, desk.send("third").view
    assert 55 < earliest_in(desk, second) <= 60
    assert 115 < earliest_in(desk, third) <= 120
    assert desk.deliver() == 0
    assert desk.statuses() == ["sent", "queued", "queued"]
    desk.make_due()
    assert desk.deliver() == 0, "what was due by the first guess still has to wait for its turn"
    assert 55 < earliest_in(desk, desk.view(second["id"])) <= 60
    (_, _, delay) = desk.queue.sent[-1]
    assert 55 < delay <= 60
    desk.make_due()
    assert desk.deliver() == 1, "its turn is kept for it"
    assert desk.statuses() == ["sent", "sent", "queued"]


def test_a_hint_that_comes_before_the_turn_is_not_repeated(desk: Desk) -> None:
    desk.gateway.capabilities = paced(pair=timedelta(seconds=60))
    desk.send("first")
    desk.send("second")
    assert desk.deliver() == 1
    hints = len(desk.queue.sent)
    for _ in range(5):
        assert desk.deliver() == 0
    assert len(desk.queue.sent) == hints


def test_the_turns_of_an_account_are_as_far_apart_as_it_must_be_whoever_asks(desk: Desk, in_threads: InThreads) -> None:
    pacing = Pacing(per_second=0.5)
    integration_id = integration_of(desk)

    def take() -> timedelta:
        return desk.database.run(desk.agent.tenant_id, lambda tx: Pace().take(tx, pacing, integration_id, uuid4()).wait)

    waits = sorted(wait.total_seconds() for wait in in_threads([take] * 8))
    assert waits[0] == 0
    assert all(gap == pytest.approx(2, abs=0.5) for gap in [b - a for a, b in pairwise(waits)])


def test_a_burst_goes_at_once_and_its_debt_is_paid_later(desk: Desk) -> None:
    pacing = Pacing(per_second=5)
    integration_id = integration_of(desk)
    with desk.database.transaction(desk.agent.tenant_id) as tx:
        waits = [Pace().take(tx, pacing, integration_id, uuid4()).wait for _ in range(8)]
    assert [round(wait / SECOND, 3) for wait in waits] == [0, 0, 0, 0, 0, 0.2, 0.4, 0.6]


def test_a_fast_clock_shortens_what_a_gateway_asks_for(desk: Desk) -> None:
    pacing = Pacing(pair=timedelta(seconds=60))
    integration_id, partner = integration_of(desk), uuid4()
    with desk.database.transaction(desk.agent.tenant_id) as tx:
        waits = [Pace(60).take(tx, pacing, integration_id, partner).wait for _ in range(3)]
    assert [round(wait / SECOND, 3) for wait in waits] == [0, 1, 2]


def test_what_a_day_allows_is_counted_over_any_24_hours(desk: Desk) -> None:
    desk.gateway.capabilities = paced(per_day=2)
    for text in "abc":
        desk.send(text)
    assert desk.deliver() == 2
    assert desk.statuses() == ["sent", "sent", "queued"]
    (_, _, delay) = desk.queue.sent[-1]
    assert delay == 900, "later than a hint can wait: the housekeeper will see to it"
    late = desk.send("d").view
    assert 86_000 < earliest_in(desk, late) <= 86_400
    with desk.database.transaction(desk.agent.tenant_id) as tx:
        tx.execute("update attempts set claimed_at = claimed_at - interval '23 hours'")
    desk.make_due()
    assert desk.deliver() == 0
    with desk.database.transaction(desk.agent.tenant_id) as tx:
        tx.execute("update attempts set claimed_at = claimed_at - interval '61 minutes'")
    desk.make_due()
    assert desk.deliver() == 2


def test_the_last_place_of_a_day_is_given_once(desk: Desk, in_threads: InThreads) -> None:
    pacing = Pacing(per_day=1)
    integration_id = integration_of(desk)
    insert = """insert into attempts (tenant_id, id, message_id, lease_until, integration_id)
                values (%(tenant_id)s, gen_random_uuid(), %(message_id)s, now(), %(integration_id)s)"""
    message_id = desk.send("x").view["id"]

    def take() -> bool:
        with desk.database.transaction(desk.agent.tenant_id) as tx:
            free = Pace().take(tx, pacing, integration_id, uuid4()).wait == timedelta(0)
            if free:
                tx.execute(insert, message_id=message_id, integration_id=integration_id)
        return free

    assert sum(in_threads([take] * 6)) == 1


def test_old_paces_are_forgotten_and_young_ones_kept(desk: Desk) -> None:
    pacing = Pacing(pair=SECOND)
    integration_id = integration_of(desk)
    with desk.database.transaction(desk.agent.tenant_id) as tx:
        Pace().take(tx, pacing, integration_id, uuid4())
        tx.execute("update pacing set tat = now() - interval '1 hour'")
        Pace().take(tx, pacing, integration_id, uuid4())
    with desk.database.unscoped() as tx:
        forget_pacing(tx)
    with desk.database.transaction(desk.agent.tenant_id) as tx:
        assert tx.value("select count(*) from pacing") == 1


def settle(desk: Desk, pacing: dict[str, Any]) -> None:
    with desk.database.transaction(desk.agent.tenant_id) as tx:
        tx.execute("update integrations set settings = jsonb_build_object('pacing', %(p)s::jsonb)", p=jsonb(pacing))


def test_a_customer_is_written_to_in_a_burst_of_the_gateways_size_and_then_at_its_pace(desk: Desk) -> None:
    desk.gateway.capabilities = paced(pair=timedelta(seconds=60), pair_burst=3)
    views = [desk.send(str(number)).view for number in range(5)]
    assert [view["earliestSendAt"] is None for view in views] == [True, True, True, False, False]
    assert 55 < earliest_in(desk, views[3]) <= 60
    assert desk.deliver() == 3
    assert desk.statuses() == ["sent", "sent", "sent", "queued", "queued"]


def test_an_integrations_settings_lower_what_the_gateway_allows(desk: Desk) -> None:
    desk.gateway.capabilities = paced(pair=timedelta(seconds=6), pair_burst=20)
    settle(desk, {"pairSeconds": 60, "pairBurst": 1, "perDay": 2})
    desk.send("first")
    second = desk.send("second").view
    assert 55 < earliest_in(desk, second) <= 60
    assert desk.deliver() == 1
    desk.make_due()
    assert desk.deliver() == 0
    desk.make_due()
    assert desk.deliver() == 1
    desk.send("third")
    assert desk.deliver() == 0
    desk.make_due()
    assert desk.deliver() == 0, "the day of this integration is full"
    assert desk.statuses() == ["sent", "sent", "queued"]


OWN = Pacing(per_second=80, pair=timedelta(seconds=6), pair_burst=20, per_day=1000)


@pytest.mark.parametrize(
    ("asked", "got"),
    [
        ({}, OWN),
        (None, OWN),
        ({"perSecond": 500, "pairSeconds": 1, "pairBurst": 99, "perDay": 5000}, OWN),
        ({"perSecond": 0.5}, replace(OWN, per_second=0.5)),
        ({"pairSeconds": 30, "pairBurst": 2}, replace(OWN, pair=timedelta(seconds=30), pair_burst=2)),
        ({"perDay": 250}, replace(OWN, per_day=250)),
        ({"perSecond": "1", "pairSeconds": -1, "pairBurst": True, "perDay": 10**400}, OWN),
        ({"perSecond": 1e-300, "pairBurst": 0.5}, replace(OWN, per_second=1 / 86_400, pair_burst=1)),
    ],
)
def test_settings_only_ever_slow_down(asked: object, got: Pacing) -> None:
    assert OWN.lowered(asked) == got


def test_settings_can_pace_what_the_gateway_does_not() -> None:
    asked = {"perSecond": 2, "pairSeconds": 10, "pairBurst": 3, "perDay": 9}
    assert Pacing().lowered(asked) == Pacing(per_second=2, pair=timedelta(seconds=10), pair_burst=3, per_day=9)


def integration_of(desk: Desk) -> Any:
    with desk.database.transaction(desk.agent.tenant_id) as tx:
        return tx.value("select id from integrations")
