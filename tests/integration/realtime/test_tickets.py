"""Tickets: one connection each, for seconds, for one person."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from parley.domain.errors import Forbidden, Unauthenticated
from parley.domain.principal import Principal
from parley.services.tickets import consume, issue
from parley.store.database import Database

TTL = timedelta(seconds=30)
Make = Callable[..., Any]


def issued(database: Database, agent: Principal) -> str:
    ticket: str = issue(database, agent, "wss://here", TTL)["data"]["ticket"]
    return ticket


def test_a_ticket_is_for_its_person_with_the_rights_of_now(database: Database, agent: Principal) -> None:
    answer = issue(database, agent, "wss://here", TTL)["data"]
    with database.transaction(agent.tenant_id) as tx:
        tx.execute("update users set rights_version = 7")

    principal = consume(database, answer["ticket"])

    assert (answer["url"], answer["expiresIn"]) == ("wss://here", 30)
    assert (principal.tenant_id, principal.id, principal.rights_version) == (agent.tenant_id, agent.id, 7)


def test_a_ticket_opens_one_door_however_many_try(database: Database, agent: Principal, in_threads: Any) -> None:
    ticket = issued(database, agent)

    def attempt() -> bool:
        try:
            consume(database, ticket)
        except Unauthenticated:
            return False
        return True

    assert sum(in_threads([attempt] * 6)) == 1


def test_a_ticket_is_stored_as_a_hash_only(database: Database, agent: Principal) -> None:
    ticket = issued(database, agent)

    with database.transaction(agent.tenant_id) as tx:
        row = tx.row("select * from tickets")

    assert row is not None
    assert ticket[32:].encode() not in bytes(row["hash"])
    assert len(row["hash"]) == 32


def test_an_old_ticket_is_worth_nothing(database: Database, agent: Principal, expire: Any) -> None:
    ticket = issued(database, agent)
    expire(agent.tenant_id, timedelta(seconds=31))

    with pytest.raises(Unauthenticated):
        consume(database, ticket)


def test_a_ticket_of_somebody_disabled_is_worth_nothing(database: Database, agent: Principal) -> None:
    ticket = issued(database, agent)
    with database.transaction(agent.tenant_id) as tx:
        tx.execute("update users set disabled_at = now()")

    with pytest.raises(Unauthenticated):
        consume(database, ticket)


def test_a_ticket_of_one_company_opens_no_other(database: Database, agent: Principal, make_tenant: Make) -> None:
    ticket = issued(database, agent)
    other: UUID = make_tenant("Other")

    with pytest.raises(Unauthenticated):
        consume(database, other.hex + ticket[32:])


@pytest.mark.parametrize("ticket", ["", "x", "0" * 75, "é" * 75, "0" * 32 + "/" * 43])
def test_what_was_never_a_ticket_is_refused(ticket: str, database: Database) -> None:
    with pytest.raises(Unauthenticated):
        consume(database, ticket)


def test_a_key_gets_no_ticket(database: Database, tenant: UUID) -> None:
    attempt = partial(issue, database, Principal(tenant, "api_key", uuid4(), "Key"), "wss://here", TTL)

    with pytest.raises(Forbidden):
        attempt()
