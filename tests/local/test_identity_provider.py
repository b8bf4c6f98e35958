"""The running stack behind an identity provider on this machine: its tokens are believed, also while it is down, and
nobody else's ever are.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.identity_provider import Issuer, attacks

from .conftest import RunningStack, StartStack, poll_until

pytestmark = pytest.mark.stack
FLOOD = 200


class Provider:
    """An issuer behind a real address, which can be taken away."""

    def __init__(self, issuer: Issuer) -> None:
        self.issuer = issuer
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks.json"
        self._thread = Thread(target=self.server.serve_forever)
        self._thread.start()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        issuer = self.issuer

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = issuer.fetch()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        return Handler

    def stop(self) -> None:
        """Be gone: nobody answers at the address any more."""
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


@pytest.fixture(params=["RS256", "ES256"])
def provider(request: pytest.FixtureRequest) -> Iterator[Provider]:
    """A provider for the people of the local stack."""
    provider = Provider(Issuer(request.param, iss="parley-local"))
    yield provider
    with suppress(OSError):
        provider.stop()


@pytest.fixture
def company(provider: Provider, start_stack: StartStack) -> RunningStack:
    """A stack whose people come with this provider's tokens."""
    algorithm = f"JwtAlgorithm={provider.issuer.algorithm}"
    running = start_stack("--parameter", algorithm, "--parameter", f"JwtKeysUrl={provider.url}")
    tenant = running.demo["tenants"][0]
    provider.issuer.usual |= {"sub": tenant["users"][0]["id"], "tenant_id": tenant["id"]}
    return running


@pytest.fixture
def asks(company: RunningStack) -> Iterator[Callable[[str], int]]:
    """Ask who one is with a token; the status."""
    with httpx.Client(base_url=company.demo["baseUrl"], timeout=30) as client:
        yield lambda token: client.get("/v1/me", headers={"authorization": f"Bearer {token}"}).status_code


def opens(company: RunningStack, token: str) -> bool:
    """Whether a token opens a socket."""
    try:
        with connect(company.demo["websocketUrl"], subprotocols=["parley.v1", f"bearer.{token}"]) as socket:  # type: ignore[list-item]
            socket.send(json.dumps({"action": "hello", "id": "1", "v": 1, "cursor": None, "topics": ["tenant"]}))
            return bool(json.loads(socket.recv(10))["type"] == "welcome")
    except InvalidStatus as refused:
        if refused.response.status_code != 401:
            raise
        return False


def test_the_providers_tokens_alone_are_believed_also_while_it_is_down(
    company: RunningStack, provider: Provider, asks: Callable[[str], int]
) -> None:
    issuer = provider.issuer
    good = issuer.sign(issuer.claims())
    assert asks(good) == 200
    assert opens(company, good)
    under_the_deployments_secret = company.demo["tenants"][0]["users"][0]["token"]
    assert asks(under_the_deployments_secret) == 401, "good where no provider is, worth nothing behind one"
    forged = dict(attacks(issuer))
    assert {what: asks(token) for what, token in forged.items()} == dict.fromkeys(forged, 401)
    assert not opens(company, forged["no signature at all"])
    assert not opens(company, forged["the public key as a secret"])

    asked = issuer.asked
    for number in range(FLOOD):
        assert asks(issuer.sign(issuer.claims(), f"unknown-{number}", issuer.keys["one"])) == 401
    assert issuer.asked - asked <= len(company.workers("inbox_api")), "each process asks once a minute at most"

    provider.stop()
    assert asks(good) == 200
    _begin_anew(company, "inbox_api")
    assert asks(good) == 200, "a function that starts while the provider is down goes on with the keys that were kept"
    assert opens(company, good)
    assert {what: asks(token) for what, token in forged.items()} == dict.fromkeys(forged, 401)
    assert asks(issuer.sign(issuer.claims(), "unknown", issuer.keys["one"])) == 401


def _begin_anew(company: RunningStack, function: str) -> None:
    """End a function's processes, so that the next request starts one."""
    before = set(company.workers(function))
    assert before
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    poll_until(lambda: not before & set(company.workers(function)))
