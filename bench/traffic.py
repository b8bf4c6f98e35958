"""Customers' traffic: signed webhooks posted over kept connections, in a closed loop or at a rate. Its one rule: every
answer that is not 200 is an error, so that nothing fast is measured that failed.
"""

from __future__ import annotations

import asyncio
import time
from itertools import count

from local.http_wire import Client
from local.options import HOST

from .company import sign, text_body
from .stack import Stack

CUSTOMERS = 50
_WHOSE = count()


def webhook(stack: Stack, text: str = "Is the blue one still there?") -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Headers and body of a new message to the demo's number."""
    body = text_body(stack.line["accountId"], next(_WHOSE) % CUSTOMERS, text)
    signature = sign(body, stack.line["secret"])
    return [(b"content-type", b"application/json"), (b"x-hub-signature-256", signature.encode())], body


async def post(client: Client, path: str, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    """Post, and expect 200."""
    status, _, answer = await client.request(b"POST", path.encode(), headers, body)
    if status != 200:
        raise RuntimeError(f"{path.split('/')[1]} answered {status}: {answer[:200]!r}")


async def closed_loop(stack: Stack, port: int, path: str, clients: int, seconds: float) -> list[float]:
    """Post from so many clients, each its next when the last was answered; answer the seconds each took."""
    until = time.monotonic() + seconds
    taken: list[float] = []

    async def one() -> None:
        client = Client(HOST, port)
        try:
            while time.monotonic() < until:
                headers, body = webhook(stack)
                began = time.perf_counter()
                await post(client, path, headers, body)
                taken.append(time.perf_counter() - began)
        finally:
            client.close()

    await asyncio.gather(*(one() for _ in range(clients)))
    return taken


async def at_rate(stack: Stack, per_second: float) -> None:
    """Post so many webhooks a second, evenly, until cancelled."""
    client = Client(HOST, stack.port)
    posts: set[asyncio.Task[None]] = set()
    began = time.monotonic()
    try:
        for number in count():
            await asyncio.sleep(max(0.0, began + number / per_second - time.monotonic()))
            headers, body = webhook(stack)
            task = asyncio.create_task(post(client, stack.webhook_path, headers, body))
            posts.add(task)
            task.add_done_callback(posts.discard)
    finally:
        if posts:
            await asyncio.wait(posts)
        client.close()
