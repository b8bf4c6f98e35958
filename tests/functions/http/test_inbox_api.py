"""The inbox by HTTP: pages, filters, single objects, and what belongs to somebody else."""

from __future__ import annotations

import json
import random
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from parley.domain.errors import Unavailable
from parley.domain.events import message_new
from parley.domain.principal import Principal
from parley.domain.terms import Terms
from parley.edge.api import Api
from parley.edge.authentication import Authenticator
from parley.edge.routes_health import add_health_routes
from parley.edge.routes_inbox import add_inbox_routes
from parley.edge.routes_me import add_me_routes
from parley.edge.routes_realtime import Realtime, add_realtime_routes
from parley.services.catch_up import events_after, snapshot
from parley.services.presence import presence, say_busy
from parley.services.read_connections import connections
from parley.services.read_inbox import Inbox
from parley.services.recognise import Directory
from parley.services.tickets import issue
from parley.store.database import Database
from parley.store.event_log import append_events

from .conftest import AUDIENCE, ISSUER, JWT_SECRET, START, Reply, Thread, ask, event

CONVERSATIONS = "GET /v1/conversations"
CONVERSATION = "GET /v1/conversations/{id}"
THREAD = "GET /v1/conversations/{id}/messages"
MESSAGE = "GET /v1/messages/{id}"
SOCKET_URL = "ws://127.0.0.1:8080/ws"


@pytest.fixture
def api(database: Database, authenticator: Authenticator) -> Api:
    """The reading routes on the test's database."""
    api = Api("inbox_api", authenticator)
    add_inbox_routes(api, lambda: Inbox(database))
    realtime = Realtime(
        events_after=partial(events_after, database),
        snapshot=partial(snapshot, database),
        issue_ticket=lambda caller: issue(database, caller, SOCKET_URL, timedelta(seconds=30)),
        presence=lambda caller: presence(database, caller, Terms()),
        connections=partial(connections, database),
    )
    add_realtime_routes(api, realtime)
    add_me_routes(api, lambda caller, busy: say_busy(database, caller, busy=busy))
    return api


@pytest.fixture
def get(api: Api, agent: Principal, token_of: Callable[..., str]) -> Callable[..., Reply]:
    """Ask as the agent of the one company: `get(route, id, **query)`."""

    def ask_for(route: str, id_: object = None, as_: Principal = agent, **query: Any) -> Reply:
        given = {name: str(value) for name, value in query.items()}
        headers = {"authorization": f"Bearer {token_of(as_)}"}
        return ask(api, event(route, path={"id": str(id_)} if id_ else {}, query=given, headers=headers))

    return ask_for


def walk(get: Callable[..., Reply], route: str, id_: object = None, **query: Any) -> list[str]:
    """The ids of a whole list, page by page."""
    ids: list[str] = []
    cursor: str | None = None
    while True:
        page = get(route, id_, **query, **({"cursor": cursor} if cursor else {}))
        assert page.status == 200, page.text
        ids += [one["id"] for one in page.body["data"]]
        cursor = page.body["pagination"]["nextCursor"]
        assert page.body["pagination"]["hasMore"] is (cursor is not None)
        if cursor is None:
            return ids


@pytest.mark.parametrize("sort", ["newest", "oldest"])
def test_pages_of_the_inbox_together_are_the_inbox_in_order(
    get: Callable[..., Reply],
    tenant: uuid.UUID,
    integration: uuid.UUID,
    make_conversation: Callable[..., Thread],
    sort: str,
) -> None:
    minutes: list[int | None] = [0, 5, 5, 5, None, None, 9, 1]
    random.shuffle(minutes)
    made = [(at, make_conversation(tenant, integration, at).id) for at in minutes]
    expected = [str(id_) for _, id_ in sorted(made, key=lambda one: (one[0] is None, one[0] or 0, one[1]))]
    if sort == "newest":
        expected.reverse()
    for limit in (1, 2, 3, 8, 100):
        assert walk(get, CONVERSATIONS, sort=sort, limit=limit) == expected


def test_pages_of_a_thread_together_are_the_thread_newest_first(
    get: Callable[..., Reply], tenant: uuid.UUID, thread: Thread, make_message: Callable[..., uuid.UUID]
) -> None:
    made = []
    for minutes, key in [(0, "b"), (3, "a"), (3, "c"), (3, None), (3, None), (7, "d"), (1, None)]:
        sent = {"direction": "outgoing", "status": "queued", "sender_kind": "user"} if key is None else {}
        made.append(
            (minutes, key is None, key or "", make_message(tenant, thread, minutes, provider_message_id=key, **sent))
        )
    expected = [str(one[3]) for one in sorted(made, reverse=True)]
    for limit in (1, 2, 3, 100):
        assert walk(get, THREAD, thread.id, limit=limit) == expected


def test_what_arrives_while_one_pages_neither_repeats_nor_hides_anything(
    get: Callable[..., Reply], tenant: uuid.UUID, thread: Thread, make_message: Callable[..., uuid.UUID]
) -> None:
    old = [str(make_message(tenant, thread, minutes)) for minutes in range(6)]
    first = get(THREAD, thread.id, limit=3)
    make_message(tenant, thread, 60)
    second = get(THREAD, thread.id, limit=3, cursor=first.body["pagination"]["nextCursor"])
    assert [one["id"] for one in first.body["data"] + second.body["data"]] == old[::-1]
    assert second.body["pagination"] == {"nextCursor": None, "hasMore": False}


def test_filters_restrict_the_inbox(
    get: Callable[..., Reply],
    tenant: uuid.UUID,
    agent: Principal,
    integration: uuid.UUID,
    make_conversation: Callable[..., Thread],
    make_user: Callable[..., Principal],
    make_integration: Callable[..., uuid.UUID],
) -> None:
    bruno = make_user(tenant, "Bruno")
    other = make_integration(tenant)
    rows: dict[str, dict[str, Any]] = {
        "mine": {"assignee_id": agent.id, "minutes": 1},
        "his": {"assignee_id": bruno.id, "minutes": 2, "unread_count": 3},
        "done": {"status": "resolved", "minutes": 3},
        "vip": {"labels": ["vip", "new"], "minutes": 4},
        "there": {"integration_id": other, "minutes": 5},
    }
    ids = {
        name: str(make_conversation(tenant, **{"integration_id": integration, **row}).id) for name, row in rows.items()
    }
    cases: list[tuple[dict[str, Any], set[str]]] = [
        ({}, set(rows)),
        ({"assignee": "me"}, {"mine"}),
        ({"assignee": bruno.id}, {"his"}),
        ({"assignee": "none"}, {"done", "vip", "there"}),
        ({"status": "resolved"}, {"done"}),
        ({"status": "open"}, {"mine", "his", "vip", "there"}),
        ({"unread": "true"}, {"his"}),
        ({"unread": "false"}, {"mine", "done", "vip", "there"}),
        ({"label": "vip"}, {"vip"}),
        ({"integrationId": other}, {"there"}),
        ({"lastMessageBefore": (START + timedelta(minutes=3)).isoformat()}, {"mine", "his"}),
        ({"status": "open", "assignee": "none", "integrationId": integration}, {"vip"}),
        ({"status": "", "assignee": "", "label": ""}, set(rows)),
    ]
    for query, expected in cases:
        assert set(walk(get, CONVERSATIONS, **query)) == {ids[name] for name in expected}, query


def test_one_object_is_data_and_a_message_names_its_conversation(
    get: Callable[..., Reply], tenant: uuid.UUID, thread: Thread, make_message: Callable[..., uuid.UUID]
) -> None:
    message_id = make_message(tenant, thread, body="olá \N{WAVING HAND SIGN}")
    message = get(MESSAGE, message_id)
    assert message.status == 200
    assert message.body["data"]["text"] == "olá \N{WAVING HAND SIGN}"
    assert message.body["data"]["conversationId"] == str(thread.id)
    assert message.headers["cache-control"] == "no-store"
    conversation = get(CONVERSATION, thread.id)
    assert conversation.body["data"]["contact"]["name"] == "Maria"
    assert get(THREAD, thread.id).body["data"] == [message.body["data"]]


def test_what_is_not_there_is_404(get: Callable[..., Reply]) -> None:
    for route in (CONVERSATION, THREAD, MESSAGE):
        for id_ in ("nope", "00000000-0000-0000-0000-000000000000", "%00", "\0", "1" * 300, "..", "🙂", "a/b"):
            reply = get(route, id_)
            assert (reply.status, reply.body["code"]) == (404, "not_found"), (route, id_)


def test_another_tenants_inbox_is_not_there(
    get: Callable[..., Reply],
    tenant: uuid.UUID,
    thread: Thread,
    make_message: Callable[..., uuid.UUID],
    make_tenant: Callable[..., uuid.UUID],
    make_user: Callable[..., Principal],
    integration: uuid.UUID,
) -> None:
    message_id = make_message(tenant, thread, body="canary")
    stranger = make_user(make_tenant("Other"), "Eve", role="owner")
    for route, id_ in [(CONVERSATION, thread.id), (THREAD, thread.id), (MESSAGE, message_id)]:
        foreign, absent = get(route, id_, as_=stranger), get(route, uuid.uuid4(), as_=stranger)
        assert foreign.status == absent.status == 404
        assert foreign.body == absent.body
    for query in ({}, {"integrationId": integration}):
        assert get(CONVERSATIONS, as_=stranger, **query).body == {
            "data": [],
            "pagination": {"nextCursor": None, "hasMore": False},
        }


def test_a_cursor_continues_only_its_own_list(
    get: Callable[..., Reply],
    tenant: uuid.UUID,
    integration: uuid.UUID,
    thread: Thread,
    make_conversation: Callable[..., Thread],
    make_message: Callable[..., uuid.UUID],
) -> None:
    other = make_conversation(tenant, integration, 1)
    for minutes in range(3):
        make_message(tenant, thread, minutes)
    inbox = get(CONVERSATIONS, limit=1).body["pagination"]["nextCursor"]
    messages = get(THREAD, thread.id, limit=1).body["pagination"]["nextCursor"]
    strange = [
        (CONVERSATIONS, None, {"cursor": messages}),
        (CONVERSATIONS, None, {"cursor": inbox, "status": "open"}),
        (CONVERSATIONS, None, {"cursor": inbox, "sort": "oldest"}),
        (THREAD, other.id, {"cursor": messages}),
        (THREAD, thread.id, {"cursor": inbox}),
    ]
    for route, id_, query in strange:
        reply = get(route, id_, **query)
        assert (reply.status, reply.text.count('"path": "cursor"')) == (400, 1), (query, reply.text)


def test_a_forged_cursor_is_400_whatever_it_holds(
    get: Callable[..., Reply], tenant: uuid.UUID, integration: uuid.UUID, make_conversation: Callable[..., Thread]
) -> None:
    for minutes in range(2):
        make_conversation(tenant, integration, minutes)
    real = get(CONVERSATIONS, limit=1).body["pagination"]["nextCursor"]
    mark = json.loads(urlsafe_b64decode(real + "=="))[0]
    id_ = str(uuid.uuid4())
    forged: list[Any] = [
        [mark, "2026-01-01T00:00:00+00:00", "\0"],
        [mark, "2026-01-01T00:00:00", id_],
        [mark, "soon", id_],
        [mark, "\ud800", id_],
        [mark, 7, id_],
        [mark, None, None],
        [mark, [], {}],
        [mark],
        [[mark], None, id_],
        [],
        {},
        7,
        None,
    ]
    texts = [urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in forged]
    texts += ["x", "****", "é", "A" * 1000, urlsafe_b64encode(b"[" * 700).decode(), "\ud800"]
    for text in texts:
        reply = get(CONVERSATIONS, cursor=text)
        assert (reply.status, reply.body["code"]) == (400, "invalid_request"), text
    assert get(CONVERSATIONS, cursor=real).status == 200


def test_a_parameter_that_is_not_valid_is_named(get: Callable[..., Reply]) -> None:
    cases: list[tuple[dict[str, str], str]] = [
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"limit": "-1"}, "limit"),
        ({"limit": "5.0"}, "limit"),
        ({"limit": "1_0"}, "limit"),
        ({"limit": "٣"}, "limit"),
        ({"limit": "9" * 5000}, "limit"),
        ({"limit": "ten"}, "limit"),
        ({"status": "closed"}, "status"),
        ({"status": "open,open"}, "status"),
        ({"sort": "random"}, "sort"),
        ({"unread": "maybe"}, "unread"),
        ({"assignee": "someone"}, "assignee"),
        ({"assignee": "\0"}, "assignee"),
        ({"integrationId": "12"}, "integrationId"),
        ({"label": "\0"}, "label"),
        ({"lastMessageBefore": "yesterday"}, "lastMessageBefore"),
        ({"lastMessageBefore": "2026-01-01T00:00:00"}, "lastMessageBefore"),
        ({"cursor": "x" * 2000}, "cursor"),
        ({"assigne": "me"}, "assigne"),
    ]
    for query, path in cases:
        reply = get(CONVERSATIONS, **query)
        assert (reply.status, reply.body["code"]) == (400, "invalid_request"), reply.text
        assert [error["path"] for error in reply.body["errors"]] == [path]
        assert reply.headers["content-type"] == "application/problem+json"
        assert reply.body["requestId"] == "request-1"


def test_a_page_has_twenty_items_unless_asked_otherwise(
    get: Callable[..., Reply], tenant: uuid.UUID, integration: uuid.UUID, make_conversation: Callable[..., Thread]
) -> None:
    for minutes in range(22):
        make_conversation(tenant, integration, minutes)
    assert len(get(CONVERSATIONS).body["data"]) == 20
    assert len(get(CONVERSATIONS, limit=100).body["data"]) == 22


def test_me_is_the_caller(get: Callable[..., Reply], api: Api, agent: Principal, make_key: Callable[..., str]) -> None:
    person = get("GET /v1/me").body["data"]
    assert person == {
        "id": str(agent.id),
        "kind": "user",
        "tenantId": str(agent.tenant_id),
        "name": "Ana",
        "role": "agent",
        "scopes": None,
        "status": None,
    }
    headers = {"X-Api-Key": make_key(agent.tenant_id, "messages:read")}
    key = ask(api, event("GET /v1/me", headers=headers)).body["data"]
    assert (key["kind"], key["role"], key["scopes"]) == ("api_key", None, ["messages:read"])


def test_a_person_says_that_they_are_busy_and_no_longer(
    get: Callable[..., Reply], api: Api, agent: Principal, token_of: Callable[..., str], make_key: Callable[..., str]
) -> None:
    def put(headers: dict[str, str], body: object) -> Reply:
        return ask(api, event("PUT /v1/me", body=body, headers=headers))

    person = {"authorization": f"Bearer {token_of(agent)}"}
    for said in ("busy", "busy", None):
        assert put(person, {"status": said}).body["data"]["status"] == said
        assert get("GET /v1/me").body["data"]["status"] == said
    assert put(person, {"status": "asleep"}).status == 400
    assert put(person, {}).status == 400
    assert put({"X-Api-Key": make_key(agent.tenant_id, "messages:read")}, {"status": "busy"}).status == 403


def test_every_route_asks_who_calls_and_whether_the_key_may(
    api: Api, tenant: uuid.UUID, make_key: Callable[..., str]
) -> None:
    key = {"x-api-key": make_key(tenant)}
    path = {"id": str(uuid.uuid4())}
    with_bare_key = {route: ask(api, event(route, path=path, headers=key)).status for route in api.scopes}
    of_any_caller = {"GET /v1/me": 200, "PUT /v1/me": 400}  # a body was not sent
    assert with_bare_key == {route: of_any_caller.get(route, 403) for route in api.scopes}
    assert {ask(api, event(route, path=path)).status for route in api.scopes} == {401}


def test_a_scope_opens_its_own_routes_only(
    api: Api, tenant: uuid.UUID, thread: Thread, make_key: Callable[..., str]
) -> None:
    reads = {"x-api-key": make_key(tenant, "conversations:read")}
    assert ask(api, event(CONVERSATION, path={"id": str(thread.id)}, headers=reads)).status == 200
    reply = ask(api, event(THREAD, path={"id": str(thread.id)}, headers=reads))
    assert (reply.status, reply.body["code"]) == (403, "forbidden")
    everything = {"x-api-key": make_key(tenant, "admin")}
    assert ask(api, event(THREAD, path={"id": str(thread.id)}, headers=everything)).status == 200


def test_the_event_log_is_read_on_from_a_cursor(
    get: Callable[..., Reply],
    database: Database,
    tenant: uuid.UUID,
    thread: Thread,
    make_message: Callable[..., uuid.UUID],
) -> None:
    head = get("GET /v1/events").body
    assert (head["data"], head["hasMore"], head["reset"]) == ([], False, False)
    for minutes in range(3):
        message_id = make_message(tenant, thread, minutes)
        with database.transaction(tenant) as tx:
            append_events(tx, [message_new(thread.id, message_id, None)])
    first = get("GET /v1/events", after=head["cursor"], limit=2).body
    rest = get("GET /v1/events", after=first["cursor"]).body
    assert ([one["seq"] for one in first["data"]], first["hasMore"]) == ([1, 2], True)
    assert ([one["type"] for one in rest["data"]], rest["hasMore"]) == (["message.new"], False)
    only = get("GET /v1/events", after=head["cursor"], topics=f"user, conversation:{thread.id}").body
    assert len(only["data"]) == 3
    assert get("GET /v1/events", after=head["cursor"], topics="user").body["data"] == []
    assert get("GET /v1/snapshot").body["data"]["cursor"] == rest["cursor"]
    assert get("GET /v1/presence").body["data"] == {"online": 0, "users": []}


def test_a_cursor_or_topic_of_the_log_that_is_none_is_400(get: Callable[..., Reply]) -> None:
    for query in (
        {"after": "7"},
        {"after": "e:-1"},
        {"after": "e:x"},
        {"after": "e:" + "9" * 40},
        {"after": "\0:1"},
        {"topics": "conversation:nope"},
        {"topics": "\0"},
        {"limit": "501"},
        {"limit": "0"},
    ):
        reply = get("GET /v1/events", **query)
        assert (reply.status, reply.body["code"]) == (400, "invalid_request"), query


def test_a_ticket_is_for_people_only(
    get: Callable[..., Reply], api: Api, agent: Principal, make_key: Callable[..., str]
) -> None:
    ticket = get("POST /v1/realtime/ticket").body["data"]
    assert (ticket["url"], ticket["expiresIn"]) == (SOCKET_URL, 30)
    headers = {"x-api-key": make_key(agent.tenant_id, "events:read")}
    assert ask(api, event("POST /v1/realtime/ticket", headers=headers)).status == 403


def test_the_correlation_id_of_a_request_is_answered(api: Api) -> None:
    given = str(uuid.uuid4())
    assert ask(api, event("GET /v1/me", headers={"X-Correlation-Id": given})).headers["x-correlation-id"] == given
    strange = ask(api, event("GET /v1/me", headers={"X-Correlation-Id": "x\r\ny"})).headers["x-correlation-id"]
    assert uuid.UUID(strange) != uuid.UUID(given)


def test_health_is_open_and_tells_no_detail(authenticator: Authenticator) -> None:
    def away() -> None:
        raise Unavailable("the host db-7 is away")

    failing: dict[str, Callable[[], object]] = {}
    api = Api("inbox_api", authenticator)
    add_health_routes(api, failing)
    assert ask(api, event("GET /healthz")).status == 200
    assert ask(api, event("GET /readyz")).body == {"status": "ok"}
    failing["database"] = away
    reply = ask(api, event("GET /readyz"))
    assert (reply.status, reply.body) == (503, {"status": "unavailable"})
    assert ask(api, event("GET /healthz")).status == 200


def test_an_unknown_route_is_404_behind_the_door(get: Callable[..., Reply]) -> None:
    assert get("GET /v1/secrets").status == 404


def test_a_request_is_one_line_of_ids_and_figures(
    api: Api, agent: Principal, thread: Thread, token_of: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> None:
    token, correlation_id = token_of(agent), str(uuid.uuid4())
    headers = {"Authorization": f"Bearer {token}", "X-Correlation-Id": correlation_id}
    with caplog.at_level("INFO", "parley"):
        ask(api, event(CONVERSATION, path={"id": str(thread.id)}, query={"secret": "canary"}, headers=headers))
        ask(api, event(CONVERSATION, path={"id": str(thread.id)}, headers=headers))
    refused, answered = (vars(record) for record in caplog.records)
    assert (refused["status"], refused["code"], answered["status"]) == (400, "invalid_request", 200)
    assert answered["route"] == CONVERSATION
    assert answered["tenant_id"] == str(agent.tenant_id)
    assert answered["conversation_id"] == str(thread.id)
    assert answered["correlation_id"] == correlation_id
    assert answered["ms"] > 0
    assert not any(word in repr((refused, answered)) for word in (token, "canary", "Ana", "Maria"))


def test_what_nobody_foresaw_is_500_without_a_word_of_it(
    authenticator: Authenticator, agent: Principal, token_of: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> Inbox:
        raise RuntimeError("canary in the coal mine")

    api = Api("inbox_api", authenticator)
    add_inbox_routes(api, broken)
    reply = ask(api, event(CONVERSATIONS, headers={"authorization": f"Bearer {token_of(agent)}"}))
    assert (reply.status, reply.body["code"]) == (500, "internal")
    [record] = caplog.records
    assert (record.levelname, vars(record)["error"]) == ("ERROR", ["RuntimeError"])
    assert "broken" in vars(record)["at"][-1]
    assert "canary" not in reply.text + caplog.text + repr(vars(record))


def test_a_database_that_is_away_is_503_and_worth_another_try(
    authenticator: Authenticator, agent: Principal, token_of: Callable[..., str]
) -> None:
    token = token_of(agent)
    nowhere = Database("host=127.0.0.1 port=1 dbname=none connect_timeout=2")
    away = Authenticator(lambda: Directory(nowhere), lambda: JWT_SECRET, ISSUER, AUDIENCE)
    api = Api("inbox_api", away)
    add_inbox_routes(api, lambda: Inbox(nowhere))
    reply = ask(api, event(CONVERSATIONS, headers={"authorization": f"Bearer {token}"}))
    assert (reply.status, reply.body["code"], reply.headers["retry-after"]) == (503, "unavailable", "1")
