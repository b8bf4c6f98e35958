"""One call of a gateway: it ends, however slowly the gateway takes or answers, and what was left off was not sent."""

from __future__ import annotations

import dataclasses
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest

from parley.domain.outgoing import NotSent, Uncertain
from parley.providers.calls import PIECE, Answer, Caller
from parley.providers.patience import Patience
from parley.providers.registry import GATEWAYS, adapter
from parley.services.deliver import AROUND_A_SEND
from tests.unit.providers.conftest import ACCOUNT, DRAFTS, INTERACTIVES, OURS, SUCCESS, against, gave, names
from tests.unit.providers.conftest import Answer as Answers

EVERY_GATEWAY = pytest.mark.parametrize("name", GATEWAYS)
FAST_CLOCK = 100  # `against` divides all waits so


class Endless:
    """A file that never ends, and how much of it was asked for."""

    def __init__(self) -> None:
        self.given = 0

    def __iter__(self) -> Iterator[bytes]:
        while True:
            self.given += 1
            yield b"x" * (4 * PIECE)


@contextmanager
def listening(*, answers: bytes | None) -> Iterator[str]:
    """A gateway that takes a connection and then reads nothing, or answers without an end."""
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.settimeout(0.05)
                while not done.is_set():
                    try:
                        connection.send(answers) if answers else done.wait(0.05)
                    except OSError:
                        done.wait(0.05)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        finally:
            done.set()
            thread.join()


def test_a_file_the_gateway_takes_too_slowly_is_left_off_and_was_not_sent() -> None:
    endless = Endless()
    pieces: list[bytes] = []

    class Network(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            pieces.extend(request.stream)  # type: ignore[arg-type]
            raise AssertionError("the file has no end")

    with httpx.Client(transport=Network()) as http:
        outcome = Caller(http, Patience(upload=0.05)).call("POST", "http://gateway.test/", headers={}, content=endless)
    assert outcome == NotSent("the gateway took the file too slowly")
    assert endless.given > 0
    assert {len(piece) for piece in pieces} <= {PIECE}


def test_a_gateway_that_reads_nothing_ends_the_call() -> None:
    waits = Patience(connect=1, write=0.2, read=0.2, upload=0.2)
    with listening(answers=None) as url, httpx.Client() as http:
        outcome = Caller(http, waits).call("POST", url, headers={}, content=iter(Endless()))
    assert isinstance(outcome, NotSent | Uncertain)


def test_an_answer_without_an_end_is_cut_off_and_its_status_counts() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n"
    waits = Patience(connect=1, write=0.2, read=0.2)
    with listening(answers=head + b"x" * 1024) as url, httpx.Client() as http:
        outcome = Caller(http, waits).call("POST", url, headers={}, json_body={}, longest_answer=1 << 40)
    assert isinstance(outcome, Answer)
    assert outcome.status == 200


def test_the_longest_call_is_the_sum_of_its_waits_and_a_faster_clock_shortens_it() -> None:
    waits = Patience(connect=3, write=5, read=10, upload=30)
    assert waits.longest == timedelta(seconds=1 + 3 + 30 + 5 + 10 + 10)
    assert waits.sped(10).longest == waits.longest / 10


@EVERY_GATEWAY
@pytest.mark.parametrize("draft", [*DRAFTS.values(), *INTERACTIVES.values()], ids=lambda draft: draft.kind)
@pytest.mark.parametrize("reply", [None, OURS], ids=["alone", "reply"])
@pytest.mark.parametrize("answer", [gave(200, SUCCESS), gave(400, {"message": "Connection Closed"}), gave(500, b"")])
def test_an_adapters_longest_send_covers_every_wait_of_every_request_it_makes(
    name: str, draft: Any, reply: Any, answer: Answers
) -> None:
    waits: list[float] = []

    def note(request: httpx.Request) -> httpx.Response:
        given = request.extensions["timeout"]
        waits.append(given["pool"] + given["connect"] + given["write"] + 2 * given["read"])
        return answer(request)

    said = adapter(name).capabilities
    with against(name, note) as (provider, _):
        provider.send(names(name).of(dataclasses.replace(draft, reply_to=reply)), ACCOUNT)
    longest = said.longest_file_send if draft.media else said.longest_send
    assert timedelta(seconds=sum(waits) * FAST_CLOCK) <= longest + timedelta(milliseconds=1)


@EVERY_GATEWAY
def test_a_send_with_a_file_fits_into_what_the_sender_keeps_spare(name: str) -> None:
    said = adapter(name).capabilities
    assert said.longest_send <= said.longest_file_send
    assert said.longest_file_send + AROUND_A_SEND <= timedelta(milliseconds=spare())


def spare() -> int:
    from importlib.util import module_from_spec, spec_from_file_location
    from pathlib import Path

    place = Path(__file__).parents[3] / "functions" / "message_sender" / "app.py"
    spec = spec_from_file_location("message_sender_app", place)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return int(module.SPARE_MILLISECONDS)
