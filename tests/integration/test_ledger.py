"""The ledger: every webhook that was answered 200 is there or among the strays, and what became of it is told."""

from __future__ import annotations

import hashlib
import json
import uuid
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import count
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parley.cloud.sealing import Sealer
from parley.domain.errors import NotFound, Unreadable
from parley.domain.ledger import Wanted
from parley.domain.principal import Principal
from parley.domain.webhook import APP_WIDE, Webhook
from parley.providers.base import Provider
from parley.providers.registry import app_of
from parley.services.process import Processor
from parley.services.read_ledger import NOT_SHOWN, Ledger
from parley.store.database import Database
from tests.integration.conftest import START, Door, MemoryBucket, MemoryQueue, ScriptedGateway

RECEIVED = START + timedelta(hours=1)


@pytest.fixture
def admin(make_user: Callable[..., Principal], tenant: uuid.UUID) -> Principal:
    return make_user(tenant, "Clara", role="admin")


@pytest.fixture
def ledger(database: Database, bucket: MemoryBucket, queue: MemoryQueue) -> Ledger:
    return Ledger(database, bucket, lambda: queue)


@pytest.fixture
def rows(ledger: Ledger, admin: Principal) -> Callable[..., list[dict[str, Any]]]:
    """The first page of the ledger: `rows(state="parked")`."""
    return lambda **wanted: ledger.page(admin, Wanted(**wanted), None, 100).items


Rows = Callable[..., list[dict[str, Any]]]


def texts(meta: SimpleNamespace, *ids: str) -> bytes:
    body: bytes = meta.body(messages=[meta.text(id_, "5511987654321", f"text {id_}", 1) for id_ in ids])
    return body


def test_a_row_says_what_a_webhook_was_and_what_it_touched(
    processor: Processor, door: Door, meta: SimpleNamespace, rows: Rows
) -> None:
    body = texts(meta, "wamid.1")
    webhook = door(body)
    processor.process([webhook])
    (row,) = rows()
    assert row["bodyHash"] == hashlib.sha256(body).hexdigest()
    assert (row["state"], row["reason"], row["repetitions"], row["provider"]) == ("processed", None, 0, "meta")
    assert (len(row["messageIds"]), len(row["contactIds"])) == (1, 1)
    assert row["correlationId"] == str(webhook.correlation_id)
    assert row["integrationId"] == str(door.integration_id)


def test_rows_are_found_by_state_integration_time_and_the_text_of_the_reason(
    processor: Processor, door: Door, meta: SimpleNamespace, rows: Rows, tenant: uuid.UUID, make_integration: Any
) -> None:
    other = Door(make_integration(tenant, account_id="77", secret="app-secret"))
    good = door(texts(meta, "wamid.1"), received_at=RECEIVED)
    wrong = door(texts(meta, "wamid.2"), secret="other", received_at=RECEIVED + timedelta(minutes=1))
    bad = other(b"no json", received_at=RECEIVED + timedelta(minutes=2))
    processor.process([good, wrong, bad])

    def found(**wanted: Any) -> list[str]:
        return [row["correlationId"] for row in rows(**wanted)]

    good_id, wrong_id, bad_id = (str(one.correlation_id) for one in (good, wrong, bad))
    assert found() == [bad_id, wrong_id, good_id]
    assert found(state="parked") == [bad_id]
    assert found(integration_id=door.integration_id) == [wrong_id, good_id]
    assert found(since=RECEIVED + timedelta(minutes=1)) == [bad_id, wrong_id]
    assert found(until=RECEIVED + timedelta(minutes=1)) == [good_id]
    assert found(text="SIGNATURE_w") == [wrong_id]
    assert found(text="not json", state="parked") == [bad_id]
    assert found(text="not json", state="rejected") == []
    assert found(text="%") == found(text="_x") == []
    assert found(correlation_id=wrong.correlation_id) == [wrong_id]


def test_pages_go_on_where_they_stopped_while_new_webhooks_arrive_and_old_ones_come_again(
    processor: Processor, door: Door, meta: SimpleNamespace, ledger: Ledger, admin: Principal
) -> None:
    at_once = [door(texts(meta, f"wamid.{n}"), received_at=RECEIVED + timedelta(seconds=n // 3)) for n in range(11)]
    processor.process(at_once)
    seen: list[str] = []
    place = None
    while True:
        page = ledger.page(admin, Wanted(), place, 2)
        seen += [row["correlationId"] for row in page.items]
        if page.after is None:
            break
        place = page.after
        processor.process([door(texts(meta, f"wamid.late.{len(seen)}"), received_at=RECEIVED + timedelta(hours=1))])
        processor.process([door(at_once[0].body or b"", received_at=at_once[0].received_at)])
    assert sorted(seen) == sorted(str(one.correlation_id) for one in at_once)
    received = {str(one.correlation_id): one.received_at for one in at_once}
    assert [received[id_] for id_ in seen] == sorted((received[id_] for id_ in seen), reverse=True)


def test_a_row_shows_what_came_but_not_what_proved_it(
    processor: Processor, door: Door, meta: SimpleNamespace, rows: Rows, ledger: Ledger, admin: Principal,
    bucket: MemoryBucket,
) -> None:  # fmt: skip
    text, binary, large = texts(meta, "wamid.1"), b"\xff\xfe no text", texts(meta, "wamid.3")
    bucket.put("payloads/large", large)
    bucket.put("payloads/huge", b"x" * (1024 * 1024 + 1))
    webhooks = [
        door(text),
        door(binary),
        replace(door(large), body=None, pointer="payloads/large"),
        replace(door(b"x" * (1024 * 1024 + 1)), body=None, pointer="payloads/huge"),
    ]
    processor.process(webhooks)
    ids = {row["correlationId"]: row["id"] for row in rows()}
    shown = [ledger.one(admin, uuid.UUID(ids[str(one.correlation_id)])) for one in webhooks]
    assert [(one["body"], one["bodyEncoding"], one["bodyMissing"]) for one in shown] == [
        (text.decode(), "text", None),
        (b64encode(binary).decode(), "base64", None),
        (large.decode(), "text", None),
        (None, None, "too_large"),
    ]
    assert {one["headers"]["x-hub-signature-256"] for one in shown} == {NOT_SHOWN}
    bucket.delete("payloads/large")
    assert ledger.one(admin, uuid.UUID(shown[2]["id"]))["bodyMissing"] == "gone"
    with pytest.raises(NotFound):
        ledger.one(admin, uuid.uuid4())


def test_the_queue_giving_a_webhook_twice_is_no_repetition_and_the_gateway_doing_so_is(
    processor: Processor, door: Door, meta: SimpleNamespace, rows: Rows
) -> None:
    webhook = door(texts(meta, "wamid.1"))
    for _ in range(3):
        processor.process([webhook, webhook])
    assert [row["repetitions"] for row in rows()] == [0]
    processor.process([door(webhook.body or b""), door(webhook.body or b"")])
    assert [row["repetitions"] for row in rows()] == [2]


def test_nobody_can_unmake_what_was_taken_in_by_posting_it_again_unsigned(
    processor: Processor, door: Door, meta: SimpleNamespace, rows: Rows
) -> None:
    taken, parked = texts(meta, "wamid.1"), b"no json"
    processor.process([door(taken), door(parked)])
    before = {row["bodyHash"]: (row["state"], row["reason"], row["messageIds"]) for row in rows()}
    processor.process([door(taken, secret="forged"), door(parked, secret="forged")])
    assert {row["bodyHash"]: (row["state"], row["reason"], row["messageIds"]) for row in rows()} == before
    assert [row["repetitions"] for row in rows()] == [1, 1]


def test_a_forged_webhook_does_not_stand_in_the_way_of_the_true_one(
    processor: Processor, door: Door, meta: SimpleNamespace, rows: Rows
) -> None:
    body = texts(meta, "wamid.1")
    processor.process([door(body, secret="forged")])
    assert [row["state"] for row in rows()] == ["rejected"]
    processor.process([door(body)])
    (row,) = rows()
    assert (row["state"], row["reason"], len(row["messageIds"])) == ("processed", None, 1)


def test_ids_of_messages_add_up_and_are_not_lost(
    database: Database, processor: Processor, door: Door, meta: SimpleNamespace, rows: Rows, tenant: uuid.UUID
) -> None:
    body = texts(meta, "wamid.1", "wamid.2")
    processor.process([door(body)])
    (first,) = rows()
    with database.transaction(tenant) as tx:
        tx.execute("update messages set provider_message_id = 'wamid.other' where provider_message_id = 'wamid.1'")
    processor.process([door(body)])
    (then,) = rows()
    assert set(first["messageIds"]) < set(then["messageIds"])
    assert len(then["messageIds"]) == 3


NASTY = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([b"", b"{}", b"[]", b"null", b'"\\u0000"', b'{"object":"\\ud800"}', b"[" * 5000]),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=8) | st.sampled_from(["\0", "\ud800", "messages"]),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["object", "entry", "changes", "value", "field", "messages", "id", "\0"]),
                          inner, max_size=4),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode()),
)  # fmt: skip
FIELDS = st.sampled_from(
    ["messages", "message_template_status_update", "new\0field", "\ud800", "x" * 3000, "", 7, None]
)
KINDS = st.sampled_from(["text", "sticker", "new\0kind", "\ud800", "x" * 3000, 7, None, {"a": "\0"}])


@st.composite
def half_right(draw: st.DrawFn) -> bytes:
    """A body of Meta's with something wrong in it."""
    message = {
        "from": draw(st.sampled_from(["5511987654321", "", "\0", 7, None])),
        "id": draw(st.sampled_from(["wamid.1", "wamid.2", "\0", "", None])),
        "timestamp": draw(st.sampled_from(["1700000000", "x", "99999999999999", "-1", None])),
        "type": draw(KINDS),
        "text": draw(st.sampled_from([{"body": "hello"}, {"body": "a\0b\ud800"}, {}, None, 7])),
    }
    account = draw(st.sampled_from(["123456789", "1001", "404", "\0", None]))
    value: dict[str, Any] = {"metadata": {"phone_number_id": account}, "messages": [message] * draw(st.integers(0, 2))}
    change = {"field": draw(FIELDS), "value": draw(st.sampled_from([value, value, {}, None]))}
    entry = {"id": draw(st.sampled_from(["900", "\0", None])), "changes": [change] * draw(st.integers(0, 2))}
    whole = {"object": "whatsapp_business_account", "entry": [entry] * draw(st.integers(0, 2))}
    return json.dumps(whole).encode()


class Everywhere:
    """One company with a number of its own and one of an app, and every URL a webhook may come by."""

    def __init__(self, database: Database, processor: Processor, bucket: MemoryBucket, own: uuid.UUID) -> None:
        self.database, self.processor, self.bucket, self.own = database, processor, bucket, own
        self._numbers = count(1)

    def unlike(self, body: bytes) -> bytes:
        """The same to any parser, and unlike every body before: no other webhook's row will do for it."""
        return body + b" " * next(self._numbers)

    def webhook(self, body: bytes, place: str, kind: str) -> Webhook:
        ids = {"own": self.own, "app": APP_WIDE, "nobody": uuid.uuid4()}
        door = Door(ids[place])
        secret = "forged" if kind == "forged" else "app-secret"
        changes: dict[str, Any] = {"provider": "telegraph"} if kind == "unknown" else {}
        if kind in ("pointed", "lost"):
            key = f"payloads/{uuid.uuid4()}"
            if kind == "pointed":
                self.bucket.put(key, body)
            return replace(door(body), body=None, pointer=key)
        return door(body, secret=secret, **changes)


@pytest.fixture
def everywhere(
    database: Database, bucket: MemoryBucket, gateway: Provider, sealer: Sealer, integration: uuid.UUID,
    make_tenant: Any, make_integration: Any,
) -> Everywhere:  # fmt: skip
    make_integration(make_tenant("Other"), account_id="1001", app_business="900")
    processor = Processor(database, bucket, {"meta": gateway}, lambda: sealer, app_of)
    return Everywhere(database, processor, bucket, integration)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    posted=st.lists(
        st.tuples(
            NASTY | half_right(),
            st.sampled_from(["own", "own", "app", "nobody"]),
            st.sampled_from(["signed", "signed", "forged", "unknown", "pointed", "lost"]),
        ),
        min_size=1,
        max_size=6,
    ),
    again=st.booleans(),
)
def test_whatever_was_answered_200_is_in_the_ledger_or_a_stray(
    everywhere: Everywhere, owner_url: str,
    posted: list[tuple[bytes, str, str]], again: bool,
) -> None:  # fmt: skip
    posted = [(everywhere.unlike(body), place, kind) for body, place, kind in posted]
    webhooks = [everywhere.webhook(*one) for one in posted]
    batch = webhooks + (webhooks if again else [])
    assert everywhere.processor.process(batch).failed == {}
    with psycopg.connect(owner_url) as owner:
        owner.execute("set role parley_definer")
        kept = {bytes(row[0]) for row in owner.execute("select body_hash from strays")}
        correlations = {row[0] for row in owner.execute("select correlation_id from strays")}
    for tenant_id in tenants_of(owner_url):
        with everywhere.database.transaction(tenant_id) as tx:
            found = tx.rows("select body_hash, correlation_id from ledger")
        kept |= {bytes(row["body_hash"]) for row in found}
        correlations |= {row["correlation_id"] for row in found}
    # A repetition is in the row of the first one, which has its own correlation id.
    missing = [
        (body, place, kind)
        for (body, place, kind), one in zip(posted, webhooks, strict=True)
        if one.correlation_id not in correlations and (kind == "lost" or hashlib.sha256(body).digest() not in kept)
    ]
    assert missing == []


def tenants_of(owner_url: str) -> list[uuid.UUID]:
    with psycopg.connect(owner_url) as owner:
        owner.execute("set role parley_definer")
        return [row[0] for row in owner.execute("select distinct tenant_id from integrations")]


@pytest.mark.parametrize("bug", [KeyError("x"), RuntimeError("x"), OSError("x"), Exception("x"), StopIteration()])
def test_whatever_a_parser_raises_parks_its_own_webhook_alone(
    processor: Processor, door: Door, meta: SimpleNamespace, rows: Rows, gateway: ScriptedGateway,
    monkeypatch: pytest.MonkeyPatch, bug: Exception,
) -> None:  # fmt: skip
    read = gateway.normalise

    def flawed(body: bytes, headers: Mapping[str, str]) -> Any:
        if b"wamid.bad" in body:
            raise bug
        return read(body, headers)

    monkeypatch.setattr(gateway, "normalise", flawed)
    done = processor.process([door(texts(meta, f"wamid.{name}")) for name in ("1", "bad", "2")])
    assert (done.failed, done.parked) == ({}, 1)
    (parked,) = rows(state="parked")
    assert parked["reason"] == f"{type(bug).__name__} while reading it"
    assert len(rows(state="processed")) == 2


def test_no_reason_and_no_header_keeps_a_webhook_out_of_the_ledger(
    processor: Processor, door: Door, rows: Rows, gateway: ScriptedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flawed(body: bytes, headers: Mapping[str, str]) -> Any:
        raise Unreadable("a\0b\ud800" + "x" * 5000)

    monkeypatch.setattr(gateway, "normalise", flawed)
    webhook = door(b"{}")
    strange = {**webhook.headers, "user-agent": "a\0b\ud800", "x\0": ""}
    assert processor.process([replace(webhook, headers=strange)]).failed == {}
    assert processor.process([replace(door(b"[]"), integration_id=uuid.uuid4(), headers=strange)]).failed == {}
    (row,) = rows(text="ab?xx")
    assert (row["state"], len(row["reason"])) == ("parked", 500)
