"""Work on conversations by HTTP: status, snooze, labels, priority, assignment, followers, the catalogue."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from parley.domain.principal import Principal
from parley.edge.api import Api
from parley.edge.authentication import Authenticator
from parley.edge.routes_catalogue import add_catalogue_routes
from parley.edge.routes_inbox import add_inbox_routes
from parley.edge.routes_working import Work, add_working_routes
from parley.services.assign import Assigning
from parley.services.change import Changing
from parley.services.keep_catalogue import Catalogue
from parley.services.read_inbox import Inbox
from parley.store.database import Database

from .conftest import Reply, Thread, ask, event

CHANGE = "PATCH /v1/conversations/{id}"
ASSIGN = "POST /v1/conversations/{id}/assign"
FOLLOW = "PUT /v1/conversations/{id}/followers/{userId}"
UNFOLLOW = "DELETE /v1/conversations/{id}/followers/{userId}"
LABELS = "/v1/labels"
CANNED = "/v1/canned-replies"

Call = Callable[..., Reply]


@pytest.fixture
def woken() -> list[uuid.UUID]:
    """Tenants whose listeners were told to look."""
    return []


@pytest.fixture
def api(database: Database, authenticator: Authenticator, woken: list[uuid.UUID]) -> Api:
    """The routes that work, and those that read, on the test's database."""
    api = Api("inbox_api", authenticator)
    changing, assigning = Changing(database, woken.append), Assigning(database, woken.append)
    add_working_routes(api, Work(lambda: changing, lambda: assigning))
    add_catalogue_routes(api, lambda: Catalogue(database, woken.append))
    add_inbox_routes(api, lambda: Inbox(database))
    return api


@pytest.fixture
def call(api: Api, agent: Principal, token_of: Callable[..., str]) -> Call:
    """Ask as an agent: `call(CHANGE, id, {"status": "open"}, version=3)`; further parts of the path by name."""

    def asked(
        route: str,
        id_: object = None,
        body: object = None,
        *,
        version: int | str | None = None,
        as_: Principal = agent,
        query: dict[str, str] | None = None,
        **path: object,
    ) -> Reply:
        headers = {"authorization": f"Bearer {token_of(as_)}"}
        if version is not None:
            headers["if-match"] = str(version)
        parts = {name: str(value) for name, value in ({"id": id_} | path).items() if value is not None}
        return ask(api, event(route, path=parts, headers=headers, body=body, query=query))

    return asked


@pytest.fixture
def told(database: Database, tenant: uuid.UUID) -> Callable[[], list[dict[str, Any]]]:
    """The events of the one company so far."""

    def read() -> list[dict[str, Any]]:
        with database.transaction(tenant) as tx:
            return tx.rows("select type, conversation_id, topics, delta, actor from events order by ordinal")

    return read


def test_status_priority_and_labels_change_and_say_so_once(
    call: Call, thread: Thread, told: Callable[[], list[dict[str, Any]]], woken: list[uuid.UUID], tenant: uuid.UUID
) -> None:
    changed = call(CHANGE, thread.id, {"status": "pending", "priority": "high", "labels": ["vip", "late", "vip"]})
    assert changed.status == 200, changed.text
    data = changed.body["data"]
    assert (data["status"], data["priority"], data["labels"]) == ("pending", "high", ["vip", "late"])
    assert changed.headers["etag"] == f'"{data["version"]}"'
    assert [(one["type"], one["topics"]) for one in told()] == [
        ("conversation.updated", ["tenant", f"conversation:{thread.id}"])
    ]
    again = call(CHANGE, thread.id, {"status": "pending", "labels": ["vip", "late"]})
    assert (again.body["data"]["version"], len(told())) == (data["version"], 1), "what is so already is no change"
    assert woken == [tenant, tenant]
    assert [label["name"] for label in call(f"GET {LABELS}").body["data"]] == ["late", "vip"]


def test_a_snooze_needs_a_future_and_ends_with_another_status(call: Call, thread: Thread) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    data = call(CHANGE, thread.id, {"snoozedUntil": tomorrow}).body["data"]
    assert data["status"] == "snoozed"
    assert data["snoozedUntil"][:19] == tomorrow[:19]
    until_they_write = call(CHANGE, thread.id, {"status": "snoozed", "snoozedUntil": None}).body["data"]
    assert (until_they_write["status"], until_they_write["snoozedUntil"]) == ("snoozed", None)
    assert call(CHANGE, thread.id, {"status": "resolved"}).body["data"]["snoozedUntil"] is None
    for wrong in (
        {"status": "snoozed", "snoozedUntil": "2020-01-01T00:00:00Z"},
        {"status": "open", "snoozedUntil": tomorrow},
        {"status": "snoozed", "snoozedUntil": 0},
        {"status": "snoozed", "snoozedUntil": "2050-01-01T00:00:00"},
        {"status": "asleep"},
        {"status": None},
        {"labels": None},
        {"labels": [" vip"]},
        {"labels": [""]},
        {"priority": "highest"},
        {"assignee": None},
        {},
    ):
        refused = call(CHANGE, thread.id, wrong)
        assert (refused.status, refused.body["code"]) == (400, "invalid_request"), wrong


def test_who_says_if_match_is_told_when_it_is_another_version_by_now(call: Call, thread: Thread) -> None:
    seen = call("GET /v1/conversations/{id}", thread.id).body["data"]["version"]
    assert call(CHANGE, thread.id, {"priority": "low"}, version=f'"{seen}"').status == 200
    late = call(CHANGE, thread.id, {"priority": "high"}, version=seen)
    assert (late.status, late.body["code"], late.body["conversation"]["priority"]) == (409, "conflict", "low")
    assert call(CHANGE, thread.id, {"priority": "high"}, version="seven").status == 400
    assert call(CHANGE, thread.id, {"priority": "high"}, version="*").status == 200


def test_a_resolved_conversation_is_not_opened_beside_another_of_the_same_customer(
    call: Call, tenant: uuid.UUID, integration: uuid.UUID, make_conversation: Callable[..., Thread], database: Database
) -> None:
    old = make_conversation(tenant, integration, status="resolved")
    new = make_conversation(tenant, integration)
    with database.transaction(tenant) as tx:
        tx.execute("update conversations set contact_id = %(c)s where id = %(id)s", c=old.contact_id, id=new.id)
    refused = call(CHANGE, old.id, {"status": "open"})
    assert (refused.status, refused.body["code"]) == (409, "conflict")


def test_an_assignment_tells_both_people_and_hands_the_note_on(
    call: Call,
    thread: Thread,
    agent: Principal,
    tenant: uuid.UUID,
    make_user: Callable[..., Principal],
    told: Callable[[], list[dict[str, Any]]],
    database: Database,
) -> None:
    bruno = make_user(tenant, "Bruno")
    taken = call(ASSIGN, thread.id, {"userId": str(agent.id)}).body["data"]
    assert taken["assignee"] == {"id": str(agent.id), "name": "Ana"}
    handed = call(ASSIGN, thread.id, {"userId": str(bruno.id), "note": "She asks for an invoice"})
    assert handed.body["data"]["assignee"]["name"] == "Bruno"
    assert handed.body["data"]["lastMessage"] is None, "a note is no message to the customer"
    first, _, second = (one for one in told() if one["type"] != "conversation.updated")
    topics = ["tenant", f"conversation:{thread.id}"]
    assert first["topics"] == [*topics, f"user:{agent.id}"]
    assert (second["type"], second["topics"]) == (
        "conversation.assigned",
        [*topics, f"user:{agent.id}", f"user:{bruno.id}"],
    )
    assert "invoice" not in str(told()), "events hold no text"
    with database.transaction(tenant) as tx:
        (note,) = tx.rows("select direction, kind, body, status, number from messages")
    assert note == {
        "direction": "internal",
        "kind": "text",
        "body": "She asks for an invoice",
        "status": "sent",
        "number": 1,
    }
    assert call(ASSIGN, thread.id, {"userId": None}).body["data"]["assignee"] is None


def test_what_somebody_else_took_is_taken_from_them_only_by_who_has_seen_it(
    call: Call, thread: Thread, agent: Principal, tenant: uuid.UUID, make_user: Callable[..., Principal]
) -> None:
    bruno = make_user(tenant, "Bruno")
    seen = call("GET /v1/conversations/{id}", thread.id).body["data"]["version"]
    assert call(ASSIGN, thread.id, {"userId": str(bruno.id)}, version=seen, as_=bruno).status == 200
    for version in (seen, None):
        late = call(ASSIGN, thread.id, {"userId": str(agent.id)}, version=version)
        assert (late.status, late.body["code"]) == (409, "conflict")
        assert late.body["conversation"]["assignee"]["name"] == "Bruno"
    assert call(ASSIGN, thread.id, {"userId": str(bruno.id)}, version=seen, as_=bruno).status == 200, "had it already"
    now = late.body["conversation"]["version"]
    assert call(ASSIGN, thread.id, {"userId": str(agent.id)}, version=now).status == 200


def test_only_people_of_the_company_who_may_work_are_given_conversations(
    call: Call,
    thread: Thread,
    tenant: uuid.UUID,
    make_user: Callable[..., Principal],
    make_tenant: Callable[..., uuid.UUID],
    database: Database,
) -> None:
    stranger, gone = make_user(make_tenant("Other"), "Eve"), make_user(tenant, "Carla")
    with database.transaction(tenant) as tx:
        tx.execute("update users set disabled_at = now() where id = %(id)s", id=gone.id)
    for user_id, status in ((stranger.id, 404), (gone.id, 404), (uuid.uuid4(), 404), ("me", 400)):
        refused = call(ASSIGN, thread.id, {"userId": str(user_id)})
        assert (refused.status, refused.body["errors"][0]["path"]) == (status, "userId")
    assert call(ASSIGN, thread.id, {}).status == 400


def test_followers_come_and_go(call: Call, thread: Thread, agent: Principal) -> None:
    for _ in range(2):
        following = call(FOLLOW, thread.id, userId=agent.id)
        assert following.body["data"]["followers"] == [{"id": str(agent.id), "name": "Ana"}]
    assert call(UNFOLLOW, thread.id, userId=agent.id).body["data"]["followers"] == []
    assert call(UNFOLLOW, thread.id, userId=agent.id).status == 200
    assert call(FOLLOW, thread.id, userId=uuid.uuid4()).status == 404


def test_followers_are_shown_and_told_with_the_conversation_as_a_newer_one(
    call: Call, thread: Thread, agent: Principal, told: Callable[[], list[dict[str, Any]]]
) -> None:
    ana = {"id": str(agent.id), "name": "Ana"}
    before = call("GET /v1/conversations/{id}", thread.id).body["data"]
    assert before["followers"] == []
    call(FOLLOW, thread.id, userId=agent.id)
    call(FOLLOW, thread.id, userId=agent.id)
    followed = call("GET /v1/conversations/{id}", thread.id).body["data"]
    assert (followed["followers"], followed["version"]) == ([ana], before["version"] + 1)
    assert [(one["type"], one["conversation_id"]) for one in told()] == [("conversation.updated", thread.id)]
    call(UNFOLLOW, thread.id, userId=agent.id)
    call(UNFOLLOW, thread.id, userId=agent.id)
    after = call("GET /v1/conversations/{id}", thread.id).body["data"]
    assert (after["followers"], after["version"]) == ([], followed["version"] + 1)
    assert len(told()) == 2


def test_a_list_holds_what_somebody_follows(
    call: Call,
    thread: Thread,
    integration: uuid.UUID,
    agent: Principal,
    make_conversation: Callable[..., Thread],
    make_user: Callable[..., Principal],
) -> None:
    other, bruno = make_conversation(agent.tenant_id, integration), make_user(agent.tenant_id, "Bruno")
    call(FOLLOW, thread.id, userId=agent.id)
    call(FOLLOW, other.id, userId=bruno.id)

    def followed(who: object) -> list[str]:
        return [one["id"] for one in call("GET /v1/conversations", query={"follower": str(who)}).body["data"]]

    assert followed("me") == [str(thread.id)]
    assert followed(bruno.id) == [str(other.id)]
    assert call("GET /v1/conversations", query={"follower": "none"}).status == 400


def test_nothing_of_another_company_can_be_worked_on(
    call: Call,
    make_tenant: Callable[..., uuid.UUID],
    make_integration: Callable[..., uuid.UUID],
    make_conversation: Callable[..., Thread],
    agent: Principal,
) -> None:
    other = make_tenant("Other")
    theirs = make_conversation(other, make_integration(other))
    assert call(CHANGE, theirs.id, {"status": "resolved"}).status == 404
    assert call(ASSIGN, theirs.id, {"userId": str(agent.id)}).status == 404
    assert call(FOLLOW, theirs.id, userId=agent.id).status == 404
    assert call(UNFOLLOW, theirs.id, userId=agent.id).status == 404


def test_a_label_is_renamed_and_dropped_wherever_it_is(
    call: Call,
    tenant: uuid.UUID,
    integration: uuid.UUID,
    make_conversation: Callable[..., Thread],
    told: Callable[[], list[dict[str, Any]]],
) -> None:
    threads = [make_conversation(tenant, integration) for _ in range(3)]
    for thread in threads[:2]:
        call(CHANGE, thread.id, {"labels": ["vip", "late"]})
    (late, vip) = call(f"GET {LABELS}").body["data"]
    renamed = call(f"PATCH {LABELS}/{{id}}", vip["id"], {"name": "gold", "color": "#ffd700"})
    assert (renamed.status, renamed.body["data"]["name"], renamed.body["data"]["color"]) == (200, "gold", "#ffd700")
    listed = call("GET /v1/conversations", query={"label": "gold"}).body["data"]
    assert {one["id"] for one in listed} == {str(thread.id) for thread in threads[:2]}
    assert {tuple(one["labels"]) for one in listed} == {("gold", "late")}
    (bulk,) = (one["delta"] for one in told() if one["delta"].get("kind") == "conversation")
    assert set(bulk["ids"]) == {str(thread.id) for thread in threads[:2]}
    assert bulk["change"] == {"labels": {"added": ["gold"], "removed": ["vip"]}}
    assert call(f"DELETE {LABELS}/{{id}}", late["id"]).body["data"]["name"] == "late"
    assert call("GET /v1/conversations/{id}", threads[0].id).body["data"]["labels"] == ["gold"]
    assert call(f"DELETE {LABELS}/{{id}}", late["id"]).status == 404


@pytest.mark.parametrize(
    ("place", "name", "one", "two"),
    [
        (LABELS, "name", {"name": "vip"}, {"name": "late", "color": "#00ff00", "description": "Paid late"}),
        (CANNED, "shortcut", {"shortcut": "hi", "text": "Good morning!"}, {"shortcut": "bye", "text": "Bye!"}),
    ],
)
def test_the_catalogue_is_paged_by_name_and_a_name_is_there_once(
    call: Call, place: str, name: str, one: Any, two: Any
) -> None:
    for body in (one, two):
        made = call(f"POST {place}", None, body)
        assert made.status == 201
        assert made.body["data"].items() >= body.items()
    taken = call(f"POST {place}", None, one)
    assert (taken.status, taken.body["code"]) == (409, "conflict")
    first = call(f"GET {place}", query={"limit": "1"}).body
    rest = call(f"GET {place}", query={"limit": "1", "cursor": first["pagination"]["nextCursor"]}).body
    assert [first["data"][0][name], rest["data"][0][name]] == sorted([one[name], two[name]])
    assert rest["pagination"] == {"nextCursor": None, "hasMore": False}
    id_ = first["data"][0]["id"]
    clash = call(f"PATCH {place}/{{id}}", id_, {name: rest["data"][0][name]})
    assert clash.status == 409
    assert call(f"PATCH {place}/{{id}}", id_, {name: "new"}).body["data"]["version"] == 2
    assert call(f"DELETE {place}/{{id}}", id_).body["data"][name] == "new"
    assert len(call(f"GET {place}").body["data"]) == 1
