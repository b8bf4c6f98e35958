"""Tell what is never stored: who came, who went, who types. The one rule: it is told once, to whoever listens just now,
and may be lost.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

from parley.cloud.ports import Connections
from parley.domain.batches import dumps
from parley.domain.errors import ParleyError
from parley.domain.terms import milliseconds
from parley.store.connections import delete_connection, hearers, hold
from parley.store.database import Database, Transaction

from .post import HOLD, Frame, Poster

LOG = logging.getLogger("parley.whisper")

Name = Literal["presence.join", "presence.leave", "presence.typing"]


@dataclass(frozen=True, slots=True)
class Word:
    """An ephemeral signal; it holds for `lifetime` unless another one comes."""

    event: Name
    data: Mapping[str, Any]
    lifetime: timedelta

    def frame(self) -> Frame:
        """As it goes over the socket."""
        body = {"type": "ephemeral", "event": self.event, "data": self.data, "ttlMs": milliseconds(self.lifetime)}
        return Frame(0, dumps(body).encode())


class Whisper:
    """Tells words to the connections that listen to a topic. `presence_changed`: somebody turned out to be gone."""

    def __init__(self, database: Database, connections: Connections, presence_changed: Callable[[UUID], None]) -> None:
        self._database = database
        self._poster = Poster(connections, pauses=())
        self._presence_changed = presence_changed

    def tell(self, tenant_id: UUID, topic: str, words: Sequence[Word], but: str | None = None) -> None:
        """Tell everybody who listens to the topic, but for one connection; never raises for who cannot be reached."""
        try:
            with self._database.transaction(tenant_id) as tx:
                ids = hearers(tx, topic, but)
            frames = [word.frame() for word in words]
            posted = self._poster.post_all([(id_, frames) for id_ in ids])
            gone = [id_ for id_, outcome in zip(ids, posted, strict=True) if outcome.gone]
            failed = [id_ for id_, outcome in zip(ids, posted, strict=True) if outcome.failed]
            if gone or failed:
                self._database.run(tenant_id, lambda tx: _note(tx, gone, failed))
        except ParleyError as error:
            LOG.warning("nobody was told", extra={"tenant_id": tenant_id, "code": error.code})
        else:
            if gone:
                self._presence_changed(tenant_id)


def _note(tx: Transaction, gone: Sequence[str], failed: Sequence[str]) -> None:
    for connection_id in gone:
        delete_connection(tx, connection_id)
    hold(tx, failed, HOLD)
