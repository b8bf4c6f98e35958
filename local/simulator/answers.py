"""The ways a gateway can leave a caller without an answer, and JSON that survives any text."""

import asyncio
import json
import socket
import struct
from contextlib import suppress
from typing import Any

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send


class Json(Response):
    """A JSON answer in ASCII: a lone surrogate somebody wrote is a test, not an error of ours."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:  # noqa: ANN401 - the signature is Starlette's
        """Any JSON value as bytes."""
        return json.dumps(content, separators=(",", ":")).encode("ascii")


class Reset(Response):
    """Closes the connection without a byte of answer.

    On uvicorn the caller sees a TCP reset (httpx: ReadError or RemoteProtocolError). Where the server hides its
    transport, the answer is broken off after its headers instead, which httpx reports as RemoteProtocolError.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Break the connection off."""
        transport = getattr(getattr(receive, "__self__", None), "transport", None)
        if transport is not None:
            connection = transport.get_extra_info("socket")
            if connection is not None:
                with suppress(OSError):
                    # Lingering for zero seconds turns the close into a reset.
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
            await disconnected(receive)
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})
        raise ConnectionResetError("the simulated gateway broke the connection off")


class Silence(Response):
    """Says nothing until the caller gives up, or for a bounded time, and then breaks the connection off."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hold the connection open, silently."""
        try:
            await asyncio.wait_for(disconnected(receive), self._seconds)
        except TimeoutError:
            await Reset()(scope, receive, send)


async def disconnected(receive: Receive) -> None:
    """Wait until the caller has gone."""
    message: Message = {"type": ""}
    while message["type"] != "http.disconnect":
        message = await receive()
