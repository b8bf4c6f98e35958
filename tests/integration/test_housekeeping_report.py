"""What operators are told of housekeeping: a true sentence where something is wrong, and none where nothing is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from parley.domain.errors import Unavailable
from parley.domain.metrics import unmeasured
from parley.services.accept import SPOOL
from parley.services.housekeep import Housekeeper, Step
from parley.services.read_housekeeping import HousekeepingReport
from parley.services.sweep import Reach, net
from parley.store.database import Database

LEASE = timedelta(seconds=30)


class Away:
    """A bucket that is away."""

    def list_prefix(self, prefix: str, limit: int = 1000) -> list[str]:
        raise Unavailable


@pytest.fixture
def housekeeper(database: Database, queue: Any, bucket: Any) -> Housekeeper:
    reach = Reach(
        database=database,
        inbound=queue,
        outbound=queue,
        media=queue,
        bucket=bucket,
        wake=lambda _tenant: None,
        silent_for=timedelta(seconds=75),
        stuck_for=LEASE,
    )
    return Housekeeper(database, unmeasured, net(reach))


@pytest.fixture
def sentence(database: Database, bucket: Any) -> Callable[[str], str | None]:
    """What is said of a step."""

    def read(step: str) -> str | None:
        rows = HousekeepingReport(database, bucket, LEASE).read()
        (found,) = (row["sentence"] for row in rows if row["step"] == step)
        return None if found is None else str(found)

    return read


@pytest.fixture
def own(owner_url: str) -> Any:
    """Runs a statement as the owner of the tables."""
    with psycopg.connect(owner_url, autocommit=True) as connection:
        yield connection.execute


def test_where_nothing_is_wrong_nothing_is_said(database: Database, bucket: Any, housekeeper: Housekeeper) -> None:
    housekeeper.sweep()
    rows = HousekeepingReport(database, bucket, LEASE).read()
    assert {row["step"] for row in rows} == {step.name for step in housekeeper._steps}
    assert [row["sentence"] for row in rows if row["sentence"] is not None] == []
    assert {row["waiting"] for row in rows} == {0, None}
    assert all(row["lastRunAt"] == row["lastOkAt"] or row["lastOkAt"] > row["lastRunAt"] for row in rows)


def test_before_the_first_run_the_report_says_so(sentence: Callable[[str], str | None]) -> None:
    assert sentence("spool") == "This step has never run."


def test_the_spool_is_told_with_its_number_and_since_when(
    bucket: Any, housekeeper: Housekeeper, sentence: Callable[[str], str | None]
) -> None:
    housekeeper.sweep()
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    bucket.put(f"{SPOOL}{today}T10:02:11.000Z-a.json", b"{}")
    assert sentence("spool") == "1 webhook waits in the spool since 10:02."
    bucket.put(f"{SPOOL}2026-01-02T09:00:00.000Z-b.json", b"{}")
    assert sentence("spool") == "2 webhooks wait in the spool since 2026-01-02 09:00."
    bucket.put(f"{SPOOL}0-what.json", b"{}")
    assert sentence("spool") == "3 webhooks wait in the spool since 0-what.json."


def test_a_missing_partition_is_told_with_its_day(
    own: Any, housekeeper: Housekeeper, sentence: Callable[[str], str | None]
) -> None:
    housekeeper.sweep()
    day = datetime.now(UTC).date() + timedelta(days=4)
    own(f"drop table ledger_{day:%Y%m%d}")
    assert sentence("partitions") == f"The ledger has no partition for {day.isoformat()}."
    own(f"drop table ledger_{day + timedelta(days=1):%Y%m%d}")
    assert sentence("partitions") == f"The ledger has no partition for {day.isoformat()}, nor for 1 other."
    housekeeper.sweep()
    assert sentence("partitions") is None


def test_a_stuck_send_is_told_before_and_after_it_was_found(
    database: Database, desk: Any, housekeeper: Housekeeper, sentence: Callable[[str], str | None]
) -> None:
    housekeeper.sweep()
    desk.send("its hint was lost")
    assert sentence("stuck_sends") is None
    with database.transaction(desk.agent.tenant_id) as tx:
        tx.execute(
            "update messages set created_at = now() - interval '1 minute', updated_at = now() - interval '1 minute',"
            " not_before = now() - interval '1 minute' where direction = 'outgoing'"
        )
    assert sentence("stuck_sends") == "1 conversation has a send that nobody looks after."
    housekeeper.sweep()
    desk.deliver()
    assert sentence("stuck_sends") == "1 send was found stuck in the last run."
    housekeeper.sweep()
    assert sentence("stuck_sends") is None


def test_a_step_that_failed_did_not_end_or_has_not_run_lately_is_told_with_the_time(
    database: Database, own: Any, sentence: Callable[[str], str | None]
) -> None:
    def fail() -> int:
        raise Unavailable("The queue is away.")

    Housekeeper(database, unmeasured, [Step("odd", fail), Step("even", int)]).sweep()
    (began,) = own(
        "select to_char(started_at at time zone 'UTC', 'HH24:MI') from housekeeping where step = 'odd'"
    ).fetchone()
    assert sentence("odd") == f"The run of {began} failed: The queue is away."
    assert sentence("even") is None
    own("alter table housekeeping no force row level security")
    own("update housekeeping set started_at = '2026-01-02 03:04Z', ended_at = null where step = 'odd'")
    assert sentence("odd") == "The run of 2026-01-02 03:04 did not end."
    own("update housekeeping set started_at = '2026-01-02 03:04Z', ended_at = started_at where step = 'even'")
    assert sentence("even") == "The housekeeper has not come by since 2026-01-02 03:04."


def test_a_bucket_that_is_away_is_said_and_the_rest_told(database: Database, housekeeper: Housekeeper) -> None:
    housekeeper.sweep()
    away: Any = Away()
    rows = {row["step"]: row for row in HousekeepingReport(database, away, LEASE).read()}
    assert rows["spool"]["waiting"] is None
    assert rows["spool"]["sentence"] == "The spool cannot be looked at: the bucket does not answer."
    assert rows["partitions"]["sentence"] is None
