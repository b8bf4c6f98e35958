"""The health of an integration through the routes: what is shown, and what asking the gateway changes at once."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from parley.cloud.sealing import Sealer
from parley.domain.principal import Principal
from parley.domain.tokens import DeploymentKeys
from parley.edge.api import Api
from parley.edge.authentication import Authenticator
from parley.edge.routes_integrations import add_integration_routes
from parley.providers.base import Account, Capabilities, Checkup
from parley.services.catch_up import events_after
from parley.services.connect_lines import Gateways, Lines
from parley.store.database import Database

from .conftest import Reply, ask, event

HEALTH = "GET /v1/integrations/{id}/health"
CHECK = "POST /v1/integrations/{id}/check"
LIST = "GET /v1/integrations"


class Gateway:
    """Says of accounts what it is made to say."""

    name = "meta"
    channel = "whatsapp"
    capabilities = Capabilities(kinds=frozenset({"text"}))
    says = Checkup(True, "Connected.")

    def check(self, account: Account) -> Checkup:
        return self.says


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def admin(make_user: Callable[..., Principal], tenant: uuid.UUID) -> Principal:
    return make_user(tenant, "Clara", role="admin")


@pytest.fixture
def call(
    database: Database,
    authenticator: Authenticator,
    sealer: Sealer,
    gateway: Any,
    admin: Principal,
    token_of: Callable[..., str],
    integration: uuid.UUID,
) -> Callable[..., Reply]:
    """Ask for the one integration as somebody, the admin by default."""
    api = Api("admin_api", authenticator)
    keys = DeploymentKeys({1: "k" * 32}, 1)
    lines = Lines(database, Gateways({"meta": gateway}, {}), lambda: sealer, lambda: keys, lambda tenant_id: None)
    add_integration_routes(api, lambda: lines)

    def do(route: str, by: Principal = admin, id_: uuid.UUID = integration) -> Reply:
        path = {"id": str(id_)} if "{id}" in route else {}
        return ask(api, event(route, path=path, headers={"authorization": f"Bearer {token_of(by)}"}))

    return do


@pytest.fixture
def heard(database: Database, admin: Principal) -> Callable[[], list[dict[str, Any]]]:
    """What listeners were told of integrations since the test began."""
    cursor = events_after(database, admin, None, 1, None)["cursor"]
    read = partial(events_after, database, admin, cursor, 100, None)
    return lambda: [one["data"] for one in read()["data"] if one["type"] == "integration.updated"]


def test_an_account_in_order_is_ok_with_all_its_figures(call: Callable[..., Reply], agent: Principal) -> None:
    answer = call(HEALTH, by=agent)
    assert answer.status == 200
    health = answer.body["data"]
    assert (health["state"], health["reason"], health["expected"], health["checkedAt"]) == ("ok", None, None, None)
    figures = {name: value for name, value in health["lastHour"].items() if name != "since"}
    assert len(figures) == 12
    assert set(figures.values()) == {0}
    assert health["lastDay"]["since"] < health["lastHour"]["since"] < health["asOf"]


def test_a_check_stores_the_new_health_at_once_and_heals_it_too(
    call: Callable[..., Reply], gateway: Gateway, heard: Callable[[], list[dict[str, Any]]]
) -> None:
    gateway.says = Checkup(False, "The token is over.", code="credential_expired")
    checked = call(CHECK).body["data"]
    assert checked["health"]["state"] == "credential_expired"
    assert call(LIST).body["data"][0]["health"] == checked["health"]
    assert checked["health"]["reason"].startswith("The token is over. Nothing has been sent since ")
    shown = call(HEALTH).body["data"]
    assert {name: shown[name] for name in checked["health"]} == checked["health"]
    assert shown["checkedAt"] is not None
    gateway.says = Checkup(True, "Connected.")
    assert call(CHECK).body["data"]["health"]["state"] == "ok"
    assert call(HEALTH).body["data"]["state"] == "ok"
    call(CHECK)
    assert [(one["state"], one["health"]["state"]) for one in heard()] == [
        ("disconnected", "ok"),
        ("connected", "ok"),
    ], "two changes; each with the health of now, when it is read"


def test_a_gateway_that_does_not_answer_changes_nothing(call: Callable[..., Reply], gateway: Gateway) -> None:
    gateway.says = Checkup(False, "The phone is off.")
    assert call(CHECK).body["data"]["health"]["state"] == "disconnected"
    gateway.says = Checkup(False, "No answer.", unreachable=True)
    checked = call(CHECK).body["data"]
    assert (checked["check"]["reachable"], checked["health"]["state"]) == (False, "disconnected")


def test_the_health_of_anothers_integration_is_not_there(
    call: Callable[..., Reply], make_tenant: Callable[..., uuid.UUID], make_integration: Callable[..., uuid.UUID]
) -> None:
    other = make_integration(make_tenant("Other"))
    assert call(HEALTH, id_=other).status == 404
    assert call(HEALTH, id_=uuid.uuid4()).status == 404
