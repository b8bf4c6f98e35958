"""`parley dead` and `parley redrive` against an API that answers as the documentation says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest

from cli.main import main


class Server(BaseHTTPRequestHandler):
    """Answers what it was given, and keeps what it was asked."""

    answers: list[tuple[int, dict[str, Any]]]
    asked: list[tuple[str, str, Any, dict[str, str]]]

    def _serve(self) -> None:
        length = int(self.headers.get("content-length", 0))
        body = json.loads(self.rfile.read(length)) if length else None
        self.asked.append((self.command, self.path, body, {name.lower(): text for name, text in self.headers.items()}))
        status, answer = self.answers.pop(0)
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def api() -> Iterator[tuple[type[Server], Callable[..., int]]]:
    """A server, and `parley` told where it is."""
    handler = type("Handler", (Server,), {"answers": [], "asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        yield handler, lambda *words, token="a.b.c": main([*words, "--url", url, "--token", token])
        server.shutdown()
        thread.join()


def test_all_are_redriven_in_as_many_requests_as_it_takes(api: Any, capsys: pytest.CaptureFixture[str]) -> None:
    server, parley = api
    server.answers += [(200, {"data": {"redriven": 200, "left": 50}}), (200, {"data": {"redriven": 50, "left": 0}})]
    assert parley("redrive", "inbound", "--all", "--json", token="pk_key") == 0
    assert json.loads(capsys.readouterr().out) == {"redriven": 250, "left": 0}
    assert [(method, path, body) for method, path, body, _ in server.asked] == [
        ("POST", "/v1/queues/inbound/dead/redrive", {"all": True})
    ] * 2
    assert server.asked[0][3]["x-api-key"] == "pk_key"


def test_what_is_left_because_nothing_moves_ends_the_command(api: Any, capsys: pytest.CaptureFixture[str]) -> None:
    server, parley = api
    server.answers.append((200, {"data": {"redriven": 0, "left": 3}}))
    assert parley("redrive", "push", "--all") == 0
    assert capsys.readouterr().out == "0 sent again, 3 left\n"


def test_an_edited_body_is_text_for_a_webhook_and_an_object_for_a_hint(api: Any, tmp_path: Path) -> None:
    server, parley = api
    id_, file = str(uuid4()), tmp_path / "body"
    file.write_text('{"after": "x"}')
    server.answers += [(200, {"data": {"redriven": 1, "left": 0}})] * 2
    assert parley("redrive", "inbound", "--id", id_, "--body", str(file)) == 0
    assert parley("redrive", "push", "--id", id_, "--body", str(file)) == 0
    assert [body["body"] for _, _, body, _ in server.asked] == ['{"after": "x"}', {"after": "x"}]


def test_a_list_goes_through_its_pages(api: Any, capsys: pytest.CaptureFixture[str]) -> None:
    server, parley = api
    letter = {
        "id": "1",
        "firstFailedAt": "2026-03-01T12:00:00.000Z",
        "failureCount": 100,
        "error": "unavailable: Away.",
    }
    server.answers += [
        (200, {"data": [letter], "pagination": {"nextCursor": "next", "hasMore": True}}),
        (200, {"data": [{**letter, "id": "2"}], "pagination": {"nextCursor": None, "hasMore": False}}),
    ]
    assert parley("dead", "list", "media") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"{n}  since 2026-03-01T12:00:00.000Z  100 times  unavailable: Away." for n in (1, 2)]
    assert server.asked[1][1] == "/v1/queues/media/dead?limit=100&cursor=next"


@pytest.mark.parametrize(
    "words", [[], ["--all", "--id", "0192d3a4-5b6c-7d8e-9f01-23456789abcd"], ["--all", "--body", "x"]]
)
def test_which_letters_are_meant_is_said_exactly(
    api: Any, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    server, parley = api
    assert parley("redrive", "inbound", *words) == 1
    assert "--id" in capsys.readouterr().err
    assert server.asked == []


def test_a_refusal_is_told_in_the_servers_words(api: Any, capsys: pytest.CaptureFixture[str]) -> None:
    server, parley = api
    server.answers.append((404, {"detail": "There is no such thing here."}))
    assert parley("dead", "delete", "inbound", str(uuid4())) == 1
    assert capsys.readouterr().err.endswith("answered 404: There is no such thing here.\n")
