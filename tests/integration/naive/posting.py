"""The naive poster: one connection after the other, and what goes wrong with one goes wrong with the push."""

from __future__ import annotations

from collections.abc import Sequence

from parley.services.post import Frame, Posted, Poster
from parley.services.push import Pusher


class OneAfterTheOther(Poster):
    """Posts in order, and lets every failure out."""

    def post_all(self, mail: Sequence[tuple[str, Sequence[Frame]]]) -> list[Posted]:
        """Post to each connection; the first that cannot be reached ends it."""
        for connection_id, frames in mail:
            for frame in frames:
                self._connections.post(connection_id, frame.data)
        return [Posted(frames[-1].end) for _, frames in mail]


class Unguarded(Pusher):
    """A pusher with the naive poster."""

    def __init__(self, *given: object, **more: object) -> None:
        super().__init__(*given, **more)  # type: ignore[arg-type]
        self._poster = OneAfterTheOther(self._connections)
