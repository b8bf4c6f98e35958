"""The guard before URLs that others gave us: what is connected to is what was looked at, and never private."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import httpcore
import httpx
import pytest

from parley.domain.errors import MediaGone, Unavailable
from parley.providers import public_web
from parley.providers.public_web import AddressRefused, PublicWeb, is_public, public_client

OPEN = "93.184.215.14"
SIMULATOR = "http://127.0.0.1:8080/simulator/media/"


class Wire(httpcore.NetworkStream):
    """One connection that answers every request alike."""

    def __init__(self, answer: Iterable[bytes], asked: list[str | None]) -> None:
        self._answer, self._asked = iter(answer), asked

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return next(self._answer, b"")

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Whatever is asked."""

    def close(self) -> None:
        """Nothing is open."""

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        assert ssl_context.verify_mode == ssl.CERT_REQUIRED
        assert ssl_context.check_hostname
        self._asked.append(server_hostname)
        return self


class Net(httpcore.SyncBackend):
    """The network: who was connected to, and for which host TLS asked."""

    def __init__(self) -> None:
        self.connected: list[tuple[str, int]] = []
        self.tls: list[str | None] = []
        self.answer: Callable[[], Iterable[bytes]] = lambda: [b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfile"]

    def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> httpcore.NetworkStream:
        self.connected.append((host, port))
        return Wire(self.answer(), self.tls)


@pytest.fixture
def net(monkeypatch: pytest.MonkeyPatch) -> Net:
    """A network in memory."""
    net = Net()
    monkeypatch.setattr(httpcore, "SyncBackend", lambda: net)
    return net


@contextmanager
def client(*answers: list[str], private: Iterable[str] = ()) -> Iterator[httpx.Client]:
    """A client whose names resolve to these addresses, one answer a time they are asked for."""
    waiting = list(answers)
    with public_client(private, resolve=lambda host, port: waiting.pop(0)) as opened:
        yield opened


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1",  # noqa: S104
        "169.254.169.254", "169.254.170.2", "100.64.0.1", "100.127.255.254", "192.0.0.8", "192.0.2.1",
        "192.88.99.1", "198.18.0.1", "198.51.100.1", "203.0.113.1",
        "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "::", "::1",
        "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:0:1::1", "2001:db8::1", "fe80::1", "fe80::1%eth0",
        "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "100::1",
    ],
)  # fmt: skip
def test_no_private_address_is_connected_to_however_it_is_written(net: Net, address: str) -> None:
    assert not is_public(address)
    with client([address]) as web, pytest.raises(AddressRefused):
        web.get("https://files.example/a")
    with client([OPEN, address]) as web, pytest.raises(AddressRefused):
        web.get("https://files.example/a")
    assert net.connected == []


@pytest.mark.parametrize("address", [OPEN, "8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/", "https://[::1]/", "https://[::ffff:7f00:1]/", "https://localhost/", "https://127.1/",
        "https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/", "https://169.254.169.254/latest/meta-data/",
        "https://0/", "https://user@127.0.0.1:443/",
    ],
)  # fmt: skip
def test_addresses_written_oddly_are_resolved_before_they_are_looked_at(url: str) -> None:
    with public_client() as web, pytest.raises((AddressRefused, httpx.InvalidURL)):
        web.get(url)


def test_the_name_is_resolved_once_and_exactly_that_address_is_connected_to(net: Net) -> None:
    # A name that is public when it is looked at and private when it is used again.
    with client([OPEN], ["127.0.0.1"]) as web:
        assert web.get("https://rebinding.example:8443/a").content == b"file"
        assert net.connected == [(OPEN, 8443)]
        assert net.tls == ["rebinding.example"]


@pytest.mark.parametrize("url", ["http://files.example/", "ftp://files.example/", "file:///etc/passwd", "gopher://a/"])
def test_only_https_goes_out(net: Net, url: str) -> None:
    with client([OPEN]) as web, pytest.raises(AddressRefused):
        web.get(url)
    assert net.connected == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080/simulator/requests",
        "http://127.0.0.1:8080/simulator/media",
        "http://127.0.0.1:8080/simulator/media/../requests",
        "http://127.0.0.1:8081/simulator/media/1",
        "http://127.0.0.1:8080@evil.example/simulator/media/1",
        "http://localhost:8080/simulator/media/1",
        "https://127.0.0.1:8080/simulator/media/1",
    ],
)
def test_the_local_stacks_exception_is_its_media_path_and_nothing_beside_it(url: str) -> None:
    with client(["127.0.0.1"], private=[SIMULATOR]) as web, pytest.raises(AddressRefused):
        web.get(url)


def test_the_local_stacks_media_path_is_let_through() -> None:
    class Simulator(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", "4")
            self.end_headers()
            self.wfile.write(b"file")

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Simulator) as server:
        path = f"http://127.0.0.1:{server.server_port}/simulator/media/"
        thread = Thread(target=server.handle_request)
        thread.start()
        with client(private=[path]) as web:
            assert web.get(f"{path}17").content == b"file"
        thread.join()


def test_a_redirect_is_not_followed_by_the_client_and_by_files_on_the_same_host_only(net: Net) -> None:
    answers = iter(["https://files.example/b", None])

    def answer() -> list[bytes]:
        to = next(answers)
        if to is None:
            return [b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nfile"]
        head = f"HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        return [head.encode()]

    net.answer = answer
    with client([OPEN], [OPEN]) as web, PublicWeb(web).open("https://files.example/a") as download:
        assert b"".join(download.chunks) == b"file"
    for elsewhere in (
        "https://evil.example/",
        "http://files.example/b",
        "//169.254.169.254/",
        "https://files.example:444/",
    ):
        answers = iter([elsewhere, None])
        with (
            client([OPEN], [OPEN]) as web,
            pytest.raises(MediaGone, match="another host"),
            PublicWeb(web).open("https://files.example/a"),
        ):
            pass


def test_a_body_without_end_is_cut(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(public_web, "LARGEST", 10_000)

    def endless() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n\r\n"
        while True:
            yield b"x" * 1000

    net.answer = endless
    with client([OPEN]) as web, pytest.raises(httpx.ReadError, match="too large"):
        web.get("https://files.example/a")


def test_a_body_that_trickles_is_cut(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 10_000, 60))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))

    def trickle() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n\r\n"
        while True:
            yield b"x"

    net.answer = trickle
    with client([OPEN]) as web, pytest.raises(httpx.ReadTimeout, match="too long"):
        web.get("https://files.example/a")


@pytest.mark.parametrize(
    ("status", "error"), [(404, MediaGone), (410, MediaGone), (403, MediaGone), (500, Unavailable), (429, Unavailable)]
)
def test_an_answer_without_a_file_says_whether_it_may_come_yet(net: Net, status: int, error: type[Exception]) -> None:
    net.answer = lambda: [f"HTTP/1.1 {status} No\r\ncontent-length: 0\r\n\r\n".encode()]
    with client([OPEN]) as web, pytest.raises(error), PublicWeb(web).open("https://files.example/a"):
        pass


@pytest.mark.parametrize("url", ["", "nonsense", "https://", "https://[::1", "https://\x00/", "//a/b"])
def test_what_is_no_address_is_none(url: str) -> None:
    with client([OPEN]) as web, pytest.raises(MediaGone), PublicWeb(web).open(url):
        pass


def test_a_name_nobody_knows_may_be_known_tomorrow() -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    with public_client(resolve=unknown) as web, pytest.raises(Unavailable), PublicWeb(web).open("https://a.example/"):
        pass
