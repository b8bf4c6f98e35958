"""What gateways tell of accounts and people without a message."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from .database import Row, Transaction, jsonb
from .queries import queries
from .receiving import AliasKey

_SQL = queries("accounts")


def set_state(
    tx: Transaction,
    integration_id: UUID,
    state: str,
    reason: str | None,
    received_at: datetime,
    code: str | None = None,
) -> dict[str, Any] | None:
    """Set an account's state if this telling is the latest; answer the account as events show it, None if nothing
    changed. `code`: why, in Parley's own word, where it is known.
    """
    told = {"state": state, "reason": reason, "code": code, "received_at": received_at}
    row = tx.row(_SQL["set_state"], id=integration_id, **told)
    return None if row is None else _shown(row)


def add_notice(
    tx: Transaction,
    integration_id: UUID,
    correlation_id: UUID,
    kind: str,
    detail: Mapping[str, Any],
    received_at: datetime,
) -> dict[str, Any] | None:
    """Keep a notice; answer the account as events show it, None if this webhook's notice is known."""
    row = tx.row(
        _SQL["add_notice"],
        id=integration_id,
        # The same notice of the same webhook, however often it comes; a webhook may tell several, of several accounts.
        notice_id=uuid5(correlation_id, f"{integration_id}:{kind}:{json.dumps(detail, sort_keys=True)}"),
        kind=kind,
        detail=jsonb(dict(detail)),
        received_at=received_at,
    )
    return None if row is None else _shown(row)


def freshen_contact(
    tx: Transaction, addresses: Iterable[AliasKey], name: str | None, avatar_url: str | None, told_at: datetime
) -> list[UUID]:
    """Set a contact's name and picture where this telling is the latest; answer the contacts that changed."""
    changed: list[UUID] = []
    for scope, kind, value in addresses:
        rows = tx.rows(
            _SQL["freshen_contact"],
            scope=scope,
            kind=kind,
            value=value,
            name=name,
            avatar_url=avatar_url,
            told_at=told_at,
        )
        changed += [row["id"] for row in rows if row["id"] not in changed]
    return changed


def rename_group(tx: Transaction, group: tuple[UUID, str], name: str, told_at: datetime) -> list[UUID]:
    """Set a group's name where this telling is the latest; answer the conversations that show another name now."""
    rows = tx.rows(_SQL["rename_group"], integration_id=group[0], address=group[1], name=name, told_at=told_at)
    return [row["id"] for row in rows]


def _shown(row: Row) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "provider": row["provider"],
        "channel": row["channel"],
        "name": row["name"],
        "accountId": row["account_id"],
        "state": row["state"],
        "reason": row["state_reason"],
    }
