"""The stack's child processes; their one rule: none outlives the stack, and no death goes unnoticed."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread

from local.options import HOST

LAUNCHER = Path(__file__).with_name("launcher.py")


class Child:
    """One running process, in a group of its own so that Ctrl-C reaches the stack alone, which stops in order."""

    def __init__(self, name: str, process: subprocess.Popen[bytes]) -> None:
        self.name = name
        self.pid = process.pid
        self.exit_code: int | None = None
        self.ended = asyncio.Event()
        self._process = process
        self._loop = asyncio.get_running_loop()
        # A thread each: uvloop keeps SIGCHLD to itself, and there are but a dozen.
        Thread(target=self._wait, name=f"wait for {name}", daemon=True).start()

    def signal_group(self, number: signal.Signals) -> None:
        """Send a signal to the process and whatever it started."""
        if not self.ended.is_set():
            with suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    async def stop(self, number: signal.Signals, patience: float) -> None:
        """Ask the process to end, and make it after `patience` seconds."""
        self.signal_group(number)
        try:
            async with asyncio.timeout(patience):
                await self.ended.wait()
        except TimeoutError:
            self.signal_group(signal.SIGKILL)
            await self.ended.wait()

    def _wait(self) -> None:
        exit_code = self._process.wait()
        with suppress(RuntimeError):  # the loop is closed: nobody is left to hear it
            self._loop.call_soon_threadsafe(self._end, exit_code)

    def _end(self, exit_code: int) -> None:
        self.exit_code = exit_code
        self.ended.set()


def start_child(
    name: str,
    command: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str],
    death_signal: signal.Signals = signal.SIGKILL,
    directory: Path | None = None,
    user: str | None = None,
    path: Path | None = None,
) -> Child:
    """Start a command whose output goes to `log`; `user` needs `path`, something it must be able to read.

    `death_signal` is what the child gets, on Linux, when the stack itself is killed. Call it on the main thread, whose
    end is what the kernel takes for the parent's.
    """
    launch = [sys.executable, "-I", "-S", str(LAUNCHER), str(int(death_signal)), str(os.getpid())]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*launch, user or "-", str(path or "/"), "--", *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=directory,
            process_group=0,
        )
    return Child(name, process)


def base_environment() -> dict[str, str]:
    """Answer this process's environment without anybody's cloud credentials, and with loopback never proxied."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PARLEY_"))}
    for name in ("NO_PROXY", "no_proxy"):
        kept[name] = ",".join(filter(None, [os.environ.get(name), HOST, "localhost"]))
    return kept


def rotate(log: Path) -> Path:
    """Put the last run's log aside, so that a log holds one run."""
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    log.touch()
    return log
