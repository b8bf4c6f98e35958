"""The world behind taking a message: its queue, its files, a gateway that nothing reaches, the one agent who sends."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from parley.domain.errors import InvalidRequest, NotFound, Unavailable
from parley.domain.outgoing import Draft, Outcome
from parley.domain.principal import Principal
from parley.edge.api import Api
from parley.edge.authentication import Authenticator
from parley.edge.routes_sending import add_sending_routes
from parley.providers.base import Account, Capabilities
from parley.services.outbox import Outbox
from parley.store.database import Database
from tests.functions.http.conftest import Reply, Thread, ask, event

SEND = "POST /v1/conversations/{id}/messages"
SHORT = "POST /send-message"
TEXT = {"type": "text", "text": "We are open until six."}
WELCOME: dict[str, Any] = {"type": "template", "template": {"name": "welcome", "language": "pt_BR"}}
PLACE = {"latitude": -23.5, "longitude": 0, "name": "Office"}
FILE_ID = str(uuid.UUID(int=7))


KINDS = frozenset(
    {"text", "image", "audio", "video", "document", "sticker", "location", "contacts", "template", "interactive"}
)


class Gateway:
    """A gateway that can send everything but stickers and lists, within a day; nothing here reaches it."""

    name = "meta"
    channel = "whatsapp"
    capabilities = Capabilities(
        kinds=KINDS - {"sticker"},
        interactive=frozenset({"buttons"}),
        templates=True,
        replies=True,
        window=timedelta(hours=24),
    )

    def handshake(self, query: Any, verify_token: str) -> str | None:
        raise AssertionError("nothing comes in here")

    def verify(self, body: bytes, headers: Any, account: Account, received_at: datetime) -> None:
        raise AssertionError("nothing comes in here")

    def normalise(self, body: bytes, headers: Any) -> Sequence[Any]:
        raise AssertionError("nothing comes in here")

    def send(self, draft: Draft, account: Account) -> Outcome:
        raise AssertionError("taking a message asks no gateway")


class Files:
    """Where files come from: every upload is ready, and every address but one has a picture."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.fetched: list[str] = []

    def settle(self, principal: Principal, media_id: uuid.UUID) -> None:
        with self.database.transaction(principal.tenant_id) as tx:
            if tx.row("select id from attachments where id = %(id)s", id=media_id) is None:
                raise NotFound

    def fetch_url(self, principal: Principal, url: str) -> uuid.UUID:
        if "nothing" in url:
            raise InvalidRequest(errors=[{"path": "url", "message": "is not there"}])
        self.fetched.append(url)
        return self.add(principal.tenant_id)

    def add(self, tenant_id: uuid.UUID, mime_type: str = "image/jpeg") -> uuid.UUID:
        media_id = uuid.uuid4()
        insert = """insert into attachments (tenant_id, id, kind, state, mime_type, file_name, size, object_key)
                    values (%(tenant_id)s, %(id)s, 'image', 'stored', %(mime_type)s, 'cat', 10, 'key')"""
        with self.database.transaction(tenant_id) as tx:
            tx.execute(insert, id=media_id, mime_type=mime_type)
        return media_id


class Post:
    """The world behind taking a message: the queue of hints and the pusher. `on_hint` is what the sender then does."""

    def __init__(self) -> None:
        self.hints: list[dict[str, Any]] = []
        self.woken: list[uuid.UUID] = []
        self.away = False
        self.on_hint: Callable[[dict[str, Any]], object] = lambda hint: hint

    def send(self, body: str, group_id: str, delay_seconds: int = 0) -> None:
        if self.away:
            raise Unavailable("the queue is away")
        self.hints.append({**json.loads(body), "group": group_id, "delay": delay_seconds})
        self.on_hint(self.hints[-1])

    def change_visibility(self, receipt: str, seconds: int) -> None:
        raise AssertionError("nobody should ask")

    def wake(self, tenant_id: uuid.UUID) -> None:
        self.woken.append(tenant_id)


@pytest.fixture
def post() -> Post:
    """The queue and the pusher of this test."""
    return Post()


@pytest.fixture
def files(database: Database) -> Files:
    """The files of this test."""
    return Files(database)


@pytest.fixture
def api(database: Database, authenticator: Authenticator, post: Post, files: Files) -> Api:
    """The sending routes on the test's database."""
    api = Api("send_message", authenticator)
    outbox = Outbox(database, {"meta": Gateway()}, post, post.wake, files=lambda: files)  # type: ignore[dict-item]
    add_sending_routes(api, lambda: outbox)
    return api


@pytest.fixture
def send(api: Api, agent: Principal, token_of: Callable[..., str], thread: Thread) -> Callable[..., Reply]:
    """Send into the one conversation as the one agent: `send(body, header=value)`."""
    token = token_of(agent)

    def sending(body: object = TEXT, to: object = thread.id, **headers: str) -> Reply:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return ask(
            api, event(SEND, path={"id": str(to)}, headers={"authorization": f"Bearer {token}", **given}, body=body)
        )

    return sending


@pytest.fixture
def send_short(api: Api, agent: Principal, token_of: Callable[..., str], thread: Thread) -> Callable[..., Reply]:
    """The same in the short form: `send_short(message=…)`."""
    token = token_of(agent)

    def sending(**fields: Any) -> Reply:
        body = {"conversationId": str(thread.id), "message": "hello", "messageType": "text", **fields}
        return ask(api, event(SHORT, headers={"authorization": f"Bearer {token}"}, body=body))

    return sending


@pytest.fixture
def outcome(database: Database, tenant: uuid.UUID, post: Post) -> Callable[..., None]:
    """Let the sender bring every message to an end as soon as it is hinted at: `outcome("sent", id="wamid.1")`."""
    update = """update messages set status = %(status)s, provider_message_id = %(id)s, error = %(error)s::jsonb
                where tenant_id = %(tenant_id)s and status = 'queued'"""

    def script(status: str, id: str | None = None, error: dict[str, Any] | None = None) -> None:  # noqa: A002
        def act(_hint: dict[str, Any]) -> None:
            with database.transaction(tenant) as tx:
                tx.execute(update, status=status, id=id, error=json.dumps(error) if error else None)

        post.on_hint = act

    return script


def stored(database: Database, tenant_id: uuid.UUID) -> list[dict[str, Any]]:
    """Every message of a tenant."""
    with database.transaction(tenant_id) as tx:
        return tx.rows("select * from messages where tenant_id = %(tenant_id)s order by number")
