"""Fetching a customer's file in Meta's two steps: who gets the token, and what every failure means."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from parley.domain.errors import MediaGone, Unavailable
from parley.providers.base import Account
from parley.providers.meta import Meta
from parley.providers.meta.media import CHUNK
from tests.unit.meta.conftest import ACCOUNT, API, Graph

URL = "https://lookaside.example/attachments/?mid=65463453"
SOURCE = {"id": "65463453", "url": "https://elsewhere.example/what-the-webhook-said"}
DESCRIBED = {"url": URL, "mime_type": "image/jpeg", "sha256": "x", "file_size": 5, "id": "65463453"}


def fetched(meta: Meta, source: dict[str, str] | None = None) -> bytes:
    with meta.fetch_media(SOURCE if source is None else source, ACCOUNT) as download:
        return b"".join(download.chunks)


def test_a_file_is_asked_for_and_then_fetched_with_the_token(graph: Graph, meta: Meta) -> None:
    graph.will(200, DESCRIBED)
    graph.will(200, b"bytes", {"content-length": "5"})
    with meta.fetch_media(SOURCE, ACCOUNT) as download:
        assert (download.mime_type, download.size) == ("image/jpeg", 5)
        assert b"".join(download.chunks) == b"bytes"
    assert graph.asked() == [("GET", f"{API}/65463453"), ("GET", URL)]
    assert [request.headers["authorization"] for request in graph.requests] == ["Bearer token-1"] * 2


def test_a_large_file_comes_in_chunks_of_at_most_a_megabyte(graph: Graph, meta: Meta) -> None:
    graph.will(200, DESCRIBED)
    graph.will(200, b"x" * (2 * CHUNK + 5))
    with meta.fetch_media(SOURCE, ACCOUNT) as download:
        assert [len(chunk) for chunk in download.chunks] == [CHUNK, CHUNK, 5]


def test_a_redirect_is_followed_on_the_same_host_only(graph: Graph, meta: Meta) -> None:
    graph.will(200, DESCRIBED)
    graph.will(302, b"", {"location": "/moved"})
    graph.will(200, b"bytes")
    assert fetched(meta) == b"bytes"
    assert graph.asked()[-1] == ("GET", "https://lookaside.example/moved")


@pytest.mark.parametrize(
    "location",
    [
        "https://evil.example/x",
        "http://lookaside.example/x",
        "https://lookaside.example:444/x",
        "https://lookaside.example@evil.example/x",
        "//evil.example/x",
        "https://[bad/x",
    ],
)
def test_the_token_never_goes_along_a_redirect_to_another_host(graph: Graph, meta: Meta, location: str) -> None:
    graph.will(200, DESCRIBED)
    graph.will(302, b"", {"location": location})
    with pytest.raises(Unavailable):
        fetched(meta)
    assert len(graph.requests) == 2


def test_redirects_without_end_are_given_up(graph: Graph, meta: Meta) -> None:
    graph.will(200, DESCRIBED)
    for _ in range(20):
        graph.will(302, b"", {"location": "/again"})
    with pytest.raises(Unavailable):
        fetched(meta)
    assert len(graph.requests) < 10


@pytest.mark.parametrize(
    "url", ["http://lookaside.example/x", "ftp://lookaside.example/x", "file:///etc/passwd", "", "x"]
)
def test_an_address_that_is_not_safe_is_not_fetched(graph: Graph, meta: Meta, url: str) -> None:
    graph.will(200, DESCRIBED | {"url": url})
    with pytest.raises(Unavailable):
        fetched(meta)
    assert len(graph.requests) == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, {}),
        (410, {}),
        (400, {"error": {"code": 100, "error_subcode": 33}}),
        (404, {"error": {"code": 100}}),
    ],
)
def test_a_file_meta_no_longer_knows_is_gone(graph: Graph, meta: Meta, status: int, body: object) -> None:
    graph.will(status, body)
    with pytest.raises(MediaGone):
        fetched(meta)


@pytest.mark.parametrize(
    ("status", "error"), [(404, MediaGone), (410, MediaGone), (401, Unavailable), (503, Unavailable)]
)
def test_an_address_that_no_longer_leads_there_says_whether_to_come_again(
    graph: Graph, meta: Meta, status: int, error: type[Exception]
) -> None:
    graph.will(200, DESCRIBED)
    graph.will(status, b"")
    with pytest.raises(error):
        fetched(meta)


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, {}), (200, b"<html>"), (200, {"url": 5}), (401, {"error": {"code": 190}}), (429, {}), (500, {})],
)
def test_an_answer_without_an_address_is_asked_again(graph: Graph, meta: Meta, status: int, body: object) -> None:
    graph.will(status, body)
    with pytest.raises(Unavailable):
        fetched(meta)


@pytest.mark.parametrize("failures", [[httpx.ConnectError("no")], [httpx.ReadTimeout("no")]])
def test_a_network_fault_is_never_the_end_of_a_file(graph: Graph, meta: Meta, failures: list[Exception]) -> None:
    graph.will_fail(failures[0])
    with pytest.raises(Unavailable):
        fetched(meta)
    graph.will(200, DESCRIBED)
    graph.will_fail(failures[0])
    with pytest.raises(Unavailable):
        fetched(meta)


def test_a_file_that_breaks_off_is_fetched_again(graph: Graph, meta: Meta) -> None:
    class Broken(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield b"by"
            raise httpx.ReadError("reset")

    graph.will(200, DESCRIBED)
    graph.answers.append(httpx.Response(200, stream=Broken()))
    with meta.fetch_media(SOURCE, ACCOUNT) as download, pytest.raises(Unavailable):
        list(download.chunks)


def test_a_source_without_an_id_is_gone_and_an_account_without_a_token_waits(graph: Graph, meta: Meta) -> None:
    with pytest.raises(MediaGone):
        fetched(meta, {"url": "https://elsewhere.example/x"})
    with pytest.raises(Unavailable), meta.fetch_media(SOURCE, Account("1", {})):
        pass
    assert graph.requests == []
