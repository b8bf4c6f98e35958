"""Files of received messages: by the message's id first, by the gateway's link only where that is gone."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

import httpx
import pytest

from parley.domain.errors import MediaGone, Unavailable
from parley.providers.base import Account
from parley.providers.evolution import Evolution
from parley.providers.public_web import public_client

Serving = Callable[..., Evolution]

FILE = bytes(range(256)) * 4000
LINK = {"id": "M1", "url": "https://minio.example/f?sign=1"}


def packed(file: bytes = FILE, **members: object) -> dict[str, object]:
    return {
        "mediaType": "imageMessage",
        "fileName": "a.jpg",
        "caption": 'he said "base64": "no"',
        "size": {"fileLength": {"low": len(file), "high": 0}},
        "mimetype": 'image/jpeg; x="1"',
        "base64": base64.b64encode(file).decode(),
        "buffer": None,
        **members,
    }


def error(status: int, text: str) -> tuple[int, object]:
    return status, {"status": status, "error": "Bad Request", "response": {"message": [text]}}


def fetched(adapter: Evolution, account: Account, source: dict[str, str] | None = None) -> tuple[str | None, bytes]:
    with adapter.fetch_media(source or {"id": "M1"}, account) as download:
        chunks = list(download.chunks)
    assert all(0 < len(chunk) <= 1024 * 1024 for chunk in chunks)
    return download.mime_type, b"".join(chunks)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 1000, len(FILE)])
def test_a_file_is_fetched_by_its_messages_id(
    size: int, serving: Serving, asked: list[httpx.Request], account: Account
) -> None:
    assert fetched(serving((201, packed(FILE[:size]))), account) == ('image/jpeg; x="1"', FILE[:size])
    (request,) = asked
    assert (request.method, request.url.path) == ("POST", "/api/chat/getBase64FromMediaMessage/my instance")
    assert request.headers["apikey"] == "key-1"
    assert json.loads(request.content) == {"message": {"key": {"id": "M1"}}, "convertToMp4": False}


def test_base64_with_escaped_slashes_is_read(serving: Serving, account: Account) -> None:
    body = json.dumps(packed(b"\xff\xff\xff")).replace("////", "\\/\\/\\/\\/").encode()
    assert fetched(serving((200, body)), account)[1] == b"\xff\xff\xff"


GONE = [error(400, "Message not found"), error(400, "The message is not of the media type"),
        error(400, "AxiosError: Request failed with status code 410")]  # fmt: skip


@pytest.mark.parametrize("answer", GONE)
def test_what_evolution_no_longer_has_is_fetched_by_its_link_without_our_key(
    answer: tuple[int, object], serving: Serving, asked: list[httpx.Request], account: Account
) -> None:
    adapter = serving(answer, (200, FILE), headers={"content-type": "image/png"})
    assert fetched(adapter, account, LINK) == ("image/png", FILE)
    assert str(asked[1].url) == LINK["url"]
    assert "apikey" not in asked[1].headers


@pytest.mark.parametrize("answer", GONE)
def test_what_is_nowhere_any_more_is_gone(answer: tuple[int, object], serving: Serving, account: Account) -> None:
    with pytest.raises(MediaGone):
        fetched(serving(answer), account)
    for status in (403, 404, 410, 302):
        with pytest.raises(MediaGone):
            fetched(serving(answer, (status, b"")), account, LINK)


@pytest.mark.parametrize(
    "url",
    [
        "http://minio.example/x",
        "https://minio.example/x",
        "https://10.0.0.1/x",
        "file:///etc/passwd",
        "//x",
        "https://[",
    ],
)
def test_a_link_goes_through_the_guarded_client_which_refuses_what_is_not_public(url: str, account: Account) -> None:
    def evolution(request: httpx.Request) -> httpx.Response:
        assert request.url.host == "evolution.example", "a link left through the gateway's own client"
        return httpx.Response(400, stream=httpx.ByteStream(json.dumps(GONE[0][1]).encode()))

    transport = httpx.MockTransport(evolution)
    with (
        httpx.Client(transport=transport) as http,
        public_client(resolve=lambda *_: ["10.0.0.1"]) as web,
        pytest.raises(MediaGone),
    ):
        fetched(Evolution(http, web=web), account, {"id": "M1", "url": url})


@pytest.mark.parametrize(
    "answers",
    [
        [error(400, "Error: Connection Closed")],
        [error(500, "Internal Server Error")],
        [(502, b"")],
        [(401, {})],
        [httpx.ConnectError("no")],
        [httpx.ReadTimeout("no")],
        [(201, json.dumps(packed()).encode()[:3000])],
        [(201, b'{"mediaType": "imageMessage"')],
        [(201, packed(base64="****"))],
        [GONE[0], (503, b"")],
        [GONE[0], httpx.ReadError("no")],
    ],
)
def test_what_passes_is_to_be_tried_again(
    answers: list[tuple[int, object] | Exception], serving: Serving, account: Account
) -> None:
    with pytest.raises(Unavailable):
        fetched(serving(*answers), account, LINK)


def test_an_answer_without_a_file_is_final(serving: Serving, account: Account) -> None:
    for body in (b"null", {"mediaType": "imageMessage", "base64": None}):
        with pytest.raises(MediaGone):
            fetched(serving((201, body)), account)


def test_an_account_that_is_not_set_up_can_be_tried_again(serving: Serving) -> None:
    with pytest.raises(Unavailable):
        fetched(serving((201, packed())), Account("one", {}))
