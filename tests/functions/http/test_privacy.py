"""A contact's data through the routes: exported page by page, erased, and both an admin's only."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from cli.main import main
from parley import wiring
from parley.domain.principal import Principal
from parley.domain.tombstones import PREFIX
from parley.store.database import Database

from .conftest import Reply, Thread, ask, event

EXPORT, ERASE, READ = "GET /v1/contacts/{id}/export", "DELETE /v1/contacts/{id}", "GET /v1/contacts/{id}"
Send = Callable[..., Reply]


@pytest.fixture
def send(deployed: Any, token_of: Callable[..., str]) -> Send:
    """Ask a route as somebody: `send(person, route, id, **query)`."""
    apis = {key: api for api in (wiring.inbox_api(), wiring.admin_api()) for key in api.declarations}

    def ask_as(person: Principal, route: str, id_: uuid.UUID, **query: str) -> Reply:
        headers = {"authorization": f"Bearer {token_of(person)}"}
        return ask(apis[route], event(route, path={"id": str(id_)}, query=query, headers=headers))

    return ask_as


@pytest.fixture
def admin(make_user: Callable[..., Principal], tenant: uuid.UUID) -> Principal:
    return make_user(tenant, "Clara", "admin")


@pytest.fixture
def thread_of_three(thread: Thread, make_message: Callable[..., uuid.UUID], tenant: uuid.UUID) -> Thread:
    for minute in range(3):
        make_message(tenant, thread, minute, body=f"text {minute}")
    return thread


def test_an_export_comes_page_by_page_and_its_cursor_fits_no_other_contact(
    send: Send, admin: Principal, thread_of_three: Thread
) -> None:
    records: list[dict[str, Any]] = []
    cursor = None
    while cursor or not records:
        page = send(admin, EXPORT, thread_of_three.contact_id, limit="2", **({"cursor": cursor} if cursor else {}))
        assert page.status == 200, page.text
        records += page.body["data"]
        cursor = page.body["pagination"]["nextCursor"] or cursor
        assert send(admin, EXPORT, uuid.uuid4(), cursor=cursor).status == 400
        if not page.body["pagination"]["hasMore"]:
            break
    assert [record["type"] for record in records] == ["contact", "conversation", "message", "message", "message"]
    assert [record["message"]["text"] for record in records[2:]] == ["text 0", "text 1", "text 2"]


def test_an_erased_contact_is_not_there_any_more_and_asking_again_says_how_far_it_is(
    send: Send, admin: Principal, thread_of_three: Thread, aws: Any
) -> None:
    contact = thread_of_three.contact_id
    erased = send(admin, ERASE, contact)
    assert (erased.status, erased.body["data"]["state"]) == (202, "erased"), erased.text
    assert [send(admin, route, contact).status for route in (READ, EXPORT, ERASE)] == [404, 404, 202]
    (stone,) = aws.s3.list_objects_v2(Bucket="parley-tombstones")["Contents"]
    assert stone["Key"].startswith(f"{PREFIX}{admin.tenant_id}/")
    said = json.loads(aws.s3.get_object(Bucket="parley-tombstones", Key=stone["Key"])["Body"].read())
    assert said["contactId"] == str(contact)


def test_agents_may_neither_export_nor_erase(
    send: Send, admin: Principal, agent: Principal, thread_of_three: Thread
) -> None:
    assert [send(agent, route, thread_of_three.contact_id).status for route in (EXPORT, ERASE)] == [403, 403]
    assert send(admin, READ, thread_of_three.contact_id).status == 200


def test_both_are_in_the_audit_log(send: Send, admin: Principal, thread_of_three: Thread) -> None:
    send(admin, EXPORT, thread_of_three.contact_id)
    send(admin, ERASE, thread_of_three.contact_id)
    listed = send(admin, "GET /v1/audit", uuid.uuid4())
    assert [(deed["action"], deed["subject"]["id"]) for deed in listed.body["data"]] == [
        ("contact.erased", str(thread_of_three.contact_id)),
        ("contact.exported", str(thread_of_three.contact_id)),
    ]


def test_the_command_line_erases_again_what_a_restored_database_does_not_know(
    send: Send,
    admin: Principal,
    thread_of_three: Thread,
    database: Database,
    database_url: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    contact = thread_of_three.contact_id
    send(admin, ERASE, contact)
    with database.transaction(admin.tenant_id) as tx:
        tx.execute("delete from erasures")
        tx.execute("delete from tombstones")
        tx.execute("insert into contacts (tenant_id, id, name) values (%(tenant_id)s, %(id)s, 'Maria')", id=contact)
    assert send(admin, READ, contact).status == 200
    secret = wiring.settings().deployment_secret_arn
    command = ["erase", "--reapply", "--tombstones", "parley-tombstones", "--deployment-secret", secret, "--json"]

    assert main([*command, "--database", database_url]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"tombstones": 1, "unknown": 1, "contacts": 1}
    assert wiring.erasing().carry_on() == 1

    assert send(admin, READ, contact).status == 404
    assert main([*command[:-1], "--database", database_url]) == 0
    assert "1 tombstones, 0 of them unknown" in capsys.readouterr().out
