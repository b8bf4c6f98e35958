"""Recorded payloads of Z-API's, broken in every way: facts come out, or Unreadable, and nothing else."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

from parley.domain.errors import Unreadable
from parley.domain.incoming import Fact
from parley.providers.zapi.incoming import read

SAMPLES = Path(__file__).parent.parent.parent / "samples" / "zapi"
CASES, SEED = 1_000, 20_261_121

MONSTERS: list[Callable[[], Any]] = [
    lambda: None,
    lambda: True,
    lambda: -1,
    lambda: 10**400,
    lambda: 1e300,
    lambda: "",
    lambda: "\0\ud800",
    lambda: "9" * 10_000,
    lambda: "x@lid",
    list,
    dict,
    lambda: [[]] * 50,
    lambda: {"a\0": [{"b": None}]},
    lambda: json.loads("[" * 300 + "]" * 300),
    lambda: json.loads('{"type":' * 120 + "1" + "}" * 120),
]


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    for key, item in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        if isinstance(item, dict | list):
            yield from places(item)


def mutated(body: Any, chance: random.Random) -> Any:
    body = deepcopy(body)
    for _ in range(chance.randint(1, 4)):
        found = list(places(body))
        if not found:
            return body
        holder, key = chance.choice(found)
        match chance.randrange(4):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, dict):
                other, name = chance.choice(found)
                holder[key] = deepcopy(other[name])
            case _:
                holder[key] = chance.choice(MONSTERS)()
    return body


def storable(value: Any) -> bool:
    """Whether Postgres takes it: in text no NUL and no lone surrogate, in JSON no number that is none."""
    match value:
        case dict():
            return all(storable(key) and storable(item) for key, item in value.items())
        case list() | tuple():
            return all(storable(item) for item in value)
        case str():
            return "\0" not in value and value == value.encode(errors="replace").decode()
        case float():
            return math.isfinite(value)
    return value is None or isinstance(value, bool | int | bytes | datetime)


def test_a_thousand_mutated_samples_are_facts_or_unreadable() -> None:
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    bodies = [json.loads(path.read_bytes()) for path in sorted(SAMPLES.glob("*.json"))]
    understood = 0
    for _ in range(CASES):
        body = json.dumps(mutated(chance.choice(bodies), chance)).encode()
        try:
            found = read(body)
        except Unreadable:
            continue
        understood += 1
        assert found, body
        assert all(isinstance(one, get_args(Fact)) for one in found), body
        assert all(storable(asdict(one)) for one in found), body
    assert understood > CASES / 2
