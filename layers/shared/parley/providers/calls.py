"""Calling a gateway. The one rule: a request that may have reached it is never called "not sent".

What fails before the request is on the wire was not sent; after that nobody knows.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx

from parley.domain.outgoing import NotSent, Uncertain

LONGEST_ANSWER: Final = 64 * 1024
LONGEST_RETRY_AFTER: Final = timedelta(days=1)

_BEFORE_SENDING: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.InvalidURL,
    httpx.LocalProtocolError,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a gateway answered, as far as it came in time and size."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def object(self) -> dict[str, Any]:
        """The body as a JSON object; empty where it is none."""
        try:
            answer = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return answer if isinstance(answer, dict) else {}

    def retry_after(self) -> timedelta | None:
        """RFC 9110's Retry-After: seconds, or a date, which is read against the answer's own date so that no clock need
        agree.
        """
        value = self.headers.get("retry-after", "").strip()
        if value.isascii() and value.isdigit() and len(value) < 10:
            return min(timedelta(seconds=int(value)), LONGEST_RETRY_AFTER)
        try:
            wait = parsedate_to_datetime(value) - parsedate_to_datetime(self.headers.get("date", ""))
        except (TypeError, ValueError):
            return None
        return min(max(wait, timedelta()), LONGEST_RETRY_AFTER)


class Caller:
    """Calls over a shared client, which stays its owner's to close. With the defaults one call takes at most 27 s,
    which is below the lease of a send; `fast_clock` divides all of them.
    """

    def __init__(
        self, http: httpx.Client, *, connect: float = 3.0, read: float = 10.0, fast_clock: float = 1.0
    ) -> None:
        connect, read = connect / fast_clock, read / fast_clock
        self.http = http
        self.timeout = httpx.Timeout(read, connect=connect, pool=connect / 3, write=read)
        self._longest = 2 * connect + 2 * read

    def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        json_body: object = None,
        content: bytes | Iterable[bytes] | None = None,
        longest_answer: int = LONGEST_ANSWER,
    ) -> Answer | NotSent | Uncertain:
        """Make one request, once; never raises for what the network does. `content`: instead of JSON."""
        sent = {"accept-encoding": "identity", **headers}  # so that the bound on the answer is a bound
        if json_body is not None:
            content = json.dumps(json_body).encode()
            sent["content-type"] = "application/json"
        deadline = time.monotonic() + self._longest
        try:
            with self.http.stream(method, url, content=content, headers=sent, timeout=self.timeout) as response:
                return Answer(response.status_code, response.headers, _read(response, deadline, longest_answer))
        except _BEFORE_SENDING as error:
            return NotSent(f"not connected: {type(error).__name__}")
        except httpx.HTTPError as error:
            return Uncertain(f"no answer: {type(error).__name__}")


def _read(response: httpx.Response, deadline: float, longest: int) -> bytes:
    """Read the answer as far as it comes: its status counts even if its body breaks off."""
    received = bytearray()
    try:
        for chunk in response.iter_raw():
            received += chunk
            if len(received) > longest or time.monotonic() > deadline:
                break
    except httpx.HTTPError:
        pass  # what came so far is judged like a whole answer
    return bytes(received[:longest])
