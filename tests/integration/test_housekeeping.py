"""The net under the hints: what was lost is found, and two nets at once do no harm."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from parley.domain.metrics import unmeasured
from parley.domain.webhook import Webhook
from parley.services.accept import SPOOL
from parley.services.housekeep import Housekeeper
from parley.services.sweep import Reach, net
from parley.store.database import Database


@pytest.fixture
def woken() -> list[UUID]:
    return []


@pytest.fixture
def inbound(queue: Any) -> Any:
    return type(queue)()


@pytest.fixture
def housekeeper(database: Database, queue: Any, inbound: Any, bucket: Any, woken: list[UUID]) -> Housekeeper:
    reach = Reach(
        database=database,
        inbound=inbound,
        outbound=queue,
        media=queue,
        bucket=bucket,
        wake=woken.append,
        silent_for=timedelta(seconds=75),
        stuck_for=timedelta(seconds=30),
    )
    return Housekeeper(database, unmeasured, net(reach))


def test_spooled_webhooks_go_to_the_queue_oldest_first_and_what_is_none_stays_aside(
    housekeeper: Housekeeper, inbound: Any, bucket: Any, door: Callable[..., Webhook], meta: SimpleNamespace
) -> None:
    spooled = [door(meta.body(messages=[meta.text(f"wamid.{n}", "5511987654321", str(n))])) for n in range(3)]
    bucket.put(f"{SPOOL}2026-01-01T00:00:00.000Z-0.json", b"\xffno webhook at all")
    for n in (2, 0, 1):
        bucket.put(f"{SPOOL}2026-01-02T00:00:0{n}.000Z-x.json", spooled[n].encode().encode())

    assert housekeeper.sweep()["spool"] == 4

    assert [body for body, _, _ in inbound.sent] == [webhook.encode() for webhook in spooled]
    assert [group for _, group, _ in inbound.sent] == [str(spooled[0].integration_id)] * 3
    assert list(bucket.objects) == [f"{SPOOL}2026-01-01T00:00:00.000Z-0.json"]


def test_while_the_queue_is_still_away_the_spool_keeps_what_it_has(
    housekeeper: Housekeeper, inbound: Any, bucket: Any, door: Callable[..., Webhook], meta: SimpleNamespace
) -> None:
    webhook = door(meta.body(messages=[meta.text("wamid.1", "5511987654321", "?")]))
    bucket.put(f"{SPOOL}1.json", webhook.encode().encode())
    inbound.away = True
    assert housekeeper.sweep().failed.keys() == {"spool"}
    assert list(bucket.objects) == [f"{SPOOL}1.json"]


def test_a_send_whose_hint_was_lost_and_one_whose_sender_died_are_hinted_again(
    housekeeper: Housekeeper, desk: Any, queue: Any, database: Database
) -> None:
    desk.send("forgotten")
    assert housekeeper.sweep()["stuck_sends"] == 0, "it is young: its own hint may still come"
    with database.transaction(desk.agent.tenant_id) as tx:
        tx.execute(
            "update messages set updated_at = now() - interval '1 minute', created_at = now() - interval '1 minute'"
            " where direction = 'outgoing'"
        )
    assert housekeeper.sweep()["stuck_sends"] == 1
    assert json.loads(queue.sent[-1][0])["conversationId"] == str(desk.conversation_id)
    desk.deliver()
    assert housekeeper.sweep()["stuck_sends"] == 0


def test_a_lost_hint_is_found_behind_another_conversations_long_queue(
    housekeeper: Housekeeper,
    desk: Any,
    queue: Any,
    database: Database,
    processor: Any,
    door: Callable[..., Webhook],
    meta: SimpleNamespace,
) -> None:
    desk.send("the head of a long queue")
    with database.transaction(desk.agent.tenant_id) as tx:
        tx.execute(
            "insert into messages (tenant_id, id, integration_id, conversation_id, number, direction, kind, body,"
            " occurred_at, status, sender_kind, created_at, updated_at)"
            " select tenant_id, gen_random_uuid(), integration_id, conversation_id, number + n, 'outgoing', 'text',"
            " 'x', now(), 'queued', 'user', now() - interval '1 hour', now() - interval '1 hour'"
            " from messages, generate_series(1, 5001) n where body = 'the head of a long queue'"
        )
    processor.process([door(meta.body(messages=[meta.text("wamid.z", "5521912345678", "hi", at=3500)]))])
    with database.transaction(desk.agent.tenant_id) as tx:
        desk.conversation_id = tx.value("select id from conversations where id <> %(busy)s", busy=desk.conversation_id)
    desk.send("its hint was lost")
    with database.transaction(desk.agent.tenant_id) as tx:
        tx.execute(
            "update messages set (created_at, updated_at) = (now() - interval '9 min', now() - interval '9 min')"
            " where body = 'its hint was lost'"
        )
    queue.sent.clear()

    housekeeper.sweep()

    assert [json.loads(body)["conversationId"] for body, _, _ in queue.sent] == [str(desk.conversation_id)]


def test_silent_connections_are_forgotten_and_tenants_that_lag_are_pushed(
    housekeeper: Housekeeper,
    desk: Any,
    database: Database,
    woken: list[UUID],
    in_threads: Callable[[Sequence[Callable[[], object]]], list[Any]],
) -> None:
    tenant = desk.agent.tenant_id
    with database.transaction(tenant) as tx:
        for name, seen in (("silent", 100), ("alive", 1)):
            tx.execute(
                "insert into connections (tenant_id, id, user_id, state, seen_at, expires_at) values"
                " (%(tenant_id)s, %(name)s, %(user)s, 'active', now() - make_interval(secs => %(seen)s), %(until)s)",
                name=name,
                user=desk.agent.id,
                seen=seen,
                until=datetime.now(UTC) + timedelta(hours=1),
            )
        tx.execute("update events set occurred_at = now() - interval '10 seconds'")
    swept = in_threads([housekeeper.sweep] * 2)
    assert {one["silent_connections"] for one in swept} <= {0, 1}
    with database.transaction(tenant) as tx:
        assert [row["id"] for row in tx.rows("select id from connections")] == ["alive"]
    assert set(woken) == {tenant}
