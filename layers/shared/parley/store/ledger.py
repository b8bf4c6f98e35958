"""The ledger: every webhook answered 200, and how it ended."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

from parley.domain.webhook import APP_WIDE, Webhook

from .database import Row, Transaction, jsonb
from .ids import new_id
from .queries import queries

_SQL = queries("ledger")

LONGEST_REASON: Final = 500
"""What the index of reasons holds."""
LedgerState = Literal["processed", "ignored", "rejected", "parked"]


@dataclass(frozen=True, slots=True)
class Entry:
    """How one webhook ended. `body` as it may be kept (None: behind the pointer); `reason` is told for all but
    `processed`. `believed`: its signature was right, or nobody needs it to be.
    """

    webhook: Webhook
    body: bytes | None
    state: LedgerState
    reason: str | None = None
    message_ids: tuple[UUID, ...] = ()
    contact_ids: tuple[UUID, ...] = ()
    believed: bool = False


def record(tx: Transaction, entries: Sequence[Entry]) -> None:
    """Write the rows of the transaction's tenant. The same body twice among them is two repetitions of one row."""
    for distinct in _rounds(entries):
        tx.execute(_SQL["record"], entries=jsonb([_row(entry) for entry in distinct]))


def record_dead(tx: Transaction, entry: Entry) -> None:
    """Write the row of a webhook that died before it was processed; one that has a row keeps it as it is."""
    tx.execute(_SQL["record_dead"], entries=jsonb([_row(entry)]))


def record_stray(tx: Transaction, webhook: Webhook, reason: str) -> None:
    """Keep a webhook that names no tenant, for the operator. Repeating it with the same correlation id is harmless."""
    tx.execute(
        _SQL["record_stray"],
        id=webhook.correlation_id,
        provider=webhook.provider,
        integration_id="app" if webhook.is_app_wide else str(webhook.integration_id),
        hash=webhook.body_hash,
        headers=jsonb({_storable(name): _storable(value) for name, value in webhook.headers.items()}),
        body=None if webhook.pointer else webhook.body,
        pointer=webhook.pointer,
        reason=_storable(reason)[:LONGEST_REASON],
        correlation_id=webhook.correlation_id,
        received_at=webhook.received_at,
        generation=webhook.generation,
    )


def returned_strays(tx: Transaction, at_most: int) -> list[Webhook]:
    """Strays that the operator gave back, as they came. Of what came by the URL of a whole app the door had checked the
    signature; it is a part by now, so that nobody could check it again.
    """
    return [_stray(row) for row in tx.rows(_SQL["returned_strays"], at_most=at_most)]


def forget_stray(tx: Transaction, correlation_id: UUID) -> None:
    """Drop a stray that the queue has, unless it became one again."""
    tx.execute(_SQL["forget_stray"], id=correlation_id)


def _stray(row: Row) -> Webhook:
    app_wide = row["integration_id"] == "app"
    return Webhook(
        provider=row["provider"],
        integration_id=APP_WIDE if app_wide else UUID(row["integration_id"]),
        generation=row["generation"],
        received_at=row["received_at"],
        correlation_id=row["correlation_id"],
        headers=row["headers"],
        body=None if row["pointer"] else bytes(row["body"] or b""),
        pointer=row["pointer"],
        believed_as=bytes(row["body_hash"]) if app_wide else None,
    )


def _rounds(entries: Iterable[Entry]) -> list[list[Entry]]:
    """Split so that no statement meets one row twice, which Postgres refuses in an upsert."""
    rounds: list[list[Entry]] = []
    seen: dict[tuple[object, ...], int] = {}
    for entry in entries:
        key = (entry.webhook.received_at.date(), entry.webhook.integration_id, entry.webhook.body_hash)
        at = seen.get(key, 0)
        seen[key] = at + 1
        if at == len(rounds):
            rounds.append([])
        rounds[at].append(entry)
    return rounds


def _row(entry: Entry) -> dict[str, Any]:
    webhook = entry.webhook
    return {
        "id": new_id(),
        "integration_id": webhook.integration_id,
        "provider": webhook.provider,
        "hash": webhook.body_hash.hex(),
        "headers": {_storable(name): _storable(value) for name, value in webhook.headers.items()},
        "body": b64encode(entry.body).decode() if entry.body is not None else None,
        "pointer": webhook.pointer,
        "state": entry.state,
        "reason": None if entry.reason is None else _storable(entry.reason)[:LONGEST_REASON],
        "message_ids": [str(id_) for id_ in entry.message_ids],
        "contact_ids": [str(id_) for id_ in entry.contact_ids],
        "correlation_id": webhook.correlation_id,
        "received_at": webhook.received_at,
        "generation": webhook.generation,
        "believed": entry.believed or webhook.is_believed,
    }


def _storable(text: str) -> str:
    """Less what Postgres takes in no text."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
