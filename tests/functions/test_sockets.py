"""The functions of the socket as API Gateway calls them: environment, secrets, database and `@connections` are real
or speak the real protocol.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

import jwt
import pytest

from parley import wiring
from parley.domain.events import TENANT_TOPIC, NewEvent
from parley.domain.principal import Principal
from parley.store.database import Database
from parley.store.event_log import append_events

JWT_SECRET = "a development secret of more than 32 bytes"
ORIGIN = "http://127.0.0.1:8080"
Handler = Callable[[dict[str, Any], object], dict[str, Any]]


class Gateway(BaseHTTPRequestHandler):
    """`@connections`: takes frames for whoever is open."""

    frames: list[tuple[str, dict[str, Any]]]
    open: set[str]
    url: str = ""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        connection_id = unquote(self.path.rpartition("/")[2])
        assert self.headers["authorization"].startswith("AWS4-HMAC-SHA256")
        if connection_id in self.open:
            self.frames.append((connection_id, json.loads(body)))
        self._answer(200 if connection_id in self.open else 410)

    def do_DELETE(self) -> None:
        self.open.discard(unquote(self.path.rpartition("/")[2]))
        self._answer(204)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def gateway() -> Iterator[type[Gateway]]:
    """The gateway's `@connections`, on loopback; `gateway.url` after it started."""
    handler: type[Gateway] = type("OneGateway", (Gateway,), {"frames": [], "open": set()})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        handler.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield handler
        server.shutdown()
        thread.join()


@pytest.fixture
def call(
    aws: Any, gateway: Any, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str, dict[str, Any]], dict[str, Any]]]:
    """Call a function as deployed: `call("ws_connect", event)`."""
    parts = urlsplit(database_url)
    deployment = {"current": "1", "key_1": "k" * 40, "jwt_hs256": JWT_SECRET}
    secrets = {"deployment": deployment, "database": {"username": parts.username, "password": "unused"}}
    arns = {
        name: aws.secrets.create_secret(Name=name, SecretString=json.dumps(value))["ARN"]
        for name, value in secrets.items()
    }
    environment = {
        "DEPLOYMENT_SECRET_ARN": arns["deployment"],
        "DATABASE_SECRET_ARN": arns["database"],
        "DATABASE_HOST": parts.hostname,
        "DATABASE_PORT": str(parts.port),
        "DATABASE_NAME": parts.path[1:],
        "DATABASE_SSLMODE": "disable",
        "PUSH_QUEUE_URL": aws.sqs.create_queue(QueueName="push")["QueueUrl"],
        "OUTBOUND_QUEUE_URL": aws.sqs.create_queue(QueueName="outbound")["QueueUrl"],
        "CONNECTIONS_URL": gateway.url,
        "ALLOWED_ORIGINS": f"https://inbox.example,{ORIGIN}",
        "JWT_ISSUER": "tests",
        "JWT_AUDIENCE": "parley",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, str(value))
    _forget_wiring()
    handlers: dict[str, Handler] = {}

    def invoke(function: str, event: dict[str, Any]) -> dict[str, Any]:
        if function not in handlers:
            handlers[function] = _load(function)
        return handlers[function](event, object())

    yield invoke
    wiring.database().close()
    _forget_wiring()


def _load(function: str) -> Handler:
    path = Path(__file__).parents[2] / "functions" / function / "app.py"
    spec = spec_from_file_location(f"{function}_app", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    handler: Handler = module.handler
    return handler


def _forget_wiring() -> None:
    for made in vars(wiring).values():
        if hasattr(made, "cache_clear"):
            made.cache_clear()


@pytest.fixture
def token(database: Database, agent: Principal) -> str:
    """The agent's own token."""
    with database.transaction(agent.tenant_id) as tx:
        subject = tx.value("select subject from users")
    claims = {"iss": "tests", "aud": "parley", "exp": time.time() + 60, "sub": subject}
    return jwt.encode({**claims, "tenant_id": str(agent.tenant_id)}, JWT_SECRET, algorithm="HS256")


def at(connection_id: str, **event: Any) -> dict[str, Any]:
    """An event of the WebSocket API."""
    return {"requestContext": {"connectionId": connection_id}, **event}


def test_a_browser_connects_hears_an_event_and_goes(
    call: Any, gateway: Any, database: Database, agent: Principal, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    connection_id = "Xb9/+a=="
    gateway.open.add(connection_id)
    headers = {"Origin": ORIGIN, "Sec-WebSocket-Protocol": f"parley.v1, bearer.{token}"}

    connected = call("ws_connect", at(connection_id, headers=headers))
    hello = {"action": "hello", "id": "1", "v": 1, "cursor": None, "topics": ["tenant"]}
    welcome = json.loads(call("ws_message", at(connection_id, body=json.dumps(hello)))["body"])
    with database.transaction(agent.tenant_id) as tx:
        append_events(tx, [NewEvent("bulk.updated", (TENANT_TOPIC,))])
    hint = {"messageId": "m1", "receiptHandle": "r1", "body": json.dumps({"v": 1, "tenantId": str(agent.tenant_id)})}
    followed = call("realtime_pusher", {"Records": [hint, {**hint, "messageId": "m2"}]})
    gone = call("ws_disconnect", at(connection_id))

    assert connected == {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "parley.v1"}}
    assert (welcome["type"], welcome["connectionId"]) == ("welcome", connection_id)
    assert followed == {"batchItemFailures": []}
    ((to, batch),) = gateway.frames
    assert (to, batch["type"], [event["seq"] for event in batch["events"]]) == (connection_id, "batch", [1])
    assert gone == {"statusCode": 200}
    with database.transaction(agent.tenant_id) as tx:
        assert tx.value("select count(*) from connections") == 0
    assert token not in caplog.text


def test_a_foreign_origin_a_bad_token_and_no_token_are_refused(call: Any, token: str) -> None:
    foreign = {"Origin": "https://evil.example", "Sec-WebSocket-Protocol": f"parley.v1, bearer.{token}"}
    bad = {"Sec-WebSocket-Protocol": f"parley.v1, bearer.{token}x"}

    answers = [call("ws_connect", at("c1", headers=headers)) for headers in (foreign, bad, {})]

    assert answers == [{"statusCode": 403}, {"statusCode": 401}, {"statusCode": 401}]


def test_a_frame_from_nowhere_ends_the_connection(call: Any, gateway: Any) -> None:
    gateway.open.add("c1")

    assert call("ws_message", at("c1", body='{"action":"ping"}')) == {"statusCode": 200}

    ((_, bye),) = gateway.frames
    assert (bye["type"], bye["code"]) == ("bye", "unknown_connection")
    assert gateway.open == set()


def test_the_sixth_of_five_closes_the_first(
    call: Any, gateway: Any, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAX_CONNECTIONS_PER_USER", "5")
    headers = {"Authorization": f"Bearer {token}"}
    for number in range(6):
        gateway.open.add(f"c{number}")
        assert call("ws_connect", at(f"c{number}", headers=headers)) == {"statusCode": 200}

    assert [(id_, frame["code"]) for id_, frame in gateway.frames] == [("c0", "too_many")]
    assert "c0" not in gateway.open


def test_a_hint_that_names_no_tenant_comes_again(call: Any) -> None:
    records = [{"messageId": "m1", "receiptHandle": "r", "body": "{}", "attributes": {"ApproximateReceiveCount": "1"}}]

    assert call("realtime_pusher", {"Records": records}) == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
