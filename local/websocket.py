"""API Gateway's WebSocket API: events, answers, limits; one rule: a connection exists from `$connect`'s yes on.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-overview.html
"""

import asyncio
import base64
import json
import secrets
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from enum import Enum
from typing import Any
from urllib.parse import parse_qsl

from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from local.asgi import client_of
from local.bundle import Bundle
from local.runtime import FunctionPool, Outcome

MESSAGE_LIMIT = 128 * 1024
IDLE_SECONDS = 600.0
LIFE_SECONDS = 7200.0
BUFFER_LIMIT = 1024 * 1024
"""What waits for a client that does not read; beyond it `@connections` answers 429, as its documentation says."""
AT_ONCE = 16
"""Messages of one client under way at once; the next is read when one of them is answered."""
STUCK_SECONDS = 5.0
"""How long a client that does not read may take over the frames it has coming when its socket is closed."""


class Posted(Enum):
    """What became of a frame for a client."""

    TAKEN = "taken"
    FULL = "full"
    GONE = "gone"


class Connection:
    """One open socket and what API Gateway knows of it."""

    def __init__(self, scope: Scope, socket: WebSocket) -> None:
        self.id = base64.urlsafe_b64encode(secrets.token_bytes(11)).decode()
        self.connected_at = time.time()
        self.active_at = self.connected_at
        self.source_ip = client_of(scope)
        self.headers = {_cased(name.decode("latin-1")): value.decode("latin-1") for name, value in scope["headers"]}
        self.socket = socket
        self._waiting: deque[bytes] = deque()
        self._buffered = 0
        self._sender: asyncio.Task[None] | None = None

    def post(self, data: bytes) -> Posted:
        """Take a frame for the client; whoever posts never waits for a client that does not read."""
        if self.socket.application_state is not WebSocketState.CONNECTED:
            return Posted.GONE
        if self._buffered + len(data) > BUFFER_LIMIT:
            return Posted.FULL
        self.active_at = time.time()
        self._waiting.append(data)
        self._buffered += len(data)
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send())
        return Posted.TAKEN

    async def _send(self) -> None:
        while self._waiting:
            data = self._waiting.popleft()
            try:
                await self.socket.send_text(data.decode())
            except (WebSocketDisconnect, RuntimeError):
                self._waiting.clear()
                self._buffered = 0
                return
            self._buffered -= len(data)

    async def close(self, code: int, reason: str = "") -> None:
        """Close the socket behind the frames that were taken, if it is still open."""
        if self._sender is not None:
            await asyncio.wait({self._sender}, timeout=STUCK_SECONDS)
        if self.socket.application_state is WebSocketState.CONNECTED:
            with suppress(WebSocketDisconnect, RuntimeError, TimeoutError):  # the client was faster, or does not read
                async with asyncio.timeout(STUCK_SECONDS):
                    await self.socket.close(code, reason)

    def abandon(self) -> None:
        """Nobody is there any more."""
        if self._sender is not None:
            self._sender.cancel()


class WebSocketApi:
    """Accepts sockets, calls the routes' functions, keeps the limits."""

    def __init__(self, bundle: Bundle, pools: Mapping[str, FunctionPool], domain: str, clock: float) -> None:
        self._routes = bundle.socket_routes
        self._stage = bundle.stage
        self._pools = pools
        self._domain = domain
        self._idle = IDLE_SECONDS / clock
        self._life = LIFE_SECONDS / clock
        self.connections: dict[str, Connection] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket from its request to its end."""
        socket = WebSocket(scope, receive, send)
        connection = Connection(scope, socket)
        outcome = await self._call("$connect", connection, {"headers": connection.headers, **_query(scope)})
        answer = _answer(outcome)
        status = int(answer.get("statusCode", 200))
        if not 200 <= status < 300:
            said = {"message": {401: "Unauthorized", 403: "Forbidden"}.get(status, "Internal server error")}
            await socket.send_denial_response(JSONResponse(said, status))
            return
        code, reason = 1006, ""
        try:
            await socket.accept(_subprotocol(answer))
            self.connections[connection.id] = connection
            code, reason = await self._converse(connection)
        except WebSocketDisconnect:
            pass  # it went while `$connect` ran; the function that said yes must hear of it all the same
        finally:
            self.connections.pop(connection.id, None)
            connection.abandon()
            ended = {"disconnectStatusCode": code, "disconnectReason": reason}
            # Shielded: the stack's own stop must not swallow what cleans up after the connection.
            await asyncio.shield(self._call("$disconnect", connection, {"headers": connection.headers}, ended))

    async def _converse(self, connection: Connection) -> tuple[int, str]:
        """Take frames until one side ends it; answer the close code and reason."""
        running: set[asyncio.Task[None]] = set()
        end = connection.connected_at + self._life
        while True:
            limit = min(connection.active_at + self._idle, end) - time.time()
            try:
                async with asyncio.timeout(max(limit, 0)):
                    message = await connection.socket.receive()
            except TimeoutError:
                if time.time() < min(connection.active_at + self._idle, end):
                    continue  # something was posted meanwhile
                await connection.close(1001, "Going away")
                return 1001, "Going away"
            if message["type"] == "websocket.disconnect":
                return int(message.get("code") or 1005), str(message.get("reason") or "")
            connection.active_at = time.time()
            if len(running) >= AT_ONCE:  # one client's flood waits in its own socket
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            task = asyncio.create_task(self._message(connection, message))
            running.add(task)
            task.add_done_callback(running.discard)

    async def _message(self, connection: Connection, message: Mapping[str, Any]) -> None:
        text = message.get("text")
        body = text if text is not None else base64.b64encode(message["bytes"]).decode()
        key = self._route_key(body)
        if key is None:
            connection.post(self._failure(connection, "Forbidden"))
            return
        event = {"body": body, "isBase64Encoded": text is None}
        outcome = await self._call(key, connection, event, {"messageId": secrets.token_urlsafe(11)})
        if outcome.error:
            connection.post(self._failure(connection, "Internal server error"))
        elif self._routes[key].answers and (reply := _answer(outcome).get("body")):
            connection.post(str(reply).encode())

    def _route_key(self, body: str) -> str | None:
        """Answer the route of a frame by `$request.body.action`."""
        try:
            action = json.loads(body)["action"]
        except (ValueError, KeyError, TypeError, RecursionError):
            action = None
        if isinstance(action, str) and action in self._routes and not action.startswith("$"):
            return action
        return "$default" if "$default" in self._routes else None

    def _failure(self, connection: Connection, message: str) -> bytes:
        said = {"message": message, "connectionId": connection.id, "requestId": secrets.token_urlsafe(11)}
        return json.dumps(said).encode()

    async def _call(
        self, key: str, connection: Connection, event: Mapping[str, Any], context: Mapping[str, Any] | None = None
    ) -> Outcome:
        if key not in self._routes:
            return Outcome(b'{"statusCode": 200}')
        now = time.time()
        kinds = {"$connect": "CONNECT", "$disconnect": "DISCONNECT"}
        request = {
            "routeKey": key,
            "eventType": kinds.get(key, "MESSAGE"),
            "messageDirection": "IN",
            "connectionId": connection.id,
            "connectedAt": int(connection.connected_at * 1000),
            "requestId": secrets.token_urlsafe(11),
            "extendedRequestId": secrets.token_urlsafe(11),
            "requestTime": datetime.fromtimestamp(now, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "requestTimeEpoch": int(now * 1000),
            "domainName": self._domain,
            "stage": self._stage,
            "apiId": "local",
            "identity": {"sourceIp": connection.source_ip, "userAgent": connection.headers.get("User-Agent", "")},
            **(context or {}),
        }
        payload = json.dumps({"isBase64Encoded": False, **event, "requestContext": request}).encode()
        return await self._pools[self._routes[key].function].invoke(payload)


def _answer(outcome: Outcome) -> dict[str, Any]:
    if outcome.error:
        return {"statusCode": 500}
    answer = json.loads(outcome.payload)
    return answer if isinstance(answer, dict) else {}


def _subprotocol(answer: Mapping[str, Any]) -> str | None:
    for name, value in (answer.get("headers") or {}).items():
        if name.lower() == "sec-websocket-protocol":
            return str(value)
    return None


def _query(scope: Scope) -> dict[str, dict[str, str]]:
    pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return {"queryStringParameters": dict(pairs)} if pairs else {}


def _cased(name: str) -> str:
    """Answer a header's name as clients write it: unlike the HTTP API, this one does not lower it."""
    return "-".join(part.capitalize() for part in name.split("-")).replace("Websocket", "WebSocket")
