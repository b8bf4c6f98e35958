"""Bodies that are particular to WuzAPI and broken; what any gateway may get is in tests/unit/providers/test_fuzz.py."""

from __future__ import annotations

import contextlib
import random

import pytest

from parley.domain.errors import Unreadable
from parley.providers.wuzapi import WuzApi


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
