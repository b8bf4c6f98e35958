"""The few HTTP routes the command line asks. The one rule: an answer is either what was asked for, a TroubleError (it
may work later), or a FailureError in the server's own words.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from cli.demo import Access
from cli.failure import FailureError, TroubleError

TIMEOUT_SECONDS = 15.0


class Api:
    """An API and the caller's token."""

    def __init__(self, access: Access) -> None:
        self.access = access
        headers = {"authorization": f"Bearer {access.token}", "accept": "application/json"}
        self._http = httpx.AsyncClient(
            base_url=access.url,
            headers=headers,
            timeout=TIMEOUT_SECONDS,
            follow_redirects=False,
            trust_env=not is_loopback(access.url),
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def ask(self, method: str, path: str, **query: str) -> dict[str, Any]:
        """The JSON object a route answers. Raises TroubleError and FailureError."""
        try:
            answer = await self._http.request(method, path, params=query)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise FailureError(f"{self.access.url} is not the address of an API: {error}") from error
        except httpx.TransportError as error:
            raise TroubleError(f"{self.access.url} cannot be reached ({type(error).__name__})") from error
        if answer.status_code == 429 or answer.status_code >= 500:
            raise TroubleError(f"{path} answered {answer.status_code}", _retry_after(answer))
        body = _json(answer)
        if answer.status_code != 200 or body is None:
            raise FailureError(_refusal(path, answer, body or {}))
        return dict(body)


def is_loopback(url: str) -> bool:
    """Whether an address is this machine's own, where no proxy belongs in between."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _json(answer: httpx.Response) -> Mapping[str, Any] | None:
    try:
        body = answer.json()
    except ValueError:
        return None
    return body if isinstance(body, Mapping) else None


def _refusal(path: str, answer: httpx.Response, body: Mapping[str, Any]) -> str:
    why = body.get("detail") or "that is not what Parley answers"
    return f"{path} answered {answer.status_code}: {why}"


def _retry_after(answer: httpx.Response) -> float:
    after = answer.headers.get("retry-after", "")
    return float(after) if after.isdecimal() else 0.0
