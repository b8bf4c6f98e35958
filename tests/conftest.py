"""Fixtures for every suite: a real Postgres, and a migrated database of its own for each test. The one rule: nothing a
test made is there for the next one, and nothing is left when the session ends.

`PARLEY_TEST_DATABASE` names a server to use (a role that may create roles and databases); without it the binaries of
the local stack are started, on a memory disk where there is one. Each pytest worker has its own server.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from threading import Event
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from local.children import LAUNCHER
from local.options import HOST
from local.ports import free_port
from local.postgres import MIGRATOR, SETTINGS, SUPERUSER, find_binaries
from parley.cloud.sealing import Sealer
from parley.domain.principal import Principal
from parley.services.provision import NewIntegration, connect_integration, create_tenant, create_user
from parley.store.database import Database
from parley.store.migrate import migrate

FULL_PROOF = os.environ.get("PARLEY_PROOF") == "1"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where tests run side by side, those of a file that starts a whole stack stay together: it has the processes of a
    small company. First of all, because pytest-xdist reads the groups in the same hook.
    """
    for item in items:
        if item.get_closest_marker("stack"):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


@dataclass(frozen=True)
class Server:
    """A Postgres server, a role on it that may create databases, and a migrated database to copy."""

    url: str
    migrator: str
    template: str

    @property
    def app_role(self) -> str:
        """The login role of the copies; roles belong to the whole server, so it is named after the template."""
        return f"parley_app_{self.template}"

    def database_url(self, name: str, role: str | None = None) -> str:
        """The connection string of a database, as the given role or as the server's own."""
        return _url(self.url, name, role)


@pytest.fixture(scope="session")
def full_proof() -> bool:
    """Whether the proofs run at full size (`make proof`)."""
    return FULL_PROOF


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The server of this pytest worker, with a migrated template database."""
    with _server_url() as url:
        template = f"parley_test_{secrets.token_hex(4)}"
        with psycopg.connect(url, autocommit=True) as admin:
            migrator = _migrator(admin)
            _create_database(admin, template, migrator)
        server = Server(url, migrator, template)
        try:
            migrate(server.database_url(template, migrator), app_role=server.app_role)
            yield server
        finally:
            with psycopg.connect(url, autocommit=True) as admin:
                _drop_database(admin, template)
                admin.execute(sql.SQL("drop role if exists {}").format(sql.Identifier(server.app_role)))


@pytest.fixture
def database_name(server: Server) -> Iterator[str]:
    """A copy of the migrated database, dropped after the test."""
    name = f"{server.template}_{secrets.token_hex(4)}"
    with psycopg.connect(server.url, autocommit=True) as admin:
        _create_database(admin, name, server.migrator, server.template)
        yield name
        _drop_database(admin, name)


@pytest.fixture
def database_url(server: Server, database_name: str) -> str:
    """The connection string of the test's database as the functions' role, whom row-level security binds."""
    return server.database_url(database_name, server.app_role)


@pytest.fixture
def owner_url(server: Server, database_name: str) -> str:
    """The connection string of the test's database as the migration role."""
    return server.database_url(database_name, server.migrator)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The test's database as the functions see it. Threads go through `in_threads`, which closes their connections."""
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def in_threads(database: Database) -> Callable[[Sequence[Callable[[], object]]], list[object]]:
    """Run pieces of work at the same moment, each in a thread of its own; answer their results in order, or raise."""

    def run(work: Sequence[Callable[[], object]]) -> list[object]:
        start = Event()

        def one(piece: Callable[[], object]) -> object:
            start.wait()
            try:
                return piece()
            finally:
                database.close()

        with ThreadPoolExecutor(max_workers=len(work)) as pool:
            futures = [pool.submit(one, piece) for piece in work]
            start.set()
            return [future.result() for future in futures]

    return run


@pytest.fixture(scope="session")
def sealer() -> Sealer:
    """Seals credentials under a key of this session."""
    return Sealer({1: secrets.token_bytes(32)}, current=1)


@pytest.fixture
def make_tenant(database: Database) -> Callable[..., UUID]:
    """Create a company: `make_tenant("Acme")`."""

    def make(name: str = "Acme") -> UUID:
        return create_tenant(database, name)

    return make


@pytest.fixture
def make_user(database: Database) -> Callable[..., Principal]:
    """Create a person and answer the authenticated caller: `make_user(tenant_id, "Ana", role="admin")`."""

    def make(tenant_id: UUID, name: str = "Ana", role: str = "agent", issuer: str = "tests") -> Principal:
        subject = f"{name.lower()}-{secrets.token_hex(4)}"
        user_id = create_user(database, tenant_id, issuer=issuer, subject=subject, name=name, role=role)
        return Principal(tenant_id, "user", user_id, name, role)  # type: ignore[arg-type]

    return make


@pytest.fixture
def make_integration(database: Database, sealer: Sealer) -> Callable[..., UUID]:
    """Connect an account: `make_integration(tenant_id)`; account ids and phones are all different."""
    numbers = count(1)

    def make(
        tenant_id: UUID,
        *,
        provider: str = "meta",
        account_id: str | None = None,
        phone: str | None = None,
        secret: str = "app-secret",  # noqa: S107 - nobody's
        access_token: str = "access-token",  # noqa: S107 - nobody's
        app_business: str | None = None,
    ) -> UUID:
        number = next(numbers)
        new = NewIntegration(
            provider=provider,
            channel="whatsapp",
            name=f"Line {number}",
            account_id=account_id or f"1000{number:05d}",
            phone=phone or f"+55119{number:08d}",
            credentials={"app_secret": secret, "access_token": access_token},
            app_business=app_business,
        )
        return connect_integration(database, sealer, tenant_id, new)

    return make


@pytest.fixture
def tenant(make_tenant: Callable[..., UUID]) -> UUID:
    """One company."""
    return make_tenant()


@pytest.fixture
def agent(make_user: Callable[..., Principal], tenant: UUID) -> Principal:
    """An agent of the one company."""
    return make_user(tenant)


@pytest.fixture
def integration(make_integration: Callable[..., UUID], tenant: UUID) -> UUID:
    """A Meta account of the one company."""
    return make_integration(tenant)


@contextmanager
def _server_url() -> Iterator[str]:
    given = os.environ.get("PARLEY_TEST_DATABASE")
    if given:
        yield given
        return
    memory = Path("/dev/shm")
    place = str(memory) if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 2 << 30 else None
    directory = Path(tempfile.mkdtemp(prefix="parley-tests-", dir=place))
    user = "nobody" if os.geteuid() == 0 else "-"
    if user != "-":
        shutil.chown(directory, user)
    try:
        with _running(directory, user) as url:
            yield url
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def _running(directory: Path, user: str) -> Iterator[str]:
    binaries = find_binaries()
    launch = [sys.executable, "-I", "-S", str(LAUNCHER), str(int(signal.SIGINT)), str(os.getpid()), user, str(binaries)]
    data = directory / "data"
    initdb = [*launch, "--", str(binaries / "initdb"), "-D", str(data), "-U", SUPERUSER, "--auth=trust", "--no-sync"]
    subprocess.run([*initdb, "--encoding=UTF8", "--locale=C.UTF-8"], check=True, capture_output=True, cwd=directory)
    port = free_port()
    settings = [f"--{name}={value}" for name, value in {**SETTINGS, "port": str(port), "fsync": "off"}.items()]
    with (directory / "log").open("wb") as log:
        command = [*launch, "--", str(binaries / "postgres"), "-D", str(data), *settings]
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=directory, process_group=0)
    url = f"postgresql://{SUPERUSER}@{HOST}:{port}/postgres"
    try:
        _wait_until_it_answers(url, process)
        yield url
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def _wait_until_it_answers(url: str, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        with suppress(psycopg.OperationalError):
            psycopg.connect(url, connect_timeout=5).close()
            return
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    raise RuntimeError(f"Postgres ended with {process.returncode} before it answered")


def _migrator(admin: psycopg.Connection) -> str:
    """The role that migrates, never a superuser: else row-level security would not be tried."""
    row = admin.execute("select current_user, rolsuper from pg_roles where rolname = current_user").fetchone()
    assert row is not None
    if not row[1]:
        return str(row[0])
    with suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
        admin.execute(sql.SQL("create role {} login createrole").format(sql.Identifier(MIGRATOR)))
    return MIGRATOR


def _create_database(admin: psycopg.Connection, name: str, owner: str, template: str = "template1") -> None:
    admin.execute(
        sql.SQL("create database {} owner {} template {}").format(
            sql.Identifier(name), sql.Identifier(owner), sql.Identifier(template)
        )
    )


def _drop_database(admin: psycopg.Connection, name: str) -> None:
    admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def _url(url: str, name: str, role: str | None) -> str:
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2] if role else parts.netloc
    return urlunsplit(parts._replace(netloc=f"{role}@{place}" if role else place, path=f"/{name}"))


@pytest.fixture(scope="session")
def samples() -> Callable[[str], bytes]:
    """A recorded webhook by its name, as it came: `samples("meta/message__text.json")`."""
    return lambda name: (Path(__file__).parent / "samples" / name).read_bytes()
