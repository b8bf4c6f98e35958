"""Queues paused and resumed: by the breaker, by hand, by the clock. The row decides; consumers follow it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from parley.domain.errors import Forbidden, Unavailable
from parley.domain.principal import Principal
from parley.domain.queue_figures import QueueMinute, QueueState
from parley.domain.queues import QUEUES, QueueName
from parley.services.breaker import Breaker, Limits
from parley.services.operate_queues import Queues, follow, measure_oldest
from parley.services.watch_queue import Watch
from parley.store import queue_pauses as store
from parley.store.database import Database
from tests.integration.conftest import meta_body, text_message

MANY = 20
ACCOUNT = uuid4()
QUARTER, TRIAL = timedelta(minutes=15), timedelta(minutes=5)


class Consumers:
    """What takes from the queues, in memory; `away`: nobody answers."""

    def __init__(self) -> None:
        self.paused: set[QueueName] = set()
        self.away = False

    def pause(self, queue: QueueName) -> None:
        self._answer()
        self.paused.add(queue)

    def resume(self, queue: QueueName) -> None:
        self._answer()
        self.paused.discard(queue)

    def _answer(self) -> None:
        if self.away:
            raise Unavailable


class Figures:
    """Queues with a figure each."""

    def read(self, names: Sequence[QueueName]) -> list[QueueState]:
        minute = QueueMinute(datetime(2026, 3, 1, tzinfo=UTC), 10, 2)
        return [QueueState(name, 3, 1, 42.5, [minute]) for name in names]


@pytest.fixture
def consumers() -> Consumers:
    return Consumers()


@pytest.fixture
def watch(database: Database, consumers: Consumers) -> Watch:
    return make_watch(database, consumers)


def make_watch(database: Database, consumers: Consumers) -> Watch:
    return Watch(database, consumers, Breaker(Limits(minimum=MANY)), "inbound")


@pytest.fixture
def queues(database: Database, consumers: Consumers) -> Queues:
    return Queues(database, Figures(), consumers, admins_operate=False)


@pytest.fixture
def operator(tenant: UUID) -> Principal:
    return Principal(tenant, "api_key", uuid4(), "ops", scopes=frozenset({"operator"}))


def pause_of(database: Database, queue: QueueName = "inbound") -> store.Pause | None:
    with database.unscoped() as tx:
        return store.read(tx).get(queue)


def let_pass(owner_url: str, time: timedelta) -> None:
    """Let so much time pass since whatever was paused or tried last changed."""
    with psycopg.connect(owner_url) as connection:
        connection.execute("set role parley_definer")
        connection.execute("update queue_pauses set changed_at = changed_at - %s", [time])


def go_by(database: Database, consumers: Consumers) -> int:
    return follow(database, consumers, paused_for=QUARTER, tried_for=TRIAL)


def test_a_consumer_that_parks_too_much_pauses_its_queue_and_takes_nothing_more(
    database: Database, watch: Watch, consumers: Consumers
) -> None:
    assert not watch.is_paused()
    assert watch.note({ACCOUNT: MANY - 1}, {ACCOUNT: MANY - 1}) is None
    assert watch.note({ACCOUNT: 1}, {ACCOUNT: 1}) is not None
    found = pause_of(database)
    assert found is not None
    assert (found.by_hand, found.probing) == (False, False)
    assert found.reason == "20 of the last 20 webhooks could not be read, of 1 of 1 accounts"
    assert consumers.paused == {"inbound"}
    assert watch.is_paused()
    assert make_watch(database, consumers).is_paused(), "a worker that starts now asks first"


def test_a_worker_that_parks_while_another_paused_the_queue_takes_nothing_more_either(
    database: Database, watch: Watch, consumers: Consumers
) -> None:
    other = make_watch(database, consumers)
    assert not other.is_paused()
    watch.note({ACCOUNT: MANY}, {ACCOUNT: MANY})
    assert not other.is_paused(), "it has not asked, and nothing gave it reason to"
    assert other.note({ACCOUNT: 1}, {ACCOUNT: 1}) is None
    assert other.is_paused()


def test_after_a_quarter_of_an_hour_the_queue_is_tried_again_and_after_a_good_trial_it_runs(
    database: Database, watch: Watch, consumers: Consumers, owner_url: str
) -> None:
    watch.note({ACCOUNT: MANY}, {ACCOUNT: MANY})
    let_pass(owner_url, QUARTER - timedelta(minutes=1))
    assert go_by(database, consumers) == 1
    assert watch.is_paused()
    let_pass(owner_url, timedelta(minutes=2))
    go_by(database, consumers)
    assert consumers.paused == set()
    assert not watch.is_paused()
    assert watch.note({ACCOUNT: 10}, {}) is None
    let_pass(owner_url, TRIAL + timedelta(minutes=1))
    go_by(database, consumers)
    assert pause_of(database) is None


def test_a_trial_that_parks_again_ends_at_once_and_the_pause_is_as_old_as_it_was(
    database: Database, watch: Watch, consumers: Consumers, owner_url: str
) -> None:
    watch.note({ACCOUNT: MANY}, {ACCOUNT: MANY})
    first = pause_of(database)
    let_pass(owner_url, QUARTER)
    go_by(database, consumers)
    assert not watch.is_paused()
    assert watch.note({ACCOUNT: MANY // 4}, {ACCOUNT: MANY // 4}) is not None
    again = pause_of(database)
    assert first is not None
    assert again is not None
    assert (again.since, again.probing, consumers.paused) == (first.since, False, {"inbound"})


def test_what_a_person_paused_no_clock_resumes(
    database: Database, queues: Queues, operator: Principal, consumers: Consumers, owner_url: str
) -> None:
    shown = queues.pause(operator, "push", "for the night", uuid4())
    assert shown["paused"]["reason"] == "for the night"
    let_pass(owner_url, timedelta(days=1))
    go_by(database, consumers)
    assert consumers.paused == {"push"}
    assert queues.resume(operator, "push", uuid4())["paused"] is None
    assert consumers.paused == set()


def test_a_consumer_that_was_not_told_is_told_by_the_housekeeper(
    database: Database, queues: Queues, operator: Principal, consumers: Consumers
) -> None:
    consumers.away = True
    queues.pause(operator, "media", "for the night", uuid4())
    with pytest.raises(Unavailable):
        go_by(database, consumers)
    consumers.away = False
    go_by(database, consumers)
    assert consumers.paused == {"media"}


def test_only_an_operator_pauses_and_resumes_unless_the_deployment_is_one_companys(
    database: Database, queues: Queues, consumers: Consumers, make_user: Any, tenant: UUID
) -> None:
    admin = make_user(tenant, role="admin")
    key = Principal(tenant, "api_key", uuid4(), "n8n", scopes=frozenset({"admin"}))
    for by in (admin, key):
        with pytest.raises(Forbidden):
            queues.pause(by, "inbound", "to annoy the others", uuid4())
        with pytest.raises(Forbidden):
            queues.resume(by, "inbound", uuid4())
    assert pause_of(database) is None
    own = Queues(database, Figures(), consumers, admins_operate=True)
    assert own.pause(admin, "inbound", "ours", uuid4())["paused"]["reason"] == "ours"


def test_figures_are_everybodys_and_the_dead_are_the_callers_own(
    database: Database, queues: Queues, operator: Principal, tenant: UUID, make_tenant: Any, make_user: Any
) -> None:
    other = make_tenant("Other")
    for of, count in ((tenant, 2), (other, 3)):
        with database.transaction(of) as tx:
            for number in range(count):
                tx.execute(
                    "insert into dead_letters (tenant_id, id, queue, payload, first_failed_at, fingerprint)"
                    " values (%(tenant_id)s, %(id)s, 'media', '{}', now(), %(print)s)",
                    id=uuid4(),
                    print=bytes([number]),
                )
    seen = {
        who: {queue["name"]: queue["dead"] for queue in queues.overview(by)}
        for who, by in (
            ("admin", make_user(tenant, role="admin")),
            ("other", make_user(other, role="admin")),
            ("operator", operator),
        )
    }
    nought = dict.fromkeys(QUEUES, 0)
    assert seen == {
        "admin": {**nought, "media": 2},
        "other": {**nought, "media": 3},
        "operator": {**nought, "media": 5},
    }
    shown = queues.overview(operator)[0]
    assert (shown["depth"], shown["inFlight"], shown["oldestAgeSeconds"]) == (3, 1, 42.5)
    assert (shown["ratePerMinute"], shown["errorRate"]) == (2.0, round(2 / 12, 4))
    assert shown["series"] == [{"at": "2026-03-01T00:00:00.000Z", "completed": 10, "failed": 2}]


def test_pausing_and_resuming_are_written_down(
    database: Database, queues: Queues, operator: Principal, tenant: UUID
) -> None:
    queues.pause(operator, "inbound", "a bug", uuid4())
    queues.pause(operator, "inbound", "a bug", uuid4())
    queues.resume(operator, "inbound", uuid4())
    with database.transaction(tenant) as tx:
        rows = tx.rows("select action, actor_name from audit order by id")
    assert [(row["action"], row["actor_name"]) for row in rows] == [("queue.paused", "ops"), ("queue.resumed", "ops")]


def test_the_age_of_the_oldest_webhook_is_measured() -> None:
    measured: list[Any] = []
    assert measure_oldest(Figures(), lambda metric, *values: measured.append((metric, *values))) == 42
    assert measured == [("webhook.oldest.age", 42.5)]


def test_a_batch_says_what_ended_and_what_was_parked_by_account_and_leaves_replays_out(
    door: Any, processor: Any, integration: UUID
) -> None:
    good = door(meta_body(messages=[text_message("wamid.1", "5511900000001", "Hello")]))
    broken = door(b'{"object": "whatsapp_business_account", "entry": [{"changes": 7}]}')
    replayed = replace(broken, believed_as=broken.body_hash)
    done = processor.process([good, broken, replayed])
    assert (done.ended, done.parked_of, done.parked) == ({integration: 2}, {integration: 1}, 2)
