"""A tenant with one Meta number, and its customers' webhooks. The one rule: every webhook is new and rightly signed."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID, uuid4

import httpx

from parley.cloud.s3 import Bucket
from parley.cloud.sealing import Sealer
from parley.domain.events import TENANT_TOPIC
from parley.domain.principal import Principal
from parley.domain.tokens import DeploymentKeys
from parley.domain.webhook import Webhook
from parley.providers.registry import build
from parley.services.process import Processor
from parley.services.provision import NewIntegration, connect_integration, create_api_key, create_tenant, create_user
from parley.store import connections
from parley.store.database import Database
from parley.store.event_log import number_events, read_stream
from parley.wiring import CREDENTIALS_PURPOSE

APP_SECRET = "bench-app-secret"
ISSUER = "bench"
SCOPES = ("conversations:read", "conversations:write", "messages:read", "messages:write", "events:read")
_NUMBERS = count(1)


@dataclass(frozen=True, slots=True)
class Line:
    """What another process needs to know of a company: its ids, its account, the deployment's secret."""

    tenant_id: UUID
    integration_id: UUID
    account: str
    secret: Mapping[str, str]


class Company:
    """One tenant."""

    def __init__(self, database: Database, line: Line) -> None:
        self.database = database
        self.line = line
        self.id, self.integration_id, self.account = line.tenant_id, line.integration_id, line.account
        self.keys = DeploymentKeys.from_secret(line.secret)
        self.sealer = _sealer(self.keys)

    @classmethod
    def create(cls, database: Database, secret: Mapping[str, str], name: str) -> Company:
        """Found a company."""
        tenant_id = create_tenant(database, name)
        new = _number(name)
        sealer = _sealer(DeploymentKeys.from_secret(secret))
        integration_id = connect_integration(database, sealer, tenant_id, new)
        return cls(database, Line(tenant_id, integration_id, new.account_id, secret))

    def another_line(self) -> UUID:
        """Connect one more number."""
        return connect_integration(self.database, self.sealer, self.id, _number("another"))

    def agent(self) -> Principal:
        """Hire an agent."""
        subject = str(uuid4())
        user_id = create_user(self.database, self.id, issuer=ISSUER, subject=subject, name="Ana", role="agent")
        return Principal(self.id, "user", user_id, "Ana", "agent")

    def listen(self, agent: Principal, many: int) -> list[str]:
        """Open connections of an agent that listen to the whole tenant from now on, and nobody else's."""
        number_events(self.database, self.id)
        ids = [f"bench-{uuid4().hex[:12]}" for _ in range(many)]
        with self.database.transaction(self.id) as tx:
            tx.execute("delete from connections where tenant_id = %(tenant_id)s")
            head = read_stream(tx).last
            for id_ in ids:
                connections.admit(tx, id_, agent, timedelta(hours=1), many)
                connections.activate(tx, id_, head, [TENANT_TOPIC], None, visible=True)
        return ids

    def api_key(self) -> str:
        """Make a key that may everything the rows do."""
        return create_api_key(self.database, self.id, name="bench", scopes=SCOPES)

    def processor(self) -> Processor:
        """The processor with the real adapter."""
        http = httpx.Client(trust_env=False)
        providers = build(http, meta_api_url="http://127.0.0.1:9", meta_api_version="v26.0")
        return Processor(self.database, Bucket("nobody-asks-for-it"), providers, lambda: self.sealer)

    def webhook(self, customer: int, text: str = "Is the blue one still there?") -> Webhook:
        """A new text message of a customer, as the queue carries it."""
        return self.queued(text_body(self.account, customer, text))

    def queued(self, body: bytes) -> Webhook:
        """A body as the queue carries it."""
        headers = {"content-type": "application/json", "x-hub-signature-256": sign(body, APP_SECRET)}
        return Webhook("meta", self.integration_id, 1, datetime.now(UTC), uuid4(), headers, body)

    def batches(self, many: int, customers: int, size: int = 10) -> list[list[str]]:
        """Queue messages in batches, their customers in turn."""
        whose = count()
        return [[self.webhook(next(whose) % customers).encode() for _ in range(size)] for _ in range(many)]


def _number(name: str) -> NewIntegration:
    credentials = {"app_secret": APP_SECRET, "access_token": "bench-access-token"}
    account = f"9{next(_NUMBERS):011d}"
    return NewIntegration("meta", "whatsapp", name, account, f"+551190{next(_NUMBERS):07d}", credentials)


def _sealer(keys: DeploymentKeys) -> Sealer:
    return Sealer(keys.derive_all(CREDENTIALS_PURPOSE), keys.current)


def text_body(account: str, customer: int, text: str, message_id: str | None = None) -> bytes:
    """The body of a text message as Meta posts it."""
    phone = f"55119{customer:08d}"
    message = {
        "from": phone,
        "id": message_id or f"wamid.{uuid4().hex}",
        "timestamp": str(int(datetime.now(UTC).timestamp())),
        "text": {"body": text},
        "type": "text",
    }
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "5511900000001", "phone_number_id": account},
        "contacts": [{"profile": {"name": f"Customer {customer}"}, "wa_id": phone}],
        "messages": [message],
    }
    entry = {"id": "102290129340398", "changes": [{"value": value, "field": "messages"}]}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()


def sign(body: bytes, secret: str) -> str:
    """Meta's signature over a body."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"
