"""Post frames to connections, many at once. The one rule: one bad connection costs the others nothing.

410 means that this connection is gone for ever; 429 is tried twice more, after a little chance; whatever else happens
leaves the rest of the connection's frames for the next push.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

from parley.cloud.ports import Connections, Gone, Throttled
from parley.domain.errors import ParleyError

LOG = logging.getLogger("parley.post")

AT_ONCE = 10
"""As many as the adapter keeps connections open."""
PAUSES = (0.05, 0.2)
"""Seconds before the second and the third try, at least; up to twice that."""


HOLD = timedelta(seconds=5)
"""How long a connection that could not be reached is left alone, so that others need not wait for it again."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame ready to go: the position it ends at, and its bytes."""

    end: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of a connection's frames: how far it was told (None: not at all), whether it is gone, or whether a
    frame was left.
    """

    end: int | None
    gone: bool = False
    failed: bool = False


class Poster:
    """Posts to `@connections`; `pause` waits, in seconds, before each further try of what was throttled."""

    def __init__(
        self,
        connections: Connections,
        pause: Callable[[float], None] = time.sleep,
        pauses: Sequence[float] = PAUSES,
    ) -> None:
        self._connections = connections
        self._pause = pause
        self._pauses = pauses

    def post_all(self, mail: Sequence[tuple[str, Sequence[Frame]]]) -> list[Posted]:
        """Post each connection's frames in their order, connections beside each other; answer in the order given."""
        if len(mail) < 2:
            return [self._post_in_order(*letters) for letters in mail]
        with ThreadPoolExecutor(max_workers=min(AT_ONCE, len(mail))) as pool:
            return list(pool.map(lambda letters: self._post_in_order(*letters), mail))

    def _post_in_order(self, connection_id: str, frames: Sequence[Frame]) -> Posted:
        end = None
        for frame in frames:
            try:
                self._post(connection_id, frame.data)
            except Gone:
                return Posted(end, gone=True)
            except ParleyError as error:
                LOG.warning("a frame was left: %s", error.code)
                return Posted(end, failed=True)
            end = frame.end
        return Posted(end)

    def _post(self, connection_id: str, data: bytes) -> None:
        for pause in self._pauses:
            try:
                self._connections.post(connection_id, data)
            except Throttled:
                # Chance spreads out those who were refused together; no secret hangs on it.
                self._pause(pause * (1 + random.random()))  # noqa: S311  # nosec B311
            else:
                return
        self._connections.post(connection_id, data)
