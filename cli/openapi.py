"""`parley openapi`: the API's document. The one rule: it is made of the routes themselves and needs nothing else."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction


def add(commands: _SubParsersAction[ArgumentParser]) -> None:
    """Add the command."""
    words = "print the OpenAPI document of this version"
    commands.add_parser("openapi", help=words, description=f"{words.capitalize()}.").set_defaults(run=run)


def run(_chosen: Namespace) -> int:
    """Print the document."""
    from parley import wiring

    sys.stdout.write(wiring.openapi())
    return 0
