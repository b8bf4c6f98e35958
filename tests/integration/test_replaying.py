"""Replaying is as safe as receiving: whatever is replayed, how often, by how many, and wherever it is cut short, the
inbox is the one that the webhooks would have made had they been understood the first time.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parley.cloud.sealing import Sealer
from parley.domain.errors import NotFound, Unavailable
from parley.domain.ledger import Wanted
from parley.domain.principal import Principal
from parley.domain.webhook import Webhook
from parley.providers.base import Account
from parley.providers.registry import app_of
from parley.services.hand_back import hand_back_strays
from parley.services.process import Processed, Processor
from parley.services.read_ledger import Ledger
from parley.services.replay import PAGE, Replaying, forget_old, hint_stalled
from parley.store import replays as store
from parley.store.database import Database
from tests.integration.conftest import START, Door, MemoryBucket, MemoryQueue, ScriptedGateway
from tests.integration.naive.replaying import NaiveReplaying

RECEIVED = START
LEASE = timedelta(minutes=1)


class Crash(BaseException):
    """The process is gone."""


class Flawed:
    """A gateway whose parser cannot read what says `flawed`, until it is mended."""

    def __init__(self, gateway: ScriptedGateway) -> None:
        self._gateway = gateway
        self.mended = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)

    def normalise(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Any]:
        if b"flawed" in body and not self.mended:
            raise KeyError("flawed")
        return self._gateway.normalise(body, headers)


class World:
    """A company, its number, and everything that takes webhooks in and replays them."""

    def __init__(
        self, database: Database, bucket: MemoryBucket, queue: MemoryQueue, sealer: Sealer, gateway: ScriptedGateway
    ) -> None:
        self.database, self.bucket, self.queue = database, bucket, queue
        self.gateway = Flawed(gateway)
        self.processor = Processor(database, bucket, {"meta": self.gateway}, lambda: sealer, app_of)
        self.replaying = Replaying(database, self.processor, queue, LEASE)
        self.ledger = Ledger(database, bucket, lambda: queue)
        self.admin: Principal
        self.door: Door
        self.meta: SimpleNamespace

    @property
    def tenant(self) -> uuid.UUID:
        return self.admin.tenant_id

    def post(self, *ids: str, text: str = "flawed", at: int = 0, **changes: Any) -> Webhook:
        body = self.meta.body(messages=[self.meta.text(id_, "5511987654321", f"{text} {id_}", at) for id_ in ids])
        given = {"received_at": RECEIVED + timedelta(seconds=at), **changes}
        webhook = self.door(body, **given)
        assert self.processor.process([webhook]).failed == {}
        return webhook

    def begin(self, **wanted: Any) -> uuid.UUID:
        return uuid.UUID(self.ledger.replay(self.admin, Wanted(**wanted), uuid.uuid4())["id"])

    def go_on(self, replay_id: uuid.UUID) -> list[Processed]:
        return list(self.replaying.go_on(self.tenant, replay_id))

    def finish(self, replay_id: uuid.UUID) -> dict[str, Any]:
        for _ in range(30):
            if self.view(replay_id)["state"] != "running":
                break
            self.go_on(replay_id)
        return self.view(replay_id)

    def view(self, replay_id: uuid.UUID) -> dict[str, Any]:
        return self.ledger.replay_of(self.admin, replay_id)

    def outcomes(self, replay_id: uuid.UUID) -> list[tuple[str | None, str | None]]:
        rows = self.ledger.replay_rows(self.admin, replay_id, None, 1000).items
        return [(row["state"], row["reason"]) for row in rows]

    def rows(self, **wanted: Any) -> list[dict[str, Any]]:
        return self.ledger.page(self.admin, Wanted(**wanted), None, 1000).items

    def texts(self) -> list[str]:
        with self.database.transaction(self.tenant) as tx:
            return [
                row["body"] for row in tx.rows("select body from messages order by occurred_at, provider_message_id")
            ]

    def let_time_pass(self) -> None:
        """Leases run out, and pauses end."""
        with self.database.transaction(self.tenant) as tx:
            tx.execute(
                "update replays set due_at = now() - interval '1 hour',"
                " lease_until = case when lease_until is null then null else now() - interval '1 hour' end"
            )

    def events(self) -> list[tuple[str, uuid.UUID | None]]:
        with self.database.transaction(self.tenant) as tx:
            return [(row["type"], row["message_id"]) for row in tx.rows("select type, message_id from events")]


@pytest.fixture
def world(
    database: Database, bucket: MemoryBucket, queue: MemoryQueue, sealer: Sealer, gateway: ScriptedGateway, door: Door,
    meta: SimpleNamespace, tenant: uuid.UUID, make_user: Callable[..., Principal],
) -> World:  # fmt: skip
    made = World(database, bucket, queue, sealer, gateway)
    made.admin, made.door, made.meta = make_user(tenant, "Clara", role="admin"), door, meta
    return made


def test_after_the_parser_is_mended_one_replay_brings_everything_in(world: World, database: Database) -> None:
    for n in range(5):
        world.post(f"wamid.{n}", at=n)
    world.post("wamid.good", text="good", at=9)
    assert [row["state"] for row in world.rows()] == ["processed", *["parked"] * 5]
    world.gateway.mended = True
    replay = world.begin(state="parked")
    assert (world.view(replay)["total"], world.view(replay)["done"]) == (5, 0)
    done = world.finish(replay)
    assert (done["state"], done["done"], done["outcomes"]["processed"]) == ("done", 5, 5)
    assert world.texts() == [*(f"flawed wamid.{n}" for n in range(5)), "good wamid.good"]
    assert {(row["state"], row["reason"], row["repetitions"], len(row["messageIds"])) for row in world.rows()} == {
        ("processed", None, 0, 1)
    }
    assert len([1 for type_, _ in world.events() if type_ == "message.new"]) == 6
    with database.transaction(world.tenant) as tx:
        assert tx.value("select unread_count from conversations") == 6


def test_what_is_still_not_understood_stays_parked_and_can_be_replayed_again(world: World) -> None:
    world.post("wamid.1")
    assert world.finish(world.begin(state="parked"))["outcomes"]["parked"] == 1
    (row,) = world.rows()
    assert (row["state"], row["reason"]) == ("parked", "KeyError while reading it")
    world.gateway.mended = True
    assert world.finish(world.begin(state="parked"))["outcomes"]["processed"] == 1


def test_one_row_is_replayed_alone_and_only_it(world: World) -> None:
    first, _ = world.post("wamid.1"), world.post("wamid.2", at=1)
    world.gateway.mended = True
    (row,) = world.rows(correlation_id=first.correlation_id)
    replay = uuid.UUID(world.ledger.replay_one(world.admin, uuid.UUID(row["id"]), uuid.uuid4())["id"])
    assert world.finish(replay)["outcomes"]["processed"] == 1
    assert world.texts() == ["flawed wamid.1"]
    with pytest.raises(NotFound):
        world.ledger.replay_one(world.admin, uuid.uuid4(), uuid.uuid4())


def test_rows_are_replayed_in_the_order_of_receipt_page_by_page_and_nothing_that_came_later(world: World) -> None:
    for n in reversed(range(PAGE + 7)):
        world.post(f"wamid.{n:03}", at=n)
    replay = world.begin(state="parked", since=RECEIVED + timedelta(seconds=2))
    world.post("wamid.late", at=PAGE + 8, received_at=world.meta.start + timedelta(days=1))
    world.gateway.mended = True
    first = world.go_on(replay)
    assert [len(done.entries) for done in first] == [10] * (PAGE // 10)
    assert world.view(replay)["done"] == PAGE
    assert world.texts() == [f"flawed wamid.{n:03}" for n in range(2, PAGE + 2)]
    assert world.finish(replay)["done"] == PAGE + 5
    assert world.texts() == [f"flawed wamid.{n:03}" for n in range(2, PAGE + 7)]
    received = [row["receivedAt"] for row in world.ledger.replay_rows(world.admin, replay, None, 1000).items]
    assert received == sorted(received)


def test_pages_are_hinted_at_one_by_one_in_a_group_of_the_replays_own(world: World) -> None:
    for n in range(PAGE + 1):
        world.post(f"wamid.{n}", at=n)
    replay = world.begin()
    world.finish(replay)
    hints = [(json.loads(body)["replay"], group) for body, group, _ in world.queue.sent]
    named = {"tenantId": str(world.tenant), "replayId": str(replay)}
    assert hints == [(named, f"replay:{replay}")] * 2


def test_a_replay_that_lost_its_hint_is_found(world: World, database: Database) -> None:
    world.post("wamid.1")
    world.queue.away = True
    replay = world.begin()
    world.queue.away = False
    assert (hint_stalled(database, world.queue), world.queue.sent) == (0, [])
    world.let_time_pass()
    assert hint_stalled(database, world.queue) == 1
    assert str(replay) in world.queue.sent[0][0]
    world.finish(replay)
    world.let_time_pass()
    assert hint_stalled(database, world.queue) == 0


@pytest.mark.parametrize("crash_before", ["settle", "release", "finish"])
@pytest.mark.parametrize("rows", [3, PAGE + 3])
def test_a_worker_that_dies_leaves_nothing_undone_and_nothing_done_twice(
    world: World, monkeypatch: pytest.MonkeyPatch, crash_before: str, rows: int
) -> None:
    for n in range(rows):
        world.post(f"wamid.{n:03}", at=n)
    world.gateway.mended = True
    replay = world.begin(state="parked")
    calls = iter([True])
    real = getattr(store, crash_before)

    def dying(*args: Any) -> Any:
        if next(calls, False):
            raise Crash
        return real(*args)

    monkeypatch.setattr(store, crash_before, dying)
    crashed = False
    for _ in range(20):
        try:
            world.go_on(replay)
        except Crash:
            crashed = True
            assert world.go_on(replay) == [], "the dead worker's lease"
        world.let_time_pass()
    assert crashed or (crash_before == "release" and rows < PAGE)
    done = world.view(replay)
    assert (done["state"], done["done"], done["outcomes"]["processed"]) == ("done", rows, rows)
    assert world.outcomes(replay) == [("processed", None)] * rows
    assert world.texts() == [f"flawed wamid.{n:03}" for n in range(rows)]
    assert {row["repetitions"] for row in world.rows()} == {0}


def test_two_workers_and_two_replays_at_once_do_no_harm(
    world: World, in_threads: Callable[[Sequence[Callable[[], object]]], list[object]]
) -> None:
    for n in range(30):
        world.post(f"wamid.{n:03}", at=n)
    world.gateway.mended = True
    replays = [world.begin(state="parked"), world.begin()]
    in_threads([lambda replay=replay: world.go_on(replay) for replay in replays * 3])  # type: ignore[misc]
    for replay in replays:
        world.let_time_pass()
        done = world.finish(replay)
        assert (done["state"], done["done"]) == ("done", sum(done["outcomes"].values()))
    assert world.view(replays[1])["done"] == 30
    assert world.texts() == [f"flawed wamid.{n:03}" for n in range(30)]


def test_a_lease_that_ran_out_lets_two_settle_a_page_and_it_counts_once(world: World) -> None:
    for n in range(12):
        world.post(f"wamid.{n:03}", at=n)
    world.gateway.mended = True
    replay = world.begin(state="parked")
    slow = world.replaying.go_on(world.tenant, replay)
    next(slow)
    world.let_time_pass()
    world.go_on(replay)
    list(slow)
    done = world.finish(replay)
    assert (done["done"], done["outcomes"]["processed"]) == (12, 12)


def test_a_failure_that_passes_backs_off_and_is_tried_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.post("wamid.1")
    world.bucket.put("payloads/large", world.meta.body(messages=[world.meta.text("wamid.2", "5511987654321", "large")]))
    large = replace(world.door(world.bucket.objects["payloads/large"]), body=None, pointer="payloads/large")
    world.processor.process([replace(large, received_at=RECEIVED + timedelta(seconds=5))])
    world.gateway.mended = True
    replay = world.begin()

    def away(key: str, limit: int) -> bytes:
        raise Unavailable

    monkeypatch.setattr(world.bucket, "get", away)
    pauses = []
    for _ in range(3):
        world.let_time_pass()
        world.queue.sent.clear()
        world.go_on(replay)
        pauses += [delay for _, _, delay in world.queue.sent]
        assert world.go_on(replay) == [], "it is too early"
    assert pauses == [2, 4, 8]
    assert world.outcomes(replay) == [("processed", None), (None, None)]
    monkeypatch.undo()
    world.let_time_pass()
    assert world.finish(replay)["outcomes"]["processed"] == 2


def test_what_fails_for_hours_is_told_and_the_rest_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.bucket.put("payloads/large", b"{}")
    world.processor.process([replace(world.door(b"{}"), body=None, pointer="payloads/large")])
    replay = world.begin()

    def away(key: str, limit: int) -> bytes:
        raise Unavailable

    monkeypatch.setattr(world.bucket, "get", away)
    for _ in range(22):
        world.let_time_pass()
        world.go_on(replay)
    assert world.view(replay)["state"] == "done"
    ((state, reason),) = world.outcomes(replay)
    assert (state, str(reason)[:9]) == ("parked", "given up:")


def test_while_the_database_is_away_nothing_is_said_and_nothing_is_lost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.post("wamid.1")
    world.gateway.mended = True
    replay = world.begin()

    def away(*_: Any) -> Any:
        raise Unavailable

    monkeypatch.setattr(store, "lease", away)
    with pytest.raises(Unavailable):
        world.go_on(replay)
    monkeypatch.undo()
    assert world.finish(replay)["outcomes"]["processed"] == 1


def test_a_forged_webhook_is_not_believed_for_being_replayed(world: World) -> None:
    world.post("wamid.1", text="hello", secret="forged")
    replay = world.begin()
    assert world.finish(replay)["outcomes"]["rejected"] == 1
    assert world.outcomes(replay) == [("rejected", "signature_wrong")]
    assert world.texts() == []
    assert [row["state"] for row in world.rows()] == ["rejected"]


def test_what_was_rejected_for_our_wrong_secret_is_verified_again_and_taken(
    world: World, database: Database, sealer: Sealer
) -> None:
    with database.transaction(world.tenant) as tx:
        good = tx.value("select credentials from integrations")
        wrong = sealer.seal({"app_secret": "old"}, world.tenant, world.door.integration_id, "provider")
        tx.execute("update integrations set credentials = %(wrong)s", wrong=wrong)
    world.post("wamid.1", text="hello")
    assert [row["reason"] for row in world.rows()] == ["signature_wrong"]
    with database.transaction(world.tenant) as tx:
        tx.execute("update integrations set credentials = %(good)s", good=good)
    assert world.finish(world.begin(state="rejected"))["outcomes"]["processed"] == 1
    assert world.texts() == ["hello wamid.1"]


def test_a_webhook_parked_before_anybody_could_verify_it_is_verified_then(
    world: World, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.transaction(world.tenant) as tx:
        good = tx.value("select credentials from integrations")
        tx.execute("update integrations set credentials = 'nonsense'")
    world.post("wamid.true", text="hello")
    world.post("wamid.forged", text="hello", secret="forged", at=1)
    assert [row["state"] for row in world.rows()] == ["parked", "parked"]
    with database.transaction(world.tenant) as tx:
        tx.execute("update integrations set credentials = %(good)s", good=good)
    outcomes = world.finish(world.begin(state="parked"))["outcomes"]
    assert (outcomes["processed"], outcomes["rejected"]) == (1, 1)
    assert world.texts() == ["hello wamid.true"]


def test_an_old_url_stays_rejected(world: World, database: Database) -> None:
    with database.transaction(world.tenant) as tx:
        tx.execute("update integrations set token_generation = 2")
    world.post("wamid.1", text="hello")
    replay = world.begin()
    assert world.finish(replay)["outcomes"]["rejected"] == 1
    assert world.outcomes(replay) == [("rejected", "old_url: the webhook's URL was replaced")]


def test_a_signature_that_is_good_for_minutes_is_not_asked_for_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.post("wamid.1")
    world.gateway.mended = True

    def expired(body: bytes, headers: Mapping[str, str], account: Account, received_at: object) -> None:
        raise AssertionError("believed already")

    monkeypatch.setattr(world.gateway, "verify", expired, raising=False)
    assert world.finish(world.begin())["outcomes"]["processed"] == 1


def test_a_worse_parser_does_not_unmake_what_was_taken_in(world: World) -> None:
    world.gateway.mended = True
    world.post("wamid.1")
    world.gateway.mended = False
    replay = world.begin()
    assert world.finish(replay)["outcomes"]["parked"] == 1
    (row,) = world.rows()
    assert (row["state"], row["reason"], len(row["messageIds"])) == ("processed", None, 1)


def test_a_row_whose_body_is_gone_ends_so(world: World, database: Database) -> None:
    world.post("wamid.1")
    world.post("wamid.2", at=1)
    replay = world.begin()
    with database.transaction(world.tenant) as tx:
        tx.execute("update ledger set body = null where received_at = %(at)s", at=RECEIVED)
    world.gateway.mended = True
    world.finish(replay)
    assert world.outcomes(replay) == [("gone", "its body was erased"), ("processed", None)]


def test_a_replay_is_cancelled_between_two_pages_and_whoever_asked_is_written_down(
    world: World, database: Database
) -> None:
    for n in range(PAGE + 5):
        world.post(f"wamid.{n:03}", at=n)
    replay = world.begin(state="parked", text="keyerror")
    world.go_on(replay)
    cancelled = world.ledger.cancel(world.admin, replay, uuid.uuid4())
    assert (cancelled["state"], cancelled["done"]) == ("cancelled", PAGE)
    assert world.go_on(replay) == []
    assert world.ledger.cancel(world.admin, replay, uuid.uuid4()) == cancelled
    assert (cancelled["by"]["name"], cancelled["asked"]["q"]) == ("Clara", "keyerror")
    with database.transaction(world.tenant) as tx:
        deeds = tx.rows("select action, actor_name, subject_id from audit order by id")
    assert [(deed["action"], deed["actor_name"], deed["subject_id"]) for deed in deeds] == [
        ("ledger.replayed", "Clara", replay),
        ("ledger.replay_cancelled", "Clara", replay),
    ]


def test_replays_that_ended_long_ago_are_dropped_bit_by_bit(world: World, database: Database) -> None:
    for n in range(3):
        world.post(f"wamid.{n}", at=n)
    old, young = world.begin(), world.begin()
    world.finish(old)
    world.finish(young)
    assert forget_old(database) == 0
    with database.transaction(world.tenant) as tx:
        tx.execute("update replays set finished_at = now() - interval '31 days' where id = %(id)s", id=old)
    assert [forget_old(database) for _ in range(3)] == [3, 1, 0]
    assert [view["id"] for view in world.ledger.replays(world.admin, None, 10).items] == [str(young)]


def test_a_part_of_what_came_for_a_whole_app_is_replayed_as_the_tenants_part(
    world: World, database: Database, make_tenant: Any, make_integration: Any
) -> None:
    them = make_tenant("Them")
    make_integration(them, account_id="2002", app_business="800")
    ours = make_integration(world.tenant, account_id="1001", app_business="900")
    entries = []
    for number, account in enumerate(("1001", "2002")):
        message = world.meta.text(f"wamid.{account}", f"551190000{account}", f"flawed {account}", number)
        entries += json.loads(world.meta.body(messages=[message], account=account))["entry"]
    body = json.dumps({"object": "whatsapp_business_account", "entry": entries}).encode()
    whole = world.door(body, integration_id=uuid.UUID(int=0))
    world.processor.process([whole])
    (row,) = world.rows()
    assert (row["state"], row["integrationId"], row["bodyHash"]) == ("parked", str(ours), whole.body_hash.hex())
    world.gateway.mended = True
    assert world.finish(world.begin())["outcomes"]["processed"] == 1
    assert world.texts() == ["flawed 1001"]
    (row,) = world.rows()
    assert (row["state"], row["bodyHash"]) == ("processed", whole.body_hash.hex())
    with database.transaction(them) as tx:
        assert tx.rows("select body from messages") == []


def test_a_large_body_is_redacted_only_once_it_is_stored(
    world: World, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = world.meta.body(messages=[world.meta.text("wamid.1", "5511987654321", "SECRET")])
    world.bucket.put("payloads/large", body)
    monkeypatch.setattr(
        world.gateway, "redact", lambda body, headers: body.replace(b"SECRET", b"XXXXXX"), raising=False
    )
    webhook = replace(world.door(body), body=None, pointer="payloads/large")
    run = world.database.run

    def away(tenant_id: uuid.UUID, work: Any) -> Any:
        raise Unavailable

    monkeypatch.setattr(world.database, "run", away)
    assert list(world.processor.process([webhook]).failed) == [0]
    monkeypatch.setattr(world.database, "run", run)
    assert world.processor.process([webhook]).failed == {}
    assert [row["state"] for row in world.rows()] == ["processed"]
    assert b"SECRET" not in world.bucket.objects["payloads/large"]
    assert world.finish(world.begin())["outcomes"]["processed"] == 1
    (row,) = world.rows()
    assert row["repetitions"] == 0


@pytest.fixture
def operator(owner_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(owner_url, autocommit=True) as connection:
        yield connection


def test_the_operator_alone_lists_strays_and_gives_them_back(
    world: World, database: Database, operator: psycopg.Connection, make_integration: Any
) -> None:
    known = world.post("wamid.1", text="hello", integration_id=uuid.uuid4(), generation=3)
    world.post("wamid.2", text="hello", integration_id=uuid.uuid4())
    listed = operator.execute("select id, reason from list_strays('-infinity', gen_random_uuid(), 10)").fetchall()
    assert {row[1] for row in listed} == {"unknown_integration"}
    for call in ("list_strays(now(), gen_random_uuid(), 1)", "return_strays(null)"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), database.unscoped() as tx:
            tx.rows(f"select {call}")
    assert hand_back_strays(database, world.queue) == 0, "nothing was given back"
    with database.transaction(world.tenant) as tx:
        tx.execute("update integrations set id = id, token_generation = 3")
    assert operator.execute("select return_strays(null)").fetchone() == (2,)
    assert hand_back_strays(database, world.queue) == 2
    again = [Webhook.decode(body) for body, _, _ in world.queue.sent]
    assert {one.correlation_id for one in again} >= {known.correlation_id}
    (same,) = (one for one in again if one.correlation_id == known.correlation_id)
    assert (same.body, same.headers, same.generation, same.is_believed) == (known.body, known.headers, 3, False)
    assert operator.execute("select id from list_strays('-infinity', gen_random_uuid(), 10)").fetchall() == []
    world.processor.process([replace(same, integration_id=world.door.integration_id), *again])
    assert world.texts() == ["hello wamid.1"]
    left = operator.execute("select id from list_strays('-infinity', gen_random_uuid(), 10)").fetchall()
    assert len(left) == 2, "what is nobody's still is a stray again"


def test_a_stray_that_comes_back_as_one_before_it_was_forgotten_is_not_forgotten(
    world: World, database: Database, operator: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.post("wamid.1", integration_id=uuid.uuid4())
    operator.execute("select return_strays(null)")
    send = world.queue.send

    def fast(body: str, group_id: str, delay_seconds: int = 0) -> None:
        send(body, group_id)
        world.processor.process([Webhook.decode(body)])

    monkeypatch.setattr(world.queue, "send", fast)
    assert hand_back_strays(database, world.queue) == 1
    assert len(operator.execute("select id from list_strays('-infinity', gen_random_uuid(), 10)").fetchall()) == 1


def test_a_number_of_the_app_that_becomes_known_gets_its_strays(
    world: World, database: Database, operator: psycopg.Connection, make_integration: Any
) -> None:
    message = world.meta.text("wamid.1", "5511987654321", "hello")
    body = world.meta.body(messages=[message], account="3003")
    world.processor.process([world.door(body, integration_id=uuid.UUID(int=0))])
    make_integration(world.tenant, account_id="3003", app_business="900")
    operator.execute("select return_strays(null)")
    hand_back_strays(database, world.queue)
    world.processor.process([Webhook.decode(world.queue.sent[0][0])])
    assert world.texts() == ["hello"]
    assert operator.execute("select id from list_strays('-infinity', gen_random_uuid(), 10)").fetchall() == []


DEEDS = st.lists(
    st.tuples(
        st.sampled_from(["post", "again", "replay", "go on", "mend", "break"]), st.integers(0, 5), st.integers(0, 3)
    ),
    min_size=4,
    max_size=14,
)


def inbox_after(world: World, replaying: Any, deeds: Sequence[tuple[str, int, int]]) -> tuple[list[Any], int, int]:
    """Webhooks, repetitions and replays as they come; then a mended parser and a last replay of all that is parked."""
    bodies = [
        world.meta.body(messages=[world.meta.text(f"wamid.{n}", "5511987654321", f"flawed {n}", n)]) for n in range(3)
    ]
    bodies += [world.meta.body(statuses=[world.meta.status(f"wamid.{n}", "read", 9)]) for n in range(1)]
    bodies += [world.meta.body(messages=[world.meta.text("wamid.9", "5511911112222", "good", 9)])] * 2
    posted: dict[int, Webhook] = {}
    begun: list[uuid.UUID] = []
    for deed, which, more in [*deeds, *(("post", n, 0) for n in range(6)), ("mend", 0, 0)]:
        if deed == "post" or (deed == "again" and which in posted):
            webhook = world.door(bodies[which], received_at=RECEIVED + timedelta(seconds=which))
            world.processor.process([webhook])
            posted[which] = webhook
        elif deed == "replay":
            begun.append(world.begin(state=["parked", None, "processed", None][more]))
        elif deed == "go on" and begun:
            world.let_time_pass()
            list(replaying.go_on(world.tenant, begun[more % len(begun)]))
        elif deed in ("mend", "break"):
            world.gateway.mended = deed == "mend"
    for replay in [*begun, world.begin(state="parked")]:
        for _ in range(3):
            world.let_time_pass()
            list(replaying.go_on(world.tenant, replay))
    with world.database.transaction(world.tenant) as tx:
        threads = tx.rows(
            "select m.body, m.status, c.unread_count from messages m join conversations c on c.id = m.conversation_id"
            " order by m.occurred_at, m.body"
        )
        new = tx.value("select count(*) from events where type = 'message.new'")
        parked = tx.value("select count(*) from ledger where state = 'parked'")
    return threads, new, parked


def forget_everything(world: World) -> None:
    world.gateway.mended = False
    world.queue.sent.clear()
    with world.database.transaction(world.tenant) as tx:
        for table in ("replay_rows", "replays", "ledger", "receipts", "events", "conversation_counts", "timeline"):
            tx.execute(f"delete from {table}")
        tx.execute("update conversations set last_message_id = null")
        for table in ("messages", "conversations", "contact_aliases", "contacts"):
            tx.execute(f"delete from {table}")


IN_ORDER: list[Any] = [
    {"body": "flawed 0", "status": "received", "unread_count": 3},
    {"body": "flawed 1", "status": "received", "unread_count": 3},
    {"body": "flawed 2", "status": "received", "unread_count": 3},
    {"body": "good", "status": "received", "unread_count": 1},
]


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deeds=DEEDS)
def test_replays_amid_live_traffic_give_the_inbox_of_the_webhooks_in_order(
    world: World, deeds: list[tuple[str, int, int]]
) -> None:
    forget_everything(world)
    assert inbox_after(world, world.replaying, deeds) == (IN_ORDER, 4, 0)


def test_a_naive_replay_fails_the_same_test(world: World, database: Database) -> None:
    naive = NaiveReplaying(database, world.processor)
    world.post("wamid.forged", text="hello", secret="forged")
    world.post("wamid.1")
    replay = world.begin()
    naive.begin(world.tenant, replay)
    with pytest.raises(Crash):
        naive.go_on(world.tenant, replay, crash=Crash)
    world.gateway.mended = True
    naive.go_on(world.tenant, replay)
    assert world.texts() != ["flawed wamid.1"], "it believes what is forged, and skips what it was at when it died"
