"""What the tests of the HTTP functions share: tokens and keys, requests as the HTTP API hands them over, and an inbox
with something in it.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlencode, urlsplit

import jwt
import pytest

from parley import wiring
from parley.domain.principal import Principal
from parley.edge.api import Api
from parley.edge.authentication import Authenticator
from parley.services.provision import create_api_key
from parley.services.recognise import Directory
from parley.store.database import Database
from parley.store.ids import new_id

JWT_SECRET = "a development secret of more than 32 bytes"
ISSUER = "tests"
AUDIENCE = "parley"
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Reply:
    """An answer, read back."""

    status: int
    headers: Mapping[str, str]
    text: str
    body: Any = field(repr=False)


@dataclass(frozen=True)
class Thread:
    """A conversation of a test."""

    id: uuid.UUID
    contact_id: uuid.UUID
    integration_id: uuid.UUID


def event(
    route: str,
    *,
    path: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    body: object = None,
    **changes: Any,
) -> dict[str, Any]:
    """A request of the HTTP API, payload 2.0; `body` as text, or as what is to be JSON."""
    method, _, place = route.partition(" ")
    for name, value in (path or {}).items():
        place = place.replace("{" + name + "}", value)
    made: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route,
        "rawPath": place,
        "rawQueryString": urlencode(query or {}, errors="surrogatepass"),
        "headers": dict(headers or {}),
        "requestContext": {"http": {"method": method, "path": place}, "stage": "$default", "requestId": "request-1"},
        "isBase64Encoded": False,
        "pathParameters": dict(path or {}),
    }
    if query:
        made["queryStringParameters"] = dict(query)
    if body is not None:
        made["body"] = body if isinstance(body, str) else json.dumps(body)
    return {**made, **changes}


def ask(api: Api | Callable[..., dict[str, Any]], given: Mapping[str, Any]) -> Reply:
    """Ask an API, or the handler before it, and read the answer back."""
    answer = api(given, object())
    text = answer["body"]
    headers = {name.lower(): value for name, value in answer["headers"].items()}
    return Reply(int(answer["statusCode"]), headers, text, json.loads(text))


def sign(claims: Mapping[str, Any], secret: str = JWT_SECRET, algorithm: str = "HS256") -> str:
    """A token of these claims."""
    return jwt.encode(dict(claims), secret, algorithm=algorithm)


@pytest.fixture
def authenticator(database: Database) -> Authenticator:
    """Knows the callers of the test's database."""
    return Authenticator(lambda: Directory(database), lambda: JWT_SECRET, ISSUER, AUDIENCE)


@pytest.fixture
def claims_of(database: Database) -> Callable[..., dict[str, Any]]:
    """What a token of a person claims; claims given by name replace or, as None, remove its own."""
    query = "select subject from users where tenant_id = %(tenant_id)s and id = %(id)s"

    def make(person: Principal, **claims: Any) -> dict[str, Any]:
        with database.transaction(person.tenant_id) as tx:
            subject = tx.value(query, id=person.id)
        own = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "exp": int(time.time()) + 600,
            "sub": subject,
            "tenant_id": str(person.tenant_id),
        }
        return {name: value for name, value in {**own, **claims}.items() if value is not None}

    return make


@pytest.fixture
def token_of(claims_of: Callable[..., dict[str, Any]]) -> Callable[..., str]:
    """A token for a person, with other claims where they are given."""
    return lambda person, **claims: sign(claims_of(person, **claims))


@pytest.fixture
def make_key(database: Database) -> Callable[..., str]:
    """An API key of a tenant with these scopes."""

    def make(tenant_id: uuid.UUID, *scopes: str, expires_at: datetime | None = None) -> str:
        return create_api_key(database, tenant_id, name="Robot", scopes=scopes, expires_at=expires_at)

    return make


INSERT_CONTACT = "insert into contacts (tenant_id, id, name) values (%(tenant_id)s, %(contact_id)s, 'Maria')"
INSERT_CONVERSATION = """
insert into conversations (tenant_id, id, integration_id, contact_id, status, assignee_id, labels, unread_count,
  last_message_at, window_expires_at, reply_kind, reply_address)
values (%(tenant_id)s, %(id)s, %(integration_id)s, %(contact_id)s, %(status)s, %(assignee_id)s, %(labels)s,
  %(unread_count)s, %(last_message_at)s, %(window_expires_at)s, 'phone', '5511987654321')
"""
INSERT_MESSAGE = """
with conversation as (
  update conversations set last_number = last_number + 1
  where tenant_id = %(tenant_id)s and id = %(conversation_id)s
  returning last_number
)
insert into messages (tenant_id, id, integration_id, conversation_id, number, direction, kind, body,
  provider_message_id, occurred_at, status, sender_kind, sender_id)
select %(tenant_id)s, %(id)s, %(integration_id)s, %(conversation_id)s, last_number, %(direction)s, 'text', %(body)s,
  %(provider_message_id)s, %(occurred_at)s, %(status)s, %(sender_kind)s, %(sender_id)s
from conversation
"""


@pytest.fixture
def make_conversation(database: Database) -> Callable[..., Thread]:
    """Put a conversation into the inbox; its customer wrote `minutes` after the start, or never where that is None."""

    def make(tenant_id: uuid.UUID, integration_id: uuid.UUID, minutes: int | None = 0, **columns: Any) -> Thread:
        given = {
            "contact_id": new_id(),
            "id": new_id(),
            "integration_id": integration_id,
            "status": "open",
            "assignee_id": None,
            "labels": [],
            "unread_count": 0,
            "last_message_at": None if minutes is None else START + timedelta(minutes=minutes),
            "window_expires_at": datetime.now(UTC) + timedelta(hours=1),
            **columns,
        }
        with database.transaction(tenant_id) as tx:
            tx.execute(INSERT_CONTACT, **given)
            tx.execute(INSERT_CONVERSATION, **given)
        return Thread(given["id"], given["contact_id"], integration_id)

    return make


@pytest.fixture
def make_message(database: Database) -> Callable[..., uuid.UUID]:
    """Put a message into a conversation, `minutes` after the start."""

    def make(tenant_id: uuid.UUID, thread: Thread, minutes: float = 0, **columns: Any) -> uuid.UUID:
        message_id = new_id()
        given = {
            "id": message_id,
            "integration_id": thread.integration_id,
            "conversation_id": thread.id,
            "body": "hello",
            "provider_message_id": f"wamid.{message_id.hex}",
            "occurred_at": START + timedelta(minutes=minutes),
            "direction": "incoming",
            "status": "received",
            "sender_kind": "contact",
            "sender_id": thread.contact_id,
            **columns,
        }
        with database.transaction(tenant_id) as tx:
            tx.execute(INSERT_MESSAGE, **given)
        return message_id

    return make


@pytest.fixture
def thread(make_conversation: Callable[..., Thread], tenant: uuid.UUID, integration: uuid.UUID) -> Thread:
    """One open conversation of the one company."""
    return make_conversation(tenant, integration)


FUNCTIONS = Path(__file__).parents[3] / "functions"


def start_anew() -> None:
    """Forget what a container keeps."""
    rooms = [module for name, module in sys.modules.items() if name.startswith("parley.wiring")]
    for made in [made for room in rooms for made in vars(room).values()]:
        if hasattr(made, "cache_clear"):
            made.cache_clear()


@pytest.fixture
def deployed(aws: Any, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """Start a function by its folder, in an account with the queues, the bucket and the secrets."""
    place = urlsplit(database_url)
    deployment = json.dumps({"current": "1", "key_1": "k" * 32, "jwt_hs256": JWT_SECRET})
    login = json.dumps({"username": place.username, "password": place.password or "none"})
    for bucket in ("parley-test", "parley-tombstones"):
        aws.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    environment = {
        "DEPLOYMENT_SECRET_ARN": aws.secrets.create_secret(Name="deployment", SecretString=deployment)["ARN"],
        "DATABASE_SECRET_ARN": aws.secrets.create_secret(Name="database", SecretString=login)["ARN"],
        "DATABASE_HOST": str(place.hostname),
        "DATABASE_PORT": str(place.port),
        "DATABASE_NAME": place.path[1:],
        "DATABASE_SSLMODE": "disable",
        "INBOUND_QUEUE_URL": aws.sqs.create_queue(QueueName="inbound")["QueueUrl"],
        "OUTBOUND_QUEUE_URL": aws.sqs.create_queue(QueueName="outbound")["QueueUrl"],
        "PUSH_QUEUE_URL": aws.sqs.create_queue(QueueName="push")["QueueUrl"],
        "MEDIA_QUEUE_URL": aws.sqs.create_queue(QueueName="media")["QueueUrl"],
        "BUCKET_NAME": "parley-test",
        "TOMBSTONES_BUCKET_NAME": "parley-tombstones",
        "CONNECTIONS_URL": aws.url,
        "WEBSOCKET_URL": "wss://socket.example.com/live",
        "JWT_ISSUER": ISSUER,
        "JWT_AUDIENCE": AUDIENCE,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    start_anew()

    def start(name: str) -> ModuleType:
        specification = importlib.util.spec_from_file_location(f"{name}_app", FUNCTIONS / name / "app.py")
        assert specification
        assert specification.loader
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        return module

    yield start
    if wiring.database.cache_info().currsize:
        wiring.database().close()
    start_anew()
