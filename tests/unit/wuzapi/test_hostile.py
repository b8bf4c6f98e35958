"""Whatever comes in place of a webhook, nothing but facts and Unreadable comes out."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from parley.domain.errors import Unreadable
from parley.domain.incoming import (
    AccountNotice,
    AccountState,
    Deletion,
    Edit,
    Ignored,
    MessageReceived,
    Reaction,
    Receipt,
    TypingSeen,
)
from parley.providers.base import Account
from parley.providers.wuzapi import WuzApi

FACTS = (MessageReceived, Receipt, Reaction, Edit, Deletion, TypingSeen, AccountState, AccountNotice, Ignored)
CASES, PROOF = 1_000, 25_000
ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2**70,
    1.5,
    1e308,
    "",
    "\x00",
    "\ud800",
    "é" * 600,
    "9" * 5000,
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59-23:59",
    "a@b@c",
    ":@.",
    [],
    [[]],
    [{"x": 1}],
    {},
    {"low": -1, "high": 2**40},
    {"0": 300},
)


def nested(depth: int) -> Any:
    value: Any = "deep"
    for at in range(depth):
        value = {"message": value} if at % 2 else [value]
    return value


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from places(value[key])


def mutated(chance: random.Random, body: Any) -> Any:
    value = json.loads(json.dumps(body))
    for _ in range(chance.randint(1, 4)):
        found = list(places(value))
        if not found:
            return value
        holder, key = chance.choice(found)
        match chance.randrange(5):
            case 0:
                del holder[key]
            case 1:
                holder[key] = chance.choice(ODD)
            case 2:
                holder[key] = nested(chance.choice((3, 30, 100)))
            case 3:
                other, at = chance.choice(found)
                holder[key] = json.loads(json.dumps(other[at])) if at in other or isinstance(other, list) else None
            case _:
                if isinstance(holder, dict) and isinstance(key, str):
                    holder[key.swapcase() + chance.choice(("", "\x00"))] = holder.pop(key)
    return value


def test_mutated_bodies_end_as_facts_or_unreadable(wuzapi: WuzApi, samples: dict[str, bytes], full_proof: bool) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    bodies = [json.loads(body) for name, body in samples.items() if len(body) < 10_000]
    account = Account("x", {"token": "t"})
    for _ in range(PROOF if full_proof else CASES):
        text = json.dumps(mutated(chance, chance.choice(bodies)))
        form = {"content-type": "application/x-www-form-urlencoded"}
        body, headers = chance.choice(((text, {}), (urlencode({"jsonData": text}), form)))
        raw = bytearray(body.encode())
        if raw and chance.random() < 0.1:
            raw[chance.randrange(len(raw))] = chance.randrange(256)
        wuzapi.redact(bytes(raw), headers)
        try:
            facts = wuzapi.normalise(bytes(raw), headers)
        except Unreadable:
            continue
        assert facts
        for fact in facts:
            assert isinstance(fact, FACTS)
            shown = repr(fact)
            assert "\\x00" not in shown
            assert "\\ud8" not in shown
    wuzapi.verify(b"\xff", {}, account)


def test_a_body_nested_without_end_is_unreadable(wuzapi: WuzApi) -> None:
    for body in (b"[" * 100_000, b'{"type":"Message","event":' + b'{"Info":' * 100_000):
        with pytest.raises(Unreadable):
            wuzapi.normalise(body, {})


def test_torn_multipart_ends_as_facts_or_unreadable(wuzapi: WuzApi, samples: dict[str, bytes]) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    part = (
        b'--b\r\nContent-Disposition: form-data; name="jsonData"\r\n\r\n' + samples["message_video"] + b"\r\n--b--\r\n"
    )
    headers = {"content-type": "multipart/form-data; boundary=b", "x-hmac-signature": "0" * 64}
    for _ in range(300):
        start, end = sorted(chance.sample(range(len(part)), 2))
        torn = part[:start] + part[end:]
        wuzapi.redact(torn, headers)
        with contextlib.suppress(Unreadable):
            assert wuzapi.normalise(torn, headers)
