"""One signed AWS endpoint over a kept-alive urllib3 pool. The one rule: everything sent through here is safe to
repeat, because a connection that died while the container slept is repeated without asking.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

import urllib3
from urllib3.connectionpool import connection_from_url

from parley.domain.errors import Unavailable

from .signing import Credentials, ambient_credentials, canonical_query, sign

ATTEMPTS: Final = 2


class CallFailed(Unavailable):
    """An AWS service did not do what it was asked."""

    def __init__(self, what: str, status: int = 0, error: str = "") -> None:
        super().__init__(f"{what}: {error or 'no answer'}" + (f" ({status})" if status else ""))
        self.http_status = status
        self.error = error


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the HTTP status and the bytes."""

    status: int
    body: bytes


class Endpoint:
    """Signs and sends. Thread-safe; `connections` is how many threads may be on their way at once without
    reconnecting.
    """

    def __init__(
        self,
        url: str,
        service: str,
        region: str | None = None,
        *,
        connect: float = 1.0,
        read: float = 3.0,
        connections: int = 1,
        credentials: Callable[[], Credentials] = ambient_credentials,
    ) -> None:
        parts = urlsplit(url)
        self._host, self._prefix = parts.netloc, parts.path.rstrip("/")
        self._service, self._region = service, region or ambient_region()
        self._credentials = credentials
        self._pool = connection_from_url(
            f"{parts.scheme}://{parts.netloc}",
            maxsize=connections,
            timeout=urllib3.Timeout(connect=connect, read=read),
            retries=False,
            **({"ca_certs": bundle} if (bundle := os.environ.get("AWS_CA_BUNDLE")) and parts.scheme == "https" else {}),
        )

    def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send once, and a second time if nothing or a 5xx came back.

        Raises CallFailed when no answer came; any answer, 5xx too, is returned.
        """
        wire_path, wire_query = self._prefix + path, canonical_query(query or {})
        url = f"{wire_path}?{wire_query}" if wire_query else wire_path
        answer: Answer | None = None
        for _ in range(ATTEMPTS):
            signed = sign(
                self._credentials(),
                service=self._service,
                region=self._region,
                method=method,
                host=self._host,
                path=wire_path,
                headers=headers or {},
                body=body,
                now=datetime.now(UTC),
                query=wire_query,
            )
            try:
                response = self._pool.urlopen(method, url, body=body, headers=signed, redirect=False)
            except (urllib3.exceptions.HTTPError, OSError) as error:
                failure = CallFailed(self._service, error=type(error).__name__)
                failure.__cause__ = error
                continue
            answer = Answer(response.status, response.data)
            if answer.status < 500:
                return answer
        if answer is None:
            raise failure
        return answer

    def call(self, target: str, version: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Make one call of the AWS JSON protocol, e.g. target `AmazonSQS.SendMessage`, version `1.0`.

        Raises CallFailed with the service's own error name.
        """
        answer = self.request(
            "POST",
            "/",
            json.dumps(payload).encode(),
            {"content-type": f"application/x-amz-json-{version}", "x-amz-target": target},
        )
        try:
            result = json.loads(answer.body or b"{}")
        except ValueError as error:
            raise CallFailed(target, answer.status, "unreadable answer") from error
        if answer.status != 200 or not isinstance(result, dict):
            name = str(result.get("__type", "")) if isinstance(result, dict) else ""
            raise CallFailed(target, answer.status, name.rpartition("#")[2] or "refused")
        return result


def ambient_region() -> str:
    """The region this process works in."""
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


def service_url(service: str, otherwise: str | None = None) -> str:
    """Where a service is: AWS_ENDPOINT_URL_<SERVICE>, AWS_ENDPOINT_URL, `otherwise`, else its public endpoint in
    this region.
    """
    region = ambient_region()
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return (
        os.environ.get(f"AWS_ENDPOINT_URL_{service.upper().replace('-', '_')}")
        or os.environ.get("AWS_ENDPOINT_URL")
        or otherwise
        or f"https://{service}.{region}.{suffix}"
    )
