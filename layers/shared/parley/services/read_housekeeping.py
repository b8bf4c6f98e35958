"""Say how the house is kept: each step's last run, what waits right now, and a sentence where something is wrong. The
one rule: a sentence is there only where somebody should look, and it is true when it is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from parley.cloud.ports import Bucket
from parley.domain.errors import Unavailable
from parley.domain.queues import QueueName
from parley.domain.timestamps import rfc3339
from parley.store import housekeeping as store
from parley.store.database import Database, Row
from parley.store.views import timestamp

from .accept import SPOOL
from .sweep_storage import DAYS_AHEAD

SILENT_AFTER: Final = timedelta(minutes=5)
MOST_COUNTED: Final = 1000
BESIDE: Final[Mapping[str, QueueName]] = {"partitions": "inbound", "spool": "inbound", "stuck_sends": "outbound"}
"""The steps of which it is known what waits for them now, and the queue whose work that is."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """How much waits for a step, as far as anybody knows, and what somebody should look after."""

    many: int | None
    sentence: str | None


class HousekeepingReport:
    """Reports. `stuck_for`: a message queued or claimed for so long has lost its hint or its sender."""

    def __init__(self, database: Database, bucket: Bucket, stuck_for: timedelta) -> None:
        self._database = database
        self._bucket = bucket
        self._stuck_for = stuck_for

    def read(self) -> list[dict[str, Any]]:
        """Every step by its name. Raises Unavailable where the database is away."""
        now, rows, waiting = self._look()
        return [_view(name, rows.get(name), waiting.get(name), now) for name in sorted({*rows, *BESIDE})]

    def beside_queues(self) -> dict[QueueName, str]:
        """What is wrong beside each queue, which its own figures do not show. Raises Unavailable."""
        _, _, waiting = self._look()
        said: dict[QueueName, str] = {}
        for step, queue in BESIDE.items():
            if sentence := waiting[step].sentence:
                said[queue] = f"{said[queue]} {sentence}" if queue in said else sentence
        return said

    def _look(self) -> tuple[datetime, dict[str, Row], dict[str, Waiting]]:
        """The time, the steps' last runs, and what waits for them now."""
        with self._database.unscoped() as tx:
            now = store.now(tx)
            rows = {row["step"]: row for row in store.read(tx)}
            missing = store.missing_partitions(tx, DAYS_AHEAD)
            stuck = store.count_stuck_sends(tx, self._stuck_for, MOST_COUNTED)
        waiting = {
            "partitions": Waiting(len(missing), _partitions(missing)),
            "spool": Waiting(*self._spool(now)),
            "stuck_sends": Waiting(stuck, _stuck(stuck, rows.get("stuck_sends"))),
        }
        return now, rows, waiting

    def _spool(self, now: datetime) -> tuple[int | None, str | None]:
        """How many webhooks are in the spool, and since when, as their names say."""
        try:
            keys = self._bucket.list_prefix(SPOOL, MOST_COUNTED)
        except Unavailable:
            return None, "The spool cannot be looked at: the bucket does not answer."
        if not keys:
            return 0, None
        many, since = _counted(len(keys), "webhook waits", "webhooks wait"), keys[0].removeprefix(SPOOL)
        return len(keys), f"{many} in the spool since {_clock(since, now)}."


def _view(name: str, row: Row | None, waiting: Waiting | None, now: datetime) -> dict[str, Any]:
    return {
        "step": name,
        "lastRunAt": timestamp(row["started_at"]) if row else None,
        "lastOkAt": timestamp(row["last_ok_at"]) if row and row["last_ok_at"] else None,
        "found": row["found"] if row else 0,
        "ms": row["ms"] if row else 0,
        "error": row["error"] if row else None,
        "waiting": waiting.many if waiting else None,
        "sentence": (waiting and waiting.sentence) or _run(row, now),
    }


def _run(row: Mapping[str, Any] | None, now: datetime) -> str | None:
    """What is wrong with the run itself."""
    if row is None:
        return "This step has never run."
    began = _at(row["started_at"], now)
    if row["ended_at"] is None and row["started_at"] < now - SILENT_AFTER / 5:
        return f"The run of {began} did not end."
    if row["started_at"] < now - SILENT_AFTER:
        return f"The housekeeper has not come by since {began}."
    if row["error"] is not None:
        return f"The run of {began} failed: {row['error'].partition(': ')[2] or row['error']}"
    return None


def _partitions(missing: Sequence[Row]) -> str | None:
    if not missing:
        return None
    row = missing[0]
    day = row["first_missing"].isoformat()
    more = f", nor for {_counted(len(missing) - 1, 'other', 'others')}" if len(missing) > 1 else ""
    if row["parent"] == "ledger":
        return f"The ledger has no partition for {day}{more}."
    return f"The attempts have no partition for the month of {day[:7]}{more}."


def _stuck(stuck: int, row: Row | None) -> str | None:
    if stuck:
        return f"{_counted(stuck, 'conversation has a send', 'conversations have sends')} that nobody looks after."
    if row is not None and row["found"]:
        return f"{_counted(row['found'], 'send was', 'sends were')} found stuck in the last run."
    return None


def _counted(number: int, one: str, many: str) -> str:
    shown = f"{number} or more" if number >= MOST_COUNTED else str(number)
    return f"{shown} {one if number == 1 else many}"


def _clock(name: str, now: datetime) -> str:
    """The time that begins a spooled webhook's name, as people say it; the name itself where it begins with none."""
    try:
        return _at(datetime.fromisoformat(name[:19] + "+00:00"), now)
    except ValueError:
        return name[:40]


def _at(moment: datetime, now: datetime) -> str:
    """A time of today by the clock, of another day with its date; UTC."""
    shown = rfc3339(moment)
    return shown[11:16] if shown[:10] == rfc3339(now)[:10] else f"{shown[:10]} {shown[11:16]}"
