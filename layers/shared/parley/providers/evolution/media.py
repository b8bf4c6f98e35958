"""Fetching a customer's file from Evolution. The one rule: the account's own server is asked first, by message id;
another host is asked only for what that server no longer has, without our key, over the guarded client.

Evolution answers with JSON that holds the file as base64, so it is decoded as it comes: no more than a chunk of it is
in memory.
"""

from __future__ import annotations

import binascii
import json
import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import httpx

from parley.domain.errors import MediaGone, Unavailable
from parley.providers.base import Account, Download
from parley.providers.calls import Answer
from parley.providers.public_web import AddressRefused
from parley.providers.reading import text_of

from .errors import NO_INSTANCE, TARGET, meaning
from .server import address

CHUNK: Final = 256 * 1024
LONGEST_HEAD: Final = 1024 * 1024
LONGEST_ERROR: Final = 64 * 1024

_FILE: Final = re.compile(rb'"base64"\s*:\s*"')
_TYPE: Final = re.compile(rb'"mimetype"\s*:\s*("(?:[^"\\]|\\.)*")')
_GONE: Final = ("message not found", "not of the media type", "status code 404", "status code 410", "status code 403")


class Files:
    """Opens files; Evolution downloads and decrypts one before it answers, so reading waits longer than a send does.
    `web` is for hosts that only a webhook named.
    """

    def __init__(self, http: httpx.Client, web: httpx.Client, *, fast_clock: float = 1.0) -> None:
        self._http, self._web = http, web
        self._timeout = httpx.Timeout(30 / fast_clock, connect=3 / fast_clock)

    @contextmanager
    def fetch(self, source: Mapping[str, Any], account: Account) -> Iterator[Download]:
        """Open a file by `{id, url?}`. Raises MediaGone or Unavailable."""
        try:
            with self._by_id(source, account) as response:
                if response.status_code in {200, 201}:
                    yield _embedded(response)
                    return
                gone = _is_gone(response)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable(f"the file's server: {type(error).__name__}") from error
        if not gone:
            raise Unavailable("the file's server cannot give it now")
        with self._by_url(source) as download:
            yield download

    @contextmanager
    def _by_id(self, source: Mapping[str, Any], account: Account) -> Iterator[httpx.Response]:
        found = address(account, "chat/getBase64FromMediaMessage")
        if found is None:
            raise Unavailable("the account is not set up")
        body = {"message": {"key": {"id": source.get("id")}}, "convertToMp4": False}
        headers = {**found[1], "accept-encoding": "identity"}
        with self._http.stream("POST", found[0], json=body, headers=headers, timeout=self._timeout) as response:
            yield response

    @contextmanager
    def _by_url(self, source: Mapping[str, Any]) -> Iterator[Download]:
        url = source.get("url")
        if not isinstance(url, str):
            raise MediaGone("Evolution no longer has the file.")
        headers = {"accept-encoding": "identity"}
        try:
            with self._web.stream(
                "GET", url, headers=headers, timeout=self._timeout, follow_redirects=False
            ) as response:
                if response.status_code >= 500 or response.status_code in {408, 425, 429}:
                    raise Unavailable("the file's server cannot give it now")
                if response.status_code != 200:
                    raise MediaGone("The file's address has expired.")
                length = response.headers.get("content-length", "")
                size = int(length) if length.isascii() and length.isdigit() and len(length) < 16 else None
                yield Download(response.headers.get("content-type"), size, response.iter_raw(CHUNK))
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, AddressRefused) as error:
            raise MediaGone("The file's address is none that may be asked.") from error
        except httpx.HTTPError as error:
            raise Unavailable(f"the file's server: {type(error).__name__}") from error


def _is_gone(response: httpx.Response) -> bool:
    """Whether an error means that the file is gone. Raises Unavailable for what passes."""
    received = bytearray()
    for chunk in response.iter_raw(CHUNK):
        received += chunk
        if len(received) > LONGEST_ERROR:
            break
    answer = Answer(response.status_code, response.headers, bytes(received[:LONGEST_ERROR]))
    text = answer.body.decode("utf-8", "replace").lower()
    return meaning(answer.status, answer.object()) in {TARGET, NO_INSTANCE} or any(part in text for part in _GONE)


def _embedded(response: httpx.Response) -> Download:
    """The file in an answer `{mediaType, fileName, caption, size, mimetype, base64, buffer}`."""
    pieces = response.iter_raw(CHUNK)
    head = bytearray()
    for piece in pieces:
        head += piece
        found = _FILE.search(head)
        if found:
            start = bytes(head[found.end() :])
            return Download(_mime_type(bytes(head[: found.start()])), None, _decoded(start, pieces))
        if len(head) > LONGEST_HEAD:
            break
    try:
        json.loads(head)
    except ValueError as error:
        raise Unavailable("Evolution's answer broke off") from error
    raise MediaGone("Evolution's answer holds no file.")


def _mime_type(head: bytes) -> str | None:
    found = _TYPE.search(head)
    try:
        return text_of(json.loads(found[1])) if found else None
    except ValueError:
        return None


def _decoded(start: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Base64 as bytes, up to the quote that ends it. Raises Unavailable where it breaks off or is none."""
    left = b""
    piece: bytes | None = start
    while piece is not None:
        text, quote, _ = (left + piece).partition(b'"')
        text = text.replace(b"\\/", b"/")
        whole = len(text) if quote else len(text) - len(text) % 4
        left = text[whole:]
        try:
            content = b64decode(text[:whole], validate=True)
        except binascii.Error as error:
            raise Unavailable("Evolution's answer is no file") from error
        if content:
            yield content
        if quote:
            return
        piece = next(pieces, None)
    raise Unavailable("Evolution's answer broke off")
