"""The HTTP server; its one rule: connections behave as API Gateway's do, and the stack alone decides when to stop."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame

from local.websocket import MESSAGE_LIMIT

FRAME_LIMIT = 32 * 1024
KEEP_ALIVE_SECONDS = 75
GRACE_SECONDS = 3


class Server(uvicorn.Server):
    """uvicorn on the stack's loop, without signal handlers of its own."""

    def __init__(self, application: ASGIApp) -> None:
        config = uvicorn.Config(
            application,
            http="httptools",
            ws=FrameLimit,
            ws_max_size=MESSAGE_LIMIT,
            ws_ping_interval=None,  # API Gateway sends none
            ws_per_message_deflate=False,
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, and say so."""
        await super().startup(sockets)
        self.ready.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone: the stack has its own handlers."""
        yield


class FrameLimit(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket connection, closing with 1009 on a frame API Gateway would not take."""

    def handle_text(self, event: Frame) -> None:
        """Take the first frame of a text message."""
        if not self._too_large(event):
            super().handle_text(event)

    def handle_bytes(self, event: Frame) -> None:
        """Take the first frame of a binary message."""
        if not self._too_large(event):
            super().handle_bytes(event)

    def handle_cont(self, event: Frame) -> None:
        """Take a later frame of a message."""
        if not self._too_large(event):
            super().handle_cont(event)

    async def send(self, message: ASGISendEvent) -> None:
        """Send what the application says; a refusal before the upgrade is a whole answer too."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            self.handshake_complete = True  # else uvicorn complains that nobody answered

    def _too_large(self, event: Frame) -> bool:
        if len(event.data) <= FRAME_LIMIT:
            return False
        if not self.close_sent:
            self.conn.fail(CloseCode.MESSAGE_TOO_BIG, "frame too large")
            self.handle_parser_exception()
        return True
