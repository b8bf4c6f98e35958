"""What surrounds conversations and messages, by HTTP: counters, timelines, contexts, receipts, contacts."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from parley.domain.principal import Principal
from parley.edge.api import Api
from parley.edge.authentication import Authenticator
from parley.edge.routes_contacts import add_contact_routes
from parley.edge.routes_inbox import add_inbox_routes
from parley.edge.routes_reading import add_reading_routes
from parley.services.assign import Assigning
from parley.services.change import Changing
from parley.services.keep_contacts import Contacts
from parley.services.read_inbox import Inbox
from parley.services.read_more import Reading
from parley.store.database import Database

from .conftest import START, Reply, Thread, ask, event

COUNTS = "GET /v1/conversations/counts"
TIMELINE = "GET /v1/conversations/{id}/timeline"
MESSAGES = "GET /v1/messages"
CONTEXT = "GET /v1/messages/{id}/context"
RECEIPTS = "GET /v1/messages/{id}/receipts"
THREAD = "GET /v1/conversations/{id}/messages"
CONTACTS = "/v1/contacts"

Call = Callable[..., Reply]
SENT: dict[str, Any] = {"direction": "outgoing", "status": "sent", "sender_kind": "user", "sender_id": None}


@pytest.fixture
def api(database: Database, authenticator: Authenticator) -> Api:
    """The routes that read and those of contacts, on the test's database."""
    api = Api("inbox_api", authenticator)
    add_reading_routes(api, lambda: Reading(database))
    add_inbox_routes(api, lambda: Inbox(database))
    add_contact_routes(api, lambda: Contacts(database, lambda _tenant: None))
    return api


@pytest.fixture
def call(api: Api, agent: Principal, token_of: Callable[..., str]) -> Call:
    """Ask as an agent: `call(TIMELINE, id, limit=2)`."""

    def asked(
        route: str,
        id_: object = None,
        body: object = None,
        *,
        as_: Principal = agent,
        version: Any = None,
        **query: Any,
    ) -> Reply:
        headers = {"authorization": f"Bearer {token_of(as_)}"} | ({"if-match": str(version)} if version else {})
        given = {name.rstrip("_"): str(value) for name, value in query.items()}
        return ask(api, event(route, path={"id": str(id_)} if id_ else {}, headers=headers, query=given, body=body))

    return asked


def walk(call: Call, route: str, id_: object = None, **query: Any) -> list[Any]:
    """A whole list, page by page."""
    found: list[Any] = []
    cursor: str | None = None
    while True:
        page = call(route, id_, **query, **({"cursor": cursor} if cursor else {}))
        assert page.status == 200, page.text
        found += page.body["data"]
        cursor = page.body["pagination"]["nextCursor"]
        if cursor is None:
            return found


def test_the_counters_are_those_of_open_conversations_the_callers_and_nobodys(
    call: Call,
    tenant: uuid.UUID,
    integration: uuid.UUID,
    agent: Principal,
    make_conversation: Callable[..., Thread],
    make_user: Callable[..., Principal],
) -> None:
    bruno = make_user(tenant, "Bruno")
    for columns in (
        {"assignee_id": agent.id, "unread_count": 2},
        {"assignee_id": bruno.id},
        {},
        {"unread_count": 1},
        {"status": "resolved", "unread_count": 1},
        {"status": "pending"},
    ):
        make_conversation(tenant, integration, **columns)
    assert call(COUNTS).body["data"] == {"open": 4, "mine": 1, "unassigned": 2, "unread": 2}
    assert call(COUNTS, as_=bruno).body["data"]["mine"] == 1


def test_the_timeline_tells_what_happened_by_whom_the_latest_first(
    call: Call, database: Database, thread: Thread, agent: Principal, tenant: uuid.UUID, make_user: Any
) -> None:
    bruno = make_user(tenant, "Bruno")
    changing = Changing(database, lambda _tenant: None)
    changing.change(agent, thread.id, {"status": "pending"}, uuid.uuid4())
    changing.change(agent, thread.id, {"labels": ["vip"]}, uuid.uuid4())
    Assigning(database, lambda _tenant: None).assign(agent, thread.id, bruno.id, uuid.uuid4())
    found = walk(call, TIMELINE, thread.id, limit=1)
    assert [(one["type"], one["data"]) for one in found] == [
        ("assigned", {"from": None, "to": {"id": str(bruno.id), "name": "Bruno"}, "noteId": None}),
        ("labels", {"added": ["vip"], "removed": []}),
        ("status", {"from": "open", "to": "pending"}),
        ("created", {}),
    ]
    ana = {"kind": "user", "id": str(agent.id), "name": "Ana"}
    assert [one["by"] for one in found] == [ana, ana, ana, {"kind": "system", "id": None, "name": None}]
    assert call(TIMELINE, uuid.uuid4()).status == 404


def test_a_context_is_the_thread_around_a_message_and_goes_on_where_the_thread_does(
    call: Call, tenant: uuid.UUID, thread: Thread, make_message: Callable[..., uuid.UUID]
) -> None:
    for minutes, key in [(0, "a"), (1, "b"), (1, "c"), (1, None), (1, None), (2, "d"), (3, None), (4, "e")]:
        make_message(tenant, thread, minutes, provider_message_id=key, **(SENT if key is None else {}))
    whole = [one["id"] for one in walk(call, THREAD, thread.id)]
    assert len(whole) == 8
    for place, id_ in enumerate(whole):
        for around in (0, 1, 2, 10):
            page = call(CONTEXT, id_, around=around)
            expected = whole[max(0, place - around) : place + around + 1]
            assert [one["id"] for one in page.body["data"]] == expected
            cursor = page.body["pagination"]["nextCursor"]
            rest = walk(call, THREAD, thread.id, cursor=cursor) if cursor else []
            assert [one["id"] for one in rest][:1] == whole[place + around + 1 : place + around + 2]
    assert call(CONTEXT, uuid.uuid4()).status == 404
    assert call(CONTEXT, whole[0], around=51).status == 400


def test_every_receipt_of_a_message_can_be_read(
    call: Call, database: Database, tenant: uuid.UUID, thread: Thread, make_message: Callable[..., uuid.UUID]
) -> None:
    message = make_message(tenant, thread, provider_message_id="wamid.1", **SENT)
    insert = """insert into receipts (tenant_id, integration_id, provider_message_id, status, participant, occurred_at)
                values (%(tenant_id)s, %(integration_id)s, 'wamid.1', %(status)s, %(participant)s, %(at)s)"""
    with database.transaction(tenant) as tx:
        for status, participant, at in [
            ("read", "b", 3),
            ("sent", "", 0),
            ("delivered", "b", 1),
            ("delivered", "a", 1),
        ]:
            occurred = START + timedelta(minutes=at)
            about = {"status": status, "participant": participant, "at": occurred}
            tx.execute(insert, integration_id=thread.integration_id, **about)
    found = walk(call, RECEIPTS, message, limit=1)
    assert [(one["status"], one["participant"]) for one in found] == [
        ("sent", None),
        ("delivered", "a"),
        ("delivered", "b"),
        ("read", "b"),
    ]
    assert found[0]["occurredAt"] == "2026-03-01T12:00:00.000Z"
    assert call(RECEIPTS, uuid.uuid4()).status == 404


def test_failed_messages_of_all_threads_can_be_listed_by_when_they_were_written(
    call: Call,
    database: Database,
    tenant: uuid.UUID,
    integration: uuid.UUID,
    make_conversation: Callable[..., Thread],
    make_message: Callable[..., uuid.UUID],
) -> None:
    threads = [make_conversation(tenant, integration) for _ in range(2)]
    failed = [make_message(tenant, thread, **{**SENT, "status": "failed"}) for thread in threads for _ in range(2)]
    others = [make_message(tenant, thread) for thread in threads]
    assert {one["id"] for one in walk(call, MESSAGES, limit=1)} == {str(id_) for id_ in [*failed, *others]}
    assert [one["id"] for one in walk(call, MESSAGES, status="failed", limit=3)] == [str(id_) for id_ in failed[::-1]]
    with database.transaction(tenant) as tx:
        at = tx.value("select created_at from messages where id = %(id)s", id=failed[2])
    early = walk(call, MESSAGES, status="failed", to=at.isoformat())
    late = walk(call, MESSAGES, status="failed", from_=at.isoformat())
    assert ([one["id"] for one in early], [one["id"] for one in late]) == (
        [str(id_) for id_ in failed[1::-1]],
        [str(id_) for id_ in failed[:1:-1]],
    )
    assert walk(call, MESSAGES, integrationId=uuid.uuid4()) == []
    assert call(MESSAGES, status="lost").status == 400


def test_a_contact_is_added_found_changed_and_blocked(call: Call) -> None:
    body = {"phone": "+55 11 8765-4321", "name": "Beatriz", "attributes": {"plan": "gold", "age": 30}}
    made = call(f"POST {CONTACTS}", None, body)
    assert (made.status, made.body["data"]["phone"], made.body["data"]["name"]) == (201, "+551187654321", "Beatriz")
    id_ = made.body["data"]["id"]
    again = call(f"POST {CONTACTS}", None, {"phone": "5511987654321"})
    assert (again.status, again.body["contactId"]) == (409, id_), "with or without the ninth digit"
    assert [one["id"] for one in walk(call, f"GET {CONTACTS}", phone="+5511987654321")] == [id_]
    changed = call(f"PATCH {CONTACTS}/{{id}}", id_, {"attributes": {"plan": None, "city": "Recife"}})
    assert changed.body["data"]["attributes"] == {"age": 30, "city": "Recife"}
    seen = changed.body["data"]["version"]
    assert call(f"PATCH {CONTACTS}/{{id}}", id_, {"name": "Bia"}, version=seen).body["data"]["name"] == "Bia"
    late = call(f"PATCH {CONTACTS}/{{id}}", id_, {"name": "Ana"}, version=seen)
    assert (late.status, late.body["contact"]["name"]) == (409, "Bia")
    assert call(f"POST {CONTACTS}/{{id}}/block", id_, {}).body["data"]["blocked"] is True
    assert [one["id"] for one in walk(call, f"GET {CONTACTS}", blocked="true")] == [id_]
    assert call(f"POST {CONTACTS}/{{id}}/block", id_, {"blocked": False}).body["data"]["blocked"] is False
    for wrong in ({"phone": "none"}, {"phone": "+5511987654321", "attributes": {"a": "x" * 20_000}}, {"name": "x"}):
        assert call(f"POST {CONTACTS}", None, wrong).status == 400
    assert call(f"PATCH {CONTACTS}/{{id}}", uuid.uuid4(), {"name": "x"}).status == 404
    for at in range(5):
        call(f"PATCH {CONTACTS}/{{id}}", id_, {"attributes": {f"long{at}": "x" * 4_000}})
    assert len(walk(call, f"GET {CONTACTS}")[0]["attributes"]) == 2 + 4, "the fifth is one too many"


def test_contacts_are_paged_the_newest_first(
    call: Call, tenant: uuid.UUID, integration: uuid.UUID, make_conversation: Callable[..., Thread]
) -> None:
    made = [str(make_conversation(tenant, integration).contact_id) for _ in range(5)]
    assert [one["id"] for one in walk(call, f"GET {CONTACTS}", limit=2)] == sorted(made, reverse=True)


def test_conversations_are_found_by_a_part_of_a_name_or_number(
    call: Call, database: Database, tenant: uuid.UUID, integration: uuid.UUID, make_conversation: Callable[..., Thread]
) -> None:
    alias = """insert into contact_aliases (tenant_id, scope, kind, value, address, contact_id)
               values (%(tenant_id)s, '00000000-0000-0000-0000-000000000000', 'phone', %(phone)s, %(phone)s, %(id)s)"""
    found = {}
    for name, phone in [("Zoe 100%", "5511987650001"), ("Zoe_Lima", "5521912340002"), ("Ana\\b", "5531900000003")]:
        thread = make_conversation(tenant, integration)
        with database.transaction(tenant) as tx:
            tx.execute("update contacts set name = %(name)s where id = %(id)s", name=name, id=thread.contact_id)
            tx.execute(alias, phone=phone, id=thread.contact_id)
        found[str(thread.id)] = name

    def names(q: str) -> set[str]:
        return {found[one["id"]] for one in walk(call, "GET /v1/conversations", q=q, limit=1)}

    assert names("zoe") == {"Zoe 100%", "Zoe_Lima"}
    assert (names("100%"), names("zoe_l"), names("a\\b")) == ({"Zoe 100%"}, {"Zoe_Lima"}, {"Ana\\b"})
    assert (names("+55 (21) 91234"), names("21"), names("nobody")) == ({"Zoe_Lima"}, set(), set())
