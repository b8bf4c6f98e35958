"""Where companies say their gateways are: a private address is called only where the operator allows it, whatever name
leads there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from parley import wiring
from parley.domain.identity import Address
from parley.domain.outgoing import Draft, NotSent
from parley.providers import public_web
from parley.providers.base import Account
from parley.store.ids import new_id

SECRETS = ("api_key", "instance_token", "client_token", "z_api_token", "token", "bot_token")
TO = {"telegram": Address("jid", "5126845012@telegram")}
CUSTOMER = Address("phone", "5511987654321")
OWN_SERVER = ("evolution", "telegram", "wuzapi", "zapi")
"""The gateways whose address a company says."""


class Inside:
    """A server inside of the deployment's network; what it was asked."""

    def __init__(self, url: str, asked: list[str]) -> None:
        self.url = url
        self.asked = asked


@pytest.fixture
def inside() -> Iterator[Inside]:
    """A server that only the deployment can reach."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.send_response(500)
            self.send_header("content-length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield Inside(f"http://127.0.0.1:{server.server_port}", asked)
        server.shutdown()
        thread.join()


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Set the environment of a container that starts now."""

    def start(**environment: str) -> None:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        wiring.settings.cache_clear()
        wiring.providers.cache_clear()

    yield start
    wiring.settings.cache_clear()
    wiring.providers.cache_clear()


def send(provider: str, base_url: str) -> Any:
    """Send a text by the account of a gateway that is said to be there; what became of it."""
    account = Account("parley", {name: f"{name}-0123456789abcdef" for name in SECRETS}, {"baseUrl": base_url})
    draft = Draft(new_id(), TO.get(provider, CUSTOMER), "text", "hello")
    return wiring.providers()[provider].send(draft, account)


@pytest.mark.parametrize("provider", OWN_SERVER)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_private_gateway_is_not_called_by_whatever_name(
    settings: Callable[..., None], inside: Inside, monkeypatch: pytest.MonkeyPatch, provider: str, scheme: str
) -> None:
    settings(PRIVATE_GATEWAY_URLS="")
    monkeypatch.setattr(public_web, "_resolve", lambda _host, _port: ["127.0.0.1"])
    port = inside.url.rsplit(":", 1)[1]
    for host in ("127.0.0.1", "gateway.example"):
        assert isinstance(send(provider, f"{scheme}://{host}:{port}"), NotSent)
    assert inside.asked == []


@pytest.mark.parametrize("provider", OWN_SERVER)
def test_a_private_gateway_is_called_where_the_operator_allows_it(
    settings: Callable[..., None], inside: Inside, provider: str
) -> None:
    settings(PRIVATE_GATEWAY_URLS=f"https://elsewhere.example,{inside.url}")
    send(provider, inside.url)
    assert inside.asked


def test_what_only_begins_like_an_allowed_host_is_not_allowed(settings: Callable[..., None], inside: Inside) -> None:
    settings(PRIVATE_GATEWAY_URLS=inside.url[:-1])
    assert isinstance(send("evolution", inside.url), NotSent)
    assert inside.asked == []


def test_metas_own_address_is_the_operators_to_say(settings: Callable[..., None], inside: Inside) -> None:
    settings(PRIVATE_GATEWAY_URLS="", META_API_URL=f"{inside.url}/meta")
    account = Account("123456789", {"access_token": "token"}, {})
    wiring.providers()["meta"].send(Draft(new_id(), CUSTOMER, "text", "hello"), account)
    assert [path.startswith("/meta/") for path in inside.asked] == [True]
