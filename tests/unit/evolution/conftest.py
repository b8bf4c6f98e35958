"""What the tests of Evolution's adapter share: an account, recorded payloads, bodies, a server that records."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from parley.domain.incoming import Fact
from parley.providers.base import Account
from parley.providers.evolution import Evolution, incoming

SAMPLES = Path(__file__).parents[2] / "samples" / "evolution"
JWT_KEY = "a jwt key of the account"


@pytest.fixture
def account() -> Account:
    """An account with every credential."""
    return Account(
        "my instance", {"api_key": "key-1", "jwt_key": JWT_KEY}, {"baseUrl": "https://evolution.example/api/"}
    )


@pytest.fixture
def sample() -> Callable[[str], bytes]:
    """A recorded payload by its name."""
    return lambda name: (SAMPLES / f"{name}.json").read_bytes()


@pytest.fixture
def said() -> Callable[..., list[Fact]]:
    """What a webhook with this data says."""

    def read(event: str, data: object, **envelope: object) -> list[Fact]:
        webhook = {"event": event, "instance": "one", "data": data, "sender": "5511900000001@s.whatsapp.net"}
        return incoming.read(json.dumps({**webhook, **envelope}).encode())

    return read


@pytest.fixture
def message() -> Callable[..., dict[str, Any]]:
    """The data of a message, in a direct chat unless the key says otherwise."""

    def build(content: object = None, key: dict[str, Any] | None = None, **more: object) -> dict[str, Any]:
        return {
            "key": {"remoteJid": "5531987654321@s.whatsapp.net", "fromMe": False, "id": "M1", **(key or {})},
            "pushName": "Bia",
            "message": {"conversation": "oi"} if content is None else content,
            "messageTimestamp": 1_700_000_000,
            **more,
        }

    return build


@pytest.fixture
def token() -> Callable[..., str]:
    """An `Authorization` header as Evolution makes it."""

    def make(claims: object, key: str = JWT_KEY, alg: str = "HS256") -> str:
        parts = [_part({"alg": alg, "typ": "JWT"}), _part(claims)]
        signature = hmac.digest(key.encode(), ".".join(parts).encode(), hashlib.sha256)
        return f"Bearer {'.'.join(parts)}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"

    return make


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.fixture
def asked() -> list[httpx.Request]:
    """The requests the server got, in their order."""
    return []


@pytest.fixture
def serving(asked: list[httpx.Request]) -> Callable[..., Evolution]:
    """The adapter before a server: each answer is (status, JSON or bytes), or an error of the network; the last one
    goes on for ever.
    """

    def serve(*answers: tuple[int, object] | Exception, headers: dict[str, str] | None = None) -> Evolution:
        coming = iter(answers)
        last = answers[-1]

        def answer(request: httpx.Request) -> httpx.Response:
            request.read()
            asked.append(request)
            given = next(coming, last)
            if isinstance(given, Exception):
                raise given
            status, body = given
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            return httpx.Response(status, stream=httpx.ByteStream(content), headers=headers)

        client = httpx.Client(transport=httpx.MockTransport(answer))
        return Evolution(client)

    return serve
