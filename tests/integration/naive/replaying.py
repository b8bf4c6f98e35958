"""Replaying as it is usually written: the cursor moves first, every row is believed. Kept to prove that the tests of
replaying can fail."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from parley.services.process import Processor
from parley.store import replays as store
from parley.store.database import Database


class NaiveReplaying:
    """Has Replaying's `go_on`, for one replay at a time."""

    def __init__(self, database: Database, processor: Processor) -> None:
        self._database = database
        self._processor = processor
        self._places: dict[UUID, int] = {}

    def begin(self, tenant_id: UUID, replay_id: UUID) -> None:
        self._places[replay_id] = 0

    def go_on(self, tenant_id: UUID, replay_id: UUID, crash: type[BaseException] | None = None) -> None:
        with self._database.transaction(tenant_id) as tx:
            rows = tx.rows("select id as ledger_id, day from ledger order by received_at, id")
            found = store.webhooks(tx, rows)
        for row in rows[self._places[replay_id] :]:
            self._places[replay_id] += 1
            webhook = found[row["ledger_id"]]
            if webhook is not None:
                self._processor.process([replace(webhook, believed_as=webhook.body_hash)])
            if crash is not None:
                raise crash
