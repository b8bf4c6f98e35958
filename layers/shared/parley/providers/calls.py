"""Calling a gateway. The one rule: a request that may have reached it is never called "not sent".

What fails before the request is on the wire was not sent; after that nobody knows.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx

from parley.domain.outgoing import NotSent, Uncertain

from .patience import USUAL, Patience

LONGEST_ANSWER: Final = 64 * 1024
PIECE: Final = 16 * 1024
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


class _TooSlowError(Exception):
    """The gateway takes the body so slowly that it is left off."""


class Caller:
    """Calls over a shared client, which stays its owner's to close. One call takes at most `patience.longest`, which
    the adapter's capabilities tell; `fast_clock` divides every wait.
    """

    def __init__(self, http: httpx.Client, patience: Patience = USUAL, *, fast_clock: float = 1.0) -> None:
        self.http = http
        self.patience = waits = patience.sped(fast_clock)
        self.timeout = httpx.Timeout(waits.read, connect=waits.connect, pool=waits.pool, write=waits.write)

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
        """Make one request, once; never raises for what the network does. `content`: instead of JSON; where it is
        streamed, `patience.upload` bounds it, and a body that was left off was not sent.
        """
        sent = {"accept-encoding": "identity", **headers}  # so that the bound on the answer is a bound
        if json_body is not None:
            content = json.dumps(json_body).encode()
            sent["content-type"] = "application/json"
        elif content is not None and not isinstance(content, bytes):
            content = self._within_time(content)
        deadline = time.monotonic() + self.patience.longest.total_seconds() - self.patience.read
        try:
            with self.http.stream(method, url, content=content, headers=sent, timeout=self.timeout) as response:
                return Answer(response.status_code, response.headers, _read(response, deadline, longest_answer))
        except _TooSlowError:
            return NotSent("the gateway took the file too slowly")
        except _BEFORE_SENDING as error:
            return NotSent(f"not connected: {type(error).__name__}")
        except httpx.HTTPError as error:
            return Uncertain(f"no answer: {type(error).__name__}")

    def _within_time(self, content: Iterable[bytes]) -> Iterator[bytes]:
        """The body in pieces, as long as there is time for them; it is small pieces that are waited for one by one."""
        until: float | None = None
        for chunk in content:
            for start in range(0, len(chunk), PIECE):
                now = time.monotonic()
                until = until or now + self.patience.upload  # from when the connection stands
                if now > until:
                    raise _TooSlowError
                yield chunk[start : start + PIECE]


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
