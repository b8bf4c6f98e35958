"""Migrations: plain SQL, forward only, applied by yoyo under an advisory lock; and the login role of the functions.

The migration role needs CREATEROLE and to own the database; it is no superuser, so that row-level security binds it.
"""

from __future__ import annotations

from importlib.resources import as_file, files
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

_LOCK = "parley.migrate"


def migrate(conninfo: str, app_role: str = "parley_app", app_password: str | None = None) -> list[str]:
    """Apply every migration that is missing and make the functions' role; answer the names of those applied.

    `conninfo` (a URL or a connection string) is of the migration role. A second caller waits for the first and then
    applies nothing. A migration waits 10 s for a lock at most, so that it never holds up the traffic. Raises
    psycopg.Error as it comes: a failed migration fails the deployment and leaves the ones before it.
    """
    from yoyo import get_backend, read_migrations

    # Of the session, not of a transaction: an open one would hold up indexes that are built `concurrently`.
    with psycopg.connect(conninfo, autocommit=True) as lock:
        lock.execute("select pg_advisory_lock(hashtext(%s))", [_LOCK])
        with as_file(files(__package__) / "migrations") as folder:
            backend = get_backend(_yoyo_url(conninfo))
            try:
                pending = backend.to_apply(read_migrations(str(folder)))
                applied = [migration.id for migration in pending]
                backend.apply_migrations(pending)
            finally:
                backend.connection.close()
        _make_login_role(lock, app_role, app_password)
        lock.execute("select make_partitions(current_date + n) from generate_series(0, 7) n")
    return applied


def _yoyo_url(conninfo: str) -> str:
    given = {name: str(value) for name, value in conninfo_to_dict(conninfo).items()}
    user, password = quote(given.pop("user"), safe=""), quote(given.pop("password", ""), safe="")
    given.setdefault("options", "-c lock_timeout=10s")
    place = f"{given.pop('host')}:{given.pop('port', '5432')}/{quote(given.pop('dbname'), safe='')}"
    return f"postgresql+psycopg://{user}:{password}@{place}?{urlencode(given)}"


def _make_login_role(connection: psycopg.Connection, role: str, password: str | None) -> None:
    name = sql.Identifier(role)
    exists = connection.execute("select 1 from pg_roles where rolname = %s", [role]).fetchone()
    if not exists:
        connection.execute(sql.SQL("create role {} login nosuperuser nobypassrls nocreatedb nocreaterole").format(name))
    if password is not None:
        connection.execute(sql.SQL("alter role {} password {}").format(name, sql.Literal(password)))
    connection.execute(sql.SQL("grant parley_runtime to {}").format(name))
    connection.execute(sql.SQL("alter role {} set lock_timeout = '5s'").format(name))
    connection.execute(sql.SQL("alter role {} set statement_timeout = '20s'").format(name))
