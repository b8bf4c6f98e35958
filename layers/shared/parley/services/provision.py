"""Set a company up: a tenant, its people, its accounts on the gateways, its keys."""

from __future__ import annotations

import hashlib
import secrets
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from parley.cloud.ports import Sealer
from parley.store.database import Database
from parley.store.ids import new_id
from parley.store.provisioning import insert_api_key, insert_integration, insert_tenant, insert_user, put_on_app


@dataclass(frozen=True, slots=True)
class NewIntegration:
    """An account to connect; `credentials` and `settings` as its adapter names them. `app_business`: the operator's
    word that it is in their own app, under this business account.
    """

    provider: str
    channel: str
    name: str
    account_id: str
    phone: str | None
    credentials: Mapping[str, str]
    settings: Mapping[str, str] = field(default_factory=dict)
    app_business: str | None = None


def create_tenant(database: Database, name: str) -> UUID:
    """Create a company; answer its id."""
    tenant_id = new_id()
    with database.transaction(tenant_id) as tx:
        insert_tenant(tx, name, epoch=secrets.token_hex(4))
    return tenant_id


def create_user(
    database: Database, tenant_id: UUID, *, issuer: str, subject: str, name: str, role: str, email: str | None = None
) -> UUID:
    """Create a person of a tenant; answer the id."""
    user_id = new_id()
    with database.transaction(tenant_id) as tx:
        insert_user(tx, user_id, issuer=issuer, subject=subject, name=name, role=role, email=email)
    return user_id


def connect_integration(database: Database, sealer: Sealer, tenant_id: UUID, new: NewIntegration) -> UUID:
    """Connect an account; answer its id. Raises DataRefused (`integrations_account`) if it is connected already."""
    integration_id = new_id()
    sealed = sealer.seal(new.credentials, tenant_id=tenant_id, integration_id=integration_id, purpose="provider")
    with database.transaction(tenant_id) as tx:
        insert_integration(
            tx,
            integration_id,
            provider=new.provider,
            channel=new.channel,
            name=new.name,
            account_id=new.account_id,
            phone=new.phone,
            credentials=sealed,
            settings=new.settings,
        )
        if new.app_business is not None:
            put_on_app(tx, integration_id, new.app_business)
    return integration_id


def create_api_key(
    database: Database, tenant_id: UUID, *, name: str, scopes: Sequence[str], expires_at: datetime | None = None
) -> str:
    """Create an API key and answer it, for the only time: `pk_<tenant and key id>_<secret>_<crc>`, all hexadecimal."""
    key_id = new_id()
    secret = secrets.token_hex(32)
    with database.transaction(tenant_id) as tx:
        insert_api_key(
            tx,
            key_id,
            name=name,
            secret_hash=hashlib.sha256(secret.encode()).digest(),
            scopes=scopes,
            expires_at=expires_at,
        )
    body = f"pk_{tenant_id.hex}{key_id.hex}_{secret}"
    return f"{body}_{zlib.crc32(body.encode()):08x}"
