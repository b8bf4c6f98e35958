"""`parley`: finds the command that was asked for and runs it. The one rule: each command lives in a file of its own,
which adds its arguments and the function that runs it.

Exit codes: 0 done, 1 it failed, 2 it was asked wrongly, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from importlib.metadata import version

from cli import erase, integration, ledger, migrate, openapi, provision, queues, redrive, show, tail
from cli.failure import FailureError

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; answer its exit code."""
    chosen = _parser().parse_args(arguments)
    run: Callable[..., int] = chosen.run
    try:
        code = run(chosen)
        sys.stdout.flush()
    except FailureError as failure:
        print(f"parley: {failure}", file=sys.stderr)
        return failure.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough. Python would complain again while it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="parley", description="Work with a Parley deployment from a terminal.")
    parser.add_argument("--version", action="version", version=f"parley {version('parley')}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    tail.add(commands)
    show.add(commands)
    migrate.add(commands)
    erase.add(commands)
    provision.add(commands)
    integration.add(commands)
    openapi.add(commands)
    queues.add(commands)
    redrive.add(commands)
    ledger.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
