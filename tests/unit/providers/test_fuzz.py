"""Whatever comes in place of a webhook, facts that can be stored come out, or Unreadable; and what is legal is read.

5,000 cases, 100,000 with PARLEY_PROOF=1. PARLEY_FUZZ_SEED has a failing run again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import secrets
from datetime import UTC, datetime
from random import Random
from typing import Any, get_args

import pytest

from parley.domain.errors import Rejected, Unreadable
from parley.domain.identity import Address
from parley.domain.incoming import Fact, Group, Media
from parley.providers.base import Account, Provider
from parley.providers.registry import GATEWAYS
from tests.mutations import JSON, Case, hostile, legal, recorded
from tests.unit.providers.conftest import ACCOUNT, against, gave

EVERY_GATEWAY = pytest.mark.parametrize("name", GATEWAYS)
CASES, PROOF_CASES = 5_000, 100_000
LEGAL_PART = 4
"""One case in so many is legal."""
UNSIGNED = Account(ACCOUNT.account_id, {}, {})
LONGEST_KEY = 600  # bytes: two of them and three UUIDs fit into one entry of an index
KEYS = frozenset({"provider_message_id", "revision", "participant", "reply_to"})
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC)


@pytest.fixture(scope="module")
def seed(request: pytest.FixtureRequest) -> str:
    full = bool(request.getfixturevalue("full_proof"))
    return os.environ.get("PARLEY_FUZZ_SEED") or (secrets.token_hex(4) if full else "parley")


@EVERY_GATEWAY
def test_whatever_comes_nothing_but_storable_facts_and_unreadable_comes_out(
    name: str, seed: str, full_proof: bool
) -> None:
    count = (PROOF_CASES if full_proof else CASES) // len(GATEWAYS)
    print(f"{count} cases of {name}, PARLEY_FUZZ_SEED={seed}")
    bodies = recorded(name)
    with against(name, gave(500, b"")) as (provider, left):
        for number in range(count):
            chance = Random(f"{seed}:{name}:{number}")
            meant_well = number % LEGAL_PART == 0
            case = legal(bodies, name, chance) if meant_well else hostile(bodies, chance)
            try:
                try_one(provider, case, meant_well=meant_well)
            except Exception as error:
                error.add_note(f"PARLEY_FUZZ_SEED={seed}, case {number} of {name}: {case[1]} {case[0][:2000]!r}")
                raise
        assert left == [], "reading asks nobody"


def try_one(provider: Provider, case: Case, *, meant_well: bool) -> None:
    body, headers = case
    assert isinstance(provider.redact(body, headers), bytes)
    for account in (ACCOUNT, UNSIGNED):
        with contextlib.suppress(Rejected):
            provider.verify(body, headers, account, datetime.now(UTC))
    try:
        facts = provider.normalise(body, headers)
    except Unreadable as error:
        if meant_well:
            raise
        assert_storable(str(error))
        return
    assert facts, "a webhook that says nothing says so"
    for fact in facts:
        assert isinstance(fact, get_args(Fact))
        assert_storable(fact)
    assert sum(map(size, facts)) <= 40 * len(body) + 4096, "a small body makes no large facts"


def assert_storable(value: Any, name: str = "") -> None:
    """Postgres takes neither NUL nor half a surrogate pair, its JSON no infinite number, its indexes no long key."""
    match value:
        case str():
            assert "\x00" not in value
            assert name not in KEYS or len(value.encode()) <= LONGEST_KEY, name
            value.encode()
        case datetime():
            assert value.tzinfo is not None
            assert EARLIEST <= value <= LATEST
        case float():
            assert math.isfinite(value)
        case dict():
            assert_storable([*value, *value.values()])
            json.dumps(value, allow_nan=False)
        case list() | tuple():
            for item in value:
                assert_storable(item, name)
        case _ if dataclasses.is_dataclass(value):
            assert_fits(value)
            for field in dataclasses.fields(value):
                assert_storable(getattr(value, field.name), field.name)


def assert_fits(part: Any) -> None:
    """What a column or an index bounds, of parts of facts."""
    if isinstance(part, Address):
        assert max(len(part.value.encode()), len(part.key.encode())) <= LONGEST_KEY
    if isinstance(part, Group):
        assert len(part.id.encode()) <= LONGEST_KEY
    if isinstance(part, Media):
        assert part.size is None or 0 <= part.size < 2**63
        assert part.sha256 is None or len(part.sha256) == 64


def size(value: Any) -> int:
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, dict):
        return sum(size(key) + size(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return sum(map(size, value))
    if dataclasses.is_dataclass(value):
        return sum(size(getattr(value, field.name)) for field in dataclasses.fields(value))
    return 8


def test_a_case_is_its_seed() -> None:
    bodies = recorded("meta")
    first, again, other = (hostile(bodies, Random(seed)) for seed in ("a:1", "a:1", "a:2"))
    assert first == again
    assert first != other


@EVERY_GATEWAY
def test_a_legal_body_in_other_bytes_is_still_the_same_number_of_facts(name: str) -> None:
    with against(name, gave(500, b"")) as (provider, _):
        for body in recorded(name):
            dense = json.dumps(json.loads(body), separators=(",", ":")).encode()
            assert provider.normalise(body, JSON) == provider.normalise(dense, JSON)
