"""The running stack, for tests that need the real thing: one for the whole session, more for those that end one."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from local.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 90


@dataclass
class RunningStack:
    """One `python -m local` and what it said."""

    directory: Path
    port: int
    process: subprocess.Popen[str]
    demo: dict[str, Any] = field(default_factory=dict)

    def wait_until_ready(self) -> None:
        """Read demo.json as soon as it is there."""
        ready = self.directory / "demo.json"
        poll_until(lambda: ready.exists() or self.process.poll() is not None, START_SECONDS)
        if self.process.poll() is not None:
            pytest.fail(f"the stack ended: {self.process.communicate()[0]}")
        self.demo = json.loads(ready.read_text())

    def stop(self, number: signal.Signals = signal.SIGINT) -> str:
        """Stop it as Ctrl-C does; answer what it printed."""
        self.process.send_signal(number)
        return self.process.communicate(timeout=60)[0]

    def pids(self) -> set[int]:
        """The processes below it."""
        return descendants(self.process.pid)

    def workers(self, function: str = "") -> list[int]:
        """The functions' processes, or those of one function."""
        named = f"AWS_LAMBDA_FUNCTION_NAME={function}"
        return [pid for pid in self.pids() if any(each.startswith(named) for each in environment_of(pid))]


StartStack = Callable[..., RunningStack]


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A stack with demo data; its clock is faster, but leaves a silent socket time enough."""
    running = launch(tmp_path_factory.mktemp("stack"), "--fast-clock=3")
    try:
        running.wait_until_ready()
        yield running
    finally:
        end(running)


@pytest.fixture(scope="session")
def demo(stack: RunningStack) -> dict[str, Any]:
    """What `.local/demo.json` of the session's stack says."""
    return stack.demo


@pytest.fixture
def workers(stack: RunningStack) -> Callable[[], list[int]]:
    """Answers the functions' processes there are just now."""
    return stack.workers


@pytest.fixture
def start_stack(tmp_path: Path) -> Iterator[StartStack]:
    """Start a stack of the test's own, as often as it likes; the directory is the same each time."""
    started: list[RunningStack] = []

    def start(*arguments: str, port: int | None = None, ready: bool = True, project: Path = ROOT) -> RunningStack:
        running = launch(tmp_path / "local", *arguments, port=port, project=project)
        started.append(running)
        if ready:
            running.wait_until_ready()
        return running

    yield start
    for running in started:
        end(running)


def launch(
    directory: Path,
    *arguments: str,
    port: int | None = None,
    project: Path = ROOT,
    database_url: str | None = None,
) -> RunningStack:
    """Start a stack without waiting for it; `project`: the checkout it runs, or a copy of one; `database_url`: another
    Postgres than its own.
    """
    chosen = port or free_port()
    (directory / "demo.json").unlink(missing_ok=True)  # a stack that was killed leaves it
    environment = {**os.environ, "PORT": str(chosen), "PARLEY_LOCAL_DIR": str(directory)}
    environment.pop("DATABASE_URL", None)
    environment |= {"DATABASE_URL": database_url} if database_url else {}
    if project != ROOT:
        environment["PYTHONPATH"] = f"{project}{os.pathsep}{project / 'layers/shared'}"
    process = subprocess.Popen(
        [sys.executable, "-m", "local", *arguments],
        cwd=project,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return RunningStack(directory, chosen, process)


def end(running: RunningStack) -> None:
    """Stop a stack that a test may have left running."""
    if running.process.poll() is None:
        running.stop()


def poll_until(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait for the outside world, and no longer than it takes."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds} s: {condition}")
        Event().wait(0.03)


def descendants(pid: int) -> set[int]:
    """Every process below one."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            name_end = (text := entry.read_text()).rindex(")")
        except OSError:  # it ended meanwhile
            continue
        parents[int(entry.parent.name)] = int(text[name_end + 2 :].split()[1])
    found: set[int] = set()
    fresh = {pid}
    while fresh:
        fresh = {child for child, parent in parents.items() if parent in fresh} - found
        found |= fresh
    return found


def environment_of(pid: int) -> list[str]:
    """A process's environment, empty once it has ended."""
    try:
        return Path(f"/proc/{pid}/environ").read_text(errors="replace").split("\0")
    except OSError:
        return []
