"""Who pushes a tenant's events. The one rule: the holder lets go only under the condition that it saw the last wake-up,
checked and done in one statement.

A large audience is cut into chunks by connection id, and each chunk has a lease of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from .database import Transaction
from .queries import queries

_SQL = queries("push_leases")


@dataclass(frozen=True, slots=True)
class Chunk:
    """The connections with ids above `after`, up to and with `up_to` (None: to the end)."""

    after: str = ""
    up_to: str | None = None

    @property
    def key(self) -> str:
        """The name of this chunk's lease; the whole audience has the empty one."""
        return "" if self == EVERYBODY else f"{self.after} {self.up_to or ''}"


EVERYBODY = Chunk()


@dataclass(frozen=True, slots=True)
class Lease:
    """A tenant's lease as its holder knows it: `wanted` counts the wake-ups it has seen, `listeners` the connections
    there were to push to.
    """

    id: UUID
    wanted: int
    listeners: int
    chunk: Chunk = EVERYBODY


def wake(tx: Transaction, lease_id: UUID, term: timedelta, chunk: Chunk = EVERYBODY) -> Lease | None:
    """Ask for a push; answer the lease if it was free, None if its holder will see to it."""
    row = tx.row(_SQL["wake"], lease=lease_id, term=term, chunk=chunk.key)
    return Lease(lease_id, row["wanted"], row["listeners"], chunk) if row and row["held"] else None


def let_go(tx: Transaction, lease: Lease) -> bool:
    """Let go if nobody wanted a push since; False: look again."""
    return tx.execute(_SQL["let_go"], lease=lease.id, wanted=lease.wanted, chunk=lease.chunk.key) == 1


def go_on(tx: Transaction, lease: Lease, term: timedelta) -> Lease | None:
    """Keep the lease for another round; None: it ran out and somebody else has it."""
    row = tx.row(_SQL["go_on"], lease=lease.id, term=term, chunk=lease.chunk.key)
    return None if row is None else Lease(lease.id, row["wanted"], row["listeners"], lease.chunk)


def hand_over(tx: Transaction, lease: Lease) -> None:
    """Let go although more may be wanted: the caller has queued the rest, or is about to."""
    tx.execute(_SQL["hand_over"], lease=lease.id, chunk=lease.chunk.key)


def chunks(tx: Transaction, size: int) -> list[Chunk]:
    """The audience in chunks of `size`; together they hold every connection there is or will be."""
    ends = [row["id"] for row in tx.rows(_SQL["chunk_ends"], size=size)]
    return [Chunk(after, up_to) for after, up_to in zip(["", *ends], [*ends, None], strict=True)]
