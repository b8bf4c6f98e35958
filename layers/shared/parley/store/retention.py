"""What is kept for a time only, dropped by partitions and deleted in batches, the oldest first."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from .database import Row, Transaction
from .queries import queries

_SQL = queries("retention")


@dataclass(frozen=True, slots=True)
class Terms:
    """For how many days something is kept where a tenant has not chosen."""

    events: int = 30
    ledger: int = 30
    attempts: int = 90


def drop_expired_partitions(tx: Transaction, usual: Terms, at_most: int) -> int:
    """Drop partitions that are past every tenant's term; answer how many."""
    return int(tx.value(_SQL["drop_expired_partitions"], ledger=usual.ledger, attempts=usual.attempts, at_most=at_most))


def find_expired(tx: Transaction, usual: Terms, at_most: int) -> list[Row]:
    """Tenants (tenant_id, what, days) with something past their own term; `what`: events, ledger or attempts."""
    return tx.rows(_SQL["find_expired"], **asdict(usual), at_most=at_most)


def delete_events(tx: Transaction, days: int, at_most: int) -> int:
    """Delete the lowest numbered events that are older; answer how many."""
    return tx.execute(_SQL["delete_events"], days=days, at_most=at_most)


def delete_ledger(tx: Transaction, days: int, at_most: int) -> list[str | None]:
    """Delete the oldest rows of the ledger that are older; answer where the body of each is, None: in the row."""
    return [row["pointer"] for row in tx.rows(_SQL["delete_ledger"], days=days, at_most=at_most)]


def delete_attempts(tx: Transaction, days: int, at_most: int) -> int:
    """Delete the oldest attempts that are older; answer how many."""
    return tx.execute(_SQL["delete_attempts"], days=days, at_most=at_most)
