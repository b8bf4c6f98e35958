"""A Meta that answers by path, and what it was asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from parley.domain.outgoing import Upload
from parley.providers.base import Account
from parley.providers.meta import Meta

API = "https://graph.example/v26.0"
ACCOUNT = Account("1122334455667", {"access_token": "token-1", "app_secret": "secret", "verify_token": "v-1"})
ACCEPTED = {"messaging_product": "whatsapp", "contacts": [{"wa_id": "5531"}], "messages": [{"id": "wamid.out"}]}

Answers = Callable[[httpx.Request], httpx.Response]


class Graph:
    """The API: answers in order, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: list[httpx.Response | Exception] = []
        self.requests: list[httpx.Request] = []

    def will(self, status: int, body: object = None, headers: dict[str, str] | None = None) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers.append(httpx.Response(status, stream=httpx.ByteStream(content), headers=headers))

    def will_fail(self, error: Exception) -> None:
        self.answers.append(error)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def asked(self) -> list[tuple[str, str]]:
        return [(request.method, str(request.url)) for request in self.requests]

    def sent(self) -> dict[str, Any]:
        """The body of the newest request."""
        body: dict[str, Any] = json.loads(self.requests[-1].content)
        return body


@pytest.fixture
def graph() -> Graph:
    return Graph()


@pytest.fixture
def meta(graph: Graph) -> Iterator[Meta]:
    with httpx.Client(transport=httpx.MockTransport(graph)) as http:
        yield Meta(http, api_url="https://graph.example", version="v26.0")


def upload(
    data: bytes = b"bytes", mime_type: str = "image/png", *, name: str | None = None, voice: bool = False
) -> Upload:
    @contextmanager
    def read() -> Iterator[Iterator[bytes]]:
        yield iter([data[:2], data[2:]])

    return Upload(mime_type, len(data), name, voice, "https://bucket.example/signed", read)
