"""Webhooks by the URL of a whole Meta app: each tenant gets what its numbers were sent, and nothing of another's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from parley.cloud.ports import Bucket
from parley.cloud.sealing import Sealer
from parley.domain.errors import Unavailable
from parley.domain.webhook import APP_WIDE, Webhook
from parley.providers.base import Provider
from parley.providers.registry import app_of
from parley.services.process import Processor
from parley.store.database import Database
from tests.integration.conftest import START, MemoryBucket

OURS, THEIRS, NOBODYS = "1001", "2002", "3003"


class World:
    """Two companies on one app, and what each of them sees."""

    def __init__(self, database: Database, processor: Processor, meta: SimpleNamespace, bucket: MemoryBucket) -> None:
        self.database, self.processor, self.meta, self.bucket = database, processor, meta, bucket
        self.us: UUID
        self.them: UUID

    def body(self, *accounts: str, texts: str = "hello") -> bytes:
        """One body with a message to each of these accounts, each in a change of its own."""
        entries = []
        for number, account in enumerate(accounts):
            message = self.meta.text(f"wamid.{account}.{number}", f"551190000{account}", f"{texts} {account}", number)
            entries += json.loads(self.meta.body(messages=[message], account=account))["entry"]
        return json.dumps({"object": "whatsapp_business_account", "entry": entries}).encode()

    def post(self, body: bytes | None, **changes: Any) -> Any:
        given: dict[str, Any] = {
            "provider": "meta",
            "integration_id": APP_WIDE,
            "generation": 1,
            "received_at": START,
            "correlation_id": uuid4(),
            "headers": {"x-hub-signature-256": "sha256=checked-at-the-door"},
            "body": body,
        }
        return self.processor.process([Webhook(**{**given, **changes})])

    def texts(self, tenant: UUID) -> list[str]:
        with self.database.transaction(tenant) as tx:
            return [row["body"] for row in tx.rows("select body from messages order by body")]

    def ledger(self, tenant: UUID) -> list[dict[str, Any]]:
        with self.database.transaction(tenant) as tx:
            return tx.rows("select * from ledger order by received_at, id")


@pytest.fixture
def world(
    database: Database,
    bucket: Bucket,
    gateway: Provider,
    sealer: Sealer,
    meta: SimpleNamespace,
    make_tenant: Callable[..., UUID],
    make_integration: Callable[..., UUID],
) -> World:
    processor = Processor(database, bucket, {"meta": gateway}, lambda: sealer, app_of)
    world = World(database, processor, meta, bucket)  # type: ignore[arg-type]
    world.us, world.them = make_tenant("Us"), make_tenant("Them")
    make_integration(world.us, account_id=OURS, app_business="900")
    make_integration(world.them, account_id=THEIRS, app_business="800")
    return world


@pytest.fixture
def strays(owner_url: str) -> Callable[[], list[tuple[str, str, bytes]]]:
    """Reads the strays as the operator: `(reason, integration, body)`."""

    def read() -> list[tuple[str, str, bytes]]:
        with psycopg.connect(owner_url) as owner:
            owner.execute("set role parley_definer")
            return owner.execute("select reason, integration_id, body from strays").fetchall()

    return read


Strays = Callable[[], list[tuple[str, str, bytes]]]


def test_each_tenant_gets_its_own_messages_and_keeps_nothing_of_the_others(world: World, strays: Strays) -> None:
    body = world.body(OURS, THEIRS, OURS, NOBODYS)
    assert world.post(body).failed == {}
    assert world.texts(world.us) == ["hello 1001", "hello 1001"]
    assert world.texts(world.them) == ["hello 2002"]
    for tenant, mine in ((world.us, OURS), (world.them, THEIRS)):
        (row,) = world.ledger(tenant)
        assert (row["state"], len(row["message_ids"])) == ("processed", 2 if mine == OURS else 1)
        assert bytes(row["body_hash"]) == hashlib.sha256(body).digest()
        kept = bytes(row["body"]).decode()
        assert [other for other in (OURS, THEIRS, NOBODYS) if f"hello {other}" in kept] == [mine]
    ((reason, integration, kept_body),) = strays()
    assert (reason, integration) == ("unknown_account", "app")
    assert [account for account in (OURS, THEIRS, NOBODYS) if account in kept_body.decode()] == [NOBODYS]


def test_a_body_of_one_tenant_is_kept_as_the_bytes_that_came(world: World) -> None:
    body = world.body(OURS) + b"\n "
    world.post(body)
    (row,) = world.ledger(world.us)
    assert bytes(row["body"]) == body


def test_a_repeated_webhook_is_one_message_and_one_row_in_each_tenant(world: World) -> None:
    body = world.body(OURS, THEIRS)
    for _ in range(3):
        world.post(body)
    for tenant in (world.us, world.them):
        assert len(world.texts(tenant)) == 1
        (row,) = world.ledger(tenant)
        assert row["repetitions"] == 2


def test_poison_in_one_tenants_part_parks_that_part_alone(world: World) -> None:
    webhook = json.loads(world.body(OURS, THEIRS))
    del webhook["entry"][0]["changes"][0]["value"]["messages"][0]["id"]
    done = world.post(json.dumps(webhook).encode())
    assert (done.failed, done.parked) == ({}, 1)
    assert [row["state"] for row in world.ledger(world.us)] == ["parked"]
    assert [row["state"] for row in world.ledger(world.them)] == ["processed"]
    assert world.texts(world.them) == ["hello 2002"]


@pytest.mark.parametrize("body", [b"no json", b"[]", b'{"object": "page"}', b'{"object": "whatsapp_business_account"}'])
def test_what_names_nobody_is_a_stray(world: World, strays: Strays, body: bytes) -> None:
    assert world.post(body).failed == {}
    ((_, integration, kept),) = strays()
    assert (integration, bytes(kept)) == ("app", body)
    assert world.ledger(world.us) == world.ledger(world.them) == []


def test_naming_anothers_number_later_gives_nobody_its_messages(
    world: World, make_integration: Callable[..., UUID]
) -> None:
    make_integration(world.them, account_id=OURS)
    world.post(world.body(OURS))
    assert (world.texts(world.us), world.texts(world.them), world.ledger(world.them)) == (["hello 1001"], [], [])


def test_a_large_body_is_kept_once_a_tenant_and_not_as_a_whole(world: World, strays: Strays) -> None:
    body = world.body(OURS, THEIRS, NOBODYS, texts="x" * 800_000)
    world.bucket.put("payloads/whole", body)
    pointed = {"pointer": "payloads/whole", "correlation_id": uuid4()}
    for _ in range(2):
        assert world.post(None, **pointed).failed == {}
    assert world.bucket.objects.pop("payloads/whole") == b""
    assert len(world.bucket.objects) == 3
    for tenant, mine, other in ((world.us, OURS, THEIRS), (world.them, THEIRS, OURS)):
        (row,) = world.ledger(tenant)
        kept = world.bucket.objects[row["pointer"]]
        assert (row["body"], mine.encode() in kept, other.encode() in kept) == (None, True, False)
        assert len(world.texts(tenant)) == 1
    assert len(strays()) == 1


def test_a_body_whose_parts_were_not_all_stored_stays_whole(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    body = world.body(OURS, THEIRS, texts="x" * 800_000)
    world.bucket.put("payloads/whole", body)
    pointed = {"pointer": "payloads/whole", "correlation_id": uuid4()}
    run = world.database.run

    def away_for_them(tenant_id: UUID, work: Any) -> Any:
        if tenant_id == world.them:
            raise Unavailable
        return run(tenant_id, work)

    monkeypatch.setattr(world.database, "run", away_for_them)
    assert list(world.post(None, **pointed).failed) == [0]
    assert world.bucket.objects["payloads/whole"] == body
    monkeypatch.undo()
    assert world.post(None, **pointed).failed == {}
    assert (len(world.texts(world.us)), len(world.texts(world.them))) == (1, 1)


def notice(account: str) -> bytes:
    """What Meta tells of a business account, without any of its numbers."""
    value = {"event": "REJECTED", "message_template_name": "welcome"}
    changes = [
        {"field": "message_template_status_update", "value": value},
        {"field": "message_template_status_update", "value": {**value, "message_template_name": "goodbye"}},
    ]
    return json.dumps({"object": "whatsapp_business_account", "entry": [{"id": account, "changes": changes}]}).encode()


def notices(world: World, tenant: UUID) -> list[tuple[str, str]]:
    with world.database.transaction(tenant) as tx:
        rows = tx.rows(
            "select i.account_id, n.detail ->> 'message_template_name' as name"
            " from integration_notices n join integrations i on i.id = n.integration_id order by 1, 2"
        )
    return [(row["account_id"], row["name"]) for row in rows]


def belong(world: World, tenant: UUID, business: str) -> None:
    with world.database.transaction(tenant) as tx:
        tx.execute("update integrations set settings = jsonb_build_object('wabaId', %(id)s::text)", id=business)


def test_updates_of_a_business_account_reach_every_number_that_belongs_to_it(
    world: World, make_integration: Callable[..., UUID]
) -> None:
    make_integration(world.us, account_id="1002", app_business="900")
    both = [(account, name) for account in (OURS, "1002") for name in ("goodbye", "welcome")]
    for _ in range(2):
        world.post(notice("900"), correlation_id=UUID(int=7))
    assert notices(world, world.us) == both
    assert notices(world, world.them) == []


def test_updates_of_a_business_account_by_a_numbers_own_url_reach_its_numbers_else_that_one(
    world: World, make_integration: Callable[..., UUID], door: Callable[..., Webhook], tenant: UUID
) -> None:
    make_integration(tenant, account_id="1002")
    world.processor.process([door(notice("900"))])
    assert notices(world, tenant) == [("123456789", "goodbye"), ("123456789", "welcome")]
    belong(world, tenant, "901")
    world.processor.process([door(notice("901"))])
    assert len(notices(world, tenant)) == 2 + 4


def test_a_tenant_gets_nothing_by_naming_anothers_number_or_business_account(
    world: World, strays: Strays, make_integration: Callable[..., UUID]
) -> None:
    make_integration(world.them, account_id=NOBODYS)  # of a company that has not come yet
    belong(world, world.them, "900")
    world.post(world.body(NOBODYS))
    world.post(notice("900"), correlation_id=UUID(int=7))
    assert world.texts(world.them) == []
    assert notices(world, world.them) == []
    assert [(account, name) for account, name in notices(world, world.us)] == [(OURS, "goodbye"), (OURS, "welcome")]
    ((reason, _, _),) = strays()
    assert reason == "unknown_account"


def test_a_number_that_was_removed_is_nobodys(world: World, strays: Strays) -> None:
    with world.database.transaction(world.us) as tx:
        tx.execute("update integrations set removed_at = now()")
    world.post(world.body(OURS))
    assert world.texts(world.us) == []
    ((reason, _, _),) = strays()
    assert reason == "unknown_account"
