"""The ledger: every webhook answered 200, and how it ended."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from parley.domain.webhook import Webhook

from .database import Transaction, jsonb
from .ids import new_id
from .queries import queries

_SQL = queries("ledger")

LedgerState = Literal["processed", "ignored", "rejected", "parked"]


@dataclass(frozen=True, slots=True)
class Entry:
    """How one webhook ended. `body` as it may be kept (None: behind the pointer); `reason` is told for all but
    `processed`.
    """

    webhook: Webhook
    body: bytes | None
    state: LedgerState
    reason: str | None = None
    message_ids: tuple[UUID, ...] = ()
    contact_ids: tuple[UUID, ...] = ()


def record(tx: Transaction, entries: Sequence[Entry]) -> None:
    """Write the rows of the transaction's tenant. The same body twice among them is two repetitions of one row."""
    for distinct in _rounds(entries):
        tx.execute(_SQL["record"], entries=jsonb([_row(entry) for entry in distinct]))


def record_stray(tx: Transaction, webhook: Webhook, reason: str) -> None:
    """Keep a webhook that names no tenant, for the operator. Repeating it with the same correlation id is harmless."""
    tx.execute(
        _SQL["record_stray"],
        id=webhook.correlation_id,
        provider=webhook.provider,
        integration_id="app" if webhook.is_app_wide else str(webhook.integration_id),
        hash=webhook.body_hash,
        headers=jsonb(dict(webhook.headers)),
        body=None if webhook.pointer else webhook.body,
        pointer=webhook.pointer,
        reason=reason,
        correlation_id=webhook.correlation_id,
        received_at=webhook.received_at,
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
        "headers": dict(webhook.headers),
        "body": b64encode(entry.body).decode() if entry.body is not None else None,
        "pointer": webhook.pointer,
        "state": entry.state,
        "reason": entry.reason,
        "message_ids": [str(id_) for id_ in entry.message_ids],
        "contact_ids": [str(id_) for id_ in entry.contact_ids],
        "correlation_id": webhook.correlation_id,
        "received_at": webhook.received_at,
    }
