"""Receiving: one `queue_processor` process's worth of work, batches of 10 queue messages, from the queue's text to
the commit, beside two floors written by hand, each one transaction of the same role:

- the same 10 messages inserted and nothing else, which is what the performance table asks for;
- every row those 10 messages leave behind (message, conversation, event, ledger), with nothing read, checked or
  locked: what no receiver can do without.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import UUID

import psycopg

from bench.bed import Bed
from bench.company import Company, text_body
from bench.measure import Row, interleave, median, ms, timed
from parley.domain.webhook import Webhook
from parley.services.process import Processor
from parley.store.ids import new_id

TITLE = "receiving, one queue_processor process"
BATCH = 10
MESSAGES = """
insert into messages (
  tenant_id, id, integration_id, conversation_id, number, direction, kind, body, provider_message_id, occurred_at,
  status, sender_kind, sender_id
)
values (
  %(tenant_id)s, %(id)s, %(integration_id)s, %(conversation_id)s, %(number)s, 'incoming', 'text', %(text)s, %(key)s,
  %(at)s, 'received', 'contact', %(contact_id)s
)
"""
REST = (
    """
    update conversations set unread_count = unread_count + 1, last_number = %(number)s, last_message_id = %(id)s,
      last_message_at = %(at)s, last_message_key = %(key)s, reply_at = %(at)s, reply_key = %(key)s,
      window_expires_at = %(at)s, version = version + 1, updated_at = now()
    where tenant_id = %(tenant_id)s and id = %(conversation_id)s
    """,
    """
    insert into events (tenant_id, id, type, conversation_id, message_id, topics, correlation_id)
    values (%(tenant_id)s, %(other_id)s, 'message.new', %(conversation_id)s, %(id)s, %(topics)s, %(other_id)s)
    """,
    """
    insert into ledger (
      tenant_id, id, day, integration_id, provider, body_hash, headers, body, state, message_ids, contact_ids,
      correlation_id, received_at
    )
    values (
      %(tenant_id)s, %(other_id)s, %(at)s::timestamptz::date, %(integration_id)s, 'meta', %(hash)s, '{}', %(body)s,
      'processed', array[%(id)s::uuid], array[%(contact_id)s::uuid], %(other_id)s, %(at)s
    )
    """,
)


def rows(bed: Bed) -> Iterator[Row]:
    """Measure."""
    yield from _measure(bed, TITLE, "customers who wrote before", bed.size(150, 50), known=True)
    yield from _measure(bed, f"{TITLE}, new customers", "each message a new customer's", bed.size(60, 20), known=False)


def _measure(bed: Bed, title: str, note: str, rounds: int, *, known: bool) -> Iterator[Row]:
    company = bed.company(title)
    processor = company.processor()
    batches = iter(company.batches(rounds + 10, 50 if known else 10**7))
    for _ in range(10):
        _process(processor, next(batches))
    bed.analyze()
    prepares = None if bed.pooled else 2
    with psycopg.connect(bed.database_url, autocommit=True, prepare_threshold=prepares) as connection:
        floor = Floor(connection, company)
        found = interleave(
            {
                "ours": timed(lambda: _process(processor, next(batches))),
                "messages": lambda: floor.insert([MESSAGES]),
                "every row": lambda: floor.insert([MESSAGES, *REST]),
            },
            rounds,
        )
    ours = median(found["ours"])
    must, aim = (0.4, 0.7) if known else (None, None)
    yield _row(f"{title}, beside the messages alone", ours, median(found["messages"]), note, must, aim)
    yield _row(f"{title}, beside all they leave behind", ours, median(found["every row"]), note)


def _row(title: str, ours: float, floor: float, note: str, must: float | None = None, aim: float | None = None) -> Row:
    return Row(
        title,
        f"{BATCH / ours:.0f} messages/s",
        f"by hand {BATCH / floor:.0f}/s",
        floor / ours,
        "×",
        must,
        aim,
        at_least=True,
        note=f"{note}; a batch {ms(ours)}, by hand {ms(floor)}",
    )


def _process(processor: Processor, batch: list[str]) -> None:
    done = processor.process([Webhook.decode(text) for text in batch])
    assert not done.failed
    assert not done.parked


class Floor:
    """What anybody would have to do: write the rows and commit."""

    def __init__(self, connection: psycopg.Connection[Any], company: Company) -> None:
        self._connection = connection
        self._company = company
        self._numbers = count(1_000_000)
        with connection.transaction():
            self._scope()
            found = connection.execute("select id, contact_id from conversations limit 50").fetchall()
        self._conversations: list[tuple[UUID, UUID]] = [(row[0], row[1]) for row in found]

    def insert(self, statements: list[str]) -> float:
        """Write ten messages in one transaction; answer the seconds it took."""
        fresh = [self._message(next(self._numbers)) for _ in range(BATCH)]

        def write() -> None:
            with self._connection.transaction():
                self._scope()
                for statement in statements:
                    self._connection.cursor().executemany(statement.encode(), fresh)

        return timed(write)()

    def _scope(self) -> None:
        self._connection.execute("select set_config('parley.tenant', %s, true)", [str(self._company.id)])

    def _message(self, number: int) -> dict[str, Any]:
        conversation_id, contact_id = self._conversations[number % len(self._conversations)]
        text, key = "Is the blue one still there?", f"wamid.by-hand-{number}"
        body = text_body(self._company.account, number, text, key)
        return {
            "tenant_id": self._company.id,
            "id": new_id(),
            "other_id": new_id(),
            "integration_id": self._company.integration_id,
            "conversation_id": conversation_id,
            "contact_id": contact_id,
            "number": number,
            "text": text,
            "key": key,
            "at": datetime.now(UTC),
            "topics": ["tenant", f"conversation:{conversation_id}"],
            "body": body,
            "hash": hashlib.sha256(body).digest(),
        }
