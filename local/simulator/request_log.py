"""Every request a gateway got, as the provider would remember it; bounded, and never with its credentials."""

import json
from collections import deque
from dataclasses import dataclass

from starlette.requests import Request

from local.simulator.integrations import SimulatedIntegration
from local.simulator.tempo import now, rfc3339

MAXIMUM_REQUESTS = 20_000


@dataclass
class LoggedRequest:
    """One request; `status` is filled in when it is answered and stays None when it never was."""

    integration_id: str | None
    provider: str
    method: str
    path: str
    body: bytes
    at: str
    status: int | None = None

    def shown(self) -> dict[str, object]:
        """The request as the control API lists it: JSON bodies as JSON, others as text."""
        return {
            "integrationId": self.integration_id,
            "provider": self.provider,
            "method": self.method,
            "path": self.path,
            "body": parsed(self.body),
            "status": self.status,
            "at": self.at,
        }

    def contains(self, words: str) -> bool:
        """Whether the path or the body has these words, escaped unicode read as what it stands for."""
        plain = json.dumps(parsed(self.body), ensure_ascii=False)
        return any(words in text for text in (self.path, self.body.decode(errors="replace"), plain))


def parsed(body: bytes) -> object:
    """A body as JSON where it is, else as text, else None when there is none."""
    if not body:
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body.decode(errors="replace")


class RequestLog:
    """The newest requests, oldest first."""

    def __init__(self) -> None:
        self._requests: deque[LoggedRequest] = deque(maxlen=MAXIMUM_REQUESTS)

    async def note(
        self, request: Request, provider: str, integration: SimulatedIntegration | None = None
    ) -> LoggedRequest:
        """Remember a request before anything is decided about it."""
        logged = LoggedRequest(
            integration_id=integration.id if integration else None,
            provider=provider,
            method=request.method,
            path=request.url.path,
            body=await request.body(),
            at=rfc3339(now()),
        )
        self._requests.append(logged)
        return logged

    def find(self, integration_id: str | None, words: str | None) -> list[LoggedRequest]:
        """The requests of an integration that contain some words, oldest first; None leaves a condition out."""
        return [
            logged
            for logged in self._requests
            if (not integration_id or logged.integration_id == integration_id) and (not words or logged.contains(words))
        ]
