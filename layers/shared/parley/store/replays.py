"""Replays: which rows of the ledger are to be processed again, how far that has come, how each ended. The one rule:
rows are taken, with the place behind them, in one transaction, and settled in another, so that whoever comes after a
dead worker finds what it had taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from parley.domain.ledger import Wanted
from parley.domain.principal import Principal
from parley.domain.webhook import Webhook

from .database import Row, Transaction, jsonb
from .ledger_rows import parameters
from .queries import queries
from .views import View, timestamp

_SQL = queries("replays")
OUTCOMES: Final = ("processed", "ignored", "rejected", "parked", "gone")


@dataclass(frozen=True, slots=True)
class Leased:
    """A replay somebody may go on with: what was asked (`single`: one row, which is taken already), the place behind
    the last row taken, failures in a row.
    """

    id: UUID
    lease_id: UUID
    single: bool
    wanted: Wanted
    until: datetime
    after: tuple[datetime, UUID]
    failures: int


@dataclass(frozen=True, slots=True)
class Settled:
    """How a row ended this time."""

    received_at: datetime
    ledger_id: UUID
    state: str
    reason: str | None


def count(tx: Transaction, wanted: Wanted) -> int:
    """How many rows there are to replay just now."""
    return int(tx.value(_SQL["count"], **parameters(tx, wanted)))


def insert(tx: Transaction, id_: UUID, by: Principal, wanted: Wanted, total: int, correlation_id: UUID) -> None:
    """Begin a replay."""
    _insert(tx, id_, by, _written(wanted), wanted.until, total, correlation_id)


def insert_one(tx: Transaction, id_: UUID, by: Principal, row: Row, correlation_id: UUID) -> None:
    """Begin a replay of one row (`id`, `day`, `integration_id`, `received_at`), which is taken already."""
    _insert(tx, id_, by, {"id": str(row["id"])}, row["received_at"], 1, correlation_id)
    _take(tx, id_, None, [{**row, "ledger_id": row["id"]}])


def _insert(
    tx: Transaction,
    id_: UUID,
    by: Principal,
    asked: Mapping[str, Any],
    until: datetime | None,
    total: int,
    correlation_id: UUID,
) -> None:
    tx.execute(
        _SQL["insert"],
        id=id_,
        asked=jsonb(dict(asked)),
        until=until,
        total=total,
        actor_kind=by.sender_kind,
        actor_id=by.id,
        actor_name=by.name,
        correlation_id=correlation_id,
    )


def one(tx: Transaction, id_: UUID) -> View | None:
    """A replay as the API shows it."""
    row = tx.row(_SQL["one"], id=id_)
    return None if row is None else _shown(row)


def page(tx: Transaction, before: UUID | None, limit: int) -> list[View]:
    """The next replays before one, as the API shows them."""
    return [_shown(row) for row in tx.rows(_SQL["page"], before=before, limit=limit)]


def rows(tx: Transaction, id_: UUID, after: tuple[datetime, UUID] | None, limit: int) -> list[Row]:
    """The next rows a replay came to."""
    at, ledger_id = after or (None, None)
    return tx.rows(_SQL["rows"], id=id_, after=at, after_id=ledger_id, limit=limit)


def row_shown(row: Row) -> View:
    """A row of a replay as the API shows it."""
    return {
        "ledgerId": str(row["ledger_id"]),
        "integrationId": str(row["integration_id"]),
        "receivedAt": timestamp(row["received_at"]),
        "state": row["state"],
        "reason": row["reason"],
        "replayedAt": timestamp(row["replayed_at"]),
    }


def cancel(tx: Transaction, id_: UUID) -> bool:
    """Go no further; whether it was running."""
    return tx.execute(_SQL["cancel"], id=id_) > 0


def lease(tx: Transaction, id_: UUID, lease_id: UUID, lease_for: timedelta) -> Leased | None:
    """Take a replay; None where somebody has it, it is too early, or it is over."""
    row = tx.row(_SQL["lease"], id=id_, lease_id=lease_id, lease=lease_for)
    if row is None:
        return None
    asked, after = row["asked"], (row["after_received_at"], row["after_id"])
    return Leased(id_, lease_id, "id" in asked, _read(asked), row["until"], after, row["failures"])


def take(tx: Transaction, replay: Leased, limit: int) -> tuple[list[Row], bool]:
    """The rows to process now (`received_at`, `ledger_id`, `day`): those a dead worker left, else the next ones; and
    whether there are none behind them.
    """
    left = tx.rows(_SQL["waiting"], id=replay.id, limit=limit)
    if left or replay.single:
        return left, replay.single
    after, after_id = replay.after
    wanted = {**parameters(tx, replay.wanted), "until": replay.until}
    found = tx.rows(_SQL["next"], **wanted, after=after, after_id=after_id, limit=limit)
    if found:
        _take(tx, replay.id, replay.lease_id, found)
    return found, len(found) < limit


def webhooks(tx: Transaction, taken: Sequence[Row]) -> dict[UUID, Webhook | None]:
    """These rows as webhooks, by id; None for one whose body is no more."""
    found = tx.rows(_SQL["webhooks"], rows=jsonb([{k: row[k] for k in ("ledger_id", "day")} for row in taken]))
    return {row["id"]: _webhook(row) for row in found}


def settle(tx: Transaction, id_: UUID, ended: Sequence[Settled]) -> None:
    """Write down how rows ended."""
    told = [
        {"received_at": one.received_at, "ledger_id": one.ledger_id, "state": one.state, "reason": one.reason}
        for one in ended
    ]
    tx.execute(_SQL["settle"], id=id_, rows=jsonb(told))


def release(tx: Transaction, replay: Leased, failures: int, pause: timedelta) -> None:
    """Let go of a replay until after a pause."""
    tx.execute(_SQL["release"], id=replay.id, lease_id=replay.lease_id, failures=failures, pause=pause)


def finish(tx: Transaction, replay: Leased) -> None:
    """Nothing is left to replay."""
    tx.execute(_SQL["finish"], id=replay.id, lease_id=replay.lease_id)


def find_stalled(tx: Transaction, overdue: timedelta, at_most: int) -> list[Row]:
    """Replays (`tenant_id`, `id`), of whatever tenant, that somebody should have gone on with."""
    return tx.rows(_SQL["find_stalled"], overdue=overdue, at_most=at_most)


def forget(tx: Transaction, older_than: timedelta, at_most: int) -> int:
    """Drop replays, of whatever tenant, that ended so long ago; how many rows that were."""
    return int(tx.value(_SQL["forget"], older_than=older_than, at_most=at_most))


def _take(tx: Transaction, id_: UUID, lease_id: UUID | None, found: Sequence[Row]) -> None:
    names = ("received_at", "ledger_id", "day", "integration_id")
    tx.execute(
        _SQL["take"],
        id=id_,
        lease_id=lease_id,
        rows=jsonb([{name: row[name] for name in names} for row in found]),
        after=found[-1]["received_at"],
        after_id=found[-1]["ledger_id"],
    )


def _webhook(row: Row) -> Webhook | None:
    body, pointer = row["body"], row["pointer"]
    if body is None and pointer is None:
        return None
    known = bytes(row["body_hash"])
    return Webhook(
        provider=row["provider"],
        integration_id=row["integration_id"],
        generation=row["generation"],
        received_at=row["received_at"],
        correlation_id=row["correlation_id"],
        headers=row["headers"],
        body=None if body is None else bytes(body),
        pointer=pointer,
        believed_as=known if row["believed"] else None,
        replay_of=known,
    )


def _written(wanted: Wanted) -> dict[str, Any]:
    return {
        "state": wanted.state,
        "integrationId": wanted.integration_id and str(wanted.integration_id),
        "from": wanted.since and wanted.since.isoformat(),
        "to": wanted.until and wanted.until.isoformat(),
        "q": wanted.text,
    }


def _read(asked: Mapping[str, Any]) -> Wanted:
    integration_id, since, until = (asked.get(name) for name in ("integrationId", "from", "to"))
    return Wanted(
        state=asked.get("state"),
        integration_id=UUID(integration_id) if integration_id else None,
        since=datetime.fromisoformat(since) if since else None,
        until=datetime.fromisoformat(until) if until else None,
        text=asked.get("q"),
    )


def _shown(row: Row) -> View:
    asked = row["asked"]
    done = sum(row[name] for name in OUTCOMES)
    return {
        "id": str(row["id"]),
        "state": row["state"],
        "asked": {
            "ledgerId": asked.get("id"),
            **{name: asked.get(name) for name in ("state", "integrationId", "q")},
            **{name: _moment(asked.get(name)) for name in ("from", "to")},
        },
        # What was received before the replay and stored after it began is replayed too.
        "total": max(row["total"], done),
        "done": done,
        "outcomes": {name: row[name] for name in OUTCOMES},
        "by": {
            "kind": row["actor_kind"],
            "id": str(row["actor_id"]) if row["actor_id"] else None,
            "name": row["actor_name"],
        },
        "correlationId": str(row["correlation_id"]) if row["correlation_id"] else None,
        "createdAt": timestamp(row["created_at"]),
        "finishedAt": timestamp(row["finished_at"]),
    }


def _moment(text: str | None) -> str | None:
    return None if text is None else timestamp(datetime.fromisoformat(text))
