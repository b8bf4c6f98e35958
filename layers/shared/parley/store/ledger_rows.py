"""The ledger, to read. The one rule: whoever pages through it goes by receipt time and id, which never change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from parley.domain.ledger import Wanted

from .database import Row, Transaction
from .queries import queries
from .views import View, timestamp

_SQL = queries("ledger")
KEPT_DAYS: Final = 60
"""Further back than any webhook waits between its receipt and its first processing."""
TIMED: Final = 7
"""The version of ids that hold the time; the receiver makes a webhook's correlation id when it comes."""
AROUND: Final = timedelta(hours=1)
_LATEST: Final = 4_000_000_000_000


def parameters(tx: Transaction, wanted: Wanted) -> dict[str, Any]:
    """What is wanted, as queries take it."""
    found = None
    if wanted.text is not None:
        found = [row["reason"] for row in tx.rows(_SQL["found_reasons"], text=wanted.text)]
    since, until = wanted.since, wanted.until
    if wanted.correlation_id is not None and wanted.correlation_id.version == TIMED:
        made = _made(wanted.correlation_id)
        since = max(since or made - AROUND, made - AROUND)
        until = min(until or made + AROUND, made + AROUND)
    return {
        "state": wanted.state,
        "integration_id": wanted.integration_id,
        "since": since,
        "until": until,
        "found": found,
        "correlation_id": wanted.correlation_id,
    }


def page(tx: Transaction, wanted: Wanted, before: tuple[datetime, UUID] | None, limit: int) -> list[Row]:
    """The next rows before one, the newest first."""
    at, id_ = before or (None, None)
    return tx.rows(_SQL["page"], **parameters(tx, wanted), before=at, before_id=id_, limit=limit)


def one(tx: Transaction, row_id: UUID) -> Row | None:
    """A row with `headers`, `body`, `pointer` and `day`."""
    return tx.row(_SQL["one"], id=row_id, days=_days(row_id))


def shown(row: Row) -> View:
    """A row as the API shows it."""
    return {
        "id": str(row["id"]),
        "integrationId": str(row["integration_id"]),
        "provider": row["provider"],
        "state": row["state"],
        "reason": row["reason"],
        "bodyHash": bytes(row["body_hash"]).hex(),
        "repetitions": row["repetitions"],
        "messageIds": [str(id_) for id_ in row["message_ids"]],
        "contactIds": [str(id_) for id_ in row["contact_ids"]],
        "correlationId": str(row["correlation_id"]),
        "receivedAt": timestamp(row["received_at"]),
        "processedAt": timestamp(row["processed_at"]),
    }


def _days(row_id: UUID) -> list[date]:
    """The days a row of this id may be of, by the time within the id; clocks differ by a day at most."""
    made = _made(row_id)
    return [(made + timedelta(days=1 - back)).date() for back in range(KEPT_DAYS)]


def _made(id_: UUID) -> datetime:
    """When an id was made that says so (RFC 9562, version 7)."""
    return datetime.fromtimestamp(min(id_.int >> 80, _LATEST) / 1000, UTC)
