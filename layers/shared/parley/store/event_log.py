"""The event log of a tenant. The one rule: writers insert without a number; whoever reads numbers first, so that the
numbers are dense and in the order in which readers could first see the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from parley.domain.events import NewEvent

from .database import Database, Row, Transaction, jsonb
from .ids import new_id
from .queries import queries

READ_LIMIT = 500

_SQL = queries("events")


@dataclass(frozen=True, slots=True)
class Stream:
    """The log's extent: numbers from `lowest` to `last` are here; `lowest` is `last + 1` where there are none.
    `unnumbered`: whether there is more that has no number yet.
    """

    epoch: str
    last: int
    lowest: int
    unnumbered: bool = False

    def reaches(self, seq: int) -> bool:
        """Whether everything after `seq` can be told."""
        return self.lowest - 1 <= seq <= self.last


def append_events(tx: Transaction, events: Sequence[NewEvent]) -> None:
    """Write events in this order, in the transaction of the changes they tell."""
    if not events:
        return
    rows = [
        {
            "id": new_id(),
            "type": event.type,
            "conversation_id": event.conversation_id,
            "message_id": event.message_id,
            "contact_id": event.contact_id,
            "topics": list(event.topics),
            "delta": event.delta,
            "actor": event.actor,
            "correlation_id": event.correlation_id,
        }
        for event in events
    ]
    tx.execute(_SQL["insert_events"], events=jsonb(rows))


def number_events(database: Database, tenant_id: UUID) -> None:
    """Give every event committed so far its number, in a short transaction of its own.

    Two statements: the second one's snapshot is younger than the lock, so it sees what the numberer before it did. In
    one statement the snapshot is older than the lock, and numbers come twice (tests/integration/naive shows it).
    """
    with database.transaction(tenant_id) as tx:
        if not tx.value(_SQL["anything_unnumbered"]):
            return
        last_seq = tx.value(_SQL["lock_stream"])
        tx.execute(_SQL["number_visible"], last_seq=last_seq)


def read_stream(tx: Transaction) -> Stream:
    """The extent of the log as this transaction sees it."""
    row = tx.row(_SQL["stream"])
    if row is None:
        raise LookupError("a tenant without a stream")
    lowest = row["lowest_seq"]
    return Stream(row["epoch"], row["last_seq"], row["last_seq"] + 1 if lowest is None else lowest, row["unnumbered"])


def read_events(tx: Transaction, above: int, limit: int = READ_LIMIT) -> list[Row]:
    """Numbered events above a position, in order: `seq`, `id`, `type`, ids, `topics`, `delta`, `occurred_at`."""
    return tx.rows(_SQL["read_events"], above=above, limit=limit)
