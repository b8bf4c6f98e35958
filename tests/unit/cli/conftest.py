"""A server that speaks `parley.v1` as docs/realtime.md says, over real ports, and misbehaves when it is told to."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

EPOCH = "feed.0"
TOKEN = "a-persons-token"


def message_event(seq: int, text: str = "Olá", name: str = "Beatriz") -> dict[str, Any]:
    conversation = {
        "id": "conversation-1",
        "status": "open",
        "group": None,
        "contact": {"name": name, "phone": "+55119"},
    }
    message = {"id": f"message-{seq:06}", "direction": "incoming", "kind": "text", "text": text, "status": "received"}
    return {
        "seq": seq,
        "type": "message.new",
        "id": f"event-{seq}",
        "conversationId": "conversation-1",
        "occurredAt": "2026-11-21T12:03:04.123Z",
        "data": {"message": message, "conversation": conversation},
    }


class EventServer:
    """A log of events, and the connections that hear of it."""

    def __init__(self) -> None:
        self.url = ""
        self.log: list[dict[str, Any]] = []
        self.hellos: list[dict[str, Any]] = []
        self.frames: list[dict[str, Any]] = []
        self.pages: list[str] = []
        self.ticket_answers: list[Response] = []
        self.connected = asyncio.Event()
        self.reach = 2000
        self.lowest = 0
        self._sent: dict[WebSocket, int] = {}
        self._tickets = 0
        self.app = Starlette(
            routes=[
                Route("/v1/realtime/ticket", self._ticket, methods=["POST"]),
                Route("/v1/events", self._events),
                Route("/v1/conversations/{id}", self._conversation),
                WebSocketRoute("/ws", self._socket),
            ]
        )

    @property
    def head(self) -> int:
        return len(self.log)

    async def happen(self, count: int = 1) -> None:
        """Let events happen, and push them."""
        self._write(count)
        for connection, sent in list(self._sent.items()):
            await self.say(connection, type="batch", **self._range(sent, self.head))
            self._sent[connection] = self.head

    def lose(self, count: int = 1) -> None:
        """Let events happen whose frames never arrive, though the server thinks they did."""
        self._write(count)
        self._sent = dict.fromkeys(self._sent, self.head)

    async def repeat(self, count: int) -> None:
        """Push the newest events once more."""
        await self.everybody(type="batch", **self._range(max(0, self.head - count), self.head))

    def _write(self, count: int) -> None:
        self.log += [message_event(self.head + 1 + index) for index in range(count)]

    async def say(self, connection: WebSocket, **frame: object) -> None:
        await connection.send_text(json.dumps(frame))

    async def everybody(self, **frame: object) -> None:
        for connection in list(self._sent):
            await self.say(connection, **frame)

    async def cut(self) -> None:
        """End every connection, as the platform does: with 1000 and without a word."""
        self.connected.clear()
        for connection in list(self._sent):
            self._sent.pop(connection)
            await connection.close()

    def _range(self, start: int, end: int) -> dict[str, Any]:
        return {"from": start, "to": end, "events": self.log[start:end], "more": False}

    async def _ticket(self, request: Request) -> Response:
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        if self.ticket_answers:
            return self.ticket_answers.pop(0)
        self._tickets += 1
        url = f"ws{self.url.removeprefix('http')}/ws"
        return JSONResponse({"data": {"ticket": f"ticket{self._tickets}", "url": url, "expiresIn": 30}})

    async def _events(self, request: Request) -> Response:
        after, limit = request.query_params["after"], int(request.query_params["limit"])
        self.pages.append(after)
        start = int(after.rpartition(":")[2])
        if start < self.lowest:
            return JSONResponse({"data": [], "cursor": f"{EPOCH}:{self.head}", "hasMore": False, "reset": True})
        end = min(self.head, start + limit)
        page = {"data": self.log[start:end], "cursor": f"{EPOCH}:{end}", "hasMore": end < self.head, "reset": False}
        return JSONResponse(page)

    async def _conversation(self, request: Request) -> Response:
        conversation = {"id": request.path_params["id"], "group": None, "contact": {"name": "Caio", "phone": None}}
        return JSONResponse({"data": conversation})

    async def _socket(self, connection: WebSocket) -> None:
        assert connection.scope["subprotocols"] == ["parley.v1", f"t.ticket{self._tickets}"]
        await connection.accept("parley.v1")
        try:
            while True:
                frame = json.loads(await connection.receive_text())
                self.frames.append(frame)
                await self._answer(connection, frame)
        except WebSocketDisconnect:
            self._sent.pop(connection, None)

    async def _answer(self, connection: WebSocket, frame: dict[str, Any]) -> None:
        match frame["action"]:
            case "hello":
                self.hellos.append(frame)
                await self._welcome(connection, frame)
            case "sync":
                end = min(self.head, frame["from"] + frame["limit"])
                told = {**self._range(frame["from"], end), "more": end < self.head}
                await self.say(connection, type="batch", id=frame["id"], **told)
            case "ping":
                place = {"from": self._sent[connection], "to": self._sent[connection]}
                await self.say(connection, type="pong", id=frame["id"], **place)

    async def _welcome(self, connection: WebSocket, frame: dict[str, Any]) -> None:
        about = {"type": "welcome", "id": frame["id"], "epoch": EPOCH, "heartbeatMs": 200, "more": False}
        epoch, _, seq = (frame["cursor"] or ":").rpartition(":")
        behind = self.head - int(seq or 0)
        if not epoch:
            reason = "no_cursor"
        elif epoch != EPOCH:
            reason = "epoch"
        else:
            reason = "too_far" if behind > self.reach else ""
        told = {"recovered": not reason, **self._range(int(seq or 0), self.head)}
        if reason:
            told = {"recovered": False, "reason": reason, "from": self.head, "to": self.head, "events": []}
        self._sent[connection] = self.head
        await self.say(connection, **{**about, **told})
        self.connected.set()


class _Listening(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@pytest.fixture
async def server_of_events() -> AsyncIterator[EventServer]:
    tested = EventServer()
    config = uvicorn.Config(
        tested.app, host="127.0.0.1", port=0, log_level="error", lifespan="off", ws="websockets-sansio",
        timeout_graceful_shutdown=1,
    )  # fmt: skip
    process = _Listening(config)
    serving = asyncio.create_task(process.serve())
    await asyncio.wait_for(process.ready.wait(), 10)
    tested.url = f"http://127.0.0.1:{process.servers[0].sockets[0].getsockname()[1]}"
    yield tested
    process.should_exit = True
    await serving
