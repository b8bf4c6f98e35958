"""The ports of one process, each with its faults. The one rule: before and after every side effect the process may be
killed, and every call may fail, with its effect and without it.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable
from typing import Any, cast

import httpx
import psycopg

from parley.cloud.ports import Bucket, PostFailed
from parley.domain.errors import Unavailable
from parley.store.database import Database, Row

from .faults import Life
from .queues import ModelQueue

_WRITES = re.compile(r"\b(insert|update|delete|make_due_partitions|record_stray)\b")


class FragileQueue:
    """A queue as the product sees it."""

    def __init__(self, life: Life, name: str, queue: ModelQueue) -> None:
        self._life, self._name, self._queue = life, name, queue

    def send(self, body: str, group_id: str, delay_seconds: int = 0) -> None:
        self._life.may_crash(f"before sending to {self._name}")
        if self._life.fails(f"sending to {self._name} fails") or self._queue.away:
            raise Unavailable
        self._queue.send(body, group_id, delay_seconds)
        if self._life.fails(f"sent to {self._name}, but the answer is lost"):
            raise Unavailable
        self._life.may_crash(f"after sending to {self._name}")

    def change_visibility(self, receipt: str, seconds: int) -> None:
        self._life.may_crash(f"before putting off in {self._name}")
        if self._life.fails(f"putting off in {self._name} fails"):
            raise Unavailable
        self._queue.change_visibility(receipt, seconds)


class FragileBucket:
    """The bucket as the product sees it."""

    def __init__(self, life: Life, bucket: Bucket) -> None:
        self._life, self._bucket = life, bucket

    def put(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        self._life.may_crash("before storing an object")
        if self._life.fails("storing an object fails"):
            raise Unavailable
        self._bucket.put(key, data, content_type)
        if self._life.fails("an object is stored, but the answer is lost"):
            raise Unavailable
        self._life.may_crash("after storing an object")

    def get(self, key: str, limit: int) -> bytes:
        if self._life.fails("reading an object fails"):
            raise Unavailable
        return self._bucket.get(key, limit)

    def delete(self, key: str) -> None:
        self._life.may_crash("before deleting an object")
        if self._life.fails("deleting an object fails"):
            raise Unavailable
        self._bucket.delete(key)
        self._life.may_crash("after deleting an object")

    def list_prefix(self, prefix: str, limit: int = 1000) -> list[str]:
        if self._life.fails("listing objects fails"):
            raise Unavailable
        return self._bucket.list_prefix(prefix, limit)


class FragileWire(httpx.BaseTransport):
    """The way to the gateway. What the gateway itself does wrong is its own affair (gateway.py)."""

    def __init__(self, life: Life, gateway: Callable[[httpx.Request], httpx.Response]) -> None:
        self._life, self._gateway = life, gateway

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._life.may_crash("before the request leaves")
        response = self._gateway(request)
        self._life.may_crash("after the gateway answered")
        return response


class Desk:
    """The agent's browser, which keeps every frame. `listening_from`: the position it was told when it said hello."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self.listening_from: int | None = None


class FragileConnections:
    """`@connections` as the product sees it; `connection_id` is the desk's."""

    def __init__(self, life: Life, desk: Desk) -> None:
        self._life, self._desk = life, desk

    def post(self, connection_id: str, data: bytes) -> None:
        if self._life.fails("posting a frame fails"):
            raise PostFailed
        self._desk.frames.append(json.loads(data))
        self._life.may_crash("after posting a frame")

    def close(self, connection_id: str) -> None:
        raise AssertionError("nobody should be closed here")


class FragileDatabase(Database):
    """The real database over a connection that may break around each COMMIT. `reachable`: whether it answers at all."""

    def __init__(self, conninfo: str, nowhere: str, life: Life, reachable: Callable[[], bool]) -> None:
        super().__init__(conninfo)
        self._somewhere, self._nowhere = conninfo, nowhere
        self._life = life
        self._reachable = reachable

    def _connection(self) -> psycopg.Connection[Row]:
        if not self._reachable():
            self.close()
        self._conninfo = self._somewhere if self._reachable() else self._nowhere
        return cast("psycopg.Connection[Row]", FragileConnection(super()._connection(), self._life))


class FragileConnection:
    """A connection that breaks around COMMIT; everything else is the real one's."""

    def __init__(self, real: psycopg.Connection[Row], life: Life) -> None:
        self._real, self._life = real, life
        self._wrote = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def execute(self, query: Any, *rest: Any, **options: Any) -> psycopg.Cursor[Row]:
        if query != "commit":
            self._wrote = self._wrote or bool(_WRITES.search(str(query)))
            return self._real.execute(query, *rest, **options)
        self._life.may_crash("before COMMIT")
        if self._life.fails("the connection breaks before COMMIT"):
            self._break()
        done = self._real.execute(query)
        # What wrote nothing left nothing: after its COMMIT the world is as it was before.
        if self._wrote and self._life.fails("the connection breaks after COMMIT"):
            self._break()
            self._real.execute("select 'the answer nobody gets'")
        if self._wrote:
            self._life.may_crash("after COMMIT")
        return done

    def _break(self) -> None:
        """Cut the connection as a network does: the next thing said on it is lost, and an open transaction with it."""
        with socket.socket(fileno=self._real.pgconn.socket) as wire:
            wire.shutdown(socket.SHUT_RDWR)
            wire.detach()
