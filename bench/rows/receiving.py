"""Receiving: one `queue_processor` process's worth of work, batches of 10 queue messages, from the queue's text to
the commit, beside the floor: the same 10 messages inserted by hand in one transaction, by the same role, into the same
table, everything else (reading, verifying, contacts, conversations, numbering, ledger, events) left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import UUID

import psycopg
from parley.domain.webhook import Webhook
from parley.services.process import Processor
from parley.store.ids import new_id

from bench.bed import Bed
from bench.company import Company
from bench.measure import Row, interleave, median, ms, timed

TITLE = "receiving, one queue_processor process"
BATCH = 10
INSERT = """
insert into messages (
  tenant_id, id, integration_id, conversation_id, number, direction, kind, body, provider_message_id, occurred_at,
  status, sender_kind, sender_id
)
values (%s, %s, %s, %s, %s, 'incoming', 'text', %s, %s, %s, 'received', 'contact', %s)
"""


def rows(bed: Bed) -> Iterator[Row]:
    """Measure."""
    rounds = bed.size(150, 50)
    yield _row(bed, TITLE, "customers who wrote before", rounds, known=True)
    yield _row(bed, f"{TITLE}: new customers", "each message from a new customer", rounds // 2, known=False)


def _row(bed: Bed, title: str, note: str, rounds: int, *, known: bool) -> Row:
    company = bed.company(title)
    customers = 50 if known else 10**7
    processor = company.processor()
    warm_up, *batches = company.batches(rounds + 11, customers)
    for batch in [warm_up, *batches[:10]]:
        _process(processor, batch)
    bed.analyze()
    left = iter(batches[10:])
    with psycopg.connect(bed.database_url, autocommit=True, prepare_threshold=None) as connection:
        floor = Floor(connection, company)
        found = interleave(
            {"ours": timed(lambda: _process(processor, next(left))), "floor": timed(floor.insert)}, rounds
        )
    ours, theirs = median(found["ours"]), median(found["floor"])
    return Row(
        title,
        f"{BATCH / ours:.0f} messages/s",
        f"bare insert {BATCH / theirs:.0f}/s",
        theirs / ours,
        "×",
        0.4 if known else None,
        0.7,
        at_least=True,
        note=f"{note}; a batch {ms(ours)}, the floor {ms(theirs)}",
    )


def _process(processor: Processor, batch: list[str]) -> None:
    done = processor.process([Webhook.decode(text) for text in batch])
    assert not done.failed
    assert not done.parked


class Floor:
    """What anybody would have to do: insert ten rows and commit."""

    def __init__(self, connection: psycopg.Connection[Any], company: Company) -> None:
        self._connection = connection
        self._company = company
        self._numbers = count(1_000_000)
        with connection.transaction():
            self._scope()
            found = connection.execute("select id, contact_id from conversations limit 50").fetchall()
        self._conversations: list[tuple[UUID, UUID]] = [(row[0], row[1]) for row in found]

    def insert(self) -> None:
        """Insert ten messages in one transaction."""
        now = datetime.now(UTC)
        company = self._company
        numbers = [next(self._numbers) for _ in range(BATCH)]
        fresh = [
            (
                company.id,
                new_id(),
                company.integration_id,
                self._conversations[number % len(self._conversations)][0],
                number,
                "Is the blue one still there?",
                f"wamid.floor-{number}",
                now,
                self._conversations[number % len(self._conversations)][1],
            )
            for number in numbers
        ]
        with self._connection.transaction():
            self._scope()
            self._connection.cursor().executemany(INSERT, fresh)

    def _scope(self) -> None:
        self._connection.execute("select set_config('parley.tenant', %s, true)", [str(self._company.id)])
