"""`parley migrate`: brings a database to this version's schema. The one rule: it says which migrations it applied, and
changes nothing else.
"""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace, _SubParsersAction

import psycopg
from psycopg.conninfo import conninfo_to_dict

from cli.failure import FailureError
from parley.store.migrate import migrate

NEEDED = ("user", "host", "dbname")


def add(commands: _SubParsersAction[ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "migrate",
        help="apply the migrations a database lacks",
        description="Apply the migrations a database lacks, as a role that owns it and may create roles, and make the "
        "functions' role. Repeating it is harmless. PARLEY_APP_PASSWORD, if set, becomes that role's password.",
    )
    parser.add_argument("database", nargs="?", metavar="URL", help="connection string (default: DATABASE_URL)")
    parser.add_argument("--app-role", default="parley_app", metavar="NAME", help="the functions' role (%(default)s)")
    parser.set_defaults(run=run)


def run(chosen: Namespace) -> int:
    """Migrate and say what was applied."""
    url = database_url(chosen.database)
    try:
        applied = migrate(url, chosen.app_role, os.environ.get("PARLEY_APP_PASSWORD") or None)
    except psycopg.Error as error:
        raise FailureError(f"migrating failed: {first_line(error)}") from error
    for name in applied:
        print(f"applied {name}")
    if not applied:
        print("nothing to apply: the database is up to date")
    return 0


def database_url(given: str | None) -> str:
    """The connection string to use: the one given, else DATABASE_URL. Raises FailureError where it lacks a part."""
    url = given or os.environ.get("DATABASE_URL")
    if not url:
        raise FailureError("which database? Give its connection string, or set DATABASE_URL")
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        raise FailureError("the connection string cannot be read (postgresql://user@host:port/database)") from error
    missing = [name for name in NEEDED if not parts.get(name)]
    if missing:
        raise FailureError(f"the connection string lacks: {', '.join(missing)} (postgresql://user@host:port/database)")
    return url


def first_line(error: BaseException) -> str:
    """An error's first line: Postgres adds context that nobody needs on a terminal."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
