"""`parley dead` and `parley redrive`: look at what left its queue after too many tries, send it again, throw it away.
The one rule: nothing is sent or thrown away that was not named, by its id or by --all.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from cli.admin import access_of, add_access, ask
from cli.demo import Access
from cli.failure import FailureError
from parley.domain.queues import QUEUES

PAGE = "100"


def add(commands: _SubParsersAction[ArgumentParser]) -> None:
    """Add the commands."""
    _add_dead(commands)
    words = "send dead letters to their queue again"
    parser = commands.add_parser("redrive", help=words, description=f"{words.capitalize()}.")
    parser.add_argument("queue", choices=QUEUES)
    parser.add_argument(
        "--id", action="append", default=[], type=UUID, metavar="ID", help="one letter; may be repeated"
    )
    parser.add_argument("--all", action="store_true", help="every letter of the queue")
    parser.add_argument("--body", metavar="FILE", help="another body for the one --id (- reads stdin)")
    _finish(parser, redrive)


def _add_dead(commands: _SubParsersAction[ArgumentParser]) -> None:
    words = "list dead letters, show one, throw one away"
    group = commands.add_parser("dead", help=words).add_subparsers(metavar="list|show|delete", required=True)
    parser = group.add_parser("list", help="what left a queue after too many tries, the latest first")
    parser.add_argument("queue", choices=QUEUES)
    _finish(parser, list_letters)
    for name, words, run in (("show", "one letter, whole", show), ("delete", "throw one letter away", delete)):
        parser = group.add_parser(name, help=words)
        parser.add_argument("queue", choices=QUEUES)
        parser.add_argument("id", type=UUID)
        _finish(parser, run)


def _finish(parser: ArgumentParser, run: Any) -> None:  # noqa: ANN401 - what argparse keeps
    parser.add_argument("--json", action="store_true", help="print JSON, one object a line")
    add_access(parser)
    parser.set_defaults(run=run)


def list_letters(chosen: Namespace) -> int:
    """Print the letters of a queue, one a line."""
    for letter in _letters(access_of(chosen), chosen.queue):
        if chosen.json:
            print(json.dumps(letter))
        else:
            since, times = letter["firstFailedAt"], letter["failureCount"]
            print(f"{letter['id']}  since {since}  {times} times  {letter['error']}")
    return 0


def show(chosen: Namespace) -> int:
    """Print one letter, whole."""
    found = ask(access_of(chosen), "GET", f"/v1/queues/{chosen.queue}/dead/{chosen.id}")["data"]
    print(json.dumps(found, indent=None if chosen.json else 2, ensure_ascii=False))
    return 0


def delete(chosen: Namespace) -> int:
    """Throw one letter away."""
    gone = ask(access_of(chosen), "DELETE", f"/v1/queues/{chosen.queue}/dead/{chosen.id}")["data"]
    print(json.dumps(gone) if chosen.json else f"{gone['id']} is deleted")
    return 0


def redrive(chosen: Namespace) -> int:
    """Send letters again, all of them in as many requests as it takes."""
    if bool(chosen.id) == chosen.all:
        raise FailureError("say which letters: --id ID, or --all")
    if chosen.body and len(chosen.id) != 1:
        raise FailureError("--body goes with exactly one --id")
    access, path = access_of(chosen), f"/v1/queues/{chosen.queue}/dead/redrive"
    wanted: dict[str, Any] = {"all": True} if chosen.all else {"ids": [str(one) for one in chosen.id]}
    if chosen.body:
        wanted["body"] = _body(chosen.body, chosen.queue)
    redriven = 0
    while True:
        done = ask(access, "POST", path, wanted)["data"]
        redriven += done["redriven"]
        if not (chosen.all and done["left"] and done["redriven"]):
            break
    total = {"redriven": redriven, "left": done["left"]}
    print(json.dumps(total) if chosen.json else f"{redriven} sent again, {done['left']} left")
    return 0


def _letters(access: Access, queue: str) -> Iterator[dict[str, Any]]:
    query = {"limit": PAGE}
    while True:
        page = ask(access, "GET", f"/v1/queues/{queue}/dead", None, **query)
        yield from page["data"]
        if not page["pagination"]["hasMore"]:
            return
        query["cursor"] = page["pagination"]["nextCursor"]


def _body(place: str, queue: str) -> str | dict[str, Any]:
    """A webhook's body as its text; a hint as the object it is. Raises FailureError."""
    try:
        text = sys.stdin.read() if place == "-" else Path(place).read_text(encoding="utf-8")
        return text if queue == "inbound" else dict(json.loads(text))
    except (OSError, ValueError, TypeError) as error:
        raise FailureError(f"{place} is no body: {error}") from error
