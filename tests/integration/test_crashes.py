"""P1 to P7 under every single fault, and under pairs of them: killed, cut off, refused, answered too late, told twice. The
world around the product is in crashing/; the naive sender that fails the same tests is in naive/sending.py.
"""

from __future__ import annotations

import random
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
) -> Callable[..., Teller]:
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


def test_probe(teller: Callable[..., Teller], crashing) -> None:
    import cProfile, pstats
    one = teller("delivering", script=(crashing.gateway.SLOW,))
    one.without_faults()
    pr = cProfile.Profile()
    pr.enable()
    for k in range(0, 80, 2): one.tell({k})
    pr.disable()
    pstats.Stats(pr).sort_stats("cumtime").print_stats("(crashing|conftest|functions|services|store)", 60)
