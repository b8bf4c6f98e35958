"""`parley queues`: how the queues are; stop one, have it taken from again. The one rule: a queue is everybody's, so
only an operator stops it: an API key with the scope `operator`, or an admin where `AdminsOperate` says so.
"""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser, Namespace, _SubParsersAction
from typing import Any, Final

from cli.admin import access_of, add_access, ask
from parley.domain.queues import QUEUES

WATCH_SECONDS: Final = 5.0
_COLUMNS: Final = ("queue", "waiting", "under way", "oldest", "a minute", "failed", "dead", "")


def add(commands: _SubParsersAction[ArgumentParser]) -> None:
    """Add the command."""
    words = "how the queues are; pause one, resume one"
    parser = commands.add_parser("queues", help=words, description=f"{words.capitalize()}.")
    parser.add_argument("--watch", action="store_true", help=f"look again every {WATCH_SECONDS:g} seconds")
    _finish(parser, show)
    group = parser.add_subparsers(metavar="pause|resume")
    paused = group.add_parser("pause", help="take no more from a queue until somebody resumes it")
    paused.add_argument("queue", choices=QUEUES)
    paused.add_argument("--reason", help="why, for whoever finds it so")
    _finish(paused, pause)
    resumed = group.add_parser("resume", help="take from a paused queue again, on trial at first")
    resumed.add_argument("queue", choices=QUEUES)
    _finish(resumed, resume)


def _finish(parser: ArgumentParser, run: Any) -> None:  # noqa: ANN401 - what argparse keeps
    parser.add_argument("--json", action="store_true", help="print JSON, one queue a line")
    add_access(parser)
    parser.set_defaults(run=run)


def show(chosen: Namespace) -> int:
    """Print every queue."""
    while True:
        queues = ask(access_of(chosen), "GET", "/v1/queues")["data"]
        print("\n".join(json.dumps(queue) for queue in queues) if chosen.json else table(queues), flush=True)
        if not chosen.watch:
            return 0
        time.sleep(WATCH_SECONDS)
        print()


def pause(chosen: Namespace) -> int:
    """Stop taking from a queue."""
    wanted = {"reason": chosen.reason} if chosen.reason else {}
    return _print(chosen, ask(access_of(chosen), "POST", f"/v1/queues/{chosen.queue}/pause", wanted)["data"])


def resume(chosen: Namespace) -> int:
    """Take from a queue again."""
    return _print(chosen, ask(access_of(chosen), "POST", f"/v1/queues/{chosen.queue}/resume")["data"])


def _print(chosen: Namespace, queue: dict[str, Any]) -> int:
    print(json.dumps(queue) if chosen.json else table([queue]))
    return 0


def table(queues: list[dict[str, Any]]) -> str:
    """The queues for people to read, one a line under a heading."""
    rows = [_COLUMNS, *(_row(queue) for queue in queues)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(_COLUMNS))]
    lines = []
    for row in rows:
        figures = zip(row[1:-1], widths[1:-1], strict=True)
        cells = [row[0].ljust(widths[0]), *(text.rjust(width) for text, width in figures)]
        lines.append("  ".join([*cells, row[-1]]).rstrip())
    return "\n".join(lines)


def _row(queue: dict[str, Any]) -> tuple[str, ...]:
    paused = queue["paused"]
    return (
        queue["name"],
        str(queue["depth"]),
        str(queue["inFlight"]),
        "-" if queue["oldestAgeSeconds"] is None else _age(queue["oldestAgeSeconds"]),
        f"{queue['ratePerMinute']:g}",
        f"{queue['errorRate']:.1%}",
        str(queue["dead"]),
        f"paused since {paused['since']}: {paused['reason']}" if paused else "",
    )


def _age(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
