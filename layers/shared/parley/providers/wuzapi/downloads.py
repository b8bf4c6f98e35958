"""Fetching the file of a received message: from the bucket WuzAPI put it in, else through WuzAPI, which decrypts it.
The one rule: a file is passed on as it comes and never held, though WuzAPI sends it as base64 in the middle of
JSON.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Final

import httpx

from parley.domain.errors import MediaGone, Unavailable
from parley.providers.base import Account, Download
from parley.providers.calls import Answer
from parley.providers.public_web import AddressRefused

from .errors import error_of
from .media import ROUTES
from .outgoing import base_url

CHUNK: Final = 256 * 1024
LONGEST_HEAD: Final = 4096
LONGEST_ERROR: Final = 64 * 1024

_FILE: Final = re.compile(rb'"Data"\s*:\s*"data:([^",]{0,200}),', re.IGNORECASE)
_GONE: Final = (
    # whatsmeow errors.go: WhatsApp has deleted it, or what it has is not what was sent.
    "status code 403",
    "status code 404",
    "status code 410",
    "doesn't match",
    "does not match",
    "invalid media hmac",
    "file too short",
    "no url present",
    "unknown media type",
    "could not decode payload",
)


class Downloads:
    """Opens files. WuzAPI fetches the whole file before it answers, so reading may take longer than a call."""

    def __init__(self, http: httpx.Client, web: httpx.Client, *, fast_clock: float = 1.0) -> None:
        self._http, self._web = http, web
        self._timeout = httpx.Timeout(30 / fast_clock, connect=3 / fast_clock)

    @contextmanager
    def fetch(self, source: Mapping[str, Any], account: Account) -> Iterator[Download]:
        """Open a file by its `Media.source`.

        Raises MediaGone or Unavailable, also while it is read.
        """
        with ExitStack() as stack:
            yield self._open(stack, source, account)

    def _open(self, stack: ExitStack, source: Mapping[str, Any], account: Account) -> Download:
        url, keys = source.get("url"), source.get("keys")
        if url:
            try:
                return self._from_bucket(stack, str(url))
            except MediaGone:
                if not keys:
                    raise
        if not isinstance(keys, Mapping) or source.get("route") not in ROUTES.values():
            raise MediaGone("WuzAPI gave no way to this file.")
        return self._decrypted(stack, str(source["route"]), keys, account)

    def _from_bucket(self, stack: ExitStack, url: str) -> Download:
        response = self._request(stack, self._web, "GET", url)
        if response.status_code in {400, 401, 403, 404, 410} or response.is_redirect:
            raise MediaGone(f"The bucket has no such file any more ({response.status_code}).")
        if response.status_code != 200:
            raise Unavailable(f"The bucket answered with {response.status_code}.")
        length = response.headers.get("content-length", "")
        size = int(length) if length.isascii() and length.isdigit() and len(length) < 19 else None
        return Download(response.headers.get("content-type"), size, _raw(response))

    def _decrypted(self, stack: ExitStack, route: str, keys: Mapping[str, Any], account: Account) -> Download:
        headers = {"token": account.credentials.get("token", "")}
        url = f"{base_url(account)}/chat/{route}"
        response = self._request(stack, self._http, "POST", url, json=dict(keys), headers=headers)
        if response.status_code != 200:
            raise _failure(response)
        chunks = _raw(response)
        head = b""
        for chunk in chunks:
            head += chunk
            match = _FILE.search(head)
            if match:
                kind = match[1].decode("ascii", "replace").removesuffix(";base64").strip()
                return Download(kind or None, None, _decoded(head[match.end() :], chunks))
            if len(head) > LONGEST_HEAD + CHUNK:
                break
        raise Unavailable("WuzAPI answered without the file.")

    def _request(self, stack: ExitStack, client: httpx.Client, method: str, url: str, **sent: Any) -> httpx.Response:
        headers = {"accept-encoding": "identity", **sent.pop("headers", {})}
        try:
            return stack.enter_context(
                client.stream(method, url, headers=headers, timeout=self._timeout, follow_redirects=False, **sent)
            )
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, AddressRefused) as error:
            raise MediaGone("The file's address is none that may be asked.") from error
        except (httpx.HTTPError, ValueError) as error:
            raise Unavailable(f"The file's host did not answer: {type(error).__name__}.") from error


def _failure(response: httpx.Response) -> MediaGone | Unavailable:
    body = b""
    for chunk in _raw(response):
        body += chunk
        if len(body) > LONGEST_ERROR:
            break
    text = error_of(Answer(response.status_code, response.headers, body[:LONGEST_ERROR])).lower()
    gone = response.status_code in {400, 404, 405} or any(part in text for part in _GONE)
    sentence = f"WuzAPI could not get the file ({response.status_code})."
    return MediaGone(sentence) if gone else Unavailable(sentence)


def _raw(response: httpx.Response) -> Iterator[bytes]:
    try:
        yield from response.iter_raw(CHUNK)
    except httpx.HTTPError as error:
        raise Unavailable(f"The file broke off: {type(error).__name__}.") from error


def _decoded(first: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The bytes of the base64 that goes on to the next quote; some encoders write its slashes with a backslash."""
    left = b""
    for piece in _chain(first, chunks):
        text, quote, _ = piece.partition(b'"')
        left += text.replace(b"\\", b"")
        whole = len(left) if quote else len(left) - len(left) % 4
        try:
            content = base64.b64decode(left[:whole], validate=True)
        except (binascii.Error, ValueError) as error:
            raise Unavailable("WuzAPI sent a file that is not base64.") from error
        if content:
            yield content
        left = left[whole:]
        if quote:
            return
    raise Unavailable("The file broke off.")


def _chain(first: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from chunks
