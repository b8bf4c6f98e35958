"""Fetching received files: from the bucket, or decrypted by WuzAPI, never held whole."""

from __future__ import annotations

import base64
import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from parley.domain.errors import MediaGone, Unavailable
from parley.providers.base import Account
from parley.providers.wuzapi import WuzApi

KEYS = {
    "Url": "https://mmg.example/x",
    "DirectPath": "/v/x",
    "Mimetype": "image/jpeg",
    "FileLength": 300,
    "MediaKey": "AQID",
    "FileEncSHA256": "BA==",
    "FileSHA256": "BQ==",
}
DECRYPTED = {"route": "downloadimage", "keys": KEYS}
BUCKET = {"url": "https://bucket.example/inbox/x.jpg"}
CONTENT = bytes(range(256)) + b"\x00\xff\xfe" * 9


def answer_of(content: bytes, mime_type: str = "image/jpeg") -> bytes:
    uri = f"data:{mime_type};base64,{base64.b64encode(content).decode()}"
    return json.dumps({"code": 200, "data": {"Data": uri, "Mimetype": mime_type}, "success": True}).encode()


def fetched(wuzapi: WuzApi, source: dict[str, Any], account: Account) -> bytes:
    with wuzapi.fetch_media(source, account) as download:
        return b"".join(download.chunks)


def test_wuzapi_decrypts_a_file_by_its_keys(wuzapi: WuzApi, exchange: Any, account: Account) -> None:
    exchange.otherwise = httpx.Response(200, content=answer_of(CONTENT, "audio/ogg; codecs=opus"))
    with wuzapi.fetch_media(DECRYPTED, account) as download:
        assert (download.mime_type, download.size) == ("audio/ogg; codecs=opus", None)
        assert b"".join(download.chunks) == CONTENT
    request = exchange.requests[-1]
    assert (request.method, request.url.path, request.headers["token"]) == ("POST", "/base/chat/downloadimage", "t0ken")
    assert exchange.body == KEYS


def test_the_bucket_gets_no_token(wuzapi: WuzApi, exchange: Any, account: Account) -> None:
    exchange.otherwise = httpx.Response(200, content=CONTENT, headers={"content-type": "image/png"})
    with wuzapi.fetch_media({**BUCKET, **DECRYPTED}, account) as download:
        assert (download.mime_type, download.size) == ("image/png", len(CONTENT))
        assert b"".join(download.chunks) == CONTENT
    (request,) = exchange.requests
    assert "token" not in request.headers
    assert "authorization" not in request.headers


def test_what_the_bucket_no_longer_has_is_decrypted(wuzapi: WuzApi, exchange: Any, account: Account) -> None:
    exchange.answers["/inbox/x.jpg"] = httpx.Response(404)
    exchange.otherwise = httpx.Response(200, content=answer_of(CONTENT))
    assert fetched(wuzapi, {**BUCKET, **DECRYPTED}, account) == CONTENT
    with pytest.raises(MediaGone):
        fetched(wuzapi, BUCKET, account)


@pytest.mark.parametrize("step", [1, 3, 7, 64, 4096])
def test_a_file_is_whole_however_the_answer_is_cut(account: Account, step: int) -> None:
    body = answer_of(CONTENT).replace(b"/", b"\\/")

    class Cut(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield from (body[at : at + step] for at in range(0, len(body), step))

    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=Cut()))
    with httpx.Client(transport=transport) as http:
        assert fetched(WuzApi(http), DECRYPTED, account) == CONTENT


def test_a_large_file_is_never_held_whole_on_its_way_in(account: Account) -> None:
    piece = base64.b64encode(b"v" * 750_000)

    class Large(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield b'{"code":200,"data":{"Data":"data:video/mp4;base64,'
            yield from (piece for _ in range(40))
            yield b'","Mimetype":"video/mp4"},"success":true}'

    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=Large()))
    with httpx.Client(transport=transport) as http, WuzApi(http).fetch_media(DECRYPTED, account) as download:
        tracemalloc.start()
        assert sum(len(chunk) for chunk in download.chunks) == 30_000_000
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 8_000_000


@pytest.mark.parametrize(
    ("source", "answer", "error"),
    [
        ({}, httpx.Response(200), MediaGone),
        ({"route": "../admin", "keys": KEYS}, httpx.Response(200), MediaGone),
        ({"url": "https://bucket.example/\x00"}, httpx.Response(200), MediaGone),
        (BUCKET, httpx.Response(403), MediaGone),
        (BUCKET, httpx.Response(302, headers={"location": "http://169.254.169.254/"}), MediaGone),
        (BUCKET, httpx.Response(500), Unavailable),
        (BUCKET, httpx.ConnectError("away"), Unavailable),
        (DECRYPTED, httpx.ReadTimeout("silent"), Unavailable),
        (DECRYPTED, httpx.Response(401, json={"error": "unauthorized"}), Unavailable),
        (DECRYPTED, httpx.Response(404), MediaGone),
        (DECRYPTED, httpx.Response(500, json={"error": "no session"}), Unavailable),
        (
            DECRYPTED,
            httpx.Response(500, json={"error": "failed to download image download failed with status code 404"}),
            MediaGone,
        ),
        (
            DECRYPTED,
            httpx.Response(500, json={"error": "failed to download image hash of media plaintext doesn't match"}),
            MediaGone,
        ),
        (DECRYPTED, httpx.Response(200, html="<html>"), Unavailable),
        (DECRYPTED, httpx.Response(200, content=b"{" + b" " * 400_000), Unavailable),
        (DECRYPTED, httpx.Response(200, content=answer_of(CONTENT)[:-80]), Unavailable),
        (DECRYPTED, httpx.Response(200, content=b'{"Data":"data:image/png;base64,A*=="}'), Unavailable),
    ],
)
def test_a_file_that_does_not_come_is_gone_or_to_be_asked_for_again(
    wuzapi: WuzApi, exchange: Any, account: Account, source: dict[str, Any], answer: Any, error: type[Exception]
) -> None:
    exchange.otherwise = answer
    with pytest.raises(error):
        fetched(wuzapi, source, account)
