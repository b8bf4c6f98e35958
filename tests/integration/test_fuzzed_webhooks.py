"""Hostile and odd webhooks through the whole processor: each ends in the ledger, none is handed back for ever, and what
is legal is never parked. `PARLEY_FUZZ_SEED` has a failing run again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from parley.cloud.sealing import Sealer
from parley.domain.errors import Unreadable
from parley.domain.webhook import Webhook
from parley.providers.base import Provider
from parley.providers.registry import GATEWAYS, build
from parley.services.process import Processor
from parley.services.provision import NewIntegration, connect_integration
from parley.store.database import Database
from tests.mutations import Case, hostile, legal, recorded

BATCH = 10
BATCHES, PROOF_BATCHES = 8, 100
SEED = os.environ.get("PARLEY_FUZZ_SEED", "parley")


class Believing:
    """A gateway whose webhooks are believed; all else is its adapter's."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def verify(self, *_: Any) -> None:
        """Whoever can sign can also send nonsense."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._provider, name)


@pytest.fixture
def providers() -> Iterator[dict[str, Any]]:
    with httpx.Client() as http:
        built = build(http, meta_api_url="https://graph.example", meta_api_version="v26.0")
        yield {name: Believing(built[name]) for name in GATEWAYS}


def account_of(provider: Any, bodies: list[bytes]) -> str:
    """The account that most of the recorded bodies are of."""
    from parley.domain.incoming import account_names

    names: list[str] = []
    for body in bodies:
        for fact in provider.normalise(body, {"content-type": "application/json"}):
            names += account_names(getattr(fact, "account", ""))[:1]
    return max(sorted(set(names)), key=names.count, default="1")


def is_unreadable(provider: Any, body: bytes, headers: Any) -> bool:
    try:
        provider.normalise(body, headers)
    except Unreadable:
        return True
    return False


@pytest.mark.parametrize("name", GATEWAYS)
def test_every_webhook_ends_in_the_ledger_and_what_is_legal_is_never_parked(
    name: str,
    providers: dict[str, Any],
    database: Database,
    bucket: Any,
    sealer: Sealer,
    make_tenant: Callable[..., UUID],
    full_proof: bool,
) -> None:
    bodies, tenant = recorded(name), make_tenant()
    new = NewIntegration(name, providers[name].channel, "line", account_of(providers[name], bodies), None, {})
    line = connect_integration(database, sealer, tenant, new)
    processor = Processor(database, bucket, providers, lambda: sealer)
    meant: dict[UUID, tuple[int, bool, Case]] = {}
    for batch in range(PROOF_BATCHES if full_proof else BATCHES):
        webhooks = []
        for number in range(batch * BATCH, (batch + 1) * BATCH):
            chance, correlation_id = Random(f"{SEED}:{name}:{number}"), uuid4()
            well = number % 2 == 0
            body, headers = case = legal(bodies, name, chance) if well else hostile(bodies, chance)
            meant[correlation_id] = (number, well, case)
            webhooks.append(Webhook(name, line, 1, datetime.now(UTC), correlation_id, headers, body))
        done = processor.process(webhooks)
        assert done.failed == {}, f"seed {SEED}, batch {batch} of {name}"
    with database.transaction(tenant) as tx:
        rows = tx.rows("select correlation_id, state, reason from ledger")
    assert {row["correlation_id"] for row in rows} <= set(meant)
    parked = [row for row in rows if row["state"] == "parked"]
    for row in parked:
        number, well, (body, headers) = meant[row["correlation_id"]]
        about = f"seed {SEED}, case {number} of {name}: {row['reason']} for {headers} {body[:1000]!r}"
        assert not well, about
        assert is_unreadable(providers[name], body, headers), about
    assert sum(row["state"] == "processed" for row in rows) >= len(rows) / 5, "most of it is nothing but refused"
