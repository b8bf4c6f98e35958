"""Whatever is sent, the answer is a JSON answer below 500."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from parley.domain.errors import Unauthenticated
from parley.domain.principal import Principal
from parley.edge.api import Api
from parley.edge.authentication import Authenticator
from parley.edge.routes_inbox import add_inbox_routes
from parley.edge.routes_sending import add_sending_routes
from parley.providers.base import Capabilities
from parley.services.outbox import Outbox
from parley.services.read_inbox import Inbox
from parley.store.database import Database

from .conftest import Thread, ask, event

WILD = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], print_blob=True
)
TEXT = st.text(st.characters(), max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
FIELD = st.sampled_from(
    [
        "type", "text", "replyTo", "expectedNumber", "metadata", "scheduledAt", "mediaId", "caption", "voice",
        "location", "contacts", "template", "interactive", "mentions"
    ]
)  # fmt: skip
KIND = st.sampled_from(["text", "image", "audio", "location", "contacts", "template", "interactive"])
BODY = st.one_of(
    st.dictionaries(FIELD | TEXT, JSON, max_size=5),
    st.fixed_dictionaries({"type": st.just("text"), "text": TEXT}, optional={"metadata": JSON, "replyTo": JSON}),
    KIND.flatmap(lambda kind: st.fixed_dictionaries({"type": st.just(kind), kind: JSON}, optional={"mediaId": JSON})),
    JSON,
)
QUERY = st.dictionaries(
    st.sampled_from(["limit", "cursor", "status", "assignee", "label", "unread", "lastMessageBefore", "sort"]), TEXT
)


class Nowhere:
    """A queue that takes everything, and a gateway that could send text."""

    name = "meta"
    channel = "whatsapp"
    capabilities = Capabilities(kinds=frozenset({"text"}), window=timedelta(hours=24))

    def send(self, *_: object, **__: object) -> Any:
        return None

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"nobody should ask for {name}")


@pytest.fixture
def api(database: Database, authenticator: Authenticator) -> Api:
    """Both functions' routes on the test's database."""
    api = Api("everything", authenticator)
    outbox = Outbox(database, {"meta": Nowhere()}, Nowhere(), lambda _tenant: None)
    add_inbox_routes(api, lambda: Inbox(database))
    add_sending_routes(api, lambda: outbox)
    return api


@given(query=QUERY, path=TEXT)
@WILD
def test_no_query_and_no_path_breaks_the_inbox(
    api: Api, agent: Principal, token_of: Callable[..., str], query: dict[str, str], path: str
) -> None:
    headers = {"authorization": f"Bearer {token_of(agent)}"}
    for route in ("GET /v1/conversations", "GET /v1/conversations/{id}/messages", "GET /v1/messages/{id}"):
        reply = ask(api, event(route, path={"id": path}, query=query, headers=headers))
        assert reply.status in {200, 400, 404}, reply.text


@given(body=BODY, key=TEXT, prefer=TEXT)
@example(body={"type": "text", "text": "x", "metadata": {"\0": "\ud800"}}, key="k", prefer="wait=0")
@example(body={"type": "text", "text": "x", "metadata": {"n": float("inf")}}, key="k", prefer="")
@WILD
def test_no_body_and_no_header_breaks_sending(
    api: Api, agent: Principal, token_of: Callable[..., str], thread: Thread, body: Any, key: str, prefer: str
) -> None:
    headers = {"authorization": f"Bearer {token_of(agent)}", "idempotency-key": key, "prefer": prefer}
    route = "POST /v1/conversations/{id}/messages"
    reply = ask(api, event(route, path={"id": str(thread.id)}, headers=headers, body=json.dumps(body)))
    assert reply.status in {202, 400, 422}, reply.text


@given(name=st.sampled_from(["authorization", "x-api-key"]), value=TEXT, prefix=st.sampled_from(["", "Bearer ", "pk_"]))
@example(name="authorization", value=f"{uuid.uuid4()}.{uuid.uuid4()}.", prefix="Bearer ")
@WILD
def test_no_credential_breaks_the_door(authenticator: Authenticator, name: str, value: str, prefix: str) -> None:
    with pytest.raises(Unauthenticated):
        authenticator.authenticate({name: prefix + value})
