"""One-time tickets for the socket. The one rule: only their hashes are stored, and using one deletes it."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from .database import Row, Transaction
from .queries import queries

_SQL = queries("tickets")


def insert_ticket(
    tx: Transaction, ticket_hash: bytes, user_id: UUID, term: timedelta, session_until: datetime | None
) -> None:
    """Store a ticket of this person, good for `term` from now; what it opens ends by `session_until`."""
    tx.execute(_SQL["insert_ticket"], hash=ticket_hash, user_id=user_id, term=term, session_until=session_until)


def consume_ticket(tx: Transaction, ticket_hash: bytes) -> Row | None:
    """Use a ticket up; answer the person (`id`, `name`, `role`, `rights_version`) and `session_until`, or None if it is
    no good.
    """
    return tx.row(_SQL["consume_ticket"], hash=ticket_hash)
