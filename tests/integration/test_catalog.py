"""The rules every table follows (docs/architecture.md), read from the catalog of the migrated database: a table that a
later migration forgets to protect fails here.
"""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

# Without a tenant, and what their keys begin with: the operator's strays, the keys of the tokens' issuer, how the
# housekeeper's steps went. And the migration tool's own bookkeeping, which the functions cannot touch.
NO_TENANT = {
    "strays": "id",
    "issuer_keys": "url",
    "housekeeping": "step",
    "last_errors": "queue",
    "queue_pauses": "queue",
    "health_cursors": "source",
}
BOOKKEEPING = {"_yoyo_log", "_yoyo_migration", "_yoyo_version", "yoyo_lock"}


@pytest.fixture
def catalog(owner_url: str) -> Any:
    with psycopg.connect(owner_url) as connection:
        yield lambda query: connection.execute(query).fetchall()


def tables(catalog: Any) -> dict[str, Any]:
    rows = catalog(
        "select relname, relrowsecurity, relforcerowsecurity, relispartition, oid from pg_class"
        " where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace"
    )
    return {row[0]: row for row in rows if row[0] not in BOOKKEEPING}


def test_every_table_forces_row_level_security(catalog: Any) -> None:
    found = tables(catalog)
    assert {"messages", "ledger", "events"} <= found.keys()
    assert [name for name, row in found.items() if not (row[1] and row[2])] == []


def test_every_tenant_table_begins_its_primary_key_with_the_tenant(catalog: Any) -> None:
    rows = catalog(
        "select c.relname, (select attname from pg_attribute a where a.attrelid = c.oid and a.attnum = k.conkey[1])"
        " from pg_class c join pg_constraint k on k.conrelid = c.oid and k.contype = 'p'"
        " where c.relnamespace = 'public'::regnamespace"
    )
    first = {name: column for name, column in rows if name in tables(catalog)}
    assert first.pop("tenants") == "id"
    assert {name: first.pop(name) for name in NO_TENANT} == NO_TENANT
    assert set(first) == tables(catalog).keys() - {*NO_TENANT, "tenants"}
    assert {name for name, column in first.items() if column != "tenant_id"} == set()


def test_every_unique_and_foreign_key_contains_the_tenant(catalog: Any) -> None:
    rows = catalog(
        "select c.relname, k.conname, (select array_agg(attname::text) from pg_attribute a"
        "   where a.attrelid = c.oid and a.attnum = any(k.conkey)) as columns, k.contype, k.confrelid::regclass::text"
        " from pg_constraint k join pg_class c on c.oid = k.conrelid"
        " where c.relnamespace = 'public'::regnamespace and k.contype in ('u', 'f')"
    )
    assert rows
    assert [row[:2] for row in rows if row[0] not in BOOKKEEPING and "tenant_id" not in row[2]] == []
    indexes = catalog(
        "select i.indexrelid::regclass::text, c.relname, array(select attname::text from pg_attribute a"
        "   where a.attrelid = i.indrelid and a.attnum = any(i.indkey)) from pg_index i"
        " join pg_class c on c.oid = i.indrelid where i.indisunique and c.relnamespace = 'public'::regnamespace"
    )
    lacking = {row[0] for row in indexes if row[1] in tables(catalog) and "tenant_id" not in row[2]}
    assert lacking == {f"{name}_pkey" for name in (*NO_TENANT, "tenants")}


def test_every_policy_checks_what_is_written_too(catalog: Any) -> None:
    policies = catalog("select tablename, policyname, with_check from pg_policies where schemaname = 'public'")
    assert [row for row in policies if row[2] is None] == []
    parents = {name for name, row in tables(catalog).items() if not row[3]}
    assert {row[0] for row in policies} == parents, "each table has its policy, no partition has one"


def test_no_partition_is_granted_to_anybody(catalog: Any) -> None:
    rows = catalog(
        "select c.relname from pg_class c, aclexplode(c.relacl) g"
        " where c.relispartition and g.grantee <> c.relowner and c.relnamespace = 'public'::regnamespace"
    )
    assert rows == []
    assert any(row[3] for row in tables(catalog).values()), "there are partitions to look at"


def test_every_definer_function_pins_its_search_path_and_is_nobody_elses_to_call(catalog: Any) -> None:
    rows = catalog(
        "select proname, proconfig, has_function_privilege('public', oid, 'execute') from pg_proc"
        " where prosecdef and pronamespace = 'public'::regnamespace"
    )
    assert len(rows) >= 6
    assert [row[0] for row in rows if not any("search_path" in setting for setting in row[1] or [])] == []
    assert [row[0] for row in rows if row[2]] == []


def test_the_functions_role_is_no_superuser_owns_nothing_and_cannot_truncate(catalog: Any, server: Any) -> None:
    role = server.app_role
    assert catalog(
        f"select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb from pg_roles where rolname = '{role}'"
    ) == [(False, False, False, False)]
    assert catalog(f"select relname from pg_class where relowner = '{role}'::regrole") == []
    grants = catalog(
        f"select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')"
        f" and (has_table_privilege('{role}', oid, 'truncate') or has_table_privilege('{role}', oid, 'trigger'))"
    )
    assert grants == []
    assert catalog(f"select has_table_privilege('{role}', 'strays', 'select')") == [(False,)]
    assert catalog(f"select has_table_privilege('{role}', 'issuer_keys', 'select')") == [(False,)]
    assert catalog(f"select has_table_privilege('{role}', 'last_errors', 'select')") == [(False,)]
    assert catalog(f"select has_table_privilege('{role}', 'audit', 'update, delete')") == [(False,)]


def test_the_migration_role_is_bound_by_row_level_security_too(catalog: Any, server: Any) -> None:
    assert catalog(f"select rolsuper, rolbypassrls from pg_roles where rolname = '{server.migrator}'") == [
        (False, False)
    ]


def test_without_a_tenant_no_row_is_seen_and_none_can_be_written_for_another(
    database: Any, tenant: Any, make_tenant: Any
) -> None:
    other = make_tenant("Other")
    with database.unscoped() as tx:
        assert tx.rows("select id from tenants") == []
    with database.transaction(tenant) as tx:
        assert [row["id"] for row in tx.rows("select id from tenants")] == [tenant]
    with pytest.raises(psycopg.errors.InsufficientPrivilege), database.transaction(tenant) as tx:
        tx.execute("insert into contacts (tenant_id, id) values (%(other)s, gen_random_uuid())", other=other)
