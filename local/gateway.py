"""The one port: which part of the stack answers what; its one rule: it looks at a request's address and no further."""

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Mount, Route, Router
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from local.connections import PREFIX as CONNECTIONS
from local.connections import ConnectionsApi
from local.http_api import HttpApi
from local.options import ROOT
from local.pump_control import PREFIX as PUMPS
from local.pump_control import PumpControl
from local.sqs import SqsDoor
from local.websocket import WebSocketApi

SOCKET_PATH = "/ws"
SIMULATOR = ("/simulator", "/phone")
EXAMPLES = "/examples/"
API_PAGE = ROOT / "local/api_page"
FRONT_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Parley</title>
<style>body { font: 1rem/1.6 system-ui, sans-serif; max-width: 40rem; margin: 4rem auto; padding: 0 1rem }</style>
<h1>Parley runs on this machine</h1>
<p><a href="/phone">The phone</a>: write as a customer and see the answers arrive.</p>
<p><a href="/docs">The API</a>: every route, with examples, to be tried.</p>
<p>Examples of the browser packages: <a href="/examples/inbox.html">an inbox with the client alone</a>,
<a href="/examples/hooks.html">an inbox with the React hooks</a>.</p>
<p><code>parley tail</code> prints a tenant's events as they happen. Addresses, tokens and keys of the demo are in
<code>.local/demo.json</code>.</p>
</html>
"""


class Gateway:
    """The ASGI application of the stack."""

    def __init__(
        self, http_api: HttpApi, sockets: WebSocketApi, sqs: SqsDoor, pumps: PumpControl, simulator: ASGIApp
    ) -> None:
        self._http_api = http_api
        self._sockets = sockets
        self._sqs = sqs
        self._under: dict[str, ASGIApp] = {
            CONNECTIONS: ConnectionsApi(sockets),
            PUMPS: pumps,
            **dict.fromkeys(SIMULATOR, simulator),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request to the part it is for."""
        await self._part(scope)(scope, receive, send)

    def _part(self, scope: Scope) -> ASGIApp:
        path: str = scope["path"]
        for beginning, part in self._under.items():
            if path.startswith(beginning):
                return part
        if scope["type"] == "websocket":
            return self._sockets if path == SOCKET_PATH else _no_socket_here
        if self._sqs.takes(scope):
            return self._sqs
        if (
            path == "/docs"
            or path.startswith(("/docs/", EXAMPLES))
            or (path == "/" and scope["method"] in ("GET", "HEAD"))
        ):
            return _pages
        return self._http_api


async def _no_socket_here(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "websocket.close", "code": 1000})  # before the upgrade: a 403


async def _index(_: Request) -> Response:
    return HTMLResponse(FRONT_PAGE)


async def _api_page(_: Request) -> Response:
    return FileResponse(API_PAGE / "index.html")


_pages = Router(
    [
        Route("/", _index),
        Route("/docs", _api_page),
        Mount("/docs", StaticFiles(directory=API_PAGE)),
        Mount(EXAMPLES.rstrip("/"), StaticFiles(directory=ROOT / "web/examples")),
    ]
)
