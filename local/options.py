"""What a person may choose about a run; its one rule: everything else follows from template.yaml."""

import os
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"


class StackError(Exception):
    """The stack cannot start or go on; the message is the one line its person reads."""


@dataclass(frozen=True)
class Options:
    """One run of the stack: where it listens, where it keeps its data, how fast its clock runs."""

    port: int
    directory: Path
    fast_clock: float = 1.0
    demo: bool = True
    inline: bool = False
    database_url: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Parameters of template.yaml that are to be other than this machine says."""

    @property
    def base_url(self) -> str:
        """The address of everything the gateway serves."""
        return f"http://{HOST}:{self.port}"

    @property
    def websocket_url(self) -> str:
        """The address agents' browsers connect to."""
        return f"ws://{HOST}:{self.port}/ws"


def read_options(arguments: Sequence[str] | None = None) -> Options:
    """Read the command line and the environment (PORT, DATABASE_URL, PARLEY_LOCAL_DIR, PARLEY_INLINE)."""
    parser = ArgumentParser(prog="python -m local", description="Run Parley on this machine, on loopback only.")
    parser.add_argument("--empty", action="store_true", help="load no demo data")
    parser.add_argument("--no-console", action="store_true", help="keep the plain page at / (there is no other yet)")
    parser.add_argument("--fast-clock", type=float, default=1.0, metavar="N", help="divide every duration by N")
    parser.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE", help="of the template")
    chosen = parser.parse_args(arguments)
    if wrong := [one for one in chosen.parameter if not one.partition("=")[0].isalnum() or "=" not in one]:
        parser.error(f"--parameter {wrong[0]} is not NAME=VALUE")
    if chosen.fast_clock < 1:
        parser.error("--fast-clock takes a number of 1 or more")
    port = os.environ.get("PORT") or "8080"
    if not port.isdigit() or not 0 < int(port) < 65536:
        parser.error(f"PORT={port} is not a port number")
    return Options(
        port=int(port),
        directory=Path(os.environ.get("PARLEY_LOCAL_DIR") or ROOT / ".local").resolve(),
        fast_clock=chosen.fast_clock,
        demo=not chosen.empty,
        inline=os.environ.get("PARLEY_INLINE") == "1",
        database_url=os.environ.get("DATABASE_URL") or None,
        parameters={name: value for name, _, value in (one.partition("=") for one in chosen.parameter)},
    )
