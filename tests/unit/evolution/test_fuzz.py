"""Recorded payloads, broken at random: only facts or Unreadable come out of them, and nothing Postgres refuses."""

from __future__ import annotations

import json
import os
import random
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from parley.domain.errors import Unreadable
from parley.providers.evolution import incoming

SAMPLES = sorted((Path(__file__).parents[2] / "samples" / "evolution").glob("*.json"))
ANYTHING: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**70, 1e300, "", "x", "\x00", "\ud800", "9" * 600, [], {}, [[]], [None], {"low": 1},
    {"0": 300}, {"message": {"message": {}}}, "120363@g.us", "42@lid", "status@broadcast", "data:;base64,@@",
)  # fmt: skip


def places(webhook: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) in a JSON value."""
    found: list[tuple[Any, Any]] = []
    left = [webhook]
    while left:
        value = left.pop()
        keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
        found.extend((value, key) for key in keys)
        left.extend(value[key] for key in keys)
    return found


def copied(value: Any) -> Any:
    return json.loads(json.dumps(value))


def nested(depth: int) -> Any:
    value: Any = "deep"
    for level in range(depth):
        value = {"message": value} if level % 2 else [value]
    return value


def broken(dice: random.Random, webhook: Any) -> bytes:
    """A payload with one to six of its values deleted, swapped, nested or moved."""
    value = copied(webhook)
    for _ in range(dice.randint(1, 6)):
        found = places(value)
        if not found:
            break
        container, key = dice.choice(found)
        match dice.randrange(5):
            case 0:
                del container[key]
            case 1:
                container[key] = copied(dice.choice(ANYTHING))
            case 2:
                container[key] = nested(dice.choice((3, 60, 110)))
            case 3:
                container[key] = copied(dice.choice(found)[0])
            case _:
                container[key] = [container[key]]
    body = json.dumps(value).encode()
    return body[: dice.randrange(len(body))] if dice.random() < 0.02 else body


def test_a_broken_payload_becomes_facts_or_is_unreadable(full_proof: bool) -> None:
    seed = int(os.environ.get("PARLEY_FUZZ_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)
    print(f"PARLEY_FUZZ_SEED={seed}")
    dice = random.Random(seed)
    webhooks = [json.loads(path.read_bytes()) for path in SAMPLES]
    readable = 0
    for _ in range(25_000 if full_proof else 1_000):
        body = broken(dice, dice.choice(webhooks))
        try:
            facts = incoming.read(body)
        except Unreadable:
            continue
        assert facts, body
        for fact in facts:
            text = str(asdict(fact))
            assert "\\x00" not in text.replace("inline", ""), body
            text.encode()
        readable += 1
    assert readable > 100


@pytest.mark.parametrize("depth", [50, 99, 101, 300, 450, 700, 900, 990, 5_000, 100_000])
@pytest.mark.parametrize(
    ("before", "opening", "closing", "after"),
    [
        (('{"event": "messages.upsert", "instance": "one", "data": {"key": {"id": "M", "remoteJid": "55119@c.us"}, '
         '"message": {"newMessage": '), '{"a": ', "}", "}}}"),
        (('{"event": "messages.upsert", "instance": "one", "data": {"key": {"id": "M", "remoteJid": "55119@c.us"}, '
         '"message": '), '{"ephemeralMessage": {"message": ', "}}", "}}"),
        ('{"event": "messages.update", "instance": "one", "data": {"keyId": "M", "status": ', "[", "]", "}}"),
        ('{"event": "messages.edited", "instance": "one", "data": {"key": {"id": "M"}, "type": ', "[", "]", "}}"),
        ('{"event": "presence.update", "instance": "one", "data": {"presences": {"1@lid": {"lastKnownPresence": ', "[",
         "]", "}}}}"),
    ],
)  # fmt: skip
def test_nesting_becomes_facts_or_is_unreadable(
    depth: int, before: str, opening: str, closing: str, after: str
) -> None:
    body = f"{before}{opening * depth}1{closing * depth}{after}".encode()
    try:
        assert incoming.read(body)
    except Unreadable as error:
        assert error.detail == "nested too deeply"  # noqa: PT017
