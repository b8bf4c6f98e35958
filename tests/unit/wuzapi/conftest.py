"""WuzAPI's adapter over a recording transport, and bodies as its builds post them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from parley.domain.outgoing import Upload
from parley.providers.base import Account
from parley.providers.wuzapi import WuzApi

SAMPLES = Path(__file__).parents[2] / "samples" / "wuzapi"
BASE = "http://wuzapi.example/base"


class Once(httpx.SyncByteStream):
    """A body as it comes from a network, where nothing has read it yet."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self._content


class Exchange:
    """What the adapter asked for, and what it is answered."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.answers: dict[str, httpx.Response | Exception] = {}
        self.otherwise: httpx.Response | Exception = httpx.Response(
            200, json={"code": 200, "data": {"Details": "Sent", "Id": "WUZ1", "Timestamp": 1}, "success": True}
        )

    def handle(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        answer = self.answers.get(request.url.path, self.otherwise)
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, stream=Once(answer.content))

    @property
    def body(self) -> Any:
        """The JSON of the latest request."""
        return json.loads(self.requests[-1].content)


@pytest.fixture
def exchange() -> Exchange:
    return Exchange()


@pytest.fixture
def wuzapi(exchange: Exchange) -> Iterator[WuzApi]:
    with httpx.Client(transport=httpx.MockTransport(exchange.handle)) as http:
        yield WuzApi(http)


@pytest.fixture
def account() -> Account:
    return Account("instance-1", {"token": "t0ken"}, {"baseUrl": BASE + "/"})


@pytest.fixture
def upload() -> Callable[..., Upload]:
    def make(content: bytes, mime_type: str, *, name: str | None = None, voice: bool = False, step: int = 7) -> Upload:
        @contextmanager
        def read() -> Iterator[Iterator[bytes]]:
            yield (content[at : at + step] for at in range(0, len(content), step))

        return Upload(mime_type, len(content), name, voice, "https://files.example/f", read)

    return make


@pytest.fixture
def message() -> Callable[..., bytes]:
    """A message's webhook as JSON; `info` adds to a customer's plain Info."""

    def make(content: Any, info: dict[str, Any] | None = None, **around: Any) -> bytes:
        given = {
            "ID": "3EB0AA",
            "Chat": "5511999990026@s.whatsapp.net",
            "Sender": "5511999990026:45@s.whatsapp.net",
            "SenderAlt": "146102623940014:45@lid",
            "RecipientAlt": "",
            "IsFromMe": False,
            "IsGroup": False,
            "PushName": "Maria",
            "Timestamp": "2025-12-03T19:23:21-03:00",
            "Category": "",
            "Edit": "",
            **(info or {}),
        }
        event = {"Info": given, "Message": content, **around.pop("event", {})}
        return json.dumps({"type": "Message", "event": event, "userID": "u1", **around}).encode()

    return make


@pytest.fixture
def samples() -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in sorted(SAMPLES.glob("*.json"))}
