"""`parley tenant`, `parley user`, `parley key`: set a company up. The one rule: each prints what it made, an id or a
key, and nothing else, so that a script can take it.
"""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace, _SubParsersAction
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from cli.failure import FailureError
from cli.migrate import database_url, first_line
from parley.domain.errors import DataRefused, ParleyError
from parley.services import provision
from parley.store.database import Database

Made = TypeVar("Made")

SCOPES = (
    "conversations:read",
    "conversations:write",
    "messages:read",
    "messages:write",
    "contacts:read",
    "contacts:write",
    "events:read",
    "media",
    "admin",
    "operator",
)
_REFUSALS = {
    "users_tenant_id_fkey": "there is no such tenant",
    "api_keys_tenant_id_fkey": "there is no such tenant",
    "integrations_tenant_id_fkey": "there is no such tenant",
    "integrations_account": "the tenant has connected this account already",
    "users_subject": "the tenant has a user with this issuer and subject already",
}


def add(commands: _SubParsersAction[ArgumentParser]) -> None:
    """Add the commands."""
    tenant = _create(commands, "tenant", "create a company; prints its id", _create_tenant)
    tenant.add_argument("name", type=name_of)
    user = _create(commands, "user", "create a person of a tenant; prints the id", _create_user)
    user.add_argument("name", type=name_of)
    user.add_argument("--tenant", type=UUID, required=True, metavar="ID")
    user.add_argument("--issuer", type=name_of, required=True, help="the `iss` of the person's tokens")
    user.add_argument("--subject", type=name_of, required=True, help="the `sub` of the person's tokens")
    user.add_argument("--role", choices=("owner", "admin", "agent"), default="agent")
    user.add_argument("--email")
    key = _create(commands, "key", "create an API key; prints it, for the only time", _create_key)
    key.add_argument("name", type=name_of)
    key.add_argument("--tenant", type=UUID, required=True, metavar="ID")
    key.add_argument("--scopes", type=_scopes, required=True, help=f"comma-separated: {', '.join(SCOPES)}")
    key.add_argument("--expires", type=_moment, metavar="TIME", help="RFC 3339, e.g. 2030-01-31T00:00:00Z")


def _create(
    commands: _SubParsersAction[ArgumentParser], what: str, words: str, work: Callable[[Database, Namespace], str]
) -> ArgumentParser:
    group = commands.add_parser(what, help=words).add_subparsers(metavar="create", required=True)
    parser = group.add_parser("create", help=words, description=f"{words[0].upper()}{words[1:]}.")
    parser.add_argument("--database", metavar="URL", help="connection string (default: DATABASE_URL)")
    parser.set_defaults(run=lambda chosen: _run(chosen, work))
    return parser


def with_database(url: str | None, work: Callable[[Database], Made]) -> Made:
    """What `work` makes in a database. Raises FailureError in words where it is refused or away."""
    database = Database(database_url(url))
    try:
        return work(database)
    except DataRefused as error:
        raise FailureError(_REFUSALS.get(error.constraint or "", f"{error.detail} ({error.constraint})")) from error
    except ParleyError as error:
        raise FailureError(f"{error.detail} {first_line(error.__cause__ or error)}") from error
    finally:
        database.close()


def _run(chosen: Namespace, work: Callable[[Database, Namespace], str]) -> int:
    print(with_database(chosen.database, lambda database: work(database, chosen)))
    return 0


def _create_tenant(database: Database, chosen: Namespace) -> str:
    return str(provision.create_tenant(database, chosen.name))


def _create_user(database: Database, chosen: Namespace) -> str:
    about = {"issuer": chosen.issuer, "subject": chosen.subject, "name": chosen.name, "role": chosen.role}
    return str(provision.create_user(database, chosen.tenant, **about, email=chosen.email))


def _create_key(database: Database, chosen: Namespace) -> str:
    return provision.create_api_key(
        database, chosen.tenant, name=chosen.name, scopes=chosen.scopes, expires_at=chosen.expires
    )


def name_of(text: str) -> str:
    """An argument that is a printable text. Raises ArgumentTypeError."""
    if not text.strip() or not text.isprintable():
        raise ArgumentTypeError("should be a printable text")
    return text.strip()


def _scopes(text: str) -> list[str]:
    scopes = sorted({scope.strip() for scope in text.split(",") if scope.strip()})
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        raise ArgumentTypeError(f"unknown: {', '.join(unknown)}" if unknown else "name at least one scope")
    return scopes


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError("should be a time like 2030-01-31T00:00:00Z") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
