"""The `@connections` API, spoken over a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Barrier, Thread
from typing import Any, ClassVar

import pytest

from parley.cloud.connections import Connections
from parley.cloud.ports import Gone, PostFailed, Throttled


class ConnectionsApi(BaseHTTPRequestHandler):
    """Answers with the statuses it is given, the last one for ever."""

    protocol_version = "HTTP/1.1"
    statuses: ClassVar[list[int]]
    seen: ClassVar[list[tuple[str, str, bytes]]]
    all_at_once: ClassVar[Barrier | None] = None

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.all_at_once:
            self.all_at_once.wait(10)
        self.seen.append((self.command, self.path, body))
        self.send_response(self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0])
        self.send_header("content-length", "0")
        self.end_headers()

    do_DELETE = do_POST  # noqa: N815  (the name http.server calls)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")


@contextmanager
def api(*statuses: int, all_at_once: int = 0) -> Iterator[tuple[str, list[tuple[str, str, bytes]]]]:
    seen: list[tuple[str, str, bytes]] = []
    barrier = Barrier(all_at_once) if all_at_once else None
    members = {"statuses": list(statuses), "seen": seen, "all_at_once": barrier}
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (ConnectionsApi,), members)) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/prod", seen
        server.shutdown()
        thread.join()


def test_a_frame_is_posted_to_its_connection_below_the_stage() -> None:
    with api(200) as (url, seen):
        Connections(url).post("L0SM9cOFvHcCIhw=", b'{"type":"event"}')
    assert seen == [("POST", "/prod/@connections/L0SM9cOFvHcCIhw%3D", b'{"type":"event"}')]


@pytest.mark.parametrize(
    ("status", "error"),
    [(410, Gone), (429, Throttled), (403, PostFailed), (413, PostFailed), (302, PostFailed), (500, PostFailed)],
)
def test_each_refusal_has_its_own_error(status: int, error: type[Exception]) -> None:
    with api(status) as (url, _), pytest.raises(error):
        Connections(url).post("c", b"{}")


def test_a_passing_trouble_of_the_api_is_tried_once_more() -> None:
    with api(500, 200) as (url, seen):
        Connections(url).post("c", b"{}")
    assert len(seen) == 2


def test_an_api_that_is_not_there_is_a_failed_post() -> None:
    with pytest.raises(PostFailed):
        Connections("http://127.0.0.1:1").post("c", b"{}")


def test_a_frame_too_large_for_api_gateway_never_leaves() -> None:
    with api(200) as (url, seen), pytest.raises(PostFailed):
        Connections(url).post("c", b"x" * (128 * 1024 + 1))
    assert seen == []


@pytest.mark.parametrize("status", [204, 404, 410])
def test_closing_what_is_closed_already_is_no_error(status: int) -> None:
    with api(status) as (url, seen):
        Connections(url).close("c")
    assert [method for method, _, _ in seen] == ["DELETE"]


def test_many_threads_post_at_the_same_moment() -> None:
    with api(200, all_at_once=8) as (url, seen), ThreadPoolExecutor(8) as pool:
        connections = Connections(url, connections=8)
        list(pool.map(lambda n: connections.post(f"c{n}", b"{}"), range(8)))
    assert len({path for _, path, _ in seen}) == 8
