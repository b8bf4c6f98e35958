"""The inbox by the name or number of its customers: what is found, that both ways of finding it agree, and that few
found means few read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import UUID

import psycopg
import pytest

from parley.domain.principal import Principal
from parley.services.read_inbox import ConversationFilter, ConversationPosition, Inbox
from parley.store import inbox as store
from parley.store.database import Database, Transaction
from parley.store.ids import new_id

INSERT = """
with contact as (
  insert into contacts (tenant_id, id, name, attributes)
  values (%(tenant_id)s, %(id)s, %(name)s, jsonb_build_object('company', %(company)s::text)) returning id
),
address as (
  insert into contact_aliases (tenant_id, scope, kind, value, address, contact_id)
  select %(tenant_id)s, '00000000-0000-0000-0000-000000000000', 'phone', %(phone)s, %(phone)s, id from contact
)
insert into conversations (tenant_id, id, integration_id, contact_id, last_message_at)
select %(tenant_id)s, %(id)s, %(integration_id)s, contact.id, now() from contact
"""
INSERT_GROUP = """
with made as (
  insert into groups (tenant_id, id, integration_id, address, name)
  values (%(tenant_id)s, %(id)s, %(integration_id)s, %(id)s::text, %(name)s) returning id
)
insert into conversations (tenant_id, id, integration_id, group_id) select %(tenant_id)s, %(id)s, %(integration_id)s, id
from made
"""
INSERT_MANY = """
with made as (
  insert into contacts (tenant_id, id, name)
  select %(tenant_id)s, gen_random_uuid(), 'Customer ' || n from generate_series(1, 5000) n returning id
)
insert into conversations (tenant_id, id, integration_id, contact_id, last_message_at)
select %(tenant_id)s, gen_random_uuid(), %(integration_id)s, id, now() from made
"""
PEOPLE = {
    "João Conceição": ("5511987654321", "Padaria São José"),
    "Joana Prado": ("551133334444", "Oficina"),
    "Bia": ("5521912345678", "Padaria Real"),
}
GROUPS = ("Condomínio Jardim", "Joanas da Vila")


@pytest.fixture
def names(database: Database, tenant: UUID, integration: UUID) -> dict[UUID, str]:
    """Conversations by id, each with the name of whose it is."""
    made: dict[UUID, str] = {}
    with database.transaction(tenant) as tx:
        for name, (phone, company) in PEOPLE.items():
            made[id_ := new_id()] = name
            tx.execute(INSERT, id=id_, name=name, phone=phone, company=company, integration_id=integration)
        for name in GROUPS:
            made[id_ := new_id()] = name
            tx.execute(INSERT_GROUP, id=id_, name=name, integration_id=integration)
    return made


@pytest.fixture(params=["the few that fit", "a walk"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways of finding conversations by name."""
    if request.param == "a walk":
        monkeypatch.setattr(store, "MOST_OWNERS", 0)


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize("sort", ["newest", "oldest"])
@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("joao", {"João Conceição"}),
        ("CONCEIÇAO joão", {"João Conceição"}),
        ("joan", {"Joana Prado", "Joanas da Vila"}),
        ("jardim", {"Condomínio Jardim"}),
        ("8765", {"João Conceição"}),
        ("+55 (11) 98765", {"João Conceição"}),
        ("55 11", {"João Conceição", "Joana Prado"}),
        ("padaria", {"João Conceição", "Bia"}),
        ("bia padaria", {"Bia"}),
        ("ia", set()),
        ("%", set()),
        ("!?", set()),
        ("nobody", set()),
    ],
)
def test_conversations_are_found_by_parts_of_names_and_numbers(
    database: Database, agent: Principal, names: dict[UUID, str], asked: str, found: set[str], sort: str
) -> None:
    shown = list(_walk(database, agent, ConversationFilter(name=asked, sort=sort)))  # type: ignore[arg-type]
    assert len(shown) == len(found)
    assert {names[id_] for id_ in shown} == found


def _walk(database: Database, caller: Principal, wanted: ConversationFilter) -> Iterator[UUID]:
    after: ConversationPosition | None = None
    while True:
        page = Inbox(database).conversations(caller, wanted, after, 1)
        yield from (UUID(view["id"]) for view in page.items)
        after = page.after
        if after is None:
            return


@pytest.mark.usefixtures("either_way", "names")
def test_nobody_of_another_company_is_found(
    database: Database,
    make_tenant: Callable[..., UUID],
    make_user: Callable[..., Principal],
    make_integration: Callable[..., UUID],
) -> None:
    other = make_tenant("Other")
    davi, line, id_ = make_user(other, "Davi"), make_integration(other), new_id()
    with database.transaction(other) as tx:
        tx.execute(INSERT, id=id_, name="Joaquim", phone="5511955550100", company="", integration_id=line)
    assert list(_walk(database, davi, ConversationFilter(name="joa"))) == [id_]
    assert list(_walk(database, davi, ConversationFilter(name="padaria"))) == []
    with database.transaction(other) as tx:
        assert tx.rows("select * from find_owners(%(patterns)s, 10)", patterns=["%padaria%"]) == []


@pytest.mark.usefixtures("either_way")
def test_what_changes_while_somebody_walks_through_what_they_look_for_is_not_left_out(
    database: Database, agent: Principal, names: dict[UUID, str]
) -> None:
    wanted = ConversationFilter(name="5511")
    page = Inbox(database).conversations(agent, wanted, None, 1)
    shown = UUID(page.items[0]["id"])
    (last,) = (id_ for id_, name in names.items() if name in ("João Conceição", "Joana Prado") and id_ != shown)
    with database.transaction(agent.tenant_id) as tx:
        tx.execute("update conversations set last_message_at = now() + interval '1 hour' where id = %(id)s", id=last)
    page = Inbox(database).conversations(agent, wanted, page.after, 10)
    assert [UUID(view["id"]) for view in page.items] == [last]


def test_few_rows_are_read_where_few_fit(
    database: Database, owner_url: str, tenant: UUID, integration: UUID, names: dict[UUID, str]
) -> None:
    with database.transaction(tenant) as tx:
        tx.execute(INSERT_MANY, integration_id=integration)
    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute("vacuum analyze contacts, contact_words, conversations")
    for sort in ("newest", "oldest"):
        with database.transaction(tenant) as tx:
            before = _rows_read(tx)
            found = store.page_of_conversations(tx, ConversationFilter(name="joao", sort=sort), None, 21)
            read = {table: rows - before[table] for table, rows in _rows_read(tx).items()}
        assert [names[at.id] for at in found] == ["João Conceição"]
        assert read["conversations"] <= 10, sort
        assert read["contact_words"] <= 10, sort


def _rows_read(tx: Transaction) -> dict[str, int]:
    """How many rows this transaction has read, by table."""
    rows = tx.rows(
        "select relname, seq_tup_read + coalesce(idx_tup_fetch, 0) as read from pg_stat_xact_user_tables"
        " where relname in ('conversations', 'contact_words')"
    )
    return {row["relname"]: row["read"] for row in rows}
