"""A customer's message from the POST of its webhook to the frame on an agent's socket, on the local stack, idle and at
half the load it sustains; beside the same gateway's smallest round trips: a POST that its function refuses at once,
then a frame that its function answers at once.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from uuid import uuid4

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from bench.bed import Bed
from bench.measure import Row, median, ms, percentile
from bench.stack import Stack
from bench.traffic import at_rate, closed_loop, post, webhook
from local.http_wire import Client
from local.options import HOST

TITLE = "webhook posted → event on the agent's socket"
PATIENCE_SECONDS = 20.0
PAUSE_SECONDS = 0.02
CLIENTS = 8


def rows(bed: Bed) -> Iterator[Row]:
    """Measure."""
    stack = bed.stack
    sustained = _sustained(stack, bed.size(3.0, 1.0), bed.size(3, 2))
    bed.say(f"with an agent listening it sustains {sustained:.0f} messages/s")
    for name, load in (("idle", 0.0), ("at 50 % load", sustained / 2)):
        ours, theirs = asyncio.run(_measure(stack, load, bed.size(200, 40)))
        for part, must, aim in ((0.5, 100, 40), (0.99, 400, 150)):
            mine, his = percentile(ours, part), percentile(theirs, part)
            note = f"{len(ours)} messages; {mine / his:.1f} × the round trips" + (
                f"; {load:.0f}/s beside" if load else ""
            )
            what = f"{TITLE}, {name}, p{part * 100:.0f}"
            yield Row(what, ms(mine), f"POST + echo {ms(his)}", mine * 1000, "ms", must, aim, note=note)


def _sustained(stack: Stack, seconds: float, rounds: int) -> float:
    """Messages a second from the first post to the last one stored, posted as fast as eight clients can while an agent
    listens.
    """
    rates = []
    for _ in range(rounds):
        before, began = stack.stored(), time.monotonic()
        posted = asyncio.run(_post_heard(stack, seconds))
        rates.append(posted / (stack.wait_until_stored(before + posted) - began))
    return median(rates)


async def _post_heard(stack: Stack, seconds: float) -> int:
    async with _listening(stack) as socket:
        hearing = asyncio.create_task(_hear(socket))
        try:
            return len(await closed_loop(stack, stack.port, stack.webhook_path, CLIENTS, seconds))
        finally:
            await _cancel(hearing)


async def _measure(stack: Stack, load: float, many: int) -> tuple[list[float], list[float]]:
    """Seconds of each message and of each yardstick, in turn."""
    client = Client(HOST, stack.port)
    ours, theirs = [], []
    async with _listening(stack) as socket:
        beside = asyncio.create_task(at_rate(stack, load)) if load else None
        try:
            for number in range(many + 10):
                taken = await _message(stack, client, socket), await _echo(client, socket)
                if number >= 10:  # the first ones start workers
                    ours.append(taken[0])
                    theirs.append(taken[1])
                await asyncio.sleep(PAUSE_SECONDS)
                if beside and beside.done():
                    beside.result()
        finally:
            if beside:
                await _cancel(beside)
            client.close()
    return ours, theirs


@asynccontextmanager
async def _listening(stack: Stack) -> AsyncIterator[ClientConnection]:
    """An agent's socket that listens to the whole company from now on."""
    token = stack.tenant["users"][0]["token"]
    protocols = [Subprotocol("parley.v1"), Subprotocol(f"bearer.{token}")]
    url, origin = stack.demo["websocketUrl"], stack.demo["baseUrl"]
    async with connect(
        url, subprotocols=protocols, origin=origin, proxy=None, ping_interval=None, compression=None
    ) as socket:
        about = {"v": 1, "cursor": None, "topics": ["tenant"], "tab": "1", "visible": True}
        await socket.send(json.dumps({"action": "hello", "id": "1", **about}))
        await _until(socket, '"welcome"')
        yield socket


async def _hear(socket: ClientConnection) -> None:
    async for _ in socket:
        pass


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _message(stack: Stack, client: Client, socket: ClientConnection) -> float:
    marker = uuid4().hex
    headers, body = webhook(stack, marker)
    began = time.perf_counter()
    posting = asyncio.create_task(post(client, stack.webhook_path, headers, body))
    await _until(socket, marker)
    seconds = time.perf_counter() - began
    await posting
    return seconds


async def _echo(client: Client, socket: ClientConnection) -> float:
    marker = uuid4().hex
    began = time.perf_counter()
    status, _, _ = await client.request(b"POST", b"/webhooks/nobody/nothing/none", [], b"{}")
    assert status == 404, status
    await socket.send(json.dumps({"action": "echo", "id": marker}))
    await _until(socket, marker)
    return time.perf_counter() - began


async def _until(socket: ClientConnection, marker: str) -> None:
    """Read frames until one says it."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while marker not in str(await socket.recv()):
            pass
