"""The running stack for the rows that need it: a `python -m local` of the bench's own, on a free port, stopped as
Ctrl-C stops it. Its one rule: it is started once and used by one row after the other.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit
from uuid import UUID

from local.options import HOST, ROOT
from local.ports import free_port
from parley.store.database import Database

START_SECONDS = 60.0
DRAIN_SECONDS = 60.0


class Stack:
    """One stack, a context manager."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.port = free_port()
        self.demo: dict[str, Any] = {}

    def __enter__(self) -> Self:
        """Start it and wait until it is ready."""
        self._directory.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "PORT": str(self.port), "PARLEY_LOCAL_DIR": str(self._directory)}
        environment.pop("DATABASE_URL", None)
        log = self._directory / "stack.log"
        with log.open("wb") as output:
            command = [sys.executable, "-m", "local", "--no-console"]
            self._process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
        ready, deadline = self._directory / "demo.json", time.monotonic() + START_SECONDS
        while not ready.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.__exit__(None, None, None)
                raise RuntimeError(f"the stack did not start: {log.read_text(errors='replace').strip()[-300:]}")
            time.sleep(0.05)
        self.demo = json.loads(ready.read_text())
        self._database = Database(self.demo["databaseUrl"])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        if self.demo:
            self._database.close()
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def tenant(self) -> dict[str, Any]:
        """The first company of the demo."""
        tenant: dict[str, Any] = self.demo["tenants"][0]
        return tenant

    @property
    def line(self) -> dict[str, Any]:
        """Its Meta number."""
        line: dict[str, Any] = self.tenant["integrations"][0]
        return line

    @property
    def webhook_path(self) -> str:
        """Where Meta posts."""
        return str(urlsplit(self.line["webhookUrl"]).path)

    def stored(self) -> int:
        """How many messages customers wrote so far, as the database has them."""
        with self._database.transaction(UUID(self.tenant["id"])) as tx:
            return int(tx.value("select count(*) from messages where direction = 'incoming'"))

    def wait_until_stored(self, many: int) -> float:
        """Wait until there are so many; answer when that was (monotonic seconds)."""
        deadline = time.monotonic() + DRAIN_SECONDS
        while (found := self.stored()) < many:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{found} of {many} messages were stored within {DRAIN_SECONDS:.0f} s")
            time.sleep(0.05)
        return time.monotonic()


class Bare:
    """A bare uvicorn that answers POSTs, a context manager."""

    def __init__(self) -> None:
        self.port = free_port()

    def __enter__(self) -> Self:
        """Start it and wait until it answers."""
        module = ["-m", "uvicorn", "bench.bare:application", "--host", HOST, "--port", str(self.port)]
        options = ["--http", "httptools", "--no-access-log", "--log-level", "warning", "--lifespan", "off"]
        self._process = subprocess.Popen([sys.executable, *module, *options], cwd=ROOT)
        deadline = time.monotonic() + START_SECONDS
        while not _answers(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("uvicorn did not start")
            time.sleep(0.05)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self._process.terminate()
        self._process.wait(30)


def _answers(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
