"""HTTP/1.1 over bare asyncio, for the two hops every invocation makes; one rule: parsing is httptools', nothing else's.

A general client and server cost several times an invocation's own work here. `Server` answers workers of the Runtime
API, `Client` reaches MiniStack.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import cast

import httptools

Headers = list[tuple[bytes, bytes]]
REASONS = {200: b"OK", 202: b"Accepted", 404: b"Not Found"}


class Server(asyncio.Protocol):
    """One connection of a client that sends one request at a time and keeps the connection."""

    def __init__(
        self, on_request: Callable[["Server", bytes, bytes, bytes], None], on_lost: Callable[["Server"], None]
    ) -> None:
        self._on_request = on_request
        self._on_lost = on_lost
        self._url = b""
        self._body: list[bytes] = []
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None

    def answer(self, status: int, body: bytes = b"", headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
        """Answer the request at hand."""
        lines = [b"HTTP/1.1 %d %b" % (status, REASONS[status]), b"content-type: application/json"]
        lines += [b"%b: %b" % header for header in headers]
        lines += [b"content-length: %d" % len(body), b"", body]
        if self._transport:
            self._transport.write(b"\r\n".join(lines))

    def close(self) -> None:
        """End the connection."""
        if self._transport:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport (asyncio's callback)."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Say that the client is gone (asyncio's callback)."""
        self._on_lost(self)

    def data_received(self, data: bytes) -> None:
        """Parse what came (asyncio's callback)."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.close()

    def on_url(self, url: bytes) -> None:
        """Collect the target (the parser's callback)."""
        self._url += url

    def on_body(self, body: bytes) -> None:
        """Collect the body (the parser's callback)."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Hand the request on (the parser's callback)."""
        url, body = self._url, b"".join(self._body)
        self._url, self._body = b"", []
        self._on_request(self, self._parser.get_method(), url, body)


class _Exchange(asyncio.Protocol):
    """One kept connection to a server, with at most one request on its way."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._answer: asyncio.Future[tuple[int, Headers, bytes]] | None = None
        self._headers: Headers = []
        self._body: list[bytes] = []
        self.alive = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.alive = False
        if self._answer and not self._answer.done():
            self._answer.set_exception(ConnectionResetError(str(exc or "the server closed the connection")))

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self.close()
            if self._answer and not self._answer.done():
                self._answer.set_exception(ConnectionResetError(str(error)))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        if not self._parser.should_keep_alive():
            self.close()
        if self._answer and not self._answer.done():
            self._answer.set_result((self._parser.get_status_code(), self._headers, b"".join(self._body)))
        self._headers, self._body = [], []

    def send(self, request: bytes) -> asyncio.Future[tuple[int, Headers, bytes]]:
        self._answer = asyncio.get_running_loop().create_future()
        if self._transport and self.alive:
            self._transport.write(request)
        else:
            self._answer.set_exception(ConnectionResetError("the connection is closed"))
        return self._answer

    def close(self) -> None:
        self.alive = False
        if self._transport:
            self._transport.close()


class Client:
    """Requests to one server over kept connections."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._idle: list[_Exchange] = []

    async def request(
        self, method: bytes, target: bytes, headers: Iterable[tuple[bytes, bytes]], body: bytes
    ) -> tuple[int, Headers, bytes]:
        """Send one request; headers must not name `host`, `content-length` or `connection`.

        A kept connection that turns out closed is replaced once; more is the caller's to retry.

        Raises:
            OSError: the server is not there or broke off.
        """
        lines = [b"%b %b HTTP/1.1" % (method, target), b"host: %b:%d" % (self._host.encode(), self._port)]
        lines += [b"%b: %b" % header for header in headers]
        request = b"\r\n".join([*lines, b"content-length: %d" % len(body), b"", body])
        while self._idle:
            exchange = self._idle.pop()
            if exchange.alive:
                try:
                    return await self._kept(exchange, exchange.send(request))
                except ConnectionResetError:
                    break
        _, exchange = await asyncio.get_running_loop().create_connection(_Exchange, self._host, self._port)
        return await self._kept(exchange, exchange.send(request))

    def close(self) -> None:
        """Close the kept connections."""
        while self._idle:
            self._idle.pop().close()

    async def _kept(
        self, exchange: _Exchange, answer: Awaitable[tuple[int, Headers, bytes]]
    ) -> tuple[int, Headers, bytes]:
        try:
            result = await answer
        except BaseException:
            exchange.close()  # a cancelled request's answer must not meet the next request
            raise
        if exchange.alive:
            self._idle.append(exchange)
        return result
