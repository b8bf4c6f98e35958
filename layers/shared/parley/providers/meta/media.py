"""Files to and from Meta. The one rule: the account's token goes to the Graph API and to the host its answer names, and
never along a redirect to another.

Source: developers.facebook.com/docs/whatsapp/cloud-api/reference/media. A media id of a webhook lasts seven days, the
address it leads to five minutes; several failed fetches in an hour make Meta refuse all of the number's.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import httpx

from parley.domain.errors import MediaGone, ParleyError, Unavailable
from parley.domain.outgoing import NotSent, Outcome, Refused, Uncertain, Upload
from parley.providers.base import Account, Download
from parley.providers.calls import Answer
from parley.providers.public_web import AddressRefused
from parley.providers.reading import clean_text, optional_id

from .errors import error_code
from .graph import Graph, error_of, token_of, trouble, without_token

CHUNK: Final = 1024 * 1024
DOWNLOAD_SECONDS: Final = 300.0
MOST_REDIRECTS: Final = 3

_GONE_STATUSES: Final = frozenset({404, 410})
_GONE_CODES: Final = frozenset({33, 100})
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class Files:
    """Uploads (over `uploading`, which has more patience) and downloads."""

    def __init__(self, graph: Graph, uploading: Graph, web: httpx.Client, *, fast_clock: float = 1.0) -> None:
        self._graph, self._uploading, self._web = graph, uploading, web
        self._download_seconds = DOWNLOAD_SECONDS / fast_clock

    def upload(self, file: Upload, account: Account) -> str | Outcome:
        """Upload a file; its id, or what went wrong. Nobody has seen the file yet, so no failure here is uncertain."""
        token = token_of(account)
        if token is None:
            return without_token()
        boundary = secrets.token_hex(16)
        head, tail = _multipart(file, boundary)
        headers = {
            "content-type": f"multipart/form-data; boundary={boundary}",
            "content-length": str(len(head) + file.size + len(tail)),
        }
        url = self._graph.url(account.account_id, "media")
        try:
            with file.read() as chunks:
                content = chain((head,), chunks, (tail,))
                answer = self._uploading.call("POST", url, token, content=content, headers=headers)
        except ParleyError as error:
            return NotSent(f"the file could not be read: {error.code}")
        return _uploaded(answer)

    @contextmanager
    def fetch(self, source: Mapping[str, Any], account: Account) -> Iterator[Download]:
        """Ask where the file lies, then open it there."""
        media_id, token = optional_id(source.get("id")), token_of(account)
        if media_id is None:
            raise MediaGone("The message names no file.")
        if token is None:
            raise Unavailable("The account has no access token.")
        described = self._described(media_id, token)
        deadline = time.monotonic() + self._download_seconds
        with self._opened(described["url"], token) as response:
            yield Download(
                mime_type=described.get("mime_type"),
                size=_bytes(response.headers.get("content-length")) or described["file_size"],
                chunks=_chunks(response, deadline),
            )

    def _described(self, media_id: str, token: str) -> dict[str, Any]:
        """What the API says of a file. Raises MediaGone, Unavailable."""
        answer = self._graph.call("GET", self._graph.url(media_id), token)
        if not isinstance(answer, Answer):
            raise Unavailable(f"The file's address is not known yet: {answer.reason}.")
        wrong = trouble(answer)
        if answer.status in _GONE_STATUSES or (
            isinstance(wrong, Refused) and answer.status == 400 and error_code(error_of(answer)) in _GONE_CODES
        ):
            raise MediaGone("WhatsApp no longer has the file.")
        said = answer.object()
        url, mime_type = said.get("url"), said.get("mime_type")
        if wrong is not None or not isinstance(url, str):
            raise Unavailable(f"WhatsApp did not say where the file is: HTTP {answer.status}.")
        return {
            "url": url,
            "file_size": _bytes(said.get("file_size")),
            "mime_type": clean_text(mime_type) if isinstance(mime_type, str) else None,
        }

    @contextmanager
    def _opened(self, url: str, token: str) -> Iterator[httpx.Response]:
        """Open an address the API named; a redirect is followed on the same host only."""
        host = _host(url)
        headers = {"authorization": f"Bearer {token}", "accept-encoding": "identity"}
        for _ in range(1 + MOST_REDIRECTS):
            self._believe(url)
            try:
                timeout = self._graph.caller.timeout
                with self._web.stream("GET", url, headers=headers, timeout=timeout, follow_redirects=False) as response:
                    if response.status_code not in _REDIRECTS:
                        _accept(response)
                        yield response
                        return
                    url = urljoin(url, response.headers.get("location", ""))
            except AddressRefused as error:
                raise MediaGone("The file's address is not one of the public internet.") from error
            except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
                raise Unavailable(f"The file cannot be fetched: {type(error).__name__}.") from error
            if _host(url) != host:
                raise Unavailable("The file was moved to another host, where the account's token does not go.")
        raise Unavailable("The file was redirected too often.")

    def _believe(self, url: str) -> None:
        """The token goes over TLS, or to the API's own host where that is reached without (the local stack)."""
        if urlsplit(url).scheme != "https" and _host(url) != _host(self._graph.url()):
            raise Unavailable("The file's address is not a safe one.")


def _uploaded(answer: Answer | NotSent | Uncertain) -> str | Outcome:
    """The id of what was uploaded, or what went wrong."""
    wrong = trouble(answer) if isinstance(answer, Answer) else answer
    if isinstance(wrong, Uncertain):
        return NotSent(f"upload: {wrong.reason}")
    if wrong is not None or not isinstance(answer, Answer):
        return wrong or NotSent("upload: no answer")
    return optional_id(answer.object().get("id")) or NotSent("upload: no id")


def _host(url: str) -> tuple[str, str | None, int | None]:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port
    except ValueError as error:
        raise Unavailable("The file's address is none.") from error


def _bytes(value: object) -> int | None:
    """A size, as a number or as text; None for what is none."""
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def _accept(response: httpx.Response) -> None:
    """Raises MediaGone, Unavailable."""
    if response.status_code in _GONE_STATUSES:
        raise MediaGone("WhatsApp no longer has the file.")
    if response.status_code != 200:
        raise Unavailable(f"The file was not given: HTTP {response.status_code}.")


def _chunks(response: httpx.Response, deadline: float) -> Iterator[bytes]:
    """The file in pieces, until the deadline. Raises Unavailable."""
    try:
        for chunk in response.iter_raw(CHUNK):
            if time.monotonic() > deadline:
                raise Unavailable("The file took too long.")
            yield chunk
    except httpx.HTTPError as error:
        raise Unavailable(f"The file broke off: {type(error).__name__}.") from error


def _multipart(file: Upload, boundary: str) -> tuple[bytes, bytes]:
    """What comes before and after the file's bytes (RFC 7578)."""
    # No quote, break or backslash may end the header early; the name a customer sees is sent with the message.
    name = "".join(char for char in file.file_name or "file" if char.isprintable() and char not in '"\\') or "file"
    mime_type = "".join(char for char in file.mime_type if char.isascii() and char.isprintable())
    fields = "".join(
        f'--{boundary}\r\ncontent-disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'
        for field, value in (("messaging_product", "whatsapp"), ("type", mime_type))
    )
    opening = f'--{boundary}\r\ncontent-disposition: form-data; name="file"; filename="{name}"\r\n'
    return f"{fields}{opening}content-type: {mime_type}\r\n\r\n".encode(), f"\r\n--{boundary}--\r\n".encode()
