"""P1 to P7 as a state machine: customers write, gateways repeat and reorder, agents send, processes die, the database
goes and comes back, operators redrive, time jumps. Whatever the order of all that, what must hold holds after each
step, and once the world is quiet everything has arrived. With the naive sender (naive/sending.py) it does not.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Collection
from functools import partial
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

if TYPE_CHECKING:
    from tests.integration.crashing.world import World

HERE = Path(__file__).parent
PHONES = ("5511987654321", "553187654321", "5531987654321")
"""The last two are one person, with and without the ninth digit."""

if "crashing" not in sys.modules:
    place = HERE / "crashing"
    spec = spec_from_file_location("crashing", place / "__init__.py", submodule_search_locations=[str(place)])
    assert spec is not None
    assert spec.loader is not None
    package = sys.modules["crashing"] = module_from_spec(spec)
    spec.loader.exec_module(package)
faults, gateway, scenarios = (import_module(f"crashing.{room}") for room in ("faults", "gateway", "scenarios"))
fixtures, invariants = (import_module(f"crashing.{room}") for room in ("fixtures", "invariants"))
nowhere, make_company, make_world = fixtures.nowhere, fixtures.make_company, fixtures.make_world

picks = st.integers(0, 99)


class Company(RuleBasedStateMachine):
    """One world; `make_world` and `read_inbox` are given by the test."""

    make_world: Callable[..., World]
    read_inbox: Callable[[UUID], dict[str, Any]]

    @initialize(order=st.integers(0, 9))
    def begin(self, order: int) -> None:
        self.points = faults.Points()
        self.world = type(self).make_world(self.points, order=random.Random(order))
        self.conversation_id = scenarios.greeted(self.world)
        self.world.agent_listens()
        self.written = {"wamid.0": "Hello"}

    @rule(phone=st.sampled_from(PHONES), at=st.integers(0, 20))
    def customer_writes(self, phone: str, at: int) -> None:
        id_ = f"wamid.{len(self.written)}"
        self.written[id_] = f"text {id_}"
        self.world.customer_writes(id_, self.written[id_], at=at, phone=phone)

    @rule(which=picks)
    def gateway_posts_one(self, which: int) -> None:
        waiting = self.world.to_post
        waiting += self.world.gateway.to_tell
        self.world.gateway.to_tell.clear()
        if waiting and self.world.post(body := waiting[which % len(waiting)]):
            waiting.remove(body)

    @precondition(lambda self: self.world.answered)
    @rule(which=picks)
    def gateway_repeats(self, which: int) -> None:
        self.world.post(self.world.answered[which % len(self.world.answered)])

    @rule(name=st.sampled_from(("inbound", "outbound")), most=st.integers(1, 10))
    def work(self, name: str, most: int) -> None:
        self.world.work(name, most)

    @rule(name=st.sampled_from(("inbound", "outbound")), which=picks)
    def redrive(self, name: str, which: int) -> None:
        self.world.queues[name].redrive(which)

    @rule(again=st.none() | picks, tries=st.integers(1, 3))
    def agent_sends(self, again: int | None, tries: int) -> None:
        number = len(self.world.asked) if again is None else again % (len(self.world.asked) + 1)
        self.world.agent_sends(f"text {number}", f"key-{number}", self.conversation_id, tries=tries)

    @rule(behaviour=st.sampled_from(gateway.BEHAVIOURS))
    def gateway_will(self, behaviour: str) -> None:
        self.world.gateway.script = [*self.world.gateway.script[:2], behaviour]

    @rule(late=st.booleans())
    def gateway_tells(self, late: bool) -> None:
        self.world.gateway.tells_late = late

    @rule(places=st.integers(0, 40))
    def something_breaks(self, places: int) -> None:
        self.points.choose_ahead(places)

    @rule(answers=st.booleans())
    def database_answers(self, answers: bool) -> None:
        self.world.database_answers = answers

    @rule(away=st.booleans())
    def queue_away(self, away: bool) -> None:
        self.world.queues["inbound"].away = away

    @rule(seconds=st.integers(1, 400))
    def time_passes(self, seconds: int) -> None:
        self.world.pass_time(seconds)

    @rule()
    def housekeeper_comes(self) -> None:
        self.world.sweep()

    @invariant()
    def holds(self) -> None:
        if hasattr(self, "world"):
            assert not invariants.consistent(self.world)

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        try:
            self.points.choose_nothing()
            world.database_answers = True
            world.queues["inbound"].away = False
            world.settle()
            world.gateway.catch_up()
            world.settle()
            problems = invariants.kept(world)
            inbox = type(self).read_inbox(world.company.tenant_id)
        finally:
            world.close()
        assert not problems
        incoming = [row for row in inbox["messages"] if row["direction"] == "incoming"]
        assert {row["provider_message_id"]: row["body"] for row in incoming} == self.written


@pytest.fixture
def live(
    make_world: Callable[..., World], inbox: Callable[[UUID], dict[str, Any]], full_proof: bool
) -> Callable[..., None]:
    """Live through many lives: `live(**options of the world)`; raises where a promise is broken."""

    def run(*, examples: int, by_chance: bool = True, phases: Collection[Phase] = tuple(Phase), **options: Any) -> None:
        class ThisCompany(Company):
            pass

        ThisCompany.make_world = staticmethod(partial(make_world, **options))
        ThisCompany.read_inbox = staticmethod(inbox)
        run_state_machine_as_test(
            ThisCompany,
            settings=settings(
                max_examples=examples,
                stateful_step_count=80 if full_proof else 40,
                deadline=None,
                database=None,
                derandomize=not by_chance,
                print_blob=True,
                phases=phases,
                suppress_health_check=list(HealthCheck),
            ),
        )

    return run


def test_whatever_happens_in_whatever_order_everything_arrives_once(
    live: Callable[..., None], full_proof: bool
) -> None:
    live(examples=2_000 if full_proof else 40)


def test_the_naive_sender_does_not_live_through_it(live: Callable[..., None]) -> None:
    spec = spec_from_file_location("naive_sending", HERE / "naive" / "sending.py")
    assert spec is not None
    assert spec.loader is not None
    naive = module_from_spec(spec)
    spec.loader.exec_module(naive)
    with pytest.raises(AssertionError, match="P5: the gateway got"):
        live(examples=500, by_chance=False, phases=[Phase.generate], deliverer=naive.NaiveDeliverer)
