"""Receiving on a real Postgres: what a webhook does to the inbox, and what a repeated or hostile one does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

from parley.cloud.ports import Bucket
from parley.domain.webhook import Webhook
from parley.services.process import Processor
from parley.store.database import Database

Inbox = Callable[[UUID], dict[str, Any]]
MakeWebhook = Callable[..., Webhook]
ANA = "5511987654321"


def ledger(database: Database, tenant: UUID) -> list[dict[str, Any]]:
    with database.transaction(tenant) as tx:
        return tx.rows("select state, reason, repetitions, message_ids, contact_ids from ledger order by id")


def event_types(database: Database, tenant: UUID) -> list[str]:
    with database.transaction(tenant) as tx:
        return [row["type"] for row in tx.rows("select type from events order by ordinal")]


def test_a_text_message_makes_contact_conversation_message_and_events(
    processor: Processor, door: MakeWebhook, meta: SimpleNamespace, database: Database, tenant: UUID, inbox: Inbox
) -> None:
    body = meta.body(messages=[meta.text("wamid.1", ANA, "Good morning")], names={ANA: "Marta"})
    done = processor.process([door(body)])
    assert (done.failed, done.parked, done.changed) == ({}, 0, {tenant})
    found = inbox(tenant)
    (conversation,) = found["conversations"]
    assert conversation["name"] == "Marta"
    assert (conversation["unread_count"], conversation["last_message"]) == (1, "wamid.1")
    assert conversation["window_expires_at"] == meta.start + timedelta(hours=24)
    assert [m["body"] for m in found["messages"]] == ["Good morning"]
    assert event_types(database, tenant) == ["conversation.new", "message.new"]
    (row,) = ledger(database, tenant)
    assert (row["state"], row["repetitions"], len(row["message_ids"]), len(row["contact_ids"])) == (
        "processed",
        0,
        1,
        1,
    )


def test_a_repeated_webhook_stores_one_message_and_counts_the_repetition(
    processor: Processor, door: MakeWebhook, meta: SimpleNamespace, database: Database, tenant: UUID, inbox: Inbox
) -> None:
    body = meta.body(messages=[meta.text("wamid.1", ANA, "Hello")])
    processor.process([door(body), door(body)])
    processor.process([door(body)])
    assert len(inbox(tenant)["messages"]) == 1
    assert inbox(tenant)["conversations"][0]["unread_count"] == 1
    assert event_types(database, tenant).count("message.new") == 1
    assert [row["repetitions"] for row in ledger(database, tenant)] == [2]


def test_all_entries_changes_and_messages_of_a_body_are_taken(
    processor: Processor, door: MakeWebhook, meta: SimpleNamespace, tenant: UUID, inbox: Inbox
) -> None:
    first = json.loads(meta.body(messages=[meta.text("wamid.1", ANA, "1"), meta.text("wamid.2", ANA, "2", at=1)]))
    second = json.loads(meta.body(messages=[meta.text("wamid.3", "5521912345678", "3")]))
    first["entry"][0]["changes"] += second["entry"][0]["changes"]
    first["entry"] += json.loads(meta.body(messages=[meta.text("wamid.4", ANA, "4", at=2)]))["entry"]
    processor.process([door(json.dumps(first).encode())])
    assert [m["provider_message_id"] for m in inbox(tenant)["messages"]] == ["wamid.1", "wamid.2", "wamid.4", "wamid.3"]


def test_a_brazilian_number_with_and_without_its_ninth_digit_is_one_contact(
    processor: Processor, door: MakeWebhook, meta: SimpleNamespace, tenant: UUID, inbox: Inbox
) -> None:
    processor.process([door(meta.body(messages=[meta.text("wamid.1", "553187654321", "old form")]))])
    processor.process([door(meta.body(messages=[meta.text("wamid.2", "5531987654321", "new form", at=5)]))])
    (conversation,) = inbox(tenant)["conversations"]
    assert conversation["unread_count"] == 2
    assert conversation["reply_address"] == "5531987654321", "answers go to the form that last wrote"


def test_a_resolved_conversation_reopens_for_a_new_message_but_not_for_a_repeated_one(
    processor: Processor, door: MakeWebhook, meta: SimpleNamespace, database: Database, tenant: UUID, inbox: Inbox
) -> None:
    old = meta.body(messages=[meta.text("wamid.1", ANA, "Hello")])
    processor.process([door(old)])
    with database.transaction(tenant) as tx:
        tx.execute("update conversations set status = 'resolved'")
    processor.process([door(old)])
    assert inbox(tenant)["conversations"][0]["status"] == "resolved"
    processor.process([door(meta.body(messages=[meta.text("wamid.2", ANA, "One more thing", at=9)]))])
    assert [c["status"] for c in inbox(tenant)["conversations"]] == ["open"]


def test_an_unknown_kind_is_kept_as_unsupported(
    processor: Processor, door: MakeWebhook, meta: SimpleNamespace, tenant: UUID, inbox: Inbox
) -> None:
    poll = {**meta.text("wamid.1", ANA, ""), "type": "hologram", "hologram": {"id": "7"}}
    processor.process([door(meta.body(messages=[poll]))])
    assert [(m["kind"], m["provider_message_id"]) for m in inbox(tenant)["messages"]] == [("unsupported", "wamid.1")]


def test_a_wrong_signature_is_rejected_in_the_ledger_and_nowhere_else(
    processor: Processor, door: MakeWebhook, meta: SimpleNamespace, database: Database, tenant: UUID, inbox: Inbox
) -> None:
    processor.process([door(meta.body(messages=[meta.text("wamid.1", ANA, "forged")]), secret="guessed")])
    assert [(row["state"], row["reason"]) for row in ledger(database, tenant)] == [("rejected", "signature_wrong")]
    assert inbox(tenant) == {"conversations": [], "messages": [], "receipts": []}


def test_a_replaced_url_is_rejected(
    processor: Processor, door: MakeWebhook, meta: SimpleNamespace, database: Database, tenant: UUID
) -> None:
    with database.transaction(tenant) as tx:
        tx.execute("update integrations set token_generation = 2")
    processor.process([door(meta.body(messages=[meta.text("wamid.1", ANA, "late")]))])
    assert [row["state"] for row in ledger(database, tenant)] == ["rejected"]


def test_what_is_not_json_is_parked_while_the_rest_of_its_batch_commits(
    processor: Processor, door: MakeWebhook, meta: SimpleNamespace, database: Database, tenant: UUID, inbox: Inbox
) -> None:
    good = [door(meta.body(messages=[meta.text(f"wamid.{n}", ANA, str(n), at=n)])) for n in range(9)]
    done = processor.process([*good[:4], door(b'{"object": "whatsapp_business_acc'), *good[4:]])
    assert (done.failed, done.parked) == ({}, 1)
    assert len(inbox(tenant)["messages"]) == 9
    assert sorted(row["state"] for row in ledger(database, tenant)) == ["parked"] + ["processed"] * 9


def test_what_the_database_refuses_parks_alone(
    processor: Processor, door: MakeWebhook, meta: SimpleNamespace, database: Database, tenant: UUID, inbox: Inbox
) -> None:
    endless = meta.text("wamid." + "".join(str(uuid4()) for _ in range(400)), ANA, "an id no index can hold")
    good = meta.text("wamid.1", ANA, "fine")
    done = processor.process([door(meta.body(messages=[endless])), door(meta.body(messages=[good]))])
    assert done.failed == {}
    assert [m["provider_message_id"] for m in inbox(tenant)["messages"]] == ["wamid.1"]
    assert sorted(row["state"] for row in ledger(database, tenant)) == ["parked", "processed"]


def test_nul_in_a_text_is_stripped_and_the_message_kept(
    processor: Processor, door: MakeWebhook, meta: SimpleNamespace, tenant: UUID, inbox: Inbox
) -> None:
    processor.process([door(meta.body(messages=[meta.text("wamid.1", ANA, "a\x00b")], names={ANA: "M\x00arta"}))])
    assert [m["body"] for m in inbox(tenant)["messages"]] == ["ab"]
    assert inbox(tenant)["conversations"][0]["name"] == "Marta"


def test_a_body_for_another_number_of_the_tenant_goes_there_and_for_nobodys_is_rejected(
    processor: Processor,
    door: MakeWebhook,
    meta: SimpleNamespace,
    database: Database,
    tenant: UUID,
    make_integration: Callable[..., UUID],
    make_tenant: Callable[..., UUID],
) -> None:
    second = make_integration(tenant, account_id="222")
    make_integration(make_tenant("Stranger"), account_id="333")
    for account in ("222", "333"):
        body = meta.body(messages=[meta.text(f"wamid.{account}", ANA, "Hello")], account=account)
        processor.process([door(body)])
    with database.transaction(tenant) as tx:
        assert [row["integration_id"] for row in tx.rows("select integration_id from messages")] == [second]
    assert [(row["state"], row["reason"]) for row in ledger(database, tenant)] == [
        ("processed", None),
        ("rejected", "unknown_account"),
    ]


def test_an_integration_nobody_has_is_a_stray(
    processor: Processor, door: MakeWebhook, meta: SimpleNamespace, owner_url: str, server: Any, database_name: str
) -> None:
    import psycopg

    done = processor.process([door(meta.body(messages=[meta.text("wamid.1", ANA, "?")]), integration_id=uuid4())])
    assert (done.failed, done.changed) == ({}, set())
    with psycopg.connect(server.database_url(database_name)) as admin:
        assert admin.execute("select reason from strays").fetchall() == [("unknown_integration",)]


def test_a_large_body_comes_through_the_bucket(
    processor: Processor, door: MakeWebhook, meta: SimpleNamespace, bucket: Bucket, tenant: UUID, inbox: Inbox
) -> None:
    body = meta.body(messages=[meta.text("wamid.1", ANA, "x" * 2_000_000)])
    bucket.put("payloads/1", body)
    processor.process([door(body, pointer="payloads/1")])
    assert [len(m["body"]) for m in inbox(tenant)["messages"]] == [2_000_000]


def test_while_the_database_is_away_everything_is_handed_back(
    bucket: Bucket, gateway: Any, sealer: Any, door: MakeWebhook, meta: SimpleNamespace
) -> None:
    away = Database("postgresql://nobody@127.0.0.1:9/none?connect_timeout=2")
    webhooks = [door(meta.body(messages=[meta.text(f"wamid.{n}", ANA, "?")])) for n in range(3)]
    done = Processor(away, bucket, {"meta": gateway}, lambda: sealer).process(webhooks)
    assert sorted(done.failed) == [0, 1, 2]
    assert all(error.retryable for error in done.failed.values())


def test_a_status_that_comes_first_waits_for_its_message(
    processor: Processor, door: MakeWebhook, meta: SimpleNamespace, database: Database, tenant: UUID, inbox: Inbox
) -> None:
    processor.process([door(meta.body(statuses=[meta.status("wamid.out", "read", at=3)]))])
    assert [r["status"] for r in inbox(tenant)["receipts"]] == ["read"]
    assert [row["state"] for row in ledger(database, tenant)] == ["processed"]
    assert event_types(database, tenant) == []


def test_another_tenant_sees_nothing_of_it(
    processor: Processor,
    door: MakeWebhook,
    meta: SimpleNamespace,
    tenant: UUID,
    inbox: Inbox,
    make_tenant: Callable[..., UUID],
) -> None:
    other = make_tenant("Other")
    processor.process([door(meta.body(messages=[meta.text("wamid.1", ANA, "secret")], names={ANA: "Marta"}))])
    assert inbox(other) == {"conversations": [], "messages": [], "receipts": []}
    assert len(inbox(tenant)["messages"]) == 1
