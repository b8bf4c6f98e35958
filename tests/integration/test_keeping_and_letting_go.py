"""Partitions and retention: what is missing is made and loses nothing, and what is past its term goes, the oldest
first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from parley.domain.events import NewEvent
from parley.domain.principal import Principal
from parley.services.appoint import Staff
from parley.services.retain import Retaining
from parley.services.sweep_storage import DAYS_AHEAD, make_partitions
from parley.store.database import Database
from parley.store.event_log import append_events, number_events, read_stream
from parley.store.ids import new_id
from parley.store.retention import Terms

TODAY = datetime.now(UTC).date()
InThreads = Callable[[Sequence[Callable[[], object]]], list[Any]]


@pytest.fixture
def own(owner_url: str) -> Any:
    """Runs a statement as the owner of the tables."""
    with psycopg.connect(owner_url, autocommit=True) as connection:
        yield connection.execute


def partitions(own: Any, parent: str) -> set[str]:
    found = own(f"select inhrelid::regclass::text from pg_inherits where inhparent = '{parent}'::regclass")
    return {row[0] for row in found}


def ledger_row(database: Database, tenant: UUID, day: date, pointer: str | None = None) -> None:
    with database.transaction(tenant) as tx:
        tx.execute(
            "insert into ledger (tenant_id, day, id, integration_id, provider, body_hash, headers, pointer, state,"
            " correlation_id, received_at) values (%(tenant_id)s, %(day)s, %(id)s, %(id)s, 'meta', %(hash)s, '{}',"
            " %(pointer)s, 'processed', %(id)s, %(day)s)",
            day=day,
            id=new_id(),
            hash=new_id().bytes,
            pointer=pointer,
        )


def days(database: Database, tenant: UUID) -> list[date]:
    with database.transaction(tenant) as tx:
        return [row["day"] for row in tx.rows("select day from ledger order by day")]


def choose(database: Database, admin: Principal, **terms: int) -> None:
    Staff(database, lambda _: None).choose(admin, {"retention": terms}, new_id())


def test_a_week_of_partitions_is_made_ahead_once_by_two_at_once(
    database: Database, own: Any, in_threads: InThreads
) -> None:
    before = {parent: partitions(own, parent) for parent in ("ledger", "attempts")}
    made = in_threads([lambda: make_partitions(database)] * 2)
    assert min(made) == 0
    assert max(made) >= 1, "yesterday's at least"
    wanted = {f"ledger_{TODAY + timedelta(days=n):%Y%m%d}" for n in range(-1, DAYS_AHEAD + 1)}
    assert partitions(own, "ledger") == before["ledger"] | wanted
    assert {f"attempts_{TODAY:%Y%m}", f"attempts_{TODAY + timedelta(days=DAYS_AHEAD):%Y%m}"} <= partitions(
        own, "attempts"
    )
    assert make_partitions(database) == 0


def test_a_partition_that_was_missing_loses_nothing_and_gets_its_rows_when_it_is_made(
    database: Database, own: Any, tenant: UUID, make_tenant: Callable[..., UUID]
) -> None:
    other = make_tenant("Other")
    make_partitions(database)
    name = f"ledger_{TODAY:%Y%m%d}"
    own(f"drop table {name}")
    for one in (tenant, tenant, other):
        ledger_row(database, one, TODAY)
    ledger_row(database, tenant, TODAY + timedelta(days=400))

    assert make_partitions(database) == 1

    with database.transaction(tenant) as tx:
        places = tx.rows("select tableoid::regclass::text as place, day from ledger order by day")
    assert [row["place"] for row in places] == [name, name, "ledger_default"]
    assert days(database, other) == [TODAY]
    forced = own(
        "select relname, relrowsecurity and relforcerowsecurity from pg_class where relname in"
        f" ('{name}', 'ledger_default')"
    )
    assert dict(forced.fetchall()) == {name: True, "ledger_default": True}
    ledger_row(database, tenant, TODAY)


def test_rows_of_days_far_off_get_a_partition_of_their_own(database: Database, own: Any, tenant: UUID) -> None:
    make_partitions(database)
    far = TODAY - timedelta(days=300)
    ledger_row(database, tenant, far)
    own("analyze ledger_default")
    make_partitions(database)
    assert f"ledger_{far:%Y%m%d}" in partitions(own, "ledger")
    assert days(database, tenant) == [far]


def test_partitions_go_at_the_longest_term_of_any_company(
    database: Database, own: Any, bucket: Any, tenant: UUID, make_user: Callable[..., Principal], make_tenant: Any
) -> None:
    retaining = Retaining(database, bucket, Terms(ledger=30, attempts=90))
    ages = (29, 31, 40, 70)
    for age in ages:
        own(f"select make_partitions('{TODAY - timedelta(days=age)}')")
        ledger_row(database, tenant, TODAY - timedelta(days=age))
    choose(database, make_user(make_tenant("Patient"), "Olga", "owner"), ledger=60)
    months = partitions(own, "attempts")

    assert retaining.drop_partitions() == 1, "the one of 70 days"

    assert days(database, tenant) == [TODAY - timedelta(days=age) for age in (40, 31, 29)]
    assert partitions(own, "attempts") == months
    own("select make_partitions('2020-02-03')")
    assert retaining.drop_partitions() == 2, "a day of the ledger and a month of attempts"


def test_partitions_are_dropped_a_few_at_a_time_the_oldest_first(
    database: Database, own: Any, bucket: Any, in_threads: InThreads
) -> None:
    retaining = Retaining(database, bucket, Terms())
    for age in range(100, 108):
        own(f"select make_partition('ledger', 'ledger_{TODAY - timedelta(days=age):%Y%m%d}',"
            f" '{TODAY - timedelta(days=age)}', '{TODAY - timedelta(days=age - 1)}')")  # fmt: skip
    in_threads([retaining.drop_partitions])
    left = {f"ledger_{TODAY - timedelta(days=age):%Y%m%d}" for age in (100, 101, 102)}
    assert (
        partitions(own, "ledger") & {f"ledger_{TODAY - timedelta(days=age):%Y%m%d}" for age in range(100, 108)} == left
    )
    in_threads([retaining.drop_partitions] * 2)
    assert not partitions(own, "ledger") & left


def test_a_companys_shorter_term_deletes_its_own_rows_in_batches_and_what_they_point_to(
    database: Database, bucket: Any, own: Any, tenant: UUID, make_user: Any, make_tenant: Callable[..., UUID]
) -> None:
    other = make_tenant("Other")
    for age in (10, 9, 8, 7, 1):
        bucket.put(f"payloads/{age}", b"large")
        ledger_row(database, tenant, TODAY - timedelta(days=age), f"payloads/{age}")
    ledger_row(database, other, TODAY - timedelta(days=10))
    retaining = Retaining(database, bucket, Terms(), most_rows=2)
    assert retaining.let_go() == 0
    choose(database, make_user(tenant, "Olga", "owner"), ledger=7)

    assert [retaining.let_go() for _ in range(3)] == [2, 1, 0]

    assert days(database, tenant) == [TODAY - timedelta(days=age) for age in (7, 1)]
    assert sorted(bucket.objects) == ["payloads/1", "payloads/7"]
    assert days(database, other) == [TODAY - timedelta(days=10)]


def test_old_events_go_lowest_first_in_batches_so_that_what_is_left_has_no_hole(
    database: Database, bucket: Any, tenant: UUID
) -> None:
    def write(age: int) -> None:
        with database.transaction(tenant) as tx:
            append_events(tx, [NewEvent("contact.updated", ("tenant",))])
            tx.execute(
                "update events set occurred_at = now() - make_interval(days => %(age)s) where seq is null", age=age
            )
        number_events(database, tenant)

    # A younger one among the old ones: those after it stay, too.
    for age in (50, 49, 48, 47, 3, 46, 0):
        write(age)
    retaining = Retaining(database, bucket, Terms(events=30), most_rows=3)

    def lowest() -> int:
        with database.transaction(tenant) as tx:
            return read_stream(tx).lowest

    assert (retaining.let_go(), lowest()) == (3, 4)
    assert (retaining.let_go(), lowest()) == (1, 5)
    assert (retaining.let_go(), lowest()) == (0, 5)
    with database.transaction(tenant) as tx:
        stream = read_stream(tx)
        assert [row["seq"] for row in tx.rows("select seq from events order by seq")] == [5, 6, 7]
    assert (stream.reaches(3), stream.reaches(4), stream.reaches(7)) == (False, True, True)


def test_events_that_nobody_ever_read_go_too(database: Database, bucket: Any, tenant: UUID) -> None:
    with database.transaction(tenant) as tx:
        append_events(tx, [NewEvent("contact.updated", ("tenant",))] * 3)
        tx.execute("update events set occurred_at = now() - interval '31 days'")
    assert Retaining(database, bucket, Terms()).let_go() == 3
    with database.transaction(tenant) as tx:
        assert (tx.value("select count(*) from events"), read_stream(tx).lowest) == (0, 4)


def test_a_companys_shorter_term_deletes_its_old_attempts(
    database: Database, bucket: Any, desk: Any, make_user: Any
) -> None:
    tenant = desk.agent.tenant_id
    for n in range(3):
        desk.send(str(n))
        desk.deliver()
    with database.transaction(tenant) as tx:
        tx.execute(
            "update attempts set claimed_at = claimed_at - interval '20 days'"
            " where id in (select id from attempts order by id limit 2)"
        )
    retaining = Retaining(database, bucket, Terms(), most_rows=1)
    assert retaining.let_go() == 0
    choose(database, make_user(tenant, "Olga", "owner"), attempts=10)
    assert [retaining.let_go() for _ in range(3)] == [1, 1, 0]
    with database.transaction(tenant) as tx:
        assert tx.value("select count(*) from attempts") == 1
