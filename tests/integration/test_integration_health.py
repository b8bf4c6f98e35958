"""The health of integrations: every fact counts once, one query looks at all, and only what changed is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from parley.domain.errors import Unavailable
from parley.domain.health import OK
from parley.domain.outgoing import Accepted, NotSent, Refused
from parley.services.process import Processor
from parley.services.watch_health import HealthWatch, Tempo, tell
from parley.store import health as store
from parley.store.database import Database, Row
from parley.store.ids import new_id

from .conftest import Desk, ScriptedGateway

TEMPO = Tempo(settle=timedelta(), patience=timedelta())


@pytest.fixture
def operator(server: Any, database_name: str) -> Callable[..., Any]:
    """Runs a statement as whoever owns the server: what happened weeks ago cannot be made otherwise."""

    def run(statement: str, *values: Any) -> Any:
        with psycopg.connect(server.database_url(database_name), autocommit=True) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else None

    return run


@pytest.fixture(autouse=True)
def _counted_until_now(operator: Callable[..., Any]) -> None:
    operator("update health_cursors set counted_to = now() - interval '1 minute'")


@pytest.fixture
def measured() -> list[tuple[str, float]]:
    return []


@pytest.fixture
def watch(database: Database, gateway: ScriptedGateway, measured: list[tuple[str, float]]) -> HealthWatch:
    return make_watch(database, gateway, measured)


def make_watch(database: Database, gateway: Any, measured: list[Any], **changes: Any) -> HealthWatch:
    given = {"tempo": TEMPO, "meter": lambda name, value: measured.append((name, value)), **changes}
    return HealthWatch(database, {"meta": gateway}, lambda tenant_id: None, **given)


@pytest.fixture
def receive(
    processor: Processor, door: Callable[..., Any], meta: SimpleNamespace, integration: UUID
) -> Callable[..., None]:
    """So many webhooks of the account, received at a time."""

    def run(number: int, at: datetime | None = None, **changes: Any) -> None:
        when = at or datetime.now(UTC)
        bodies = [meta.body(messages=[meta.text(f"wamid.{uuid4()}", "5511987654321", "hello")]) for _ in range(number)]
        processor.process([door(body, received_at=when, **changes) for body in bodies])

    return run


def quarters(database: Database, tenant: UUID) -> list[Row]:
    with database.transaction(tenant) as tx:
        return tx.rows("select * from integration_quarters order by quarter")


def total(database: Database, tenant: UUID, column: str) -> int:
    return sum(row[column] for row in quarters(database, tenant))


def told(database: Database, tenant: UUID) -> tuple[str, str | None]:
    with database.transaction(tenant) as tx:
        row = tx.row("select state, reason from integration_health")
    return (row["state"], row["reason"]) if row else ("ok", None)


def events(database: Database, tenant: UUID) -> list[Any]:
    with database.transaction(tenant) as tx:
        return tx.rows("select delta from events where type = 'integration.updated' order by ordinal")


def test_each_webhook_counts_once_however_often_it_comes_and_is_counted(
    watch: HealthWatch,
    processor: Processor,
    door: Callable[..., Any],
    meta: SimpleNamespace,
    database: Database,
    tenant: UUID,
) -> None:
    good = door(meta.body(messages=[meta.text("wamid.1", "5511987654321", "hello")]))
    forged = door(meta.body(messages=[meta.text("wamid.2", "5511987654321", "hello")]), secret="other")
    broken = door(b"{}")
    processor.process([good, forged, broken])
    assert watch.count() == 3
    processor.process([good, forged])
    assert (watch.count(), watch.count()) == (0, 0)
    (row,) = quarters(database, tenant)
    counted = {name: row[name] for name in ("received", "processed", "rejected", "parked", "ignored")}
    assert (counted["received"], counted["processed"], counted["rejected"]) == (3, 1, 1)
    assert counted["parked"] + counted["ignored"] == 1


def test_a_webhook_that_comes_out_of_the_queue_days_late_counts_in_the_hour_it_was_received(
    watch: HealthWatch, receive: Callable[..., None], database: Database, tenant: UUID
) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=3, minutes=20)
    receive(2)
    watch.count()
    receive(3, long_ago)
    watch.count()
    assert [row["received"] for row in quarters(database, tenant)] == [3, 2]
    assert (
        quarters(database, tenant)[0]["quarter"] <= long_ago < quarters(database, tenant)[0]["quarter"] + TEMPO.quarter
    )


def test_two_housekeepers_at_once_count_everything_once(
    database: Database, gateway: Any, receive: Callable[..., None], tenant: UUID, in_threads: Callable[..., Any]
) -> None:
    receive(5)
    watches = [make_watch(database, gateway, []) for _ in range(4)]
    in_threads([watch.count for watch in watches])
    assert total(database, tenant, "received") == 5


def test_what_was_sent_counts_by_how_it_stood_when_there_had_been_time(
    watch: HealthWatch, desk: Desk, database: Database, tenant: UUID, operator: Callable[..., Any]
) -> None:
    refused = Refused("recipient_unreachable", "Not on WhatsApp.")
    desk.gateway.script = [Accepted("wamid.a"), refused, Accepted("wamid.b"), NotSent("busy")]
    for text in ("delivered", "refused", "never delivered", "tried again"):
        desk.send(text)
        desk.deliver()
    operator("update messages set status = 'delivered' where provider_message_id = 'wamid.a'")
    operator("update messages set not_before = null where status = 'queued'")
    desk.deliver()
    desk.gateway.script = [NotSent("busy")]
    desk.send("still waiting")
    desk.deliver()
    watch.count()

    def counted() -> dict[str, int]:
        return {name: total(database, tenant, name) for name in ("delivered", "undelivered", "failed")}

    assert counted() == {"delivered": 1, "undelivered": 2, "failed": 1}, "a message counts by its last try"
    operator("update messages set not_before = null where status = 'queued'")
    desk.deliver()
    watch.count()
    assert counted() == {"delivered": 1, "undelivered": 3, "failed": 1}


def test_files_count_when_fetching_them_has_ended(
    watch: HealthWatch, receive: Callable[..., None], database: Database, tenant: UUID, integration: UUID
) -> None:
    receive(1)
    add_files(database, tenant, integration, ["stored", "failed", "failed", "pending"])
    watch.count()
    assert (total(database, tenant, "media_stored"), total(database, tenant, "media_failed")) == (1, 2)
    with database.transaction(tenant) as tx:
        tx.execute("update attachments set state = 'failed', updated_at = now() where state = 'pending'")
    watch.count()
    assert total(database, tenant, "media_failed") == 3


def add_files(database: Database, tenant: UUID, integration: UUID, states: list[str]) -> None:
    with database.transaction(tenant) as tx:
        for state in states:
            tx.execute(
                "insert into attachments (tenant_id, id, message_id, integration_id, kind, state, object_key)"
                " select %(tenant_id)s, %(id)s, m.id, %(integration)s, 'image', %(state)s, %(key)s from messages m"
                " where m.direction = 'incoming' limit 1",
                id=new_id(), integration=integration, state=state, key="k" if state == "stored" else None,
            )  # fmt: skip


def seed(operator: Callable[..., Any], tenant: UUID, integration: UUID, received: int, since: timedelta) -> None:
    """A history of four weeks in which so many webhooks came in every quarter, and the last one so long ago."""
    operator(
        "insert into integration_quarters (tenant_id, integration_id, quarter, received, processed)"
        " select %s, %s, q, %s, %s from generate_series(quarter_of(now() - interval '29 days', interval '15 minutes'),"
        " now() - interval '5 days', interval '15 minutes') q",
        tenant, integration, received, received,
    )  # fmt: skip
    operator(
        "insert into integration_health (tenant_id, integration_id, last_received_at) values (%s, %s, now() - %s)",
        tenant, integration, since,
    )  # fmt: skip


def test_an_account_that_falls_silent_against_its_habit_is_told_once_and_heals_with_the_next_webhook(
    watch: HealthWatch,
    receive: Callable[..., None],
    database: Database,
    tenant: UUID,
    integration: UUID,
    operator: Callable[..., Any],
    measured: list[tuple[str, float]],
) -> None:
    seed(operator, tenant, integration, 10, timedelta(minutes=65))
    watch.count()
    assert [watch.look(), watch.look()] == [1, 0], "it is news once"
    state, reason = told(database, tenant)
    assert state == "silent"
    assert reason is not None
    assert "in the same hours of the last 4 weeks" in reason
    assert measured == [("integration.unhealthy", 1)] * 2
    (event,) = events(database, tenant)
    assert event["delta"]["id"] == str(integration)
    receive(1)
    watch.count()
    watch.look()
    assert (told(database, tenant), measured[-1]) == (("ok", None), ("integration.unhealthy", 0))


@pytest.mark.parametrize(
    ("received", "since", "why"),
    [(0, 600, "nothing ever comes at this hour"), (10, 20, "it is too soon"), (1, 60, "the number is a quiet one")],
)
def test_nights_and_quiet_numbers_raise_no_alarm(
    watch: HealthWatch,
    database: Database,
    tenant: UUID,
    integration: UUID,
    operator: Callable[..., Any],
    received: int,
    since: int,
    why: str,
) -> None:
    seed(operator, tenant, integration, received, timedelta(minutes=since))
    watch.count()
    assert (watch.look(), told(database, tenant)[0]) == (0, "ok"), why


def test_one_week_of_history_says_nothing_and_two_do(
    watch: HealthWatch, database: Database, tenant: UUID, integration: UUID, operator: Callable[..., Any]
) -> None:
    seed(operator, tenant, integration, 10, timedelta(minutes=65))
    operator("delete from integration_quarters where quarter < now() - interval '13 days'")
    watch.count()
    assert watch.look() == 0
    operator(
        "insert into integration_quarters (tenant_id, integration_id, quarter, received)"
        " select tenant_id, integration_id, quarter - interval '1 week', received from integration_quarters"
        " where quarter < now() - interval '6 days'"
    )
    assert (watch.look(), told(database, tenant)[0]) == (1, "silent")


def test_while_webhooks_wait_nobody_falls_silent_and_who_is_stays_so(
    database: Database, gateway: Any, tenant: UUID, integration: UUID, operator: Callable[..., Any]
) -> None:
    def away() -> timedelta:
        raise Unavailable

    seed(operator, tenant, integration, 10, timedelta(minutes=65))
    unsure = [
        make_watch(database, gateway, [], backlog=lambda: timedelta(minutes=6)),
        make_watch(database, gateway, [], backlog=away),
    ]
    sure = make_watch(database, gateway, [])
    sure.count()
    assert [watch.look() for watch in unsure] == [0, 0]
    assert sure.look() == 1
    assert [watch.look() for watch in unsure] == [0, 0]
    assert told(database, tenant)[0] == "silent"
    operator("update health_cursors set counted_to = now() - interval '1 hour'")
    operator("update integration_health set state = 'ok', last_received_at = now() - interval '3 hours'")
    assert sure.look() == 0, "an hour was not counted yet"


def test_failing_webhooks_show_and_are_forgiven_once_they_are_replayed(
    watch: HealthWatch,
    receive: Callable[..., None],
    database: Database,
    tenant: UUID,
    operator: Callable[..., Any],
) -> None:
    receive(4)
    receive(3, secret="other")
    watch.count()
    watch.look()
    state, reason = told(database, tenant)
    assert state == "receiving_fails"
    assert reason is not None
    assert reason.startswith("Of 7 webhooks received between")
    assert reason.endswith("3 were rejected.")
    operator("update ledger set state = 'processed', reason = null where state = 'rejected'")
    assert (watch.look(), told(database, tenant)) == (1, ("ok", None))


def test_undelivered_messages_show_unless_the_gateway_tells_no_deliveries(
    watch: HealthWatch, desk: Desk, database: Database, tenant: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        desk.send(f"message {number}")
    assert desk.deliver() == 6
    watch.count()
    with monkeypatch.context() as patched:
        patched.setattr(desk.gateway, "capabilities", replace(desk.gateway.capabilities, receipts=False))
        assert watch.look() == 0
    assert (watch.look(), told(database, tenant)[0]) == (1, "not_delivered")


def test_failing_files_show(
    watch: HealthWatch, receive: Callable[..., None], database: Database, tenant: UUID, integration: UUID
) -> None:
    receive(1)
    add_files(database, tenant, integration, ["stored", "failed", "failed", "failed"])
    watch.count()
    watch.look()
    assert told(database, tenant)[0] == "media_failing"


def test_a_dead_credential_shows_as_what_it_is(
    watch: HealthWatch, desk: Desk, database: Database, tenant: UUID, measured: list[tuple[str, float]]
) -> None:
    desk.gateway.script = [Refused("credential_expired", "The token is over.", account_lost=True)]
    desk.send("hello")
    desk.deliver()
    watch.look()
    state, reason = told(database, tenant)
    assert state == "credential_expired"
    assert reason is not None
    assert reason.startswith("The token is over. Nothing has been sent since ")
    assert measured == [("integration.unhealthy", 1)]


def test_an_older_look_changes_nothing(
    watch: HealthWatch, database: Database, tenant: UUID, integration: UUID, desk: Desk
) -> None:
    with database.unscoped() as tx:
        (before,) = store.figures(tx, TEMPO.quarter, TEMPO.quiet)
    desk.gateway.script = [Refused("account_disconnected", "Gone.", account_lost=True)]
    desk.send("hello")
    desk.deliver()
    watch.look()
    with database.transaction(tenant) as tx:
        assert tell(tx, [(integration, OK, before.figures.now)]) == 0
    assert told(database, tenant)[0] == "disconnected"


def test_old_figures_go_and_those_a_look_back_needs_stay(
    watch: HealthWatch, database: Database, tenant: UUID, integration: UUID, operator: Callable[..., Any]
) -> None:
    operator(
        "insert into integration_quarters (tenant_id, integration_id, quarter)"
        " values (%s, %s, now() - interval '36 days'), (%s, %s, now() - interval '34 days')",
        tenant, integration, tenant, integration,
    )  # fmt: skip
    assert (watch.forget(), watch.forget(), len(quarters(database, tenant))) == (1, 0, 1)


class CountingDatabase(Database):
    """Counts the statements that are sent, but not those that begin and end a transaction."""

    statements: list[str]

    def _connection(self) -> Any:
        connection = super()._connection()
        if not hasattr(self, "statements"):
            self.statements = []
            execute = connection.execute

            def counted(query: Any, *given: Any, **more: Any) -> Any:
                text = query.decode() if isinstance(query, bytes) else str(query)
                if not text.startswith(("begin", "commit", "rollback")):
                    self.statements.append(text)
                return execute(query, *given, **more)

            connection.execute = counted  # type: ignore[method-assign]
        return connection


def test_a_thousand_accounts_cost_one_query_and_nothing_is_written_where_nothing_changed(
    database_url: str, database: Database, gateway: Any, make_tenant: Callable[..., UUID], operator: Callable[..., Any]
) -> None:
    tenants = [make_tenant(f"Company {number}") for number in range(20)]
    for tenant in tenants:
        operator(
            "insert into integrations (tenant_id, id, provider, channel, name, account_id, credentials, state)"
            " select %s, gen_random_uuid(), 'meta', 'whatsapp', n::text, n::text, '', 'connected'"
            " from generate_series(1, 50) n",
            tenant,
        )
    counting = CountingDatabase(database_url)
    measured: list[tuple[str, float]] = []
    watch = make_watch(counting, gateway, measured)
    try:
        assert watch.look() == 0
        assert len(counting.statements) == 1
        operator(
            "update integrations set state = 'disconnected' where name = '7' and tenant_id = any (%s)", tenants[:3]
        )
        counting.statements.clear()
        assert (watch.look(), measured[-1]) == (3, ("integration.unhealthy", 3))
        assert len(counting.statements) == 1 + 3 * 3, "the state, the accounts and the events of three companies"
        counting.statements.clear()
        before = operator("select xmin from integration_health order by integration_id")
        assert (watch.look(), len(counting.statements)) == (0, 1)
        assert operator("select xmin from integration_health order by integration_id") == before
    finally:
        counting.close()
