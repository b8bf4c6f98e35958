"""Announce who is here: what changed since it was last told, once for everybody. The one rule: presence is read from
live connections, and what was told is kept only to tell differences.

Whoever's last connection went is kept for a moment as they were: a reload is no leaving.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from parley.domain.events import TENANT_TOPIC
from parley.domain.terms import Terms
from parley.store import presence as store
from parley.store.database import Database, Row, Transaction
from parley.store.views import timestamp

from .notice import Notices
from .presence import told_to_all, viewed
from .whisper import Whisper, Word


class Announcer:
    """Tells companies who came, who went and who looks at what."""

    def __init__(self, database: Database, whisper: Whisper, notices: Notices, terms: Terms) -> None:
        self._database = database
        self._whisper = whisper
        self._notices = notices
        self._terms = terms

    def announce(self, tenant_id: UUID) -> int:
        """Tell what changed; answer how many people it is about. Raises Unavailable."""
        words, leaving = self._database.run(tenant_id, self._look)
        if words:
            self._whisper.tell(tenant_id, TENANT_TOPIC, words)
        if leaving:
            self._notices.presence_changed(tenant_id, timedelta(seconds=min(leaving)))
        return len(words)

    def _look(self, tx: Transaction) -> tuple[list[Word], list[float]]:
        """What is to be told, noted as told, and in how many seconds each of those goes who may still be back."""
        store.begin_look(tx)
        here = store.people(tx, self._terms)
        before = store.told(tx)
        changed = [row for row in here if _differs(row, before.get(row["id"]))]
        gone = {id_: row for id_, row in before.items() if id_ not in {person["id"] for person in here}}
        store.keep_told(tx, [_kept(row) for row in changed], gone.keys())
        words = [*self._joins(changed), *self._leaves(gone)]
        return words, [max(0.0, row["leaves_in"]) for row in here if row["leaves_in"] is not None]

    def _joins(self, people: Sequence[Row]) -> Iterator[Word]:
        for row in people:
            yield Word("presence.join", told_to_all(row), self._terms.max_age)

    def _leaves(self, people: Mapping[UUID, Row]) -> Iterator[Word]:
        for id_, row in people.items():
            data: dict[str, Any] = {"userId": str(id_), "name": row["name"], "state": "offline", "viewing": []}
            data["lastSeenAt"] = timestamp(row["left_at"])
            yield Word("presence.leave", data, self._terms.max_age)


def _differs(row: Row, told: Row | None) -> bool:
    return told is None or (row["state"], viewed(row)) != (told["state"], told["viewing"])


def _kept(row: Row) -> dict[str, Any]:
    return {"user_id": row["id"], "state": row["state"], "viewing": viewed(row)}
