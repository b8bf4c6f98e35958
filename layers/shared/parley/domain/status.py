"""The status lattice of an outgoing message. The one rule: evidence only ever moves a status up this order.

`failed` stands above `sent` (a gateway accepts first and refuses later) and below `delivered` (delivery is proof that
it did not fail); `unknown` stands below everything that is evidence. The same order is `status_rank` in the database.
"""

from __future__ import annotations

from typing import Literal, get_args

Status = Literal[
    "received", "scheduled", "queued", "sending", "sent", "delivered", "read", "played", "failed", "unknown"
]
ReceiptStatus = Literal["sent", "failed", "delivered", "read", "played"]

RANK: dict[str, int] = {
    "scheduled": 0,
    "queued": 1,
    "sending": 2,
    "unknown": 3,
    "sent": 4,
    "failed": 5,
    "delivered": 6,
    "read": 7,
    "played": 8,
}

RECEIPT_STATUSES: frozenset[str] = frozenset(get_args(ReceiptStatus))


def join(current: str, evidence: str) -> str:
    """The status that both together prove."""
    return evidence if RANK[evidence] > RANK[current] else current
