"""What came and went on each account, quarter by quarter, and what the last look said of it. The one rule: who counts
or looks writes here; nobody who receives or sends does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from parley.domain.health import Counts, Figures, Health, Usual

from .database import Row, Transaction, jsonb
from .queries import queries
from .views import View, timestamp

_SQL = queries("health")
Source = Literal["received", "sent", "media"]
SOURCES: Final[tuple[Source, ...]] = ("received", "sent", "media")
_COUNTS: Final = tuple(Counts.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class Known:
    """An account's figures, and what was told of it last."""

    tenant_id: UUID
    integration_id: UUID
    provider: str
    figures: Figures
    last_sent_at: datetime | None
    told_state: str
    told_since: datetime | None


def count(tx: Transaction, source: Source, lag: timedelta, step: timedelta, quarter: timedelta) -> tuple[int, bool]:
    """Count what a source has in the next stretch of time, `step` long, up to `lag` ago; answer how much that was, and
    whether there is more.
    """
    row = tx.row(_SQL[f"count_{source}"], lag=lag, step=step, quarter=quarter) or {}
    return int(row["counted"]), bool(row["more"])


def figures(
    tx: Transaction,
    quarter: timedelta,
    quiet: timedelta,
    tenant_id: UUID | None = None,
    integration_id: UUID | None = None,
) -> list[Known]:
    """What is known of every account, of a tenant's, or of one; `quiet`: asks what usually comes, of those from whom
    nothing has come for so long.
    """
    rows = tx.rows(_SQL["figures"], of_tenant=tenant_id, of_integration=integration_id, quarter=quarter, quiet=quiet)
    return [_known(row) for row in rows]


def tell(tx: Transaction, found: Iterable[tuple[UUID, Health, datetime]]) -> list[UUID]:
    """Keep what a look found (account, health, time of the look); answer the accounts of which that is news."""
    rows = [
        {"integration_id": id_, "state": it.state, "reason": it.reason, "since": it.since, "looked_at": at}
        for id_, it, at in found
    ]
    return [row["integration_id"] for row in tx.rows(_SQL["tell"], found=jsonb(rows))]


def accounts(tx: Transaction, ids: Collection[UUID]) -> list[View]:
    """Accounts as their events show them."""
    return [
        {
            "id": str(row["id"]),
            "provider": row["provider"],
            "channel": row["channel"],
            "name": row["name"],
            "accountId": row["account_id"],
            "state": row["state"],
            "reason": row["state_reason"],
        }
        for row in tx.rows(_SQL["accounts"], ids=list(ids))
    ]


def told(tx: Transaction, ids: Iterable[UUID]) -> dict[UUID, View]:
    """What the last look said of these accounts; absent are those of which nothing was ever said."""
    wanted = list(set(ids))
    rows = tx.rows(_SQL["told"], ids=wanted) if wanted else []
    return {row["integration_id"]: shown(row["state"], row["reason"], row["since"]) for row in rows}


def shown(state: str | None, reason: str | None, since: datetime | None) -> View:
    """What was said of an account, as the API shows it."""
    return {"state": state or "ok", "reason": reason, "since": timestamp(since)}


def day(tx: Transaction, integration_id: UUID, quarter: timedelta) -> tuple[datetime, Counts]:
    """What was counted of an account in the last day, and since when that is."""
    row = tx.row(_SQL["day"], id=integration_id, quarter=quarter) or {}
    return row["counted_from"], _counts(row)


def expected(tx: Transaction, integration_id: UUID, quarter: timedelta) -> Usual | None:
    """What came to an account in this hour of the last weeks; None while it has no history."""
    row = tx.row(_SQL["expected"], id=integration_id, quarter=quarter)
    return Usual(row["weeks"], int(row["low"]), int(row["high"])) if row and row["weeks"] else None


def waiting(tx: Transaction, integration_id: UUID, patience: timedelta) -> tuple[int, datetime | None]:
    """How many sends of an account are too young to be judged, and when the last of them left."""
    row = tx.row(_SQL["waiting"], id=integration_id, patience=patience) or {}
    return row["waiting"], row["last_at"]


def forget(tx: Transaction, older_than: timedelta, at_most: int) -> int:
    """Drop counters that no look back reaches."""
    return int(tx.value(_SQL["forget"], older_than=older_than, at_most=at_most))


def _counts(row: Mapping[str, Any]) -> Counts:
    return Counts(**{name: int(row[name]) for name in _COUNTS})


def _known(row: Row) -> Known:
    usual = None
    if row["usual_low"] is not None:
        usual = Usual(row["usual_weeks"], int(row["usual_low"]), int(row["usual_high"]))
    known = Figures(
        now=row["now"],
        hour_from=row["hour_from"],
        counted_to=row["counted_to"],
        state=row["account_state"],
        code=row["account_code"],
        reason=row["account_reason"],
        since=row["account_since"],
        held=row["held"],
        last_received_at=row["last_received_at"],
        hour=_counts(row),
        usual=usual,
        usually_delivered=int(row["usually_delivered"] or 0),
        usually_undelivered=int(row["usually_undelivered"] or 0),
    )
    told_as = (row["told_state"], row["told_since"])
    ids = (row["tenant_id"], row["integration_id"])
    return Known(*ids, row["provider"], known, row["last_sent_at"], *told_as)
