"""Bodies in, answers out, on bare ASGI; one rule: a body too large is read to its end, that the client hears why."""

import json
from collections.abc import Iterable
from typing import Any

from starlette.types import Receive, Scope, Send

JSON = (b"content-type", b"application/json")


class ClientGoneError(Exception):
    """The client hung up before its request was whole."""


async def read_body(receive: Receive, limit: int) -> bytes | None:
    """Answer the request's body, or None if it is longer than `limit`.

    Raises:
        ClientGoneError: there is nobody to answer.
    """
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        part = message.get("body", b"")
        size += len(part)
        if size <= limit:
            parts.append(part)
        else:
            parts.clear()
        if not message.get("more_body", False):
            return None if size > limit else b"".join(parts)


async def respond(send: Send, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> None:
    """Answer a request; `content-length` is added."""
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [*headers, (b"content-length", str(len(body)).encode())],
        }
    )
    await send({"type": "http.response.body", "body": body})


async def respond_json(send: Send, status: int, value: Any, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:  # noqa: ANN401
    """Answer a request with JSON."""
    await respond(send, status, [JSON, *headers], json.dumps(value).encode())


def client_of(scope: Scope) -> str:
    """Answer the caller's address."""
    return str(scope["client"][0]) if scope.get("client") else "127.0.0.1"
