"""One connection of a reader, from `hello` to its end (protocol `parley.v1`, docs/realtime.md). The one rule: it ends
by raising, and whatever it raises, the stream stands where the next connection must go on.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, NoReturn, Protocol

from cli.api import Api
from cli.failure import FailureError, TroubleError
from cli.stream import Event, Range, Stream

GAP_PATIENCE_SECONDS: Final = 1.0
ANSWER_SECONDS: Final = 10.0
HEARTBEAT_SECONDS: Final = 30.0
SILENT_HEARTBEATS: Final = 2.5
PAGE: Final = 500

Frame = dict[str, Any]
Tell = Callable[[Event], Coroutine[Any, Any, None]]


class Socket(Protocol):
    """What a session needs of a WebSocket."""

    async def send(self, message: str) -> None:
        """Send one frame."""

    async def recv(self) -> str | bytes:
        """The next frame. Cancelling this loses none."""


class ByeError(TroubleError):
    """The server ended the connection on purpose; `now`: coming back at once is welcome."""

    def __init__(self, frame: Frame) -> None:
        super().__init__(_words(frame), int(frame.get("afterMs") or 0) / 1000)
        self.now = frame.get("reconnect") == "now"


class Session:
    """`tell` gets each event; `notice` what a person should know beside them."""

    def __init__(
        self, socket: Socket, api: Api, stream: Stream, topics: Sequence[str], tell: Tell, notice: Callable[[str], None]
    ) -> None:
        self._socket = socket
        self._api = api
        self._stream = stream
        self._topics = list(topics)
        self._tell = tell
        self._notice = notice
        self._loop = asyncio.get_running_loop()
        self._heartbeat = HEARTBEAT_SECONDS
        self._asked = 0
        self._waiting: dict[str, tuple[str, float]] = {}
        self._early: list[Range] = []
        self._gap_since: float | None = None
        self._heard_at = self._ping_at = self._loop.time()
        self.welcomed = False

    async def run(self, tab: str) -> NoReturn:
        """Say hello and follow the stream. Raises TroubleError where a new connection may help, else FailureError."""
        self._stream.forget_ahead()
        about = {"v": 1, "cursor": self._stream.cursor, "topics": self._topics, "tab": tab, "visible": False}
        await self._ask("hello", **about)
        self._ping_at = self._loop.time() + self._heartbeat
        while True:
            await self._act_on(await self._next_frame())

    async def _next_frame(self) -> Frame:
        while True:
            await self._do_what_is_due()
            try:
                async with asyncio.timeout_at(self._next_due()):
                    text = await self._socket.recv()
            except TimeoutError:
                continue
            self._heard_at = self._loop.time()
            frame = json.loads(text)
            # What has no `type` comes from the gateway itself, where a function failed; the answer is then overdue.
            if isinstance(frame, dict) and "type" in frame:
                return frame

    def _next_due(self) -> float:
        due = [self._ping_at, self._heard_at + SILENT_HEARTBEATS * self._heartbeat]
        due += [deadline for _, deadline in self._waiting.values()]
        if self._gap_since is not None:
            due.append(self._gap_since + GAP_PATIENCE_SECONDS)
        return min(due)

    async def _do_what_is_due(self) -> None:
        now = self._loop.time()
        overdue = [action for action, deadline in self._waiting.values() if deadline <= now]
        if overdue or self._heard_at + SILENT_HEARTBEATS * self._heartbeat <= now:
            raise TroubleError(f"the server did not answer {overdue[0]}" if overdue else "the server has gone silent")
        if self.welcomed and self._ping_at <= now:
            self._ping_at = now + self._heartbeat
            await self._ask("ping", at=self._stream.seq, visible=False)
        if self._gap_since is not None and self._gap_since + GAP_PATIENCE_SECONDS <= now:
            self._gap_since = None
            await self._sync()

    async def _ask(self, action: str, **body: Any) -> None:
        self._asked += 1
        id_ = str(self._asked)
        self._waiting[id_] = action, self._loop.time() + ANSWER_SECONDS
        await self._socket.send(json.dumps({"action": action, "id": id_, **body}))

    async def _sync(self) -> None:
        if not any(action == "sync" for action, _ in self._waiting.values()):
            await self._ask("sync", **{"from": self._stream.seq, "limit": PAGE})

    async def _act_on(self, frame: Frame) -> None:
        answered, _ = self._waiting.pop(str(frame.get("id")), (None, 0.0))
        match frame["type"]:
            case "welcome":
                await self._be_welcomed(frame)
            case "batch" | "pong":
                await self._take(Range.of(frame))
                if frame.get("more"):
                    await self._sync()
            case "error":
                _refuse(frame, answered)
            case "bye" if frame.get("reconnect") == "never":
                raise FailureError(f"the server ended the connection: {_words(frame)}")
            case "bye":
                raise ByeError(frame)

    async def _be_welcomed(self, frame: Frame) -> None:
        told = Range.of(frame)
        self.welcomed = True
        self._heartbeat = int(frame.get("heartbeatMs") or HEARTBEAT_SECONDS * 1000) / 1000
        self._ping_at = self._loop.time() + self._heartbeat
        if frame.get("recovered"):
            await self._take(told)
        elif frame.get("reason") == "too_far":
            await self._page_up_to(told.end)
        else:
            if frame.get("reason") != "no_cursor":
                self._notice(f"events were missed ({frame.get('reason')}): going on from now")
            self._stream.go_to(f"{frame['epoch']}:{told.end}")
        early, self._early = self._early, []
        for one in early:
            await self._take(one)
        if frame.get("more"):
            await self._sync()

    async def _page_up_to(self, seq: int) -> None:
        """The socket lets nobody catch up from so far back; the same events come by HTTP, page by page."""
        topics = ",".join(self._topics)
        while self._stream.seq < seq:
            start = self._stream.seq
            after = str(self._stream.cursor)
            page = await self._api.ask("GET", "/v1/events", after=after, limit=str(PAGE), topics=topics)
            end = int(page["cursor"].rpartition(":")[2])
            if page["reset"]:
                self._notice("events were missed (too_old): going on from now")
                self._stream.go_to(page["cursor"])
                return
            await self._take(Range(start, end, page["data"]))
            if end <= start:
                raise TroubleError("the server gave no further events")

    async def _take(self, told: Range) -> None:
        if not self.welcomed:
            self._early.append(told)
            return
        for event in self._stream.take(told):
            await self._tell(event)
        if not self._stream.gap:
            self._gap_since = None
        elif self._gap_since is None:
            self._gap_since = self._loop.time()


def _refuse(frame: Frame, answered: str | None) -> None:
    """What is wrong with `hello` is final unless it is temporary; a `sync` that fails is mended by a new connection."""
    words = _words(frame) + (f" ({frame['topic']})" if frame.get("topic") else "")
    if frame.get("temporary"):
        raise TroubleError(f"the server is in trouble: {words}", int(frame.get("retryAfterMs") or 0) / 1000)
    if answered == "hello":
        raise FailureError(f"the server refused: {words}")
    raise TroubleError(f"the server refused {answered or 'a frame'}: {words}")


def _words(frame: Frame) -> str:
    return str(frame.get("reason") or frame.get("message") or frame.get("code"))
