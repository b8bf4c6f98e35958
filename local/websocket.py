"""API Gateway's WebSocket API: events, answers, limits; one rule: a connection exists from `$connect`'s yes on.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-overview.html
"""

import asyncio
import base64
import json
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
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


class Connection:
    """One open socket and what API Gateway knows of it."""

    def __init__(self, scope: Scope, socket: WebSocket) -> None:
        self.id = base64.urlsafe_b64encode(secrets.token_bytes(11)).decode()
        self.connected_at = time.time()
        self.active_at = self.connected_at
        self.source_ip = client_of(scope)
        self.headers = {_cased(name.decode("latin-1")): value.decode("latin-1") for name, value in scope["headers"]}
        self.socket = socket

    async def post(self, data: bytes) -> bool:
        """Send a frame; answer whether there was anybody to send it to."""
        if self.socket.application_state is not WebSocketState.CONNECTED:
            return False
        self.active_at = time.time()
        try:
            await self.socket.send_text(data.decode())
        except (WebSocketDisconnect, RuntimeError):
            return False
        return True

    async def close(self, code: int, reason: str = "") -> None:
        """Close the socket, if it is still open."""
        if self.socket.application_state is WebSocketState.CONNECTED:
            with suppress(WebSocketDisconnect, RuntimeError):  # the client was faster
                await self.socket.close(code, reason)


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
            task = asyncio.create_task(self._message(connection, message))
            running.add(task)
            task.add_done_callback(running.discard)

    async def _message(self, connection: Connection, message: Mapping[str, Any]) -> None:
        text = message.get("text")
        body = text if text is not None else base64.b64encode(message["bytes"]).decode()
        key = self._route_key(body)
        if key is None:
            await connection.post(self._failure(connection, "Forbidden"))
            return
        event = {"body": body, "isBase64Encoded": text is None}
        outcome = await self._call(key, connection, event, {"messageId": secrets.token_urlsafe(11)})
        if outcome.error:
            await connection.post(self._failure(connection, "Internal server error"))
        elif self._routes[key].answers and (reply := _answer(outcome).get("body")):
            await connection.post(str(reply).encode())

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
