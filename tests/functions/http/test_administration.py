"""What admins do with people, keys, accounts and settings, through the routes."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import pytest

from parley.cloud.sealing import Sealer
from parley.domain.errors import Unauthenticated
from parley.domain.outgoing import Accepted, Outcome
from parley.domain.principal import Principal
from parley.domain.tokens import DeploymentKeys
from parley.edge.api import Api
from parley.edge.authentication import Authenticator
from parley.edge.routes_admin import add_admin_routes
from parley.edge.routes_integrations import add_integration_routes
from parley.providers.base import Account, Capabilities, Checkup
from parley.providers.registry import CREDENTIALS, GATEWAYS
from parley.services.appoint import Staff
from parley.services.connect_lines import Gateways, Lines
from parley.services.issue_keys import Keys
from parley.store.database import Database

from .conftest import Reply, ask, event

SECRETS = ("canary-app-secret", "canary-access-token", "canary-new-token")
NEW = {
    "provider": "meta",
    "name": "Shop",
    "accountId": "123450000",
    "credentials": {"appSecret": SECRETS[0], "accessToken": SECRETS[1]},
}


class Gateway:
    """Remembers what it was told, and says of accounts what it is made to say."""

    name = "meta"
    channel = "whatsapp"
    capabilities = Capabilities(kinds=frozenset({"text"}))

    def __init__(self) -> None:
        self.says = Checkup(True, "Connected.")
        self.told: list[tuple[str, Account]] = []

    def check(self, account: Account) -> Checkup:
        self.told.append(("check", account))
        return self.says

    def set_up_webhook(self, url: str, account: Account) -> Outcome:
        self.told.append((url, account))
        return Accepted("")


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def woken() -> list[uuid.UUID]:
    return []


@pytest.fixture
def api(
    database: Database, authenticator: Authenticator, sealer: Sealer, gateway: Gateway, woken: list[uuid.UUID]
) -> Api:
    api = Api("admin_api", authenticator)
    providers: Any = {"meta": gateway, "evolution": gateway}
    lines = Lines(
        database,
        Gateways(providers, CREDENTIALS, ("http://127.0.0.1:9/simulator/",)),
        lambda: sealer,
        lambda: DeploymentKeys({1: "k" * 32}, 1),
        woken.append,
    )
    add_admin_routes(api, lambda: Staff(database, woken.append), lambda: Keys(database))
    add_integration_routes(api, lambda: lines)
    return api


@pytest.fixture
def admin(make_user: Callable[..., Principal], tenant: uuid.UUID) -> Principal:
    return make_user(tenant, "Clara", role="admin")


@pytest.fixture
def call(api: Api, admin: Principal, token_of: Callable[..., str]) -> Callable[..., Reply]:
    """Ask as somebody, the admin by default: `call("PATCH /v1/users/{id}", id=…, body={…})`."""

    def do(route: str, by: Principal = admin, body: Any = None, query: Any = None, **path: Any) -> Reply:
        headers = {"authorization": f"Bearer {token_of(by)}"}
        places = {name: str(value) for name, value in path.items()}
        made = event(route, path=places, headers=headers, body=body, query=query)
        made["requestContext"]["domainName"] = "api.acme.example"
        return ask(api, made)

    return do


def rights(database: Database, person: Principal) -> int:
    with database.transaction(person.tenant_id) as tx:
        return int(tx.value("select rights_version from users where id = %(id)s", id=person.id))


def test_people_are_listed_and_invited(call: Callable[..., Reply], admin: Principal, agent: Principal) -> None:
    made = call("POST /v1/users", body={"name": "Bruno", "email": "bruno@acme.example"})
    assert (made.status, made.body["data"]["status"], made.body["data"]["role"]) == (201, "invited", "agent")
    again = call("POST /v1/users", body={"name": "Bruno", "email": "BRUNO@acme.example"})
    assert (again.status, again.body["code"]) == (409, "conflict")
    known = call("POST /v1/users", body={"name": "Eva", "issuer": "tests", "subject": "eva"})
    assert known.body["data"]["status"] == "active"
    assert call("POST /v1/users", body={"name": "Eva", "issuer": "tests", "subject": "eva"}).status == 409
    first = call("GET /v1/users", query={"limit": "3"}).body
    rest = call("GET /v1/users", query={"limit": "3", "cursor": first["pagination"]["nextCursor"]}).body
    assert [one["name"] for one in first["data"] + rest["data"]] == ["Clara", "Ana", "Bruno", "Eva"]
    assert rest["pagination"] == {"nextCursor": None, "hasMore": False}
    invited = call("GET /v1/users", query={"status": "invited"}).body["data"]
    assert [one["name"] for one in invited] == ["Bruno"]


def test_a_changed_role_counts_at_once_and_sockets_begin_anew(
    call: Callable[..., Reply], database: Database, agent: Principal, woken: list[uuid.UUID]
) -> None:
    assert call("PATCH /v1/users/{id}", by=agent, id=agent.id, body={"role": "admin"}).status == 403
    before = rights(database, agent)
    changed = call("PATCH /v1/users/{id}", id=agent.id, body={"role": "admin"})
    assert (changed.status, changed.body["data"]["role"]) == (200, "admin")
    assert rights(database, agent) == before + 1
    assert woken == [agent.tenant_id]
    assert call("PATCH /v1/users/{id}", id=agent.id, body={"name": "Ana Maria"}).body["data"]["role"] == "admin"
    assert rights(database, agent) == before + 1, "a name is no right"
    assert call("PATCH /v1/users/{id}", by=agent, id=agent.id, body={"name": "Ana"}).status == 200


def test_whoever_is_disabled_is_out_and_may_be_let_in_again(
    call: Callable[..., Reply], database: Database, agent: Principal
) -> None:
    gone = call("PATCH /v1/users/{id}", id=agent.id, body={"disabled": True})
    assert gone.body["data"]["status"] == "disabled"
    assert call("GET /v1/users", by=agent).status == 403
    assert rights(database, agent) == 1
    call("PATCH /v1/users/{id}", id=agent.id, body={"disabled": False})
    assert call("GET /v1/users", by=agent).status == 200


def test_owners_are_made_and_changed_by_owners_and_one_stays(
    call: Callable[..., Reply], tenant: uuid.UUID, admin: Principal, make_user: Callable[..., Principal]
) -> None:
    owner = make_user(tenant, "Olga", role="owner")
    assert call("PATCH /v1/users/{id}", id=admin.id, body={"role": "owner"}).status == 403
    assert call("POST /v1/users", body={"name": "X", "email": "x@x.example", "role": "owner"}).status == 403
    assert call("PATCH /v1/users/{id}", id=owner.id, body={"role": "agent"}).status == 403
    assert call("PATCH /v1/users/{id}", id=owner.id, body={"disabled": True}).status == 403
    assert call("PATCH /v1/users/{id}", by=owner, id=owner.id, body={"role": "agent"}).status == 409
    assert call("PATCH /v1/users/{id}", by=admin, id=admin.id, body={"disabled": True}).status == 409
    assert call("PATCH /v1/users/{id}", by=owner, id=admin.id, body={"role": "owner"}).status == 200
    assert call("PATCH /v1/users/{id}", by=owner, id=admin.id, body={"role": "agent"}).status == 200


def test_what_agents_see_is_chosen_and_every_agents_rights_are_new(
    call: Callable[..., Reply], database: Database, agent: Principal, admin: Principal, integration: uuid.UUID
) -> None:
    usual = {
        "agentsSee": "everything",
        "provisionAutomatically": False,
        "autoAssignment": {"mode": "off"},
        "retention": {"events": None, "ledger": None, "attempts": None},
    }
    assert call("GET /v1/settings", by=agent).body["data"] == usual
    chosen = call("PATCH /v1/settings", body={"agentsSee": "integrations"})
    assert chosen.body["data"] == {**usual, "agentsSee": "integrations"}
    assert (rights(database, agent), rights(database, admin)) == (1, 0)
    call("PATCH /v1/settings", body={"agentsSee": "integrations", "provisionAutomatically": True})
    assert rights(database, agent) == 1, "nothing changed in what is seen"
    body = {"integrationIds": [str(integration)]}
    assert call("PATCH /v1/users/{id}", id=agent.id, body=body).body["data"]["integrationIds"] == [str(integration)]
    assert rights(database, agent) == 2
    call("PATCH /v1/users/{id}", id=agent.id, body=body)
    assert rights(database, agent) == 2
    unknown = call("PATCH /v1/users/{id}", id=agent.id, body={"integrationIds": [str(uuid.uuid4())]})
    assert (unknown.status, unknown.body["errors"][0]["path"]) == (400, "integrationIds")
    kept = call("PATCH /v1/settings", body={"retention": {"ledger": 7}}).body["data"]["retention"]
    assert kept == {"events": None, "ledger": 7, "attempts": None}
    bad_terms = [{"retention": {"ledger": days}} for days in (0, 3651, "7", 1.5)]
    worse = [{"autoAssignment": {"mode": "x"}}, {"retention": {"messages": 7}}, {"else": 1}]
    for bad in ({}, {"agentsSee": "nothing"}, {"agentsSee": None}, *worse, *bad_terms):
        assert call("PATCH /v1/settings", body=bad).status == 400, bad


def test_a_key_is_shown_once_and_only_its_hash_is_kept(
    call: Callable[..., Reply], database: Database, tenant: uuid.UUID, authenticator: Authenticator
) -> None:
    body = {"name": "n8n", "scopes": ["messages:read"], "expiresAt": "2040-01-31T00:00:00Z", "perMinute": 7}
    made = call("POST /v1/api-keys", body=body).body["data"]
    key = made["key"]
    found = authenticator.authenticate({"x-api-key": key})
    assert (set(found.scopes), found.per_minute) == ({"messages:read"}, 7)
    listed = call("GET /v1/api-keys").body["data"]
    assert [(one["id"], one["name"], one["perMinute"]) for one in listed] == [(made["id"], "n8n", 7)]
    assert listed[0]["lastUsedAt"] is not None
    assert key[68:132] not in json.dumps(listed)
    with database.transaction(tenant) as tx:
        row = json.dumps(tx.row("select * from api_keys"), default=str)
    assert key[68:132] not in row
    assert call("DELETE /v1/api-keys/{id}", id=made["id"]).status == 200
    with pytest.raises(Unauthenticated):
        authenticator.authenticate({"x-api-key": key})
    assert call("DELETE /v1/api-keys/{id}", id=made["id"]).status == 404
    assert call("GET /v1/api-keys").body["data"] == []


def test_a_rotated_key_and_the_one_before_are_both_good_for_a_while(
    call: Callable[..., Reply], database: Database, tenant: uuid.UUID, authenticator: Authenticator
) -> None:
    old = call("POST /v1/api-keys", body={"name": "n8n", "scopes": ["media"]}).body["data"]
    new = call("POST /v1/api-keys/{id}/rotate", id=old["id"], body={"overlapSeconds": 60}).body["data"]
    assert (new["id"], new["key"] != old["key"]) == (old["id"], True)
    both = {authenticator.authenticate({"x-api-key": one["key"]}).id for one in (old, new)}
    assert both == {uuid.UUID(old["id"])}
    with database.transaction(tenant) as tx:
        tx.execute("update api_keys set previous_until = now() - interval '1 second'")
    with pytest.raises(Unauthenticated):
        authenticator.authenticate({"x-api-key": old["key"]})
    newest = call("POST /v1/api-keys/{id}/rotate", id=old["id"], body={"overlapSeconds": 0}).body["data"]
    with pytest.raises(Unauthenticated):
        authenticator.authenticate({"x-api-key": new["key"]})
    assert authenticator.authenticate({"x-api-key": newest["key"]}).id == uuid.UUID(old["id"])
    assert call("POST /v1/api-keys/{id}/rotate", id=uuid.uuid4(), body={}).status == 404


@pytest.mark.parametrize(
    "body",
    [
        {"name": "n8n"},
        {"name": "n8n", "scopes": []},
        {"name": "n8n", "scopes": ["operator"]},
        {"name": "n8n", "scopes": ["media", "media"]},
        {"name": "", "scopes": ["media"]},
        {"name": "a\u202eb", "scopes": ["media"]},
        {"name": "n8n", "scopes": ["media"], "expiresAt": 7},
        {"name": "n8n", "scopes": ["media"], "expiresAt": "tomorrow"},
        {"name": "n8n", "scopes": ["media"], "perMinute": 0},
        {"name": "n8n", "scopes": ["media"], "secret": "mine"},
    ],
)
def test_a_key_that_cannot_be_is_refused(call: Callable[..., Reply], body: Mapping[str, Any]) -> None:
    assert call("POST /v1/api-keys", body=dict(body)).status == 400


def test_a_key_does_not_end_itself(
    api: Api, tenant: uuid.UUID, make_key: Callable[..., str], authenticator: Authenticator
) -> None:
    key = make_key(tenant, "admin")
    own = authenticator.authenticate({"x-api-key": key})
    reply = ask(api, event("DELETE /v1/api-keys/{id}", path={"id": str(own.id)}, headers={"x-api-key": key}))
    assert reply.status == 403


def test_an_account_is_connected_and_its_gateway_told_where_to_post(
    call: Callable[..., Reply], database: Database, sealer: Sealer, gateway: Gateway, tenant: uuid.UUID
) -> None:
    made = call("POST /v1/integrations", body=NEW)
    assert made.status == 201, made.text
    line = made.body["data"]
    assert (line["state"], line["accountId"], line["webhook"]["setUp"]) == ("connected", "123450000", True)
    assert line["webhook"]["url"].startswith(f"https://api.acme.example/webhooks/meta/{line['id']}/1.")
    assert gateway.told[0][0] == line["webhook"]["url"]
    with database.transaction(tenant) as tx:
        sealed = bytes(tx.value("select credentials from integrations where id = %(id)s", id=uuid.UUID(line["id"])))
    opened = sealer.open(sealed, tenant, uuid.UUID(line["id"]), "provider")
    assert opened == {"app_secret": SECRETS[0], "access_token": SECRETS[1]}
    assert call("POST /v1/integrations", body=NEW).status == 409
    assert call("GET /v1/integrations/{id}", id=line["id"]).body["data"] == {
        name: value for name, value in line.items() if name != "webhook"
    }


def test_no_answer_event_or_log_holds_a_credential(
    call: Callable[..., Reply], database: Database, tenant: uuid.UUID, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    made = call("POST /v1/integrations", body=NEW)
    line_id = made.body["data"]["id"]
    answers = [
        made,
        call("POST /v1/integrations/{id}/rotate", id=line_id, body={"credentials": {"accessToken": SECRETS[2]}}),
        call("POST /v1/integrations", body={**NEW, "credentials": {**NEW["credentials"], "more": SECRETS[2]}}),  # type: ignore[dict-item]
        call("POST /v1/integrations", body={**NEW, "credentials": {"appSecret": [SECRETS[0]]}}),
        call("POST /v1/integrations", body={**NEW, "credentials": {"appSecret": SECRETS[0] * 1000}}),
        call("POST /v1/integrations/{id}/check", id=line_id),
        call("PATCH /v1/integrations/{id}", id=line_id, body={"name": "Shop 2"}),
        call("GET /v1/integrations"),
        call("GET /v1/audit"),
        call("DELETE /v1/integrations/{id}", id=line_id),
    ]
    assert [answer.status for answer in answers] == [201, 201, 400, 400, 400, 200, 200, 200, 200, 200]
    with database.transaction(tenant) as tx:
        kept = json.dumps([*tx.rows("select * from events"), *tx.rows("select * from audit")], default=str)
    told = [*(answer.text for answer in answers), kept, caplog.text, *(str(vars(line)) for line in caplog.records)]
    assert [(secret, text) for secret in SECRETS for text in told if secret in text] == []


def test_credentials_are_those_of_the_gateway(call: Callable[..., Reply]) -> None:
    lacking = call("POST /v1/integrations", body={**NEW, "credentials": {"appSecret": "x"}})
    assert lacking.body["errors"] == [{"path": "credentials.access_token", "message": "is needed"}]
    assert call("POST /v1/integrations", body={**NEW, "provider": "carrierpigeon"}).status == 400
    assert set(CREDENTIALS) == set(GATEWAYS)


def test_rotating_gives_new_credentials_and_another_address(
    call: Callable[..., Reply], gateway: Gateway, database: Database, tenant: uuid.UUID
) -> None:
    line = call("POST /v1/integrations", body=NEW).body["data"]
    body = {"credentials": {"accessToken": SECRETS[2]}, "webhookUrl": True}
    rotated = call("POST /v1/integrations/{id}/rotate", id=line["id"], body=body).body["data"]
    assert rotated["webhook"]["url"] != line["webhook"]["url"]
    assert "/2." in rotated["webhook"]["url"]
    assert gateway.told[-1][1].credentials["access_token"] == SECRETS[2]
    assert gateway.told[-1][1].credentials["app_secret"] == SECRETS[0], "what is not named stays"
    assert call("POST /v1/integrations/{id}/rotate", id=line["id"], body={}).status == 400


def test_checking_keeps_what_the_gateway_says(call: Callable[..., Reply], gateway: Gateway) -> None:
    line = call("POST /v1/integrations", body=NEW).body["data"]
    gateway.says = Checkup(False, "The token is dead.")
    checked = call("POST /v1/integrations/{id}/check", id=line["id"]).body["data"]
    assert checked["check"] == {"ok": False, "reason": "The token is dead.", "reachable": True}
    assert (checked["state"], checked["reason"]) == ("disconnected", "The token is dead.")
    gateway.says = Checkup(False, "No answer.", unreachable=True)
    assert call("POST /v1/integrations/{id}/check", id=line["id"]).body["data"]["reason"] == "The token is dead."
    gateway.says = Checkup(True, "Connected.")
    assert call("POST /v1/integrations/{id}/check", id=line["id"]).body["data"]["state"] == "connected"


def test_a_disconnected_account_is_gone_and_taken_up_where_it_was(
    call: Callable[..., Reply], database: Database, sealer: Sealer, tenant: uuid.UUID
) -> None:
    line = call("POST /v1/integrations", body=NEW).body["data"]
    gone = call("DELETE /v1/integrations/{id}", id=line["id"]).body["data"]
    assert (gone["state"], gone["reason"]) == ("disconnected", "Disconnected by Clara.")
    assert call("GET /v1/integrations/{id}", id=line["id"]).status == 404
    assert call("DELETE /v1/integrations/{id}", id=line["id"]).status == 404
    assert call("GET /v1/integrations").body["data"] == []
    with database.transaction(tenant) as tx:
        sealed = bytes(tx.value("select credentials from integrations where id = %(id)s", id=uuid.UUID(line["id"])))
    assert sealer.open(sealed, tenant, uuid.UUID(line["id"]), "provider") == {}
    again = call("POST /v1/integrations", body=NEW).body["data"]
    assert (again["id"], again["state"], again["held"]) == (line["id"], "connected", False)
    assert "/2." in again["webhook"]["url"], "the old address stays worthless"


@pytest.mark.parametrize(
    "address",
    [
        "http://gateway.example",
        "https://127.0.0.1:9",
        "https://10.0.0.1",
        "https://169.254.169.254/latest",
        "https://[::1]",
        "https://[::ffff:10.0.0.1]",
        "https://localhost",
        "https://db.internal",
        "https://2130706433",
        "https://0x7f000001",
        "https://user:pass@gateway.example",
        "https://gateway",
        "ftp://gateway.example",
        "https://gateway.example:99999",
        "//gateway.example",
        "",
        7,
    ],
)
def test_a_gateway_is_at_a_public_address_or_at_one_the_operator_allows(
    call: Callable[..., Reply], address: object
) -> None:
    body = {"provider": "evolution", "name": "E", "accountId": "e", "credentials": {"apiKey": "k"}}
    refused = call("POST /v1/integrations", body={**body, "settings": {"baseUrl": address}})
    assert (refused.status, refused.body["errors"][0]["path"]) == (400, "settings.baseUrl")
    allowed = "http://127.0.0.1:9/simulator/evolution"
    made = call("POST /v1/integrations", body={**body, "settings": {"baseUrl": allowed}}).body["data"]
    moved = call("PATCH /v1/integrations/{id}", id=made["id"], body={"settings": {"baseUrl": address}})
    assert moved.status == 400
    held = call("PATCH /v1/integrations/{id}", id=made["id"], body={"held": True}).body["data"]
    assert (held["held"], held["settings"]) == (True, {"baseUrl": allowed})


def test_the_audit_log_says_who_did_what(
    call: Callable[..., Reply], admin: Principal, agent: Principal, database: Database
) -> None:
    key = call("POST /v1/api-keys", body={"name": "n8n", "scopes": ["media"]}).body["data"]
    call("PATCH /v1/users/{id}", id=agent.id, body={"role": "admin"})
    call("PATCH /v1/settings", body={"agentsSee": "own"})
    call("DELETE /v1/api-keys/{id}", id=key["id"])
    found = call("GET /v1/audit", query={"limit": "3"}).body
    rest = call("GET /v1/audit", query={"limit": "3", "cursor": found["pagination"]["nextCursor"]}).body
    deeds = [one["action"] for one in found["data"] + rest["data"]]
    assert deeds == ["api_key.revoked", "settings.changed", "user.changed", "api_key.created"]
    changed = found["data"][2]
    assert changed["actor"] == {"kind": "user", "id": str(admin.id), "name": "Clara"}
    assert changed["subject"] == {"kind": "user", "id": str(agent.id)}
    assert changed["detail"] == {"role": ["agent", "admin"]}
    only = call("GET /v1/audit", query={"action": "settings.changed"}).body["data"]
    assert [one["detail"] for one in only] == [{"agentsSee": ["everything", "own"]}]
    assert call("GET /v1/audit", query={"to": "2020-01-01T00:00:00Z"}).body["data"] == []


def test_agents_administer_nothing(call: Callable[..., Reply], agent: Principal, api: Api) -> None:
    path = MappingProxyType({"id": str(uuid.uuid4())})
    refused = {route: call(route, by=agent, **path).status for route in api.declarations}
    allowed = {route for route, status in refused.items() if status != 403}
    integrations = {"GET /v1/integrations", "GET /v1/integrations/{id}", "GET /v1/integrations/{id}/health"}
    assert allowed == {"GET /v1/users", "GET /v1/settings", *integrations}
