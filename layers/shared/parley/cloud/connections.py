"""The `@connections` API: frames to browsers. The one rule: a frame handed over is a hint; whoever misses it catches
up by number.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from .endpoint import Answer, CallFailed, Endpoint
from .ports import Gone, PostFailed, Throttled

FRAME_LIMIT: Final = 128 * 1024


class Connections:
    """Posts to connections by their id. Thread-safe, so a push may use as many threads as `connections` says."""

    def __init__(self, url: str, connections: int = 10, endpoint: Endpoint | None = None) -> None:
        self._endpoint = endpoint or Endpoint(url, "execute-api", connect=1.0, read=2.0, connections=connections)

    def post(self, connection_id: str, data: bytes) -> None:
        """Hand one frame over.

        Raises Gone, Throttled, PostFailed.
        """
        if len(data) > FRAME_LIMIT:
            raise PostFailed(f"A frame of {len(data)} bytes is more than API Gateway takes.")
        _check(self._request("POST", connection_id, data))

    def close(self, connection_id: str) -> None:
        """Close a connection; one that is already gone is no error.

        Raises Throttled, PostFailed.
        """
        answer = self._request("DELETE", connection_id)
        if answer.status not in {404, 410}:
            _check(answer)

    def _request(self, method: str, connection_id: str, data: bytes = b"") -> Answer:
        try:
            return self._endpoint.request(method, f"/@connections/{quote(connection_id, safe='')}", data)
        except CallFailed as error:
            raise PostFailed(error.detail) from error


def _check(answer: Answer) -> None:
    if answer.status in {200, 201, 202, 204}:
        return
    if answer.status == 410:
        raise Gone
    if answer.status == 429:
        raise Throttled
    raise PostFailed(f"@connections answered {answer.status}.")
