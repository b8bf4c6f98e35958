"""Receiving everything but plain texts and statuses: reactions, edits, deletions, groups, messages of the company's own
phone, late contents, files, accounts. Facts are given as an adapter would give them, in every order.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from parley.cloud.ports import Bucket
from parley.cloud.sealing import Sealer
from parley.domain.identity import Address, Person
from parley.domain.incoming import (
    AccountNotice,
    AccountState,
    ContactSeen,
    Deletion,
    Edit,
    Fact,
    Group,
    Media,
    MessageReceived,
    NumberChanged,
    Reaction,
    Receipt,
)
from parley.domain.outgoing import Uncertain
from parley.domain.webhook import Webhook
from parley.providers.base import Account, Capabilities
from parley.services.process import Processor
from parley.store.database import Database
from parley.store.views import load_conversations, load_messages

ACCOUNT = "123456789"
START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
MARTA = Person((Address("phone", "5511987654321"),), "Marta")
ZOE = Person((Address("phone", "5521912345678"),), "Zoe")


class FactGateway:
    """A gateway whose bodies are names of facts."""

    name, channel = "meta", "whatsapp"
    capabilities = Capabilities(kinds=frozenset({"text"}), window=timedelta(hours=24))

    def __init__(self) -> None:
        self.facts: dict[bytes, Sequence[Fact]] = {}

    def verify(self, body: bytes, headers: Any, account: Account, received_at: datetime) -> None:
        """Everybody is believed."""

    def redact(self, body: bytes, headers: Any) -> bytes:
        return body.replace(b"secret", b"******")

    def normalise(self, body: bytes, headers: Any) -> Sequence[Fact]:
        return self.facts[body]


class Inbox:
    """A tenant's inbox fed with facts, and read as the API shows it."""

    def __init__(self, database: Database, bucket: Any, sealer: Sealer, tenant: UUID, integration: UUID) -> None:
        self.database, self.bucket, self.tenant, self.integration = database, bucket, tenant, integration
        self.gateway = FactGateway()
        self.processor = Processor(database, bucket, {"meta": self.gateway}, lambda: sealer)  # type: ignore[dict-item]

    def take(self, *facts: Fact, body: bytes | None = None) -> None:
        body = body or uuid4().bytes
        self.gateway.facts[body] = facts
        now = datetime.now(UTC)
        done = self.processor.process([Webhook("meta", self.integration, 1, now, uuid4(), {}, body)])
        assert (done.failed, done.parked) == ({}, 0)

    def messages(self) -> list[dict[str, Any]]:
        with self.database.transaction(self.tenant) as tx:
            ids = [row["id"] for row in tx.rows("select id from messages order by occurred_at, provider_message_id")]
            views = load_messages(tx, ids)
        return [views[id_] for id_ in ids]

    def conversations(self) -> list[dict[str, Any]]:
        with self.database.transaction(self.tenant) as tx:
            ids = [row["id"] for row in tx.rows("select id from conversations order by id")]
            views = load_conversations(tx, ids)
        return [views[id_] for id_ in ids]

    def rows(self, query: str) -> list[dict[str, Any]]:
        with self.database.transaction(self.tenant) as tx:
            return tx.rows(query)


@pytest.fixture
def new_inbox(
    database: Database,
    bucket: Bucket,
    sealer: Sealer,
    make_tenant: Callable[..., UUID],
    make_integration: Callable[..., UUID],
) -> Callable[[], Inbox]:
    def make() -> Inbox:
        tenant = make_tenant()
        return Inbox(database, bucket, sealer, tenant, make_integration(tenant, account_id=ACCOUNT))

    return make


def said(
    id_: str, text: str | None = None, *, at: int = 0, person: Person | None = MARTA, **more: Any
) -> MessageReceived:
    given = {"kind": "text", "text": text, **more}
    return MessageReceived(ACCOUNT, id_, person, occurred_at=START + timedelta(seconds=at), **given)


def reacted(id_: str, emoji: str | None, *, at: int, person: Person | None = MARTA) -> Reaction:
    return Reaction(ACCOUNT, id_, person, emoji, START + timedelta(seconds=at))


def shape(messages: Sequence[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [
        (
            m["providerMessageId"],
            m["direction"],
            m["kind"],
            m["text"],
            m["edited"],
            m["deleted"],
            m["status"],
            sorted((r["emoji"], r["by"]["name"]) for r in m["reactions"]),
            [(a["kind"], a["state"]) for a in m["attachments"]],
        )
        for m in messages
    ]


def test_reactions_edits_and_deletions_show_the_same_in_every_order(new_inbox: Callable[[], Inbox]) -> None:
    facts: list[Fact] = [
        said("m1", "first"),
        said("m2", "gone", at=1),
        reacted("m1", "👍", at=2),
        reacted("m1", "❤️", at=3),
        reacted("m1", None, at=4, person=ZOE),
        Edit(ACCOUNT, "m1", "e1", "once", START + timedelta(seconds=5)),
        Edit(ACCOUNT, "m1", "e2", "twice", START + timedelta(seconds=6)),
        Deletion(ACCOUNT, "m2", START + timedelta(seconds=7)),
    ]
    expected: list[tuple[object, ...]] = [
        ("m1", "incoming", "text", "twice", True, False, "received", [("❤️", "Marta")], []),
        ("m2", "incoming", "text", None, False, True, "received", [], []),
    ]
    orders = list(itertools.permutations(range(len(facts))))
    for order in [orders[0], orders[-1], *orders[:: len(orders) // 12]]:
        inbox = new_inbox()
        for index in order:
            inbox.take(facts[index])
        for index in order[:3]:
            inbox.take(facts[index])
        assert shape(inbox.messages()) == expected, order
        assert inbox.conversations()[0]["unreadCount"] == 2


def test_a_reaction_and_an_edit_raise_their_events_once(new_inbox: Callable[[], Inbox]) -> None:
    inbox = new_inbox()
    inbox.take(said("m1", "first"))
    for _ in range(2):
        inbox.take(reacted("m1", "👍", at=2))
        inbox.take(Edit(ACCOUNT, "m1", "e1", "better", START))
        inbox.take(Deletion(ACCOUNT, "m1", START))
    types = [row["type"] for row in inbox.rows("select type from events order by ordinal")]
    assert types == ["conversation.new", "message.new", "message.reaction", "message.updated", "message.deleted"]


def test_a_group_is_one_conversation_of_many_senders(new_inbox: Callable[[], Inbox]) -> None:
    inbox = new_inbox()
    group = Group("120363@g.us", "Family")
    inbox.take(said("g1", "hi", group=group), said("g2", "hello", at=1, person=ZOE, group=group))
    inbox.take(said("g3", "from our phone", at=2, person=None, group=group, origin="device"))
    (conversation,) = inbox.conversations()
    assert (conversation["group"]["name"], conversation["contact"], conversation["unreadCount"]) == ("Family", None, 0)
    assert [(m["sender"]["kind"], m["sender"]["name"]) for m in inbox.messages()] == [
        ("contact", "Marta"),
        ("contact", "Zoe"),
        ("device", None),
    ]


def test_a_message_typed_on_the_phone_is_outgoing_and_means_that_what_came_before_was_read(
    new_inbox: Callable[[], Inbox],
) -> None:
    for order in itertools.permutations(range(3)):
        inbox = new_inbox()
        facts = [said("m1", "before"), said("d1", "ours", at=1, origin="device"), said("m2", "after", at=2)]
        for index in order:
            inbox.take(facts[index])
        assert [(m["direction"], m["status"]) for m in inbox.messages()] == [
            ("incoming", "received"),
            ("outgoing", "sent"),
            ("incoming", "received"),
        ]
        assert inbox.conversations()[0]["unreadCount"] == 1, order


def test_an_echo_of_our_own_uncertain_send_heals_it_and_is_no_second_message(
    desk: Any, sealer: Sealer, bucket: Bucket, database: Database, integration: UUID
) -> None:
    desk.gateway.script = [Uncertain("read timeout")]
    desk.send("Did it arrive?")
    desk.deliver()
    inbox = Inbox(database, bucket, sealer, desk.agent.tenant_id, integration)
    inbox.take(said("out-1", "Did it arrive?", at=3600, origin="device"))
    inbox.take(Receipt(ACCOUNT, "out-1", "read", START + timedelta(hours=2)))
    assert [(row["status"], row["provider_message_id"]) for row in desk.outgoing()] == [("read", "out-1")]
    inbox.take(said("out-1", "Did it arrive?", at=3600, origin="device"))
    assert len(desk.outgoing()) == 1


def test_a_content_that_could_not_be_read_fills_its_message_when_it_comes(new_inbox: Callable[[], Inbox]) -> None:
    waiting = said("m1", None, kind="unsupported", content={"type": "waiting"}, placeholder=True)
    for facts in ([waiting, said("m1", "readable")], [said("m1", "readable"), waiting]):
        inbox = new_inbox()
        for fact in facts:
            inbox.take(fact)
        assert [(m["kind"], m["text"]) for m in inbox.messages()] == [("text", "readable")]
        assert inbox.conversations()[0]["unreadCount"] == 1


def test_a_file_in_the_webhook_is_stored_and_one_elsewhere_is_pending(new_inbox: Callable[[], Inbox]) -> None:
    inbox = new_inbox()
    inline = Media("image", "image/jpeg", inline=b"\xff\xd8\xff picture")
    elsewhere = Media("audio", "audio/ogg", voice=True, source={"id": "77"})
    inbox.take(said("m1", "look", kind="image", media=(inline,)), said("m2", kind="audio", at=1, media=(elsewhere,)))
    picture, voice = (m["attachments"][0] for m in inbox.messages())
    assert (picture["state"], picture["size"], voice["state"], voice["voice"]) == ("stored", 11, "pending", True)
    assert picture["url"] == f"/v1/media/{picture['id']}"
    key = f"{inbox.tenant}/media/{picture['sha256']}"
    assert inbox.bucket.objects[key] == b"\xff\xd8\xff picture"


def test_what_a_gateway_tells_of_accounts_and_people_is_kept(new_inbox: Callable[[], Inbox]) -> None:
    inbox = new_inbox()
    inbox.take(said("m1", "hi"))
    later = START + timedelta(minutes=5)
    inbox.take(ContactSeen(ACCOUNT, Person(MARTA.addresses, "Marta Lima"), "https://example.com/m.jpg", later))
    inbox.take(AccountState(ACCOUNT, "disconnected", "logged out"))
    inbox.take(AccountState(ACCOUNT, "disconnected", "logged out"))
    inbox.take(AccountNotice(ACCOUNT, "template_status", {"name": "hello", "status": "REJECTED"}))
    inbox.take(NumberChanged(ACCOUNT, MARTA.addresses[0], Address("phone", "5511900001111"), later))
    inbox.take(said("m2", "new number", at=600, person=Person((Address("phone", "5511900001111"),))))
    (conversation,) = inbox.conversations()
    assert conversation["contact"]["name"] == "Marta Lima"
    assert conversation["contact"]["avatarUrl"] == "https://example.com/m.jpg"
    assert inbox.rows("select state, state_reason from integrations") == [
        {"state": "disconnected", "state_reason": "logged out"}
    ]
    types = [row["type"] for row in inbox.rows("select type from events order by ordinal")]
    assert types.count("integration.updated") == 2


def test_what_may_not_be_stored_is_redacted_and_the_hash_is_of_what_came(new_inbox: Callable[[], Inbox]) -> None:
    inbox = new_inbox()
    inbox.take(said("m1", "hi"), body=b'{"apikey": "secret"}')
    (row,) = inbox.rows("select body, encode(body_hash, 'hex') as hash from ledger")
    assert bytes(row["body"]) == b'{"apikey": "******"}'
    assert row["hash"] == hashlib.sha256(b'{"apikey": "secret"}').hexdigest()
