"""Who pushes a tenant's events. The one rule: the holder lets go only under the condition that it saw the last wake-up,
checked and done in one statement.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from .database import Transaction
from .queries import queries

_SQL = queries("push_leases")


@dataclass(frozen=True, slots=True)
class Lease:
    """A tenant's lease as its holder knows it: `wanted` counts the wake-ups it has seen, `listeners` the connections
    there were to push to.
    """

    id: UUID
    wanted: int
    listeners: int


def wake(tx: Transaction, lease_id: UUID, term: timedelta) -> Lease | None:
    """Ask for a push; answer the lease if it was free, None if its holder will see to it."""
    row = tx.row(_SQL["wake"], lease=lease_id, term=term)
    return Lease(lease_id, row["wanted"], row["listeners"]) if row and row["held"] else None


def let_go(tx: Transaction, lease: Lease) -> bool:
    """Let go if nobody wanted a push since; False: look again."""
    return tx.execute(_SQL["let_go"], lease=lease.id, wanted=lease.wanted) == 1


def go_on(tx: Transaction, lease: Lease, term: timedelta) -> Lease | None:
    """Keep the lease for another round; None: it ran out and somebody else has it."""
    row = tx.row(_SQL["go_on"], lease=lease.id, term=term)
    return None if row is None else Lease(lease.id, row["wanted"], row["listeners"])


def hand_over(tx: Transaction, lease: Lease) -> None:
    """Let go although more may be wanted: the caller has queued the rest, or is about to."""
    tx.execute(_SQL["hand_over"], lease=lease.id)
