"""Files of received messages. The one rule: they lie behind plain addresses without a credential, and none is sent.

Source: Z-API/z-api-docs, docs/tips/file-expiration.md: Z-API deletes them after 30 days. Which addresses may be asked
at all is the business of the guarded client (public_web.py).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import httpx

from parley.domain.errors import MediaGone, Unavailable
from parley.providers.base import Download
from parley.providers.public_web import AddressRefused
from parley.providers.reading import clean_text, text_of

CHUNK: Final = 1024 * 1024
CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 10.0
DOWNLOAD_SECONDS: Final = 240.0

_COME_AGAIN: Final = frozenset({408, 425, 429})


@contextmanager
def fetch(web: httpx.Client, source: Mapping[str, Any], *, fast_clock: float = 1.0) -> Iterator[Download]:
    """Open a file by its address. Raises MediaGone, Unavailable."""
    url = _address(source)
    deadline = time.monotonic() + DOWNLOAD_SECONDS / fast_clock
    timeout = httpx.Timeout(READ_SECONDS / fast_clock, connect=CONNECT_SECONDS / fast_clock)
    headers = {"accept-encoding": "identity"}
    opened = False
    try:
        with web.stream("GET", url, headers=headers, timeout=timeout, follow_redirects=False) as response:
            _accept(response)
            length = response.headers.get("content-length", "")
            opened = True
            yield Download(
                mime_type=clean_text(response.headers.get("content-type", "")) or None,
                size=int(length) if length.isascii() and length.isdigit() and len(length) < 16 else None,
                chunks=_chunks(response, deadline),
            )
    except AddressRefused as error:
        raise MediaGone("The file's address leads where nothing may be fetched.") from error
    except httpx.HTTPError as error:
        what = "broke off" if opened else "cannot be fetched"
        raise Unavailable(f"The file {what}: {type(error).__name__}.") from error


def _address(source: Mapping[str, Any]) -> httpx.URL:
    text = text_of(source.get("url"))
    if not text:
        raise MediaGone(f"Z-API could not get this file from WhatsApp: {text_of(source.get('error')) or 'no address'}.")
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise MediaGone("The file's address is none.") from error
    if url.scheme not in {"https", "http"} or not url.host:
        raise MediaGone("The file's address is none.")
    return url


def _accept(response: httpx.Response) -> None:
    """Only 200 is the file; storage answers 403 as well as 404 for what it no longer has."""
    status = response.status_code
    if status >= 500 or status in _COME_AGAIN:
        raise Unavailable(f"The file's storage answered {status}.")
    if status != 200:
        raise MediaGone(f"Z-API no longer has the file: its storage answered {status}.")


def _chunks(response: httpx.Response, deadline: float) -> Iterator[bytes]:
    try:
        for chunk in response.iter_raw(CHUNK):
            if time.monotonic() > deadline:
                raise Unavailable("The file comes too slowly.")
            yield chunk
    except httpx.HTTPError as error:
        raise Unavailable(f"The file broke off: {type(error).__name__}.") from error
