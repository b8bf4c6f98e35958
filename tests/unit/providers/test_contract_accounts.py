"""The promises of providers/base.py about files, accounts and what verifying looks at, tried on every gateway."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, get_args

import httpx
import pytest

from parley.domain.errors import MediaGone, Rejected, Unavailable
from parley.domain.incoming import MessageReceived
from parley.domain.outgoing import Outcome
from parley.providers.registry import GATEWAYS, PROOFS
from parley.services.accept import KEPT_HEADERS
from tests.unit.providers.conftest import (
    ACCOUNT,
    against,
    broke,
    gave,
    samples,
)

JSON_HEADERS = {"content-type": "application/json"}
EVERY_GATEWAY = pytest.mark.parametrize("name", GATEWAYS)


def never(request: httpx.Request) -> httpx.Response:
    raise AssertionError(f"left for {request.url}")


def sources(name: str) -> list[dict[str, Any]]:
    """What every recorded file is fetched with, and what is no source at all."""
    found: list[dict[str, Any]] = [{}, {"id": None}, {"url": "file:///etc/passwd"}, {"url": 5}, {"x": {"y": []}}]
    with against(name, never) as (provider, _):
        for path in samples(name):
            for fact in provider.normalise(path.read_bytes(), JSON_HEADERS):
                if isinstance(fact, MessageReceived):
                    found.extend(dict(media.source) for media in fact.media)
    return found


@EVERY_GATEWAY
@pytest.mark.parametrize(
    "answer",
    [
        broke(httpx.ConnectError),
        broke(httpx.ReadTimeout),
        gave(404, b""),
        gave(401, b""),
        gave(429, b""),
        gave(500, b""),
        gave(302, b"", {"location": "http://169.254.169.254/latest/meta-data"}),
    ],
)
def test_a_file_that_cannot_be_had_is_gone_or_comes_later(
    name: str, answer: Callable[[httpx.Request], httpx.Response]
) -> None:
    with against(name, answer) as (provider, left):
        for source in sources(name):
            json.dumps(source)
            with pytest.raises((MediaGone, Unavailable)), provider.fetch_media(source, ACCOUNT) as download:
                list(download.chunks)
        assert all(request.url.host != "169.254.169.254" for request in left)


@EVERY_GATEWAY
@pytest.mark.parametrize(
    "answer",
    [broke(httpx.ConnectError), broke(httpx.ReadTimeout), gave(500, b""), gave(200, b"<html>"), gave(401, b"{}")],
)
def test_a_checkup_and_setting_up_a_webhook_never_raise(
    name: str, answer: Callable[[httpx.Request], httpx.Response]
) -> None:
    with against(name, answer) as (provider, _):
        checkup = provider.check(ACCOUNT)
        assert checkup.reason.endswith(".")
        assert not (checkup.ok and checkup.unreachable)
        assert isinstance(provider.set_up_webhook("https://parley.example/w", ACCOUNT), get_args(Outcome))


@EVERY_GATEWAY
def test_an_unreachable_gateway_says_nothing_of_the_account_and_a_refused_credential_does(name: str) -> None:
    with against(name, broke(httpx.ConnectError)) as (provider, _):
        assert provider.check(ACCOUNT).unreachable
    with against(name, gave(401, b"{}")) as (provider, _):
        checkup = provider.check(ACCOUNT)
        assert (checkup.ok, checkup.unreachable) == (False, False)


@EVERY_GATEWAY
def test_what_verifying_looks_at_is_kept_for_it(name: str) -> None:
    """The door keeps the headers of PROOFS; one it threw away would be missed by `verify` only when all runs."""

    class Asked(dict[str, str]):
        asked: set[str] = set()  # noqa: RUF012 - one for the test

        def get(self, header: str, otherwise: Any = None) -> Any:
            self.asked.add(header)
            return otherwise

    looked_at = Asked()
    with against(name, never) as (provider, _):
        try:
            provider.verify(b"{}", looked_at, ACCOUNT, datetime.now(UTC))
        except Rejected as rejected:
            assert rejected.detail  # noqa: PT017
    assert looked_at.asked <= PROOFS[name] | KEPT_HEADERS
    assert looked_at.asked & PROOFS[name]
