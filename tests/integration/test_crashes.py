"""P1 to P7 under every single fault, and under pairs of them: killed, cut off, refused, answered too late, told twice.

The world around the product is in crashing/; the naive sender that fails the same tests is in naive/sending.py.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import timedelta
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from parley.domain.errors import Unavailable
from parley.domain.metrics import unmeasured
from parley.services.housekeep import Housekeeper
from parley.services.sweep import Reach, net
from parley.store.database import Database

if TYPE_CHECKING:
    from tests.integration.crashing.scenarios import Teller
    from tests.integration.crashing.world import World

InThreads = Callable[[Sequence[Callable[[], object]]], list[Any]]
Tell = Callable[..., "Teller"]

HERE = Path(__file__).parent


def load(name: str, path: Path, *, is_package: bool = False) -> ModuleType:
    places = [str(path.parent)] if is_package else None
    spec = spec_from_file_location(name, path, submodule_search_locations=places)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if "crashing" not in sys.modules:
    load("crashing", HERE / "crashing" / "__init__.py", is_package=True)
faults, gateway, scenarios = (import_module(f"crashing.{room}") for room in ("faults", "gateway", "scenarios"))
fixtures, invariants = (import_module(f"crashing.{room}") for room in ("fixtures", "invariants"))
nowhere, make_company, make_world, chance = (
    fixtures.nowhere,
    fixtures.make_company,
    fixtures.make_world,
    fixtures.chance,
)


@pytest.fixture
def teller(make_world: Callable[..., World], inbox: Callable[[UUID], dict[str, Any]]) -> Tell:
    """Make the teller of a story: `teller("sending", script=[…], **options of the world)`."""

    def make(story: str, **options: Any) -> Teller:
        made: Teller = scenarios.Teller(getattr(scenarios, story), lambda points: make_world(points, **options), inbox)
        return made

    return make


@pytest.fixture
def naive() -> ModuleType:
    """Sending as it is usually written."""
    return load("naive_sending", HERE / "naive" / "sending.py")


def report(teller: Teller) -> str:
    """The first few tellings that did not end well."""
    return f"{len(teller.broken)} broken\n" + "\n".join(map(str, teller.broken[:10]))


def sent_twice(teller: Teller) -> set[str]:
    """Where a fault made the gateway get a message twice."""
    return {
        fault.partition(" ")[2]
        for telling in teller.broken
        if any("P5" in problem for problem in telling.problems)
        for fault in telling.faults
    }


STORIES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("receiving", {}),
    ("spooling", {}),
    ("talking", {"milliseconds_left": 1, "pushes": False}),
)


@pytest.mark.parametrize(("story", "options"), STORIES, ids=[story for story, _ in STORIES])
def test_no_single_fault_breaks_a_promise(teller: Tell, story: str, options: dict[str, Any]) -> None:
    one = teller(story, **options)
    assert not one.usual.problems
    one.tell_with_every_fault()
    assert not one.broken, report(one)


def test_whatever_the_gateway_does_and_wherever_the_sender_dies_it_gets_one_request_at_most(
    teller: Tell,
) -> None:
    for behaviour in gateway.BEHAVIOURS:
        one = teller("delivering", script=(behaviour,), pushes=False)
        assert not one.usual.problems, behaviour
        one.tell_with_every_fault()
        assert not one.broken, f"a gateway that {behaviour}: {report(one)}"


def test_no_pair_of_faults_breaks_a_promise(teller: Tell, full_proof: bool, chance: random.Random) -> None:
    stories: list[tuple[str, dict[str, Any]]] = [(story, {}) for story, _ in STORIES]
    stories += [("delivering", {"script": (behaviour,), "pushes": False}) for behaviour in gateway.BEHAVIOURS]
    for story, options in stories:
        one = teller(story, **options)
        if full_proof:
            one.tell_with_every_pair()
        else:
            one.tell_with_some_pairs(6, chance)
        assert not one.broken, f"{story} {options}: {report(one)}"


def test_the_stories_pass_every_kind_of_place_where_something_can_go_wrong(teller: Tell) -> None:
    """Were a port no longer on the product's way, nothing would go wrong there and all the rest would prove nothing."""
    reached = {place for story, options in STORIES for place in teller(story, **options).usual.places}
    commits = {
        f"{function}: {where}"
        for function in ("send_message", "queue_processor", "message_sender", "housekeeper")
        for where in (
            "killed before COMMIT",
            "killed after COMMIT",
            "the connection breaks before COMMIT",
            "the connection breaks after COMMIT",
        )
    }
    sends = {
        f"{function}: {what} to {queue}"
        for function, queue in (
            ("webhook_receiver", "inbound"),
            ("send_message", "outbound"),
            ("message_sender", "outbound"),
            ("housekeeper", "inbound"),
        )
        for what in ("killed before sending", "killed after sending")
    }
    others = {
        "webhook_receiver: killed before storing an object",
        "webhook_receiver: killed after storing an object",
        "housekeeper: killed before deleting an object",
        "housekeeper: killed after deleting an object",
        "message_sender: killed before the request leaves",
        "message_sender: killed after the gateway answered",
        "queue_processor: killed after posting a frame",
        "inbound: a record comes again",
        "outbound: a record comes again",
    }
    assert commits | sends | others <= reached


def test_the_naive_sender_sends_twice_when_it_dies_after_the_request(teller: Tell, naive: ModuleType) -> None:
    one = teller("delivering", deliverer=naive.NaiveDeliverer)
    assert not any("P5" in problem for problem in one.usual.problems)
    one.tell_with_every_fault()
    assert "message_sender: killed after the gateway answered" in sent_twice(one)


def test_the_naive_sender_sends_twice_to_a_gateway_that_does_not_answer(teller: Tell, naive: ModuleType) -> None:
    for behaviour in (gateway.SILENT, gateway.BREAKS, gateway.DROPS, gateway.SLOW):
        one = teller("delivering", script=(behaviour,), deliverer=naive.NaiveDeliverer)
        assert any("P5" in problem for problem in one.usual.problems), behaviour


def test_many_identical_requests_over_breaking_connections_make_one_message_and_one_request(
    make_world: Callable[..., World], in_threads: InThreads, full_proof: bool
) -> None:
    with closing(make_world(faults.Points())) as world:
        conversation_id = scenarios.greeted(world)

        def ask() -> str:
            breaks_after_commit = faults.Points([2])
            with closing(world.another_process(breaks_after_commit)) as process:
                assert world.ask(process, "once", "key-1", conversation_id) is None
                assert "breaks after COMMIT" in breaks_after_commit.fired[0]
                return str(world.ask(process, "once", "key-1", conversation_id))

        ids = in_threads([ask] * (50 if full_proof else 16))
        world.asked["key-1"], world.told["key-1"] = "once", set(ids)
        world.settle()
        assert not invariants.kept(world)
        assert [request.text for request in world.gateway.log] == ["once"]


@pytest.mark.parametrize("most_receives", [100, 8], ids=["as deployed", "naive: few receives"])
def test_an_hour_without_the_database_loses_nothing(
    make_world: Callable[..., World], inbox: Callable[[UUID], dict[str, Any]], most_receives: int
) -> None:
    with closing(make_world(faults.Points(), most_receives=most_receives)) as world:
        conversation_id = scenarios.greeted(world)
        world.agent_sends("one", "key-1", conversation_id)
        world.database_answers = False
        for minute in range(60):
            world.customer_writes(f"wamid.{minute + 1}", str(minute), at=minute)
            world.gateway_posts()
            assert not world.to_post, "every webhook is answered 200"
            assert world.agent_sends("lost", "key-2", conversation_id, tries=1) is None
            for name in world.queues:
                while world.work(name):
                    continue
            world.pass_time(60)
            assert not world.sweep()
        world.database_answers = True
        world.settle()
        problems = invariants.kept(world)
        stored = [row for row in inbox(world.company.tenant_id)["messages"] if row["direction"] == "incoming"]
        if most_receives == 100:
            assert not problems
            assert len(stored) == 61
            assert world.queues["inbound"].most_received < 100 // 2
        else:
            assert any("dead letters" in problem for problem in problems), "the test can fail"


class NoBucket:
    """S3 on a bad day."""

    def list_prefix(self, prefix: str, limit: int = 1000) -> list[str]:
        raise Unavailable


def test_a_bucket_that_is_away_keeps_no_listener_and_no_message_waiting(
    database: Database, desk: Any, queue: Any
) -> None:
    tenant_id = desk.agent.tenant_id
    woken: list[UUID] = []
    desk.send("its hint was lost")
    with database.transaction(tenant_id) as tx:
        tx.execute(
            "insert into connections (tenant_id, id, user_id, state, expires_at)"
            " values (%(tenant_id)s, 'one', %(user)s, 'active', now() + interval '1 hour')",
            user=desk.agent.id,
        )
        tx.execute("update events set occurred_at = now() - interval '1 minute'")
        tx.execute(
            "update messages set created_at = now() - interval '1 minute', updated_at = now() - interval '1 minute'"
        )
    a_while = timedelta(seconds=30)
    reach = Reach(
        database=database,
        inbound=queue,
        outbound=queue,
        media=queue,
        bucket=NoBucket(),  # type: ignore[arg-type]
        wake=woken.append,
        silent_for=a_while,
        stuck_for=a_while,
    )
    swept = Housekeeper(database, unmeasured, net(reach)).sweep()
    assert swept.failed.keys() == {"spool"}
    assert (len(queue.sent), woken) == (1, [tenant_id])
