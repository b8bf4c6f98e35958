"""Contacts joined and told apart by HTTP: who may, what is answered, what is refused."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from parley.domain.principal import Principal
from parley.edge.api import Api
from parley.edge.authentication import Authenticator
from parley.edge.routes_identity import add_identity_routes
from parley.services.same_person import SamePerson
from parley.store.database import Database

from .conftest import Reply, Thread, ask, event

MERGE = "POST /v1/contacts/{id}/merge"
UNMERGE = "POST /v1/contacts/{id}/unmerge"
GET = "GET /v1/contacts/{id}"
SHOWN = {"id", "name", "phone", "avatarUrl", "aliases", "attributes", "blocked", "createdAt", "updatedAt", "version"}


class NoWindow:
    """A gateway on which one may always answer."""

    class capabilities:  # noqa: N801 - an attribute of a gateway
        window = None


@pytest.fixture
def api(database: Database, authenticator: Authenticator) -> Api:
    api = Api("inbox_api", authenticator)
    providers = {"meta": NoWindow}
    people = SamePerson(database, providers, lambda tenant_id: None)  # type: ignore[arg-type]
    add_identity_routes(api, lambda: people)
    return api


Call = Callable[..., Reply]


@pytest.fixture
def call(api: Api, agent: Principal, token_of: Callable[..., str]) -> Call:
    """Ask as an agent: `call(MERGE, id, body)`."""

    def asked(route: str, id_: object, body: object = None, *, as_: Principal = agent, key: str | None = None) -> Reply:
        headers = {"x-api-key": key} if key else {"authorization": f"Bearer {token_of(as_)}"}
        return ask(api, event(route, path={"id": str(id_)}, headers=headers, body=body))

    return asked


@pytest.fixture
def two(
    thread: Thread, make_conversation: Callable[..., Thread], tenant: uuid.UUID, integration: uuid.UUID
) -> tuple[str, str]:
    """Two contacts of the one company, the older one first."""
    other = make_conversation(tenant, integration)
    one, two = sorted((str(thread.contact_id), str(other.contact_id)))
    return one, two


def test_a_join_answers_the_contact_that_stays_and_undoing_it_both_again(call: Call, two: tuple[str, str]) -> None:
    older, younger = two
    joined = call(MERGE, younger, {"contactId": older})
    assert joined.status == 200, joined.text
    assert (joined.body["data"]["id"], set(joined.body["data"])) == (older, SHOWN)
    assert [call(GET, id_).body["data"]["id"] for id_ in two] == [older, older]
    parted = call(UNMERGE, younger, {})
    assert (parted.status, parted.body["data"]["id"]) == (200, older)
    assert [call(GET, id_).body["data"]["id"] for id_ in two] == list(two)


def test_what_cannot_be_is_a_conflict_and_what_is_not_there_not_found(
    call: Call, two: tuple[str, str], make_tenant: Callable[..., uuid.UUID], make_user: Callable[..., Principal]
) -> None:
    older, younger = two
    stranger = make_user(make_tenant("Other"))
    nobody = str(uuid.uuid4())
    for reply, status, code in (
        (call(MERGE, older, {"contactId": older}), 409, "conflict"),
        (call(UNMERGE, older, {}), 409, "conflict"),
        (call(MERGE, older, {"contactId": nobody}), 404, "not_found"),
        (call(MERGE, nobody, {"contactId": older}), 404, "not_found"),
        (call(MERGE, older, {"contactId": younger}, as_=stranger), 404, "not_found"),
        (call(UNMERGE, older, {}, as_=stranger), 404, "not_found"),
        (call(GET, older, as_=stranger), 404, "not_found"),
        (call(GET, "not-an-id"), 404, "not_found"),
        (call(MERGE, older, {}), 400, "invalid_request"),
        (call(MERGE, older, {"contactId": younger, "why": "same"}), 400, "invalid_request"),
        (call(MERGE, older, {"contactId": 7}), 400, "invalid_request"),
        (call(UNMERGE, older, {"mergeId": "first"}), 400, "invalid_request"),
    ):
        assert (reply.status, reply.body["code"]) == (status, code), reply.text


def test_another_join_than_the_last_one_is_named(call: Call, two: tuple[str, str]) -> None:
    call(MERGE, two[0], {"contactId": two[1]})
    refused = call(UNMERGE, two[0], {"mergeId": str(uuid.uuid4())})
    assert refused.status == 409
    assert call(UNMERGE, two[0], {"mergeId": refused.body["mergeId"]}).status == 200


def test_a_key_needs_the_scope(
    call: Call, two: tuple[str, str], make_key: Callable[..., str], tenant: uuid.UUID
) -> None:
    reads, writes = make_key(tenant, "contacts:read"), make_key(tenant, "contacts:write")
    assert call(MERGE, two[0], {"contactId": two[1]}, key=reads).status == 403
    assert call(UNMERGE, two[0], {}, key=reads).status == 403
    assert call(GET, two[0], key=writes).status == 403
    assert call(GET, two[0], key=reads).status == 200
    assert call(MERGE, two[0], {"contactId": two[1]}, key=writes).status == 200
