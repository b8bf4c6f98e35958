"""The demo data of the local stack: two companies with people, keys and numbers. The one rule: all comes from names and
the deployment's key, so that a second start finds what the first one made.
"""

from __future__ import annotations

import hashlib
import hmac
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import jwt

from local.simulator.integrations import SimulatedIntegration
from parley.cloud.sealing import Sealer
from parley.domain.errors import DataRefused
from parley.domain.tokens import DeploymentKeys
from parley.providers.registry import adapter, app_of
from parley.store import provisioning
from parley.store.database import Database, Transaction
from parley.wiring import CREDENTIALS_PURPOSE

ISSUER = "parley-local"
AUDIENCE = "parley"
TOKEN_SECONDS = 24 * 3600
SCOPES = (
    "conversations:read",
    "conversations:write",
    "messages:read",
    "messages:write",
    "contacts:read",
    "contacts:write",
    "events:read",
    "media",
)
COMPANIES: Mapping[str, Mapping[str, Any]] = {
    "Demo": {
        "people": (("Ana", "agent"), ("Bruno", "agent"), ("Clara", "admin")),
        "numbers": (
            ("meta", "123456789", "+5511900000001", "Demo Store"),
            ("evolution", "demo-store", "+5511900000002", "Demo Store, Evolution"),
            ("zapi", "3D0E5A7C9B1F4E2A8C6D", "+5511900000003", "Demo Store, Z-API"),
            ("wuzapi", "a1b2c3d4e5f60718", "+5511900000004", "Demo Store, WuzAPI"),
            ("telegram", "7012345678", "@parley_demo_bot", "Demo Store, Telegram"),
        ),
    },
    "Other": {
        "people": (("Davi", "agent"), ("Elisa", "agent"), ("Fabio", "admin")),
        "numbers": (("meta", "987654321", "+5521900000002", "Other Company"),),
    },
}


@dataclass(frozen=True, slots=True)
class Gateway:
    """What a gateway's account is made of here. `secret`: the credential its webhooks prove themselves with; `access`:
    the one sends do, `shape` how that is written; `more`: others. `path`: of its simulator, where an integration's
    settings say where its gateway is.
    """

    secret: str
    access: str
    more: tuple[str, ...] = ()
    path: str | None = None
    shape: str = "{secret}"


GATEWAYS: Mapping[str, Gateway] = {
    "meta": Gateway("app_secret", "access_token"),
    "evolution": Gateway("jwt_key", "api_key", path="/simulator/evolution"),
    "zapi": Gateway("z_api_token", "instance_token", ("client_token",), path="/simulator/zapi"),
    "wuzapi": Gateway("hmac_key", "token", path="/simulator/wuzapi"),
    "telegram": Gateway("secret_token", "bot_token", path="/simulator/telegram", shape="{account}:{secret}"),
}


@dataclass(frozen=True, slots=True)
class DemoConnection:
    """Where the demo goes. `deployment_secret`: the parsed deployment secret, with `jwt_hs256`; its
    `meta_app_secret` signs what comes by the app's own URL.
    """

    migration_url: str
    app_url: str
    base_url: str
    deployment_secret: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Demo:
    """`tenants`: as .local/demo.json shows them. `integrations`: as the simulator plays them. `meta_app`: the URL that
    all of Meta's numbers share, with its verify token and secret.
    """

    tenants: list[dict[str, object]]
    integrations: list[SimulatedIntegration]
    meta_app: dict[str, str]


def load_demo(connection: DemoConnection) -> Demo:
    """Make what is missing of the demo; answer all of it, with tokens good for a day."""
    loader = _Loader(connection)
    try:
        tenants = [loader.company(name) for name in COMPANIES]
    finally:
        loader.database.close()
    meta_app = {
        "webhookUrl": f"{connection.base_url}/webhooks/meta/app/{loader.keys.url_token('app', 1)}",
        "verifyToken": loader.keys.verify_token("app"),
        "secret": connection.deployment_secret.get("meta_app_secret", ""),
    }
    return Demo(tenants, loader.integrations, meta_app)


class _Loader:
    def __init__(self, connection: DemoConnection) -> None:
        self.connection = connection
        self.database = Database(connection.app_url)
        self.integrations: list[SimulatedIntegration] = []
        self.keys = DeploymentKeys.from_secret(connection.deployment_secret)
        self.sealer = Sealer(self.keys.derive_all(CREDENTIALS_PURPOSE), self.keys.current)

    def company(self, name: str) -> dict[str, object]:
        tenant_id = _id(f"tenant:{name}")
        self._once(tenant_id, lambda tx: provisioning.insert_tenant(tx, name, epoch=tenant_id.hex[-8:]))
        company = COMPANIES[name]
        return {
            "id": str(tenant_id),
            "name": name,
            "users": [self._person(tenant_id, person, role) for person, role in company["people"]],
            "apiKey": self._api_key(tenant_id, name),
            "integrations": [self._number(tenant_id, name, *number) for number in company["numbers"]],
        }

    def _once(self, tenant_id: UUID, insert: Callable[[Transaction], None]) -> None:
        """Insert what may be there from an earlier start."""
        try:
            with self.database.transaction(tenant_id) as tx:
                insert(tx)
        except DataRefused as error:
            if not (error.constraint or "").endswith("_pkey"):
                raise

    def _person(self, tenant_id: UUID, name: str, role: str) -> dict[str, object]:
        user_id = _id(f"user:{tenant_id}:{name}")
        subject = str(user_id)
        self._once(
            tenant_id,
            lambda tx: provisioning.insert_user(tx, user_id, issuer=ISSUER, subject=subject, name=name, role=role),
        )
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "tenant_id": str(tenant_id), "iat": now}
        secret = self.connection.deployment_secret["jwt_hs256"]
        token = jwt.encode({**claims, "exp": now + TOKEN_SECONDS}, secret, algorithm="HS256")
        return {"id": str(user_id), "name": name, "role": role, "token": token}

    def _api_key(self, tenant_id: UUID, name: str) -> str:
        key_id = _id(f"api-key:{tenant_id}")
        secret = self._secret(f"api-key:{name}")
        hashed = hashlib.sha256(secret.encode()).digest()
        self._once(
            tenant_id,
            lambda tx: provisioning.insert_api_key(
                tx, key_id, name="Demo key", secret_hash=hashed, scopes=SCOPES, expires_at=None
            ),
        )
        body = f"pk_{tenant_id.hex}{key_id.hex}_{secret}"
        return f"{body}_{zlib.crc32(body.encode()):08x}"

    def _number(
        self, tenant_id: UUID, tenant: str, provider: str, account_id: str, phone: str, name: str
    ) -> dict[str, object]:
        integration_id = _id(f"integration:{tenant_id}:{account_id}")
        gateway = GATEWAYS[provider]
        names = (gateway.secret, gateway.access, *gateway.more)
        credentials = {name: self._secret(f"{name.partition('_')[0]}:{account_id}") for name in names}
        credentials[gateway.access] = gateway.shape.format(account=account_id, secret=credentials[gateway.access])
        settings = {"baseUrl": self.connection.base_url + gateway.path} if gateway.path else {}
        sealed = self.sealer.seal(credentials, tenant_id, integration_id, "provider")
        self._once(
            tenant_id,
            lambda tx: provisioning.insert_integration(
                tx,
                integration_id,
                provider=provider,
                channel=adapter(provider).channel,
                name=name,
                account_id=account_id,
                phone=phone if phone.startswith("+") else None,
                credentials=sealed,
                settings=settings,
            ),
        )
        with self.database.transaction(tenant_id) as tx:
            # The port may be another one than at the last start.
            provisioning.set_integration_settings(tx, integration_id, settings)
            if app_of(provider) is not None:
                provisioning.put_on_app(tx, integration_id, account_id)
        token = self.keys.url_token(str(integration_id), 1)
        webhook_url = f"{self.connection.base_url}/webhooks/{provider}/{integration_id}/{token}"
        self.integrations.append(
            SimulatedIntegration(
                id=str(integration_id),
                tenant_name=tenant,
                provider=provider,
                account_id=account_id,
                phone=phone,
                webhook_url=webhook_url,
                secret=credentials[gateway.secret],
                access_token=credentials[gateway.access],
                name=name,
                credentials=credentials,
            )
        )
        return {
            "id": str(integration_id),
            "provider": provider,
            "webhookUrl": webhook_url,
            "verifyToken": self.keys.verify_token(str(integration_id)),
            "secret": credentials[gateway.secret],
            "accountId": account_id,
            "phone": phone,
        }

    def _secret(self, name: str) -> str:
        return hmac.new(self.keys.derive("demo"), name.encode(), hashlib.sha256).hexdigest()


def _id(name: str) -> UUID:
    """A UUIDv7 of the first of January 2026 whose random part is the name's: the same at every start."""
    milliseconds = 1_767_225_600_000
    value = (milliseconds << 80) | int.from_bytes(hashlib.sha256(name.encode()).digest()[:10], "big")
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    return UUID(int=(value & ~(0x3 << 62)) | (0x2 << 62))
