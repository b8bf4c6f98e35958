"""Bodies nested as deep as somebody likes: facts come out of them, or Unreadable."""

from __future__ import annotations

import pytest

from parley.domain.errors import Unreadable
from parley.providers.evolution import incoming


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
