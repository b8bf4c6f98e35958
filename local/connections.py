"""The `@connections` API; its one rule: a connection that is gone is 410, whatever was known of it.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
"""

from datetime import UTC, datetime
from urllib.parse import unquote

from starlette.types import Receive, Scope, Send

from local.asgi import read_body, respond, respond_json
from local.websocket import MESSAGE_LIMIT, Connection, Posted, WebSocketApi

PREFIX = "/@connections/"


class ConnectionsApi:
    """Posts to, describes and closes the sockets of one WebSocket API."""

    def __init__(self, sockets: WebSocketApi) -> None:
        self._sockets = sockets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer POST, GET and DELETE on one connection."""
        body = await read_body(receive, MESSAGE_LIMIT)
        connection = self._sockets.connections.get(unquote(scope["path"].removeprefix(PREFIX)))
        if body is None:
            await _fail(send, 413, "PayloadTooLargeException", "Message too long")
        elif connection is None:
            await _gone(send)
        elif scope["method"] == "POST":
            await _posted(send, connection.post(body))
        elif scope["method"] == "DELETE":
            await connection.close(1000)
            await respond(send, 204, [], b"")
        elif scope["method"] == "GET":
            await respond_json(send, 200, _description(connection))
        else:
            await _fail(send, 403, "ForbiddenException", "Forbidden")


async def _posted(send: Send, outcome: Posted) -> None:
    if outcome is Posted.TAKEN:
        await respond(send, 200, [], b"")
    elif outcome is Posted.FULL:
        await _fail(send, 429, "LimitExceededException", "The client does not read")
    else:
        await _gone(send)


def _description(connection: Connection) -> dict[str, object]:
    return {
        "connectedAt": _timestamp(connection.connected_at),
        "lastActiveAt": _timestamp(connection.active_at),
        "identity": {"sourceIp": connection.source_ip, "userAgent": connection.headers.get("User-Agent", "")},
    }


def _timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def _gone(send: Send) -> None:
    await _fail(send, 410, "GoneException", "Gone")


async def _fail(send: Send, status: int, kind: str, message: str) -> None:
    await respond_json(send, status, {"message": message}, [(b"x-amzn-errortype", kind.encode())])
