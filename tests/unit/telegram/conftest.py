"""A Bot API that answers in order, and what it was asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import httpx
import pytest

from parley.domain.identity import Address
from parley.domain.outgoing import Draft, Upload
from parley.providers.base import Account
from parley.providers.telegram import Telegram

TOKEN = "7012345678:AAH-a_token_of_thirty_five_characters"
ACCOUNT = Account("7012345678", {"bot_token": TOKEN, "secret_token": "webhook-secret"})
BASE = "https://api.telegram.org"
CUSTOMER = Address("jid", "5126845012@telegram")
GROUP = Address("jid", "-876543210@telegram")
SUPERGROUP = Address("jid", "-1001987654321@telegram")
REFERENCE = UUID("01920000-0000-7000-8000-000000000001")


def sent(chat: int = 5126845012, message: int = 43) -> dict[str, Any]:
    return {"ok": True, "result": {"message_id": message, "date": 1760090400, "chat": {"id": chat}}}


def refused(status: int, description: str, **parameters: int) -> dict[str, Any]:
    return {"ok": False, "error_code": status, "description": description} | (
        {"parameters": parameters} if parameters else {}
    )


class Api:
    """The API's end of the wire."""

    def __init__(self) -> None:
        self.answers: list[httpx.Response | Exception] = []
        self.requests: list[httpx.Request] = []

    def will(self, status: int, body: object = None, headers: dict[str, str] | None = None) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers.append(httpx.Response(status, stream=httpx.ByteStream(content), headers=headers))

    def will_refuse(self, status: int, description: str, **parameters: int) -> None:
        self.will(status, refused(status, description, **parameters))

    def will_fail(self, error: Exception) -> None:
        self.answers.append(error)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def asked(self, place: int = -1) -> tuple[str, Any]:
        """A request: its method, and its parameters as JSON or form."""
        request = self.requests[place]
        url = str(request.url)
        assert request.method == "POST"
        assert url.startswith(f"{BASE}/bot{TOKEN}/")
        return url.removeprefix(f"{BASE}/bot{TOKEN}/"), parameters(request)


def parameters(request: httpx.Request) -> Any:
    """What a request holds: its JSON, or the fields of its form, a file as (name, type, bytes)."""
    kind = request.headers["content-type"]
    if kind == "application/json":
        return json.loads(request.content)
    boundary = kind.partition("boundary=")[2].encode()
    assert int(request.headers["content-length"]) == len(request.content)
    found: dict[str, Any] = {}
    for part in request.content.split(b"--" + boundary)[1:-1]:
        head, _, value = part.strip(b"\r\n").partition(b"\r\n\r\n")
        names = dict(piece.strip().split("=", 1) for piece in head.decode().splitlines()[0].split(";") if "=" in piece)
        name = names["name"].strip('"')
        if "filename" in names:
            found[name] = (names["filename"].strip('"'), head.decode().splitlines()[1].split(": ")[1], value)
        else:
            found[name] = value.decode()
    return found


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def telegram(api: Api) -> Iterator[Telegram]:
    with httpx.Client(transport=httpx.MockTransport(api)) as http:
        yield Telegram(http)


def upload(mime_type: str, file_name: str | None = None, *, voice: bool = False) -> Upload:
    @contextmanager
    def read() -> Iterator[Iterator[bytes]]:
        yield iter([b"ab", b"c"])

    return Upload(mime_type, 3, file_name, voice, "https://files.example/signed?x=1", read)


def draft(kind: str = "text", text: str | None = None, to: Address = CUSTOMER, **members: Any) -> Draft:
    return Draft(REFERENCE, to, kind, text, **members)
