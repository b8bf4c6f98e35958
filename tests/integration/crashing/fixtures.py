"""Fixtures of the tests in this harness; each test module takes them into its own namespace (test modules do not import
one another, and pytest finds fixtures by where their names are).
"""

from __future__ import annotations

import random
import secrets
import socket
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from parley.cloud.sealing import Sealer
from parley.domain.principal import Principal
from parley.store.database import Database

from .faults import Points
from .invariants import consistent
from .world import Company, World

SECRET = "app-secret"


@pytest.fixture
def nowhere() -> Iterator[str]:
    """A database that refuses every connection."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"postgresql://nobody@127.0.0.1:{taken.getsockname()[1]}/none"


@pytest.fixture
def make_company(
    database: Database,
    database_url: str,
    nowhere: str,
    sealer: Sealer,
    meta: SimpleNamespace,
    make_tenant: Callable[..., UUID],
    make_user: Callable[..., Principal],
    make_integration: Callable[..., UUID],
) -> Callable[[], Company]:
    """Make a company of its own for each world."""

    def make() -> Company:
        tenant_id = make_tenant()
        return Company(
            database=database,
            conninfo=database_url,
            nowhere=nowhere,
            tenant_id=tenant_id,
            integration_id=make_integration(tenant_id, account_id=meta.account, secret=SECRET),
            agent=make_user(tenant_id),
            sealer=sealer,
            secret=SECRET,
            meta=meta,
            look=consistent,
        )

    return make


@pytest.fixture
def make_world(make_company: Callable[[], Company], bucket: Any) -> Callable[..., World]:
    """Make a world: `make_world(points, script=[…], **options of the world)`; who asked for it closes it."""

    def make(points: Points, *, script: tuple[str, ...] = (), **options: Any) -> World:
        random.seed(1)  # the handlers' jitter, so that every telling of a story reaches the same places
        world = World(make_company(), points, type(bucket)(), **options)
        world.gateway.script = list(script)
        return world

    return make


@pytest.fixture
def chance() -> random.Random:
    """Chance with a seed that a failing test prints."""
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    return random.Random(seed)
