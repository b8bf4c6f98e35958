"""Rows that set a company up: tenants, users, integrations, API keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from .database import Transaction, jsonb
from .queries import queries

_SQL = queries("provisioning")


def insert_tenant(tx: Transaction, name: str, epoch: str) -> None:
    """Insert the transaction's tenant and its event stream."""
    tx.execute(_SQL["insert_tenant"], name=name, epoch=epoch)


def insert_user(
    tx: Transaction, user_id: UUID, *, issuer: str, subject: str, name: str, role: str, email: str | None = None
) -> None:
    """Insert a person. Raises DataRefused with constraint `users_subject` if the subject is taken."""
    tx.execute(_SQL["insert_user"], id=user_id, issuer=issuer, subject=subject, name=name, email=email, role=role)


def insert_integration(
    tx: Transaction,
    integration_id: UUID,
    *,
    provider: str,
    channel: str,
    name: str,
    account_id: str,
    phone: str | None,
    credentials: bytes,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Insert a connected account. Raises DataRefused with constraint `integrations_account` if it is connected."""
    tx.execute(
        _SQL["insert_integration"],
        id=integration_id,
        provider=provider,
        channel=channel,
        name=name,
        account_id=account_id,
        phone=phone,
        settings=jsonb(dict(settings or {})),
        credentials=credentials,
    )


def put_on_app(tx: Transaction, integration_id: UUID, business_id: str) -> None:
    """Note that an account is in the operator's own app, under this business account."""
    tx.execute(_SQL["put_on_app"], id=integration_id, business_id=business_id)


def set_integration_settings(tx: Transaction, integration_id: UUID, settings: Mapping[str, Any]) -> None:
    """Replace an account's settings."""
    tx.execute(_SQL["set_integration_settings"], id=integration_id, settings=jsonb(dict(settings)))


def insert_api_key(
    tx: Transaction, key_id: UUID, *, name: str, secret_hash: bytes, scopes: Sequence[str], expires_at: datetime | None
) -> None:
    """Insert an API key by its hash."""
    tx.execute(
        _SQL["insert_api_key"],
        id=key_id,
        name=name,
        secret_hash=secret_hash,
        scopes=list(scopes),
        expires_at=expires_at,
    )
