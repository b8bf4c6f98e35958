"""Every route of the OpenAPI document against everybody who should not have it: no credential, another company's, a
lower role, a key without the scope, ids of another company, ids out of an agent's sight.

The routes come from the document, so a new one is tried without a word here; one that the document does not have fails.
"""

from __future__ import annotations

import copy
import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from parley import wiring
from parley.domain.principal import Principal
from parley.store.database import Database
from parley.store.ids import new_id

from .conftest import Reply, ask, event

ROOT = Path(__file__).parents[3]
DUMMY = "0192d3a4-5b6c-7d8e-9f01-23456789abcd"
CANARY = "canary"
NOT_OF_THE_API = "/webhooks/"
"""What gateways call; tests/functions/test_webhook_receiver.py tries who may."""
IDS = {
    "contactId": "other_contact",
    "conversationId": "conversation",
    "integrationId": "integration",
    "integrationIds": "integration",
    "mediaId": "media",
    "messageId": "message",
    "replyTo": "message",
    "upTo": "message",
    "userId": "user",
    "mergeId": "merge",
    "mentions": "user",
    "ids": "dead_letter",
}
"""What an id in a body or a path is of, by its name."""
ROOMS = {
    "api-keys": "api_key",
    "canned-replies": "canned_reply",
    "contacts": "contact",
    "conversations": "conversation",
    "dead": "dead_letter",
    "integrations": "integration",
    "labels": "label",
    "ledger": "ledger_row",
    "media": "media",
    "messages": "message",
    "replays": "replay",
    "users": "user",
}
"""What `{id}` is of, by the word before it."""
WORDS = {"name": "inbound"}
"""What in a path is no id."""
SEEN_BY_SIGHT = {"contact", "conversation", "message", "media"}
GATEWAY_AWAY = (502, 503)


@dataclass(frozen=True)
class Route:
    """An operation of the document."""

    method: str
    path: str
    operation: Mapping[str, Any]

    @property
    def key(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def scope(self) -> str:
        return str(self.operation["x-scope"])

    @property
    def role(self) -> str:
        return str(self.operation["x-role"])

    @property
    def body(self) -> Any:
        """The example of its body."""
        content = self.operation.get("requestBody", {}).get("content", {})
        return copy.deepcopy(content.get("application/json", {}).get("example"))

    def place(self, name: str) -> str:
        """What a path parameter is an id of."""
        if name != "id":
            return IDS[name]
        word = self.path.split("/{id}")[0].rsplit("/", 1)[1]
        return ROOMS[word]

    def ids(self) -> list[str]:
        """What its path names."""
        named = (one["name"] for one in self.operation.get("parameters", []) if one["in"] == "path")
        return [self.place(name) for name in named if name not in WORDS]


DOCUMENT = json.loads(wiring.openapi())
ROUTES = [
    Route(method.upper(), path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]
GUARDED = [route for route in ROUTES if route.operation["security"]]


@dataclass(frozen=True)
class Company:
    """A company with one of everything, by what it is."""

    tenant: uuid.UUID
    admin: Principal
    agent: Principal
    things: Mapping[str, uuid.UUID]


INSERTS = """
insert into contacts (tenant_id, id, name) values (%(tenant_id)s, %(contact)s, 'canary Maria');
insert into contacts (tenant_id, id, name) values (%(tenant_id)s, %(other_contact)s, 'canary Mara');
insert into contact_aliases (tenant_id, scope, kind, value, address, contact_id)
  values (%(tenant_id)s, '00000000-0000-0000-0000-000000000000', 'phone', %(phone)s, %(phone)s, %(contact)s);
insert into conversations (tenant_id, id, integration_id, contact_id, assignee_id, unread_count, last_number,
    last_message_at, last_message_id, window_expires_at, reply_kind, reply_address)
  values (%(tenant_id)s, %(conversation)s, %(integration)s, %(contact)s, %(user)s, 1, 1, now(), %(message)s,
    now() + interval '1 hour', 'phone', %(phone)s);
insert into messages (tenant_id, id, integration_id, conversation_id, number, direction, kind, body,
    provider_message_id, occurred_at, status, sender_kind, sender_id)
  values (%(tenant_id)s, %(message)s, %(integration)s, %(conversation)s, 1, 'incoming', 'text', 'canary hello',
    'wamid.' || %(message)s, now(), 'received', 'contact', %(contact)s);
insert into attachments (tenant_id, id, message_id, kind, state, object_key, mime_type, size)
  values (%(tenant_id)s, %(media)s, %(message)s, 'image', 'stored', 'key', 'image/png', 3);
insert into labels (tenant_id, id, name) values (%(tenant_id)s, %(label)s, 'canary label');
insert into canned_replies (tenant_id, id, shortcut, body) values (%(tenant_id)s, %(canned_reply)s, 'canary', 'canary');
insert into api_keys (tenant_id, id, name, secret_hash, scopes) values (%(tenant_id)s, %(api_key)s, 'canary', '', '{}');
insert into ledger (tenant_id, day, id, integration_id, provider, body_hash, headers, body, state, reason,
    correlation_id, received_at)
  values (%(tenant_id)s, current_date, %(ledger_row)s, %(integration)s, 'meta', '', '{}', 'canary', 'parked', 'canary',
    %(ledger_row)s, now());
insert into replays (tenant_id, id, asked, until, total, actor_kind, actor_id)
  values (%(tenant_id)s, %(replay)s, '{"q": "canary"}', now(), 1, 'user', %(user)s);
insert into dead_letters (tenant_id, id, queue, fingerprint, payload, error, first_failed_at)
  values (%(tenant_id)s, %(dead_letter)s, 'inbound', '', jsonb_build_object('provider', 'meta', 'generation', 1,
    'integrationId', %(integration)s, 'receivedAt', '2026-03-01T12:00:00Z', 'correlationId', %(dead_letter)s,
    'headers', '{}'::jsonb, 'body', 'Y2FuYXJ5'), 'canary', now());
"""


TABLES = """
select c.relname as name from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
where c.relkind in ('r', 'p') and not c.relispartition and c.relnamespace = 'public'::regnamespace
  and has_table_privilege(c.oid, 'select')
"""
STATE = """
select md5(coalesce(string_agg(t::text, ',' order by t::text), '')) as state from {} t where tenant_id = %(tenant_id)s
"""


@pytest.fixture
def make_company(
    database: Database, make_tenant: Any, make_user: Any, make_integration: Any
) -> Callable[[str], Company]:
    """A company with one of everything; all that belongs to it says `canary`."""

    def make(name: str) -> Company:
        tenant = make_tenant(f"canary {name}")
        admin, agent = make_user(tenant, "canary Clara", role="admin"), make_user(tenant, "canary Ana")
        kinds = (
            "contact",
            "other_contact",
            "conversation",
            "message",
            "media",
            "label",
            "canned_reply",
            "api_key",
            "dead_letter",
            "ledger_row",
            "replay",
            "merge",
        )
        things = {kind: new_id() for kind in kinds} | {"integration": make_integration(tenant), "user": agent.id}
        with database.transaction(tenant) as tx:
            phone = f"5511{time.monotonic_ns() % 10**9:09d}"
            for statement in filter(str.strip, INSERTS.split(";\n")):
                tx.execute(statement, phone=phone, **things)
        return Company(tenant, admin, agent, things)

    return make


@pytest.fixture
def ours(make_company: Callable[[str], Company]) -> Company:
    return make_company("ours")


@pytest.fixture
def theirs(make_company: Callable[[str], Company]) -> Company:
    return make_company("theirs")


@pytest.fixture
def fire(deployed: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Reply]:
    """Ask a route of whichever function has it: `fire(route, headers, ids, body)`."""
    monkeypatch.setenv("META_API_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("PERSON_PER_MINUTE", "0")
    monkeypatch.setenv("API_PER_MINUTE", "100000")
    monkeypatch.setenv("SENDS_PER_MINUTE", "100000")
    wiring.settings.cache_clear()
    apis = {
        key: api for api in (wiring.inbox_api(), wiring.sending_api(), wiring.admin_api()) for key in api.declarations
    }

    def send(route: Route, headers: Mapping[str, str], ids: Mapping[str, uuid.UUID], body: Any = None) -> Reply:
        names = [one["name"] for one in route.operation.get("parameters", []) if one["in"] == "path"]
        path = {name: WORDS.get(name) or str(ids[route.place(name)]) for name in names}
        return ask(apis[route.key], event(route.key, path=path, headers=headers, body=body))

    return send


@pytest.fixture
def bearer(token_of: Callable[..., str]) -> Callable[[Principal], dict[str, str]]:
    return lambda person: {"authorization": f"Bearer {token_of(person)}"}


def filled(body: Any, things: Mapping[str, uuid.UUID]) -> Any:
    """A body whose ids are these things'."""
    if isinstance(body, dict):
        return {
            name: [str(things[IDS[name]])]
            if value == [DUMMY]
            else str(things[IDS[name]])
            if value == DUMMY
            else filled(value, things)
            for name, value in body.items()
        }
    return body


def state_of(database: Database, tenant: uuid.UUID) -> dict[str, str]:
    """A hash of all that a company has, by table; what counts or proves calls is no part of it."""
    aside = {"rate_limits", "push_leases", "presence_turns", "pacing"}
    with database.transaction(tenant) as tx:
        names = {row["name"] for row in tx.rows(TABLES)} - aside
        return {name: tx.value(STATE.format(name)) for name in sorted(names)}


def test_the_document_has_every_route_of_the_template_and_no_other() -> None:
    class Plain(yaml.SafeLoader):
        """Reads a template without its intrinsic functions."""

    Plain.add_multi_constructor("!", lambda _loader, _suffix, _node: None)
    template = yaml.load((ROOT / "template.yaml").read_text(), Plain)  # noqa: S506 - a SafeLoader
    events = (one.get("Properties", {}).get("Events", {}) for one in template["Resources"].values())
    listed = {
        f"{one['Properties']['Method']} {one['Properties']['Path']}"
        for each in events
        for one in each.values()
        if one["Type"] == "HttpApi"
    }
    assert {key for key in listed if NOT_OF_THE_API not in key} == {route.key for route in ROUTES}


def test_only_these_are_open_to_everybody() -> None:
    assert {route.key for route in ROUTES} - {route.key for route in GUARDED} == {
        "GET /healthz",
        "GET /readyz",
        "GET /v1/openapi.json",
    }


def test_nobody_without_a_good_credential_is_answered(
    fire: Callable[..., Reply], ours: Company, token_of: Callable[..., str]
) -> None:
    key = wiring.keys().issue(ours.admin, {"name": "x", "scopes": ["admin"]}, new_id())["key"]
    bad: list[dict[str, str]] = [
        {},
        {"authorization": "Bearer x.y.z"},
        {"authorization": f"Bearer {token_of(ours.admin, exp=1)}"},
        {"authorization": f"Bearer {token_of(ours.admin, aud='else')}"},
        {"x-api-key": key[:-1] + ("0" if key[-1] != "0" else "1")},
    ]
    statuses = {
        (route.key, fire(route, headers, ours.things, route.body).status) for route in GUARDED for headers in bad
    }
    assert {one for one in statuses if one[1] != 401} == set()


def test_another_companys_people_find_nothing_and_change_nothing(
    fire: Callable[..., Reply], database: Database, ours: Company, theirs: Company, bearer: Any
) -> None:
    before = state_of(database, ours.tenant)
    wrong: list[tuple[object, ...]] = []
    for route in GUARDED:
        reply = fire(route, bearer(theirs.admin), ours.things, filled(route.body, ours.things))
        if route.ids() and reply.status != 404:
            wrong.append((route.key, reply.status))
        if any(str(id_) in reply.text for id_ in _told(ours, route)):
            wrong.append((route.key, reply.status, "names what is ours"))
    assert wrong == []
    assert state_of(database, ours.tenant) == before


def _told(company: Company, route: Route) -> Iterator[uuid.UUID]:
    """Ids that an answer must not hold; an id that was asked for may be repeated."""
    asked = {*route.ids(), *(IDS[name] for name in json.dumps(route.body or {}).split('"') if name in IDS)}
    yield from (id_ for kind, id_ in company.things.items() if kind not in asked)
    yield company.tenant
    yield company.admin.id


def test_ids_of_another_company_in_a_body_are_as_if_they_were_not_there(
    fire: Callable[..., Reply], database: Database, ours: Company, theirs: Company, bearer: Any
) -> None:
    before = state_of(database, theirs.tenant)
    tried, wrong = set(), []
    for route in GUARDED:
        if DUMMY not in json.dumps(route.body):
            continue
        reply = fire(route, bearer(ours.admin), ours.things, filled(route.body, theirs.things))
        tried.add(route.key)
        if not 400 <= reply.status < 500:
            wrong.append((route.key, reply.status))
    assert wrong == []
    assert {"POST /send-message", "POST /v1/conversations/{id}/read"} <= tried
    assert state_of(database, theirs.tenant) == before


def test_an_agent_has_only_the_routes_of_agents(
    fire: Callable[..., Reply], database: Database, ours: Company, bearer: Any
) -> None:
    higher = [route for route in GUARDED if route.role != "agent"]
    assert {"POST /v1/users", "POST /v1/api-keys", "GET /v1/audit"} <= {route.key for route in higher}
    before = state_of(database, ours.tenant)
    refused = {
        route.key: fire(route, bearer(ours.agent), ours.things, filled(route.body, ours.things)).status
        for route in higher
    }
    assert {key for key, status in refused.items() if status != 403} == set()
    assert state_of(database, ours.tenant) == before


def test_a_key_has_only_the_routes_of_its_scopes(fire: Callable[..., Reply], database: Database, ours: Company) -> None:
    scopes = sorted({route.scope for route in GUARDED} - {"any caller"})
    for missing in scopes:
        others = [scope for scope in scopes if scope not in (missing, "admin")]
        key = wiring.keys().issue(ours.admin, {"name": "x", "scopes": others or ["media"]}, new_id())["key"]
        before = state_of(database, ours.tenant)
        guarded = [route for route in GUARDED if route.scope == missing]
        refused = {
            route.key: fire(route, {"x-api-key": key}, ours.things, filled(route.body, ours.things)).status
            for route in guarded
        }
        assert {name for name, status in refused.items() if status != 403} == set(), missing
        after = state_of(database, ours.tenant)
        assert {name for name in after if after[name] != before[name]} <= {"api_keys"}, "a key's last use is noted"


def test_what_is_out_of_an_agents_sight_is_not_there(
    fire: Callable[..., Reply], database: Database, ours: Company, make_user: Any, bearer: Any
) -> None:
    wiring.staff().choose(ours.admin, {"agentsSee": "own"}, new_id())
    davi = make_user(ours.tenant, "Davi")
    before = state_of(database, ours.tenant)
    guarded = [route for route in GUARDED if route.role == "agent"]
    wrong, tried = [], set()
    for route in guarded:
        hidden = SEEN_BY_SIGHT & set(route.ids())
        words = json.dumps(route.body).split('"') if DUMMY in json.dumps(route.body) else []
        named = {IDS[name] for name in words if name in IDS}
        if not hidden and not SEEN_BY_SIGHT & named:
            continue
        tried.add(route.key)
        reply = fire(route, bearer(davi), ours.things, filled(route.body, ours.things))
        if reply.status != 404:
            wrong.append((route.key, reply.status))
    assert wrong == []
    assert {"GET /v1/conversations/{id}", "GET /v1/messages/{id}", "GET /v1/media/{id}", "POST /send-message"} <= tried
    assert state_of(database, ours.tenant) == before
    for route in guarded:
        if route.method == "GET" and not route.ids():
            reply = fire(route, bearer(davi), ours.things)
            shown = [kind for kind in SEEN_BY_SIGHT if str(ours.things[kind]) in reply.text]
            assert shown == [], route.key


def test_every_route_answers_its_own_people_as_the_document_says(
    fire: Callable[..., Reply], ours: Company, bearer: Any
) -> None:
    """With the document's own examples; what needs a gateway may say that there is none."""
    last = [route for route in GUARDED if route.method == "DELETE"]
    wrong = []
    for route in [*(route for route in GUARDED if route not in last), *last]:
        reply = fire(route, bearer(ours.admin), ours.things, filled(route.body, ours.things))
        documented = route.operation["responses"].get(str(reply.status))
        if documented is None and reply.status < 400:
            wrong.append((route.key, reply.status, "not documented"))
        elif reply.status >= 500 and reply.status not in GATEWAY_AWAY:
            wrong.append((route.key, reply.status, reply.text[:200]))
        elif documented and "content" in documented:
            wrong += [(route.key, reply.status, one) for one in _faults(documented, reply)]
    assert wrong == []


def _faults(documented: Mapping[str, Any], reply: Reply) -> list[str]:
    """What of an answer is not as its schema says."""
    schema = {**documented["content"]["application/json"]["schema"], "components": DOCUMENT["components"]}
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    return [f"{list(error.absolute_path)}: {error.message[:150]}" for error in validator.iter_errors(reply.body)]
