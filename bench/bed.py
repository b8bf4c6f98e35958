"""What rows stand on, each made when the first row asks for it: a directory, a Postgres, the AWS stub, the running
stack. The one rule: nothing of the person's own stack is touched, and nothing is left behind.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg

from local.options import HOST, ROOT, Options
from local.postgres import APPLICATION, SUPERUSER, Postgres
from local.postgres import Database as Place
from parley.store.database import Database
from parley.store.migrate import migrate

if TYPE_CHECKING:
    from .company import Company
    from .stack import Stack
    from .volume import Volume

Quickly = TypeVar("Quickly")


class Bed:
    """The test bed of one run. `quick` asks every row for fewer repeats; `pooled` reaches the database as through a
    transaction pooler, which is what is deployed unless told otherwise: neither we nor a yardstick prepare anything.
    `messages`: how many messages the rows make that measure at a size; None: few.
    """

    def __init__(self, *, quick: bool, pooled: bool = True, messages: int | None = None) -> None:
        self.quick = quick
        self.messages = messages
        self.pooled = pooled
        self.secret = {
            "current": "1",
            "key_1": secrets.token_hex(32),
            "jwt_hs256": secrets.token_hex(32),
            "username": APPLICATION,
            "password": "",
        }
        self._parts = ExitStack()

    def close(self) -> None:
        """Stop and remove all of it."""
        self._parts.close()

    def say(self, text: str) -> None:
        """Show progress."""
        print(f"    {text}", file=sys.stderr, flush=True)

    def size(self, full: Quickly, quick: Quickly) -> Quickly:
        """Choose how much of something a row does."""
        return quick if self.quick else full

    @cached_property
    def directory(self) -> Path:
        """A directory that vanishes with the run."""
        own = tempfile.TemporaryDirectory(prefix="parley-bench-", ignore_cleanup_errors=True)
        path = self._parts.enter_context(own)
        # Postgres runs as nobody where the bench runs as root.
        Path(path).chmod(0o755)
        return Path(path)

    @cached_property
    def aws_url(self) -> str:
        """The address of the stub that stands for AWS and Meta."""
        command = [sys.executable, "-m", "bench.stub", json.dumps(self.secret)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        self._parts.callback(process.wait)
        assert process.stdin is not None
        assert process.stdout is not None
        self._parts.callback(process.stdout.close)
        self._parts.callback(process.stdin.close)
        return f"http://{HOST}:{int(process.stdout.readline())}"

    @cached_property
    def postgres(self) -> Place:
        """A Postgres of the bench's own, as the local stack would start it (its commits reach the disk), migrated."""
        self.say("starting Postgres …")
        directory = self.directory / "database"
        (directory / "logs").mkdir(parents=True)
        runner = self._parts.enter_context(asyncio.Runner())
        server = Postgres(Options(port=0, directory=directory))
        place, _ = runner.run(server.start())
        self._parts.callback(lambda: runner.run(server.stop()))
        migrate(place.migration_url)
        return place

    @property
    def database_url(self) -> str:
        """The bench's database as the functions see it."""
        return self.postgres.url(APPLICATION)

    @property
    def owner_url(self) -> str:
        """The bench's database as its migrations see it."""
        return self.postgres.migration_url

    def administrator(self) -> psycopg.Connection[Any]:
        """The server's own superuser, for what no role of ours may."""
        return psycopg.connect(self.postgres.url(SUPERUSER), autocommit=True)

    def alter_database(self, settings: dict[str, str | None]) -> None:
        """Change settings for every connection opened from now on; None takes a setting back."""
        with self.administrator() as admin:
            for name, value in settings.items():
                change = f"reset {name}" if value is None else f"set {name} = '{value}'"
                admin.execute(f"alter database {self.postgres.name} {change}".encode())

    def analyze(self) -> None:
        """Let Postgres look at what a row has just made."""
        with self.administrator() as admin:
            admin.execute("vacuum (analyze)")

    @cached_property
    def database(self) -> Database:
        """The bench's database; this thread's connection is closed with the run."""
        database = Database(self.database_url, pooled=self.pooled)
        self._parts.callback(database.close)
        return database

    def company(self, name: str) -> Company:
        """A new tenant with one Meta number, so that rows do not meet."""
        from .company import Company

        return Company.create(self.database, self.secret, name)

    @cached_property
    def volume(self) -> Volume:
        """A big inbox, of `messages` messages, and a small one in the same tables."""
        from .volume import fill

        many = self.messages or self.size(100_000, 20_000)
        self.say(f"writing {many} messages …")
        return fill(self, many)

    @cached_property
    def stack(self) -> Stack:
        """The whole local stack, in a directory and on a port of its own."""
        from .stack import Stack

        self.say("starting the local stack …")
        return self._parts.enter_context(Stack(self.directory / "stack"))
