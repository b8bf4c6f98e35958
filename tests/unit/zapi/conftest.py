"""A Z-API that answers in order, and what it was asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from parley.domain.outgoing import Upload
from parley.providers.base import Account
from parley.providers.zapi import ZApi

ACCOUNT = Account(
    "3C67AB64", {"instance_token": "instance-token", "client_token": "client-token", "z_api_token": "webhook-token"}
)
BASE = "https://api.z-api.io/instances/3C67AB64/token/instance-token"
QUEUED = {"zaapId": "Z1", "messageId": "3EB0AA", "id": "3EB0AA"}


class Api:
    """The API's end of the wire."""

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

    def asked(self) -> tuple[str, str, Any]:
        """The one request: method, path below the instance's address with its query, body."""
        [request] = self.requests
        url = str(request.url)
        assert url.startswith(f"{BASE}/")
        assert request.headers["client-token"] == "client-token"
        body = json.loads(request.content) if request.content else None
        assert (request.headers.get("content-type") == "application/json") == (body is not None)
        return request.method, url.removeprefix(f"{BASE}/"), body


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def zapi(api: Api) -> Iterator[ZApi]:
    with httpx.Client(transport=httpx.MockTransport(api)) as http:
        yield ZApi(http)


def upload(mime_type: str, file_name: str | None = None, *, voice: bool = False) -> Upload:
    @contextmanager
    def read() -> Iterator[Iterator[bytes]]:
        yield iter([b"abc"])

    return Upload(mime_type, 3, file_name, voice, "https://files.example/signed?x=1", read)
