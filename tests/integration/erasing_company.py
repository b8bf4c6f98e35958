"""A company from which contacts are erased, and the whole life of one in its inbox."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from parley.cloud.sealing import Sealer
from parley.domain.errors import Unavailable
from parley.domain.identity import Address, Person
from parley.domain.incoming import (
    Deletion,
    Edit,
    Fact,
    Group,
    Media,
    MessageReceived,
    Reaction,
    Receipt,
)
from parley.domain.principal import Principal
from parley.domain.tokens import DeploymentKeys
from parley.domain.tombstones import PURPOSE, Hashing
from parley.domain.webhook import Webhook
from parley.providers.base import Capabilities
from parley.services.erase import Erasing
from parley.services.process import Processor
from parley.services.send import SendRequest, send_message
from parley.services.suppress import Suppression
from parley.store.database import Database
from tests.integration.conftest import MemoryBucket

ACCOUNT = "123456789"
PNG = b"\x89PNG\r\n\x1a\n"
NOW = datetime.now(UTC).replace(microsecond=0)
START = NOW - timedelta(hours=1)
NAME, NUMBER, WORDS = "Quitéria Zanella", "5531987654321", "xylophone canary"
PERSON, OLD_FORM = Address("phone", NUMBER), "553187654321"
LID = Address("lid", "77001122334455@lid")
OTHER = Address("phone", "5511922222222")
CANARIES = ("Quitéria", "Zanella", NUMBER, OLD_FORM, "77001122334455", WORDS, "xylophone")
SECRET = {"current": "1", "key_1": "k" * 40}


def hashing_of(secret: dict[str, str] = SECRET) -> Hashing:
    keys = DeploymentKeys.from_secret(secret)
    return Hashing(keys.derive_all(PURPOSE), keys.current)


class Bucket(MemoryBucket):
    """A bucket in memory that may be away."""

    away = False

    def put(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        if self.away:
            raise Unavailable
        super().put(key, data, content_type)

    def list_after(self, prefix: str, after: str, limit: int = 1000) -> list[str]:
        return [key for key in self.list_prefix(prefix, limit) if key > after]


class Gateway:
    """Says of each body what it was told to."""

    name, channel = "meta", "whatsapp"
    capabilities = Capabilities(kinds=frozenset({"text"}), window=timedelta(hours=24))

    def __init__(self) -> None:
        self.facts: dict[bytes, list[Fact]] = {}

    def verify(self, *said: Any) -> None:
        """Everybody is believed."""

    def redact(self, body: bytes, headers: Any) -> bytes:
        return body

    def normalise(self, body: bytes, headers: Any) -> list[Fact]:
        return self.facts.get(body, [])


class Company:
    """A company with a number; webhooks come in, an admin erases."""

    def __init__(self, database: Database, sealer: Sealer, admin: Principal, integration: UUID, owner_url: str) -> None:
        self.database, self.admin, self.integration, self.owner_url = database, admin, integration, owner_url
        self.sealer, self.gateway = sealer, Gateway()
        self.providers: Any = {"meta": self.gateway}
        self.bucket, self.tombstones = Bucket(), Bucket()
        self.processor = self.new_processor(Suppression(hashing_of))
        self.clock = iter(range(10**9))
        self.erasing = self.new_erasing()
        self.taken: list[Webhook] = []
        self.count = 0

    def new_processor(self, suppression: Suppression | None) -> Processor:
        return Processor(self.database, self.bucket, self.providers, lambda: self.sealer, suppression=suppression)

    def new_erasing(self, ticks: float = 0.001) -> Erasing:
        """Erases; its clock ticks by so many seconds each time it is read."""
        clock = lambda: next(self.clock) * ticks  # noqa: E731
        buckets = (lambda: self.bucket, lambda: self.tombstones)
        return Erasing(self.database, hashing_of, *buckets, lambda tenant_id: None, clock)

    def webhook(self, *facts: Fact, at: datetime | None = None) -> Webhook:
        """A webhook that says this, naming in its body whom a gateway's would."""
        self.count += 1
        body = json.dumps([self.count, repr(facts)]).encode()
        self.gateway.facts[body] = list(facts)
        return Webhook("meta", self.integration, 1, at or datetime.now(UTC), uuid4(), {}, body)

    def take(self, *facts: Fact, at: datetime | None = None) -> Webhook:
        """A webhook, processed."""
        webhook = self.webhook(*facts, at=at)
        self.process(webhook)
        self.taken.append(webhook)
        return webhook

    def process(self, *webhooks: Webhook) -> None:
        done = self.processor.process(webhooks)
        assert (done.failed, done.parked) == ({}, 0), self.rows("select state, reason from ledger")

    def replay(self) -> None:
        """Every webhook there ever was, as the ledger's replay would, and backwards."""
        for webhook in [*self.taken, *reversed(self.taken)]:
            self.process(Webhook(**{**vars_of(webhook), "believed_as": webhook.body_hash}))
            self.process(webhook)

    def erase(self, contact_id: UUID) -> dict[str, Any]:
        return self.erasing.erase(self.admin, contact_id, uuid4())

    def finish(self) -> None:
        """As the housekeeper does it, minute by minute, with little time each."""
        while self.new_erasing(ticks=30).carry_on():
            pass

    def contact_of(self, address: Address) -> UUID | None:
        with self.database.transaction(self.admin.tenant_id) as tx:
            found: UUID | None = tx.value(
                "select contact_id from contact_aliases where value = %(key)s", key=address.key
            )
            return found

    def rows(self, query: str, **parameters: Any) -> list[dict[str, Any]]:
        with self.database.transaction(self.admin.tenant_id) as tx:
            return tx.rows(query, **parameters)

    def events(self) -> list[str]:
        return [row["type"] for row in self.rows("select type from events order by ordinal")]

    def everything(self) -> Iterator[tuple[str, str]]:
        """Every text, JSON and byte of every table, as the owner of the schema sees them."""
        with psycopg.connect(self.owner_url, row_factory=dict_row) as owner:
            tables = owner.execute(
                "select c.oid::regclass::text as name from pg_class c"
                " where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace and c.relname not like '%yoyo%'"
            ).fetchall()
            for table in tables:
                owner.execute(sql.SQL("alter table {} no force row level security").format(sql.SQL(table["name"])))
                for row in owner.execute(sql.SQL("select * from {}").format(sql.SQL(table["name"]))):
                    for column, value in row.items():
                        if isinstance(value, bytes | bytearray | memoryview):
                            yield f"{table['name']}.{column}", bytes(value).decode(errors="replace")
                        else:
                            text = json.dumps(value, default=str, ensure_ascii=False)
                            yield f"{table['name']}.{column}", text + unwrapped(text)
            owner.rollback()

    def traces(self) -> list[str]:
        """Where anything of the person is left, in the database or the buckets."""
        found = [place for place, text in self.everything() if any(canary in text for canary in CANARIES)]
        for bucket in (self.bucket, self.tombstones):
            for key, data in bucket.objects.items():
                if any(canary.encode() in data or canary in key for canary in CANARIES):
                    found.append(key)
        return sorted(set(found))


def unwrapped(text: str) -> str:
    """What a queue's message holds as base64."""
    found = (match + "=" * (-len(match) % 4) for match in re.findall(r"[A-Za-z0-9+/]{24,}", text))
    return "".join(b64decode(one).decode(errors="replace") for one in found)


def vars_of(webhook: Webhook) -> dict[str, Any]:
    names = ("provider", "integration_id", "generation", "received_at", "correlation_id", "headers", "body", "pointer")
    return {name: getattr(webhook, name) for name in names}


def message(id_: str, *people: Address, text: str = WORDS, at: int = 0, **more: Any) -> MessageReceived:
    """A message of the person, or of others."""
    name = NAME if PERSON in people or LID in people else "Otto"
    when = START + timedelta(seconds=at)
    return MessageReceived(ACCOUNT, id_, Person(people, name), "text", when, text, **more)


def live(company: Company) -> UUID:
    """A whole life in the inbox: thread, files, facts, a group, notes, a failed send, a webhook nobody understood."""
    picture = Media("image", "image/png", "Zanella.png", inline=PNG + b"xylophone")
    company.take(message("m1", PERSON, LID))
    company.take(message("m2", PERSON, text=f"call me at {NUMBER}", at=1, media=(picture,)))
    company.take(message("m3", PERSON, at=2, media=(Media("image", "image/png", inline=b"no picture, xylophone"),)))
    company.take(Edit(ACCOUNT, "m3", "e1", f"{WORDS}, edited", START + timedelta(seconds=3)))
    company.take(message("m4", PERSON, at=4), Reaction(ACCOUNT, "m1", Person((PERSON,), NAME), "👍", NOW))
    company.take(message("own1", PERSON, text=f"Dear {NAME}", at=5, origin="device"))
    company.take(Receipt(ACCOUNT, "own1", "read", START + timedelta(seconds=6), error={"provider": {"to": NUMBER}}))
    company.take(Deletion(ACCOUNT, "m4", START + timedelta(seconds=7)))
    company.take(message("early", PERSON, at=8), Edit(ACCOUNT, "early", "e", WORDS, START + timedelta(seconds=9)))
    group = Group("120363000000000000@g.us", "Choir")
    company.take(message("g1", PERSON, at=10, group=group))
    company.take(message("g2", OTHER, text=f"thanks @{NUMBER}!", at=11, group=group, content={"mentions": [NUMBER]}))
    company.take(message("g3", OTHER, text="see you", at=12, group=group))
    company.take(Reaction(ACCOUNT, "g3", Person((LID,), None), "🎻", NOW))
    company.take(Receipt(ACCOUNT, "g4", "read", NOW, participant=f"{NUMBER}@s.whatsapp.net"))
    company.take(message("g4", PERSON, text="on the phone", at=13, group=group, origin="device"))
    company.take(message("g5", OTHER, text="until later", at=14, group=group))
    company.take(message("g6", PERSON, at=15, group=group))
    company.take(message("o1", OTHER, text="hello", at=16))
    contact = company.contact_of(PERSON)
    assert contact is not None
    answer_and_note(company, contact)
    odd(company)
    return contact


def answer_and_note(company: Company, contact: UUID) -> None:
    (thread,) = company.rows("select id from conversations where contact_id = %(id)s", id=contact)
    for kind in ("text", "note"):
        request = SendRequest(kind=kind, text=f"about {NAME}: {WORDS}", metadata={"crm": NAME})
        send_message(company.database, company.providers, company.admin, thread["id"], request, None, uuid4())
    with company.database.transaction(company.admin.tenant_id) as tx:
        sent = tx.value("select id from messages where status = 'queued'")
        tx.execute(
            "insert into attempts (tenant_id, id, message_id, lease_until, outcome, detail)"
            " values (%(tenant_id)s, %(id)s, %(sent)s, now(), 'refused', %(said)s)",
            id=uuid4(), sent=sent, said=json.dumps({"number": NUMBER}),
        )  # fmt: skip
        tx.execute("update contacts set attributes = %(said)s where id = %(id)s", id=contact,
                   said=json.dumps({"nickname": "Zanella"}))  # fmt: skip
        tx.execute(
            "insert into timeline (tenant_id, id, conversation_id, kind, detail, actor_kind)"
            " values (%(tenant_id)s, %(id)s, %(thread)s, 'labels', %(said)s, 'user')",
            id=uuid4(), thread=thread["id"], said=json.dumps({"added": ["Zanella"]}),
        )  # fmt: skip
        tx.execute(
            "insert into events (tenant_id, id, type, topics, delta)"
            " values (%(tenant_id)s, %(id)s, 'message.status', '{tenant}', %(said)s)",
            id=uuid4(), said=json.dumps({"status": "failed", "error": {"provider": {"to": int(NUMBER)}}}),
        )  # fmt: skip
        tx.execute(
            "insert into integration_notices (tenant_id, id, integration_id, kind, detail, received_at)"
            " values (%(tenant_id)s, %(id)s, %(integration)s, 'user_preferences', %(said)s, now())",
            id=uuid4(), integration=company.integration, said=json.dumps({"waId": OLD_FORM}),
        )  # fmt: skip


def odd(company: Company) -> None:
    """What no id leads to: a webhook that was parked, a form, one in the bucket, a dead letter."""
    form = f"jsonData=%7B%22from%22%3A%22{OLD_FORM}%22%2C%22name%22%3A%22Zanella%22%7D".encode()
    large = f"payloads/2026-01-01/{company.integration}/{uuid4()}"
    company.bucket.put(large, json.dumps({"from": NUMBER, "name": NAME}).encode())
    with company.database.transaction(company.admin.tenant_id) as tx:
        for state, body, pointer in (("parked", form, None), ("rejected", None, large)):
            tx.execute(
                "insert into ledger (tenant_id, day, id, integration_id, provider, body_hash, headers, body, pointer,"
                " state, correlation_id, received_at) values (%(tenant_id)s, current_date, %(id)s, %(integration)s,"
                " 'meta', %(hash)s, '{}', %(body)s, %(pointer)s, %(state)s, %(id)s, now())",
                id=uuid4(), integration=company.integration, hash=uuid4().bytes, body=body, pointer=pointer,
                state=state,
            )  # fmt: skip
        letter = company.webhook(message("dead", PERSON)).encode()
        tx.execute(
            "insert into dead_letters (tenant_id, id, queue, payload, first_failed_at, fingerprint)"
            " values (%(tenant_id)s, %(id)s, 'inbound', %(said)s, now(), %(id)s::text::bytea)",
            id=uuid4(), said=letter,
        )  # fmt: skip
