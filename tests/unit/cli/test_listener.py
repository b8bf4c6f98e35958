"""The listener against a server over real sockets: whatever breaks, each event is told once and in order."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.responses import JSONResponse

from cli import listener as listening
from cli.demo import Access
from cli.failure import FailureError, TroubleError
from cli.listener import Listener
from tests.unit.cli.conftest import EPOCH, TOKEN, EventServer


class Reader:
    """A listener at work, and what it was told."""

    def __init__(self, server: EventServer, cursor: str | None = None) -> None:
        self.told: list[int] = []
        self.notices: list[str] = []
        self._news = asyncio.Event()
        access = Access(server.url, TOKEN)
        self.listener = Listener(lambda: access, ["tenant", "user"], self._tell, self._notice, cursor)

    async def _tell(self, event: Any) -> None:
        self.told.append(event["seq"])
        self._news.set()

    def _notice(self, text: str) -> None:
        self.notices.append(text)
        self._news.set()

    async def until_noticed(self) -> None:
        async with asyncio.timeout(20):
            while not self.notices:
                self._news.clear()
                await self._news.wait()

    async def until(self, seq: int) -> None:
        async with asyncio.timeout(20):
            while not self.told or self.told[-1] < seq:
                self._news.clear()
                await self._news.wait()

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        work = asyncio.create_task(self.listener.listen())
        try:
            yield
            assert not work.done(), work.exception()
        finally:
            work.cancel()
            await asyncio.wait({work})


def bye(reason: str, reconnect: str) -> dict[str, str]:
    return {"type": "bye", "code": "rights", "reason": reason, "reconnect": reconnect}


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Configured durations, shortened; the clock is the real one."""
    monkeypatch.setattr(listening, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(listening, "LONGEST_PAUSE_SECONDS", 0.05)


async def test_events_are_told_from_now_on(server_of_events: EventServer) -> None:
    await server_of_events.happen(3)
    reader = Reader(server_of_events)
    async with reader.at_work():
        await server_of_events.connected.wait()
        await server_of_events.happen(2)
        await reader.until(5)
    assert reader.told == [4, 5]
    assert reader.listener.stream.cursor == f"{EPOCH}:5"
    hello = server_of_events.hellos[0]
    assert (hello["v"], hello["cursor"], hello["topics"]) == (1, None, ["tenant", "user"])


async def test_a_cursor_goes_on_where_it_stood(server_of_events: EventServer) -> None:
    await server_of_events.happen(6)
    reader = Reader(server_of_events, f"{EPOCH}:2")
    async with reader.at_work():
        await reader.until(6)
    assert reader.told == [3, 4, 5, 6]


async def test_a_lost_frame_is_asked_for(server_of_events: EventServer) -> None:
    reader = Reader(server_of_events)
    async with reader.at_work():
        await server_of_events.connected.wait()
        server_of_events.lose(2)
        await server_of_events.happen(1)
        await reader.until(3)
    assert reader.told == [1, 2, 3]
    assert [frame["from"] for frame in server_of_events.frames if frame["action"] == "sync"] == [0]


async def test_a_lost_last_frame_is_noticed_by_the_heartbeat(server_of_events: EventServer) -> None:
    reader = Reader(server_of_events)
    async with reader.at_work():
        await server_of_events.connected.wait()
        server_of_events.lose(1)
        await reader.until(1)
    assert reader.told == [1]
    assert any(frame["action"] == "ping" for frame in server_of_events.frames)


async def test_who_is_too_far_behind_for_the_socket_pages_by_http(server_of_events: EventServer) -> None:
    await server_of_events.happen(1234)
    server_of_events.reach = 100
    reader = Reader(server_of_events, f"{EPOCH}:1")
    async with reader.at_work():
        await reader.until(1234)
        await server_of_events.happen(1)
        await reader.until(1235)
    assert reader.told == list(range(2, 1236))
    assert server_of_events.pages == [f"{EPOCH}:1", f"{EPOCH}:501", f"{EPOCH}:1001"]


@pytest.mark.parametrize(("cursor", "reason"), [("other.0:5", "epoch"), (f"{EPOCH}:5", "too_old")])
async def test_what_cannot_be_recovered_is_said(server_of_events: EventServer, cursor: str, reason: str) -> None:
    await server_of_events.happen(20)
    server_of_events.reach, server_of_events.lowest = 1, 10
    reader = Reader(server_of_events, cursor)
    async with reader.at_work():
        await server_of_events.connected.wait()
        await reader.until_noticed()
        await server_of_events.happen(1)
        await reader.until(21)
    assert reader.told == [21]
    assert reader.notices == [f"events were missed ({reason}): going on from now"]


async def test_a_bye_that_says_never_is_final(server_of_events: EventServer) -> None:
    reader = Reader(server_of_events)
    work = asyncio.create_task(reader.listener.listen())
    await server_of_events.connected.wait()
    await server_of_events.everybody(
        type="bye", code="revoked", reason="Your access was taken away.", reconnect="never"
    )
    with pytest.raises(FailureError, match=r"Your access was taken away\."):
        await work


async def test_a_bye_that_says_now_comes_back_at_once(server_of_events: EventServer) -> None:
    reader = Reader(server_of_events)
    async with reader.at_work():
        await server_of_events.connected.wait()
        server_of_events.connected.clear()
        await server_of_events.everybody(**bye("Your rights have changed.", "now"))
        await server_of_events.connected.wait()
    assert reader.notices == ["Your rights have changed.; connecting again in 0.0 s"]


async def test_frames_of_the_platform_itself_are_ignored(server_of_events: EventServer) -> None:
    reader = Reader(server_of_events)
    async with reader.at_work():
        await server_of_events.connected.wait()
        await server_of_events.everybody(message="Internal server error", connectionId="c", requestId="r")
        await server_of_events.everybody(type="ephemeral", event="presence.join", data={}, ttlMs=1)
        await server_of_events.happen(1)
        await reader.until(1)
    assert reader.told == [1]
    assert reader.notices == []


async def test_a_refused_caller_is_told_in_the_servers_words(server_of_events: EventServer) -> None:
    server_of_events.ticket_answers = [JSONResponse({"detail": "The token has expired."}, 401)]
    with pytest.raises(FailureError, match=r"answered 401: The token has expired\."):
        await Reader(server_of_events).listener.listen()


async def test_the_first_connection_does_not_wait_for_a_server(server_of_events: EventServer) -> None:
    server_of_events.ticket_answers = [JSONResponse({}, 503)]
    with pytest.raises(TroubleError, match="answered 503"):
        await Reader(server_of_events).listener.listen()
    server_of_events.url = "http://127.0.0.1:9"
    with pytest.raises(TroubleError, match="cannot be reached"):
        await Reader(server_of_events).listener.listen()


async def test_later_connections_wait_for_the_server(server_of_events: EventServer) -> None:
    reader = Reader(server_of_events)
    async with reader.at_work():
        await server_of_events.connected.wait()
        server_of_events.ticket_answers = [JSONResponse({}, 503), JSONResponse({}, 500)]
        await server_of_events.cut()
        await server_of_events.connected.wait()
        await server_of_events.happen(1)
        await reader.until(1)
    assert len(reader.notices) == 3


@pytest.mark.parametrize("seed", range(5))
async def test_cuts_losses_and_repetitions_leave_nothing_out(server_of_events: EventServer, seed: int) -> None:
    chance = random.Random(seed)
    reader = Reader(server_of_events)
    async with reader.at_work():
        await server_of_events.connected.wait()
        for _ in range(30):
            if chance.random() < 0.3:
                server_of_events.lose(chance.randint(1, 4))
            await server_of_events.happen(chance.randint(1, 4))
            if chance.random() < 0.2:
                await server_of_events.repeat(6)
            if chance.random() < 0.2:
                await server_of_events.cut()
                await server_of_events.connected.wait()
        await server_of_events.happen(1)
        await reader.until(server_of_events.head)
    assert reader.told == list(range(1, server_of_events.head + 1)), f"seed {seed}"


def test_pauses_grow_to_a_limit_and_are_jittered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    for failures, longest in [(0, 0.5), (3, 4.0), (6, 30.0), (10_000, 30.0)]:
        pauses = [listening.full_jitter(failures) for _ in range(300)]
        assert 0 <= min(pauses) < longest / 4
        assert longest * 3 / 4 < max(pauses) <= longest
