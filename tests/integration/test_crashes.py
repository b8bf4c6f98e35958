"""P1 to P7 under every single fault, and under pairs of them: killed, cut off, refused, answered too late, told twice. The
world around the product is in crashing/; the naive sender that fails the same tests is in naive/sending.py.
"""

from __future__ import annotations

import random
import secrets
import socket
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from parley.cloud.sealing import Sealer
from parley.domain.principal import Principal
from parley.store.database import Database

if TYPE_CHECKING:
    from tests.integration.crashing.faults import Points
    from tests.integration.crashing.scenarios import Story, Teller
    from tests.integration.crashing.world import Company, World

Tell = Callable[..., "Teller"]

HERE = Path(__file__).parent
SECRET = "app-secret"


def load(name: str, path: Path, *, is_package: bool = False) -> ModuleType:
    places = [str(path.parent)] if is_package else None
    spec = spec_from_file_location(name, path, submodule_search_locations=places)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def crashing() -> SimpleNamespace:
    """The harness, by its rooms."""
    if "crashing" not in sys.modules:
        load("crashing", HERE / "crashing" / "__init__.py", is_package=True)
    rooms = ("faults", "gateway", "invariants", "scenarios", "world")
    return SimpleNamespace(**{room: import_module(f"crashing.{room}") for room in rooms})


@pytest.fixture
def nowhere() -> Iterator[str]:
    """A database that refuses every connection."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"postgresql://nobody@127.0.0.1:{taken.getsockname()[1]}/none"


@pytest.fixture
def make_company(
    crashing: SimpleNamespace,
    database: Database,
    database_url: str,
    nowhere: str,
    sealer: Sealer,
    meta: SimpleNamespace,
    make_tenant: Callable[..., UUID],
    make_user: Callable[..., Principal],
    make_integration: Callable[..., UUID],
) -> Callable[[], Company]:
    def make() -> Company:
        tenant_id = make_tenant()
        company: Company = crashing.world.Company(
            database=database,
            conninfo=database_url,
            nowhere=nowhere,
            tenant_id=tenant_id,
            integration_id=make_integration(tenant_id, account_id=meta.account, secret=SECRET),
            agent=make_user(tenant_id),
            sealer=sealer,
            secret=SECRET,
            meta=meta,
            look=crashing.invariants.consistent,
        )
        return company

    return make


@pytest.fixture
def teller(
    crashing: SimpleNamespace,
    make_company: Callable[[], Company],
    bucket: Any,
    inbox: Callable[[UUID], dict[str, Any]],
) -> Tell:
    """Make the teller of a story: `teller("sending", script=[…], **options of the world)`."""

    def make(story: str, *, script: tuple[str, ...] = (), **options: Any) -> Teller:
        def world(points: Points) -> World:
            random.seed(1)  # the handlers' jitter, so that every telling reaches the same places
            made: World = crashing.world.World(make_company(), points, type(bucket)(), **options)
            made.gateway.script = list(script)
            return made

        told: Story = getattr(crashing.scenarios, story)
        made: Teller = crashing.scenarios.Teller(told, world, inbox)
        return made

    return make


@pytest.fixture
def naive() -> ModuleType:
    """Sending as it is usually written."""
    return load("naive_sending", HERE / "naive" / "sending.py")


@pytest.fixture
def chance() -> random.Random:
    """Chance with a seed that a failing test prints."""
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    return random.Random(seed)


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
    ("talking", {"milliseconds_left": 1}),
)


@pytest.mark.parametrize(("story", "options"), STORIES, ids=[story for story, _ in STORIES])
def test_no_single_fault_breaks_a_promise(teller: Tell, story: str, options: dict[str, Any]) -> None:
    one = teller(story, **options)
    assert not one.usual.problems
    one.tell_with_every_fault()
    assert not one.broken, report(one)


def test_whatever_the_gateway_does_and_wherever_the_sender_dies_it_gets_one_request_at_most(
    teller: Tell, crashing: SimpleNamespace
) -> None:
    for behaviour in crashing.gateway.BEHAVIOURS:
        one = teller("delivering", script=(behaviour,), pushes=False)
        assert not one.usual.problems, behaviour
        one.tell_with_every_fault()
        assert not one.broken, f"a gateway that {behaviour}: {report(one)}"


def test_no_pair_of_faults_breaks_a_promise(
    teller: Tell, crashing: SimpleNamespace, full_proof: bool, chance: random.Random
) -> None:
    stories = [(story, {}) for story, _ in STORIES]
    stories += [("delivering", {"script": (behaviour,)}) for behaviour in crashing.gateway.BEHAVIOURS]
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


def test_the_naive_sender_sends_twice_to_a_gateway_that_does_not_answer(
    teller: Tell, naive: ModuleType, crashing: SimpleNamespace
) -> None:
    gateway = crashing.gateway
    for behaviour in (gateway.SILENT, gateway.BREAKS, gateway.DROPS, gateway.SLOW):
        one = teller("delivering", script=(behaviour,), deliverer=naive.NaiveDeliverer)
        assert any("P5" in problem for problem in one.usual.problems), behaviour
