"""What the integration tests share: Meta's webhooks made by hand, and the use cases wired to a fresh database."""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from parley.cloud.ports import Bucket
from parley.cloud.sealing import Sealer
from parley.domain.errors import NotFound, TooLarge, Unavailable
from parley.domain.identity import Address
from parley.domain.outgoing import Accepted, Draft, Outcome, Target, Upload
from parley.domain.principal import Principal
from parley.domain.webhook import Webhook
from parley.providers.base import Account, Capabilities, Checkup, Download, Provider
from parley.providers.meta import Meta
from parley.services.deliver import Deliverer
from parley.services.process import Processor
from parley.services.send import SendRequest, SendResult, resend_message, send_message
from parley.store.database import Database
from parley.store.views import load_messages

if TYPE_CHECKING:
    from tests.integration.erasing_company import Company

ACCOUNT = "123456789"
APP_SECRET = "app-secret"
START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


def meta_body(
    *,
    messages: Sequence[Mapping[str, Any]] = (),
    statuses: Sequence[Mapping[str, Any]] = (),
    names: Mapping[str, str] | None = None,
    account: str = ACCOUNT,
) -> bytes:
    """A body as Meta posts it, around these messages and statuses."""
    value: dict[str, Any] = {"messaging_product": "whatsapp", "metadata": {"phone_number_id": account}}
    if names:
        value["contacts"] = [{"profile": {"name": name}, "wa_id": wa_id} for wa_id, name in names.items()]
    if messages:
        value["messages"] = list(messages)
    if statuses:
        value["statuses"] = list(statuses)
    change = {"field": "messages", "value": value}
    return json.dumps({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]}).encode()


def text_message(id_: str, from_: str, text: str, at: int = 0) -> dict[str, Any]:
    """A text message as Meta writes it, `at` seconds after the start."""
    seconds = int((START + timedelta(seconds=at)).timestamp())
    return {"from": from_, "id": id_, "timestamp": str(seconds), "type": "text", "text": {"body": text}}


def status(id_: str, name: str, at: int = 0, **more: Any) -> dict[str, Any]:
    """A status as Meta writes it."""
    seconds = int((START + timedelta(seconds=at)).timestamp())
    return {"id": id_, "status": name, "timestamp": str(seconds), "recipient_id": "5511987654321", **more}


class MemoryQueue:
    """A queue that keeps what it got; `away` makes it fail."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, int]] = []
        self.away = False

    def send(self, body: str, group_id: str, delay_seconds: int = 0) -> None:
        if self.away:
            raise Unavailable
        self.sent.append((body, group_id, delay_seconds))

    def change_visibility(self, receipt: str, seconds: int) -> None:
        raise AssertionError("nobody should ask")


class MemoryBucket:
    """A bucket in memory."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        self.objects[key] = data

    def get(self, key: str, limit: int) -> bytes:
        if key not in self.objects:
            raise NotFound
        if len(self.objects[key]) > limit:
            raise TooLarge
        return self.objects[key]

    def delete(self, key: str) -> None:
        self.objects.pop(key, None)

    def list_prefix(self, prefix: str, limit: int = 1000) -> list[str]:
        return sorted(key for key in self.objects if key.startswith(prefix))[:limit]


EVERYTHING = Capabilities(
    kinds=frozenset(
        {
            "text", "image", "audio", "video", "document", "sticker", "location", "contacts", "template", "interactive"
        }
    ),
    interactive=frozenset({"buttons", "list"}),
    window=timedelta(hours=24),
    templates=True,
    replies=True,
    reactions=True,
    edit=True,
    delete=True,
    mark_read=True,
    typing=True,
    groups=True,
    media_limits={"image": 1000},
    media_types={"image": frozenset({"image/jpeg", "image/png"})},
)  # fmt: skip


class ScriptedGateway:
    """Meta for what comes in; what goes out ends as the script says, and every send and deed is remembered. `checkup`:
    what the gateway says of the account when asked.
    """

    name = "meta"
    channel = "whatsapp"

    def __init__(self, meta: Provider) -> None:
        self._meta = meta
        self.capabilities = EVERYTHING
        self.sends: list[Draft] = []
        self.script: list[Outcome | Callable[[Draft], Outcome]] = []
        self.deeds: list[tuple[Any, ...]] = []
        self.deed_script: list[Outcome] = []
        self.checkup = Checkup(ok=False, reason="The phone is off.")
        self.checks = 0

    def handshake(self, query: Mapping[str, str], verify_token: str) -> str | None:
        return self._meta.handshake(query, verify_token)

    def verify(self, body: bytes, headers: Mapping[str, str], account: Account, received_at: datetime) -> None:
        self._meta.verify(body, headers, account, received_at)

    def redact(self, body: bytes, headers: Mapping[str, str]) -> bytes:
        return self._meta.redact(body, headers)

    def normalise(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Any]:
        return self._meta.normalise(body, headers)

    def send(self, draft: Draft, account: Account) -> Outcome:
        self.sends.append(draft)
        step = self.script.pop(0) if self.script else Accepted(f"wamid.{draft.reference.hex}")
        return step if not callable(step) else step(draft)

    def react(self, target: Target, to: Address, emoji: str | None, account: Account) -> Outcome:
        return self._deed("react", target, to, emoji)

    def edit(self, target: Target, to: Address, text: str, account: Account) -> Outcome:
        return self._deed("edit", target, to, text)

    def delete(self, target: Target, to: Address, account: Account) -> Outcome:
        return self._deed("delete", target, to)

    def mark_read(self, targets: Sequence[Target], to: Address, account: Account) -> Outcome:
        return self._deed("mark_read", list(targets), to)

    def show_typing(self, to: Address, on: bool, latest: Target | None, account: Account) -> Outcome:
        return self._deed("typing", to, on, latest)

    def fetch_media(self, source: Mapping[str, Any], account: Account) -> AbstractContextManager[Download]:
        return self._meta.fetch_media(source, account)

    def set_up_webhook(self, url: str, account: Account) -> Outcome:
        return self._deed("set_up_webhook", url)

    def check(self, account: Account) -> Checkup:
        self.checks += 1
        return self.checkup

    def _deed(self, *deed: Any) -> Outcome:
        self.deeds.append(deed)
        return self.deed_script.pop(0) if self.deed_script else Accepted("")


class Door:
    """Makes webhooks of bodies, signed, as the inbound queue carries them."""

    def __init__(self, integration_id: uuid.UUID) -> None:
        self.integration_id = integration_id

    def __call__(self, body: bytes, *, secret: str = APP_SECRET, **changes: Any) -> Webhook:
        signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        given: dict[str, Any] = {
            "provider": "meta",
            "integration_id": self.integration_id,
            "generation": 1,
            "received_at": START + timedelta(hours=1),
            "correlation_id": uuid.uuid4(),
            "headers": {"x-hub-signature-256": f"sha256={signature}"},
            "body": body,
        }
        return Webhook(**{**given, **changes})


@pytest.fixture
def gateway() -> Iterator[ScriptedGateway]:
    """The gateway of these tests."""
    with httpx.Client() as http:
        yield ScriptedGateway(Meta(http, api_url="http://127.0.0.1:9", version="v26.0"))


@pytest.fixture
def meta() -> SimpleNamespace:
    """Makes Meta's bodies: `meta.body(messages=[meta.text(…)], statuses=[meta.status(…)])`."""
    return SimpleNamespace(body=meta_body, text=text_message, status=status, start=START, account=ACCOUNT)


@pytest.fixture
def queue() -> MemoryQueue:
    """A queue in memory."""
    return MemoryQueue()


@pytest.fixture
def bucket() -> MemoryBucket:
    """A bucket in memory."""
    return MemoryBucket()


@pytest.fixture
def integration(make_integration: Callable[..., uuid.UUID], tenant: uuid.UUID) -> uuid.UUID:
    """The tenant's number."""
    return make_integration(tenant, account_id=ACCOUNT, secret=APP_SECRET)


@pytest.fixture
def door(integration: uuid.UUID) -> Door:
    """Webhooks to the tenant's number."""
    return Door(integration)


@pytest.fixture
def processor(database: Database, bucket: Bucket, gateway: Provider, sealer: Sealer) -> Processor:
    """Processing, wired."""
    return Processor(database, bucket, {"meta": gateway}, lambda: sealer)


@pytest.fixture
def inbox(database: Database) -> Callable[[uuid.UUID], dict[str, Any]]:
    """The whole inbox of a tenant as comparable data: `inbox(tenant_id)`; our own ids are left out."""

    def read(tenant_id: uuid.UUID) -> dict[str, Any]:
        with database.transaction(tenant_id) as tx:
            conversations = tx.rows(
                """
                select c.status, c.unread_count, c.last_number, c.reply_address, c.window_expires_at,
                  p.name, a.value as phone, m.provider_message_id as last_message,
                  case when m.direction = 'incoming' then c.last_message_at end as last_message_at
                from conversations c
                join contacts p on p.tenant_id = c.tenant_id and p.id = c.contact_id
                join contact_aliases a on a.tenant_id = c.tenant_id and a.contact_id = c.contact_id and a.kind = 'phone'
                left join messages m on m.tenant_id = c.tenant_id and m.id = c.last_message_id
                order by a.value
                """
            )
            messages = tx.rows(
                """
                select a.value as phone, m.provider_message_id, m.direction, m.kind, m.body, m.status, m.error,
                  case when m.direction = 'incoming' then m.occurred_at end as occurred_at
                from messages m
                join conversations c on c.tenant_id = m.tenant_id and c.id = m.conversation_id
                join contact_aliases a on a.tenant_id = c.tenant_id and a.contact_id = c.contact_id and a.kind = 'phone'
                order by a.value, m.occurred_at, m.provider_message_id
                """
            )
            receipts = tx.rows(
                "select provider_message_id, status, occurred_at from receipts order by provider_message_id, status"
            )
        return {"conversations": conversations, "messages": messages, "receipts": receipts}

    return read


def open_nothing(row: Mapping[str, Any]) -> Upload:
    """A file by its row, without anything to read."""
    given = row["mime_type"], row["size"], row["file_name"], row["voice"], f"https://files.test/{row['object_key']}"
    return Upload(*given, read=lambda: nullcontext(iter([b"bytes"])))


class Desk:
    """An agent's desk: one open conversation, and sending in it."""

    def __init__(self, database: Database, gateway: ScriptedGateway, queue: MemoryQueue, sealer: Sealer) -> None:
        self.database = database
        self.gateway = gateway
        self.queue = queue
        self.lease = timedelta(seconds=30)
        self.deliverer = self.new_deliverer(sealer)
        self.agent: Principal
        self.conversation_id: uuid.UUID

    def new_deliverer(self, sealer: Sealer, lease: timedelta = timedelta(seconds=30)) -> Deliverer:
        return Deliverer(
            self.database,
            {"meta": self.gateway},
            lambda: sealer,
            self.queue,
            lambda tenant_id: None,
            lease=lease,
            backoff=timedelta(seconds=2),
            open_upload=open_nothing,
        )

    def send(self, text: str | None = None, key: str | None = None, kind: str = "text", **more: Any) -> SendResult:
        request = SendRequest(kind=kind, text=text, **more)
        return send_message(
            self.database, {"meta": self.gateway}, self.agent, self.conversation_id, request, key, uuid.uuid4()
        )

    def resend(self, message_id: str, key: str | None = None) -> SendResult:
        providers = {"meta": self.gateway}
        return resend_message(self.database, providers, self.agent, uuid.UUID(message_id), key, uuid.uuid4())

    def upload(self, mime_type: str = "image/jpeg", size: int = 900, state: str = "stored") -> uuid.UUID:
        """A file that a browser put into the bucket."""
        id_ = uuid.uuid4()
        key = f"media/{id_}" if state == "stored" else None
        with self.database.transaction(self.agent.tenant_id) as tx:
            tx.execute(
                "insert into attachments (tenant_id, id, kind, state, mime_type, file_name, size, object_key)"
                " values (%(tenant_id)s, %(id)s, 'document', %(state)s, %(type)s, 'cat.jpg', %(size)s, %(key)s)",
                id=id_, state=state, type=mime_type, size=size, key=key,
            )  # fmt: skip
        return id_

    def view(self, message_id: str) -> dict[str, Any]:
        with self.database.transaction(self.agent.tenant_id) as tx:
            return load_messages(tx, [uuid.UUID(message_id)])[uuid.UUID(message_id)]

    def events(self, *types: str) -> list[dict[str, Any]]:
        with self.database.transaction(self.agent.tenant_id) as tx:
            rows = tx.rows("select type, message_id, delta from events order by ordinal")
        return [row for row in rows if row["type"] in types]

    def deliver(self) -> int:
        return self.deliverer.deliver(self.agent.tenant_id, self.conversation_id, may_go_on=lambda: True)

    def outgoing(self) -> list[dict[str, Any]]:
        with self.database.transaction(self.agent.tenant_id) as tx:
            return tx.rows(
                "select body, status, error, provider_message_id, attempts from messages"
                " where direction = 'outgoing' order by number"
            )

    def statuses(self) -> list[str]:
        return [row["status"] for row in self.outgoing()]

    def let_leases_run_out(self) -> None:
        with self.database.transaction(self.agent.tenant_id) as tx:
            tx.execute("update messages set lease_until = now() where status = 'sending'")

    def make_due(self) -> None:
        with self.database.transaction(self.agent.tenant_id) as tx:
            tx.execute("update messages set not_before = now()")


@pytest.fixture
def desk(
    database: Database,
    gateway: ScriptedGateway,
    queue: MemoryQueue,
    sealer: Sealer,
    processor: Processor,
    door: Door,
    agent: Principal,
) -> Desk:
    """A customer wrote just now, and the agent may answer."""
    at = int((datetime.now(UTC) - START).total_seconds())
    body = meta_body(messages=[text_message("wamid.in", "5511987654321", "Is anybody there?", at)])
    processor.process([door(body, received_at=datetime.now(UTC))])
    desk = Desk(database, gateway, queue, sealer)
    desk.agent = agent
    with database.transaction(agent.tenant_id) as tx:
        desk.conversation_id = tx.value("select id from conversations")
    return desk


@pytest.fixture
def company(
    database: Database,
    sealer: Sealer,
    tenant: uuid.UUID,
    make_user: Callable[..., Principal],
    make_integration: Callable[..., uuid.UUID],
    owner_url: str,
) -> Company:
    """A company from which contacts are erased."""
    # Here, because it is made of what stands in this file.
    from tests.integration.erasing_company import ACCOUNT, Company

    admin = make_user(tenant, "Clara", "admin")
    return Company(database, sealer, admin, make_integration(tenant, account_id=ACCOUNT), owner_url)
