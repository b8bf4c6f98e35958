"""Show the health of one integration, looked at just now. The one rule: that an account has gone silent is for the
housekeeper to say, who knows what still waits in the queue; that it is silent no more is seen here at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from parley.domain.errors import NotFound
from parley.domain.health import Counts, Health, Usual
from parley.domain.principal import Principal
from parley.providers.base import Provider
from parley.store import health as store
from parley.store import lines
from parley.store.database import Database, Transaction
from parley.store.views import View, timestamp

from .watch_health import Found, Tempo, judged


class Checkups:
    """Looks at single accounts."""

    def __init__(self, database: Database, providers: Mapping[str, Provider], tempo: Tempo) -> None:
        self._database = database
        self._providers = providers
        self._tempo = tempo

    def one(self, by: Principal, integration_id: UUID) -> View:
        """An account's health with its figures. Raises NotFound."""
        with self._database.transaction(by.tenant_id) as tx:
            row = lines.one(tx, integration_id)
            if row is None:
                raise NotFound
            known, health = self._look(tx, integration_id)
            counted_from, day = store.day(tx, integration_id, self._tempo.quarter)
            usual = store.expected(tx, integration_id, self._tempo.quarter)
            waiting, last_sent = store.waiting(tx, integration_id, self._tempo.patience)
        sent_at = max(filter(None, (last_sent, known.last_sent_at)), default=None)
        figures = known.figures
        return {
            "integrationId": str(integration_id),
            **self._said(known, health),
            "asOf": timestamp(figures.now),
            "countedTo": timestamp(figures.counted_to),
            "checkedAt": timestamp(row["checked_at"]),
            "lastReceivedAt": timestamp(figures.last_received_at),
            "lastSentAt": timestamp(sent_at),
            "expected": _expected(usual),
            "lastHour": {**_counted(figures.hour_from, figures.hour), "awaitingDelivery": waiting},
            "lastDay": _counted(counted_from, day),
        }

    def look_again(self, tx: Transaction, integration_id: UUID) -> Found:
        """Look at an account after something was learned of it. Raises NotFound."""
        known, health = self._look(tx, integration_id)
        return integration_id, health, known.figures.now

    def _look(self, tx: Transaction, integration_id: UUID) -> tuple[store.Known, Health]:
        found = store.figures(tx, self._tempo.quarter, self._tempo.quiet, tx.tenant_id, integration_id)
        if not found:
            raise NotFound
        return found[0], judged(found[0], self._providers, silence=found[0].told_state == "silent")

    def _said(self, known: store.Known, health: Health) -> View:
        unchanged = health.state == known.told_state and known.told_since is not None
        since = health.since or (known.told_since if unchanged else known.figures.now)
        return store.shown(health.state, health.reason, since)


def _counted(since: datetime, counts: Counts) -> View:
    """Figures as the API shows them."""
    plain = asdict(counts)
    stored, failed = plain.pop("media_stored"), plain.pop("media_failed")
    return {"since": timestamp(since), "sent": counts.sent, **plain, "mediaStored": stored, "mediaFailed": failed}


def _expected(usual: Usual | None) -> View | None:
    return None if usual is None else {"low": usual.low, "high": usual.high, "weeks": usual.weeks}
