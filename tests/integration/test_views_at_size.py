"""A page costs the page: however many contacts and messages a company has, its rows are looked up by their keys."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from parley.store.database import Database
from parley.store.views import load_contacts, load_conversations, load_messages

MANY = 4000
TABLES = ("contacts", "contact_aliases", "conversations", "messages")
COMPANY = (
    """
    insert into contacts (tenant_id, id, name)
    select %(tenant_id)s, gen_random_uuid(), 'Customer ' || n from generate_series(1, %(many)s) n
    """,
    """
    insert into contact_aliases (tenant_id, scope, kind, value, address, contact_id)
    select %(tenant_id)s, '00000000-0000-0000-0000-000000000000', 'phone', id, id, id from contacts
    where tenant_id = %(tenant_id)s
    """,
    """
    insert into conversations (tenant_id, id, integration_id, contact_id)
    select %(tenant_id)s, gen_random_uuid(), %(line)s, id from contacts where tenant_id = %(tenant_id)s
    """,
    """
    insert into messages (
      tenant_id, id, integration_id, conversation_id, number, direction, kind, body, provider_message_id, occurred_at,
      status, sender_kind, sender_id)
    select tenant_id, gen_random_uuid(), integration_id, id, 1, 'incoming', 'text', 'Is it there?', 'wamid.' || id,
      now(), 'received', 'contact', contact_id
    from conversations where tenant_id = %(tenant_id)s
    """,
)


@pytest.mark.parametrize(
    ("table", "load"),
    [("messages", load_messages), ("conversations", load_conversations), ("contacts", load_contacts)],
    ids=["messages", "conversations", "contacts"],
)
def test_a_page_reads_no_table_from_one_end_to_the_other(
    database: Database,
    tenant: uuid.UUID,
    integration: uuid.UUID,
    server: Any,
    database_name: str,
    table: str,
    load: Callable[..., dict[uuid.UUID, Any]],
) -> None:
    with database.transaction(tenant) as tx:
        for statement in COMPANY:
            tx.execute(statement, many=MANY, line=integration)
    with psycopg.connect(server.database_url(database_name), autocommit=True) as admin:
        admin.execute("vacuum (analyze)")
    with database.transaction(tenant) as tx:
        ids = [row["id"] for row in tx.rows(f"select id from {table} where tenant_id = %(tenant_id)s limit 20")]
        read = [tx.value(READ, name=name) for name in TABLES]
        assert len(load(tx, ids)) == 20
        more = {name: tx.value(READ, name=name) - before for name, before in zip(TABLES, read, strict=True)}
    assert max(more.values()) <= 20, more


# Rows that were read by passing over all of a table.
READ = "select pg_stat_get_xact_tuples_returned(%(name)s::regclass)"
