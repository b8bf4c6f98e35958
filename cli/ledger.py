"""`parley ledger`: what became of webhooks, and having them processed again. The one rule: nothing is replayed that was
not named, by its id or by what it has in common.
"""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from cli.admin import access_of, add_access, ask
from cli.demo import Access
from cli.failure import FailureError, TroubleError
from cli.lines import plain
from cli.migrate import database_url, first_line

PAGE = "100"
STATES = ("processed", "ignored", "rejected", "parked")
LOOK_SECONDS = 0.5
MOST_TROUBLES = 20
STRAYS_AT_ONCE = 500
_NO_ID = UUID(int=0)


def add(commands: _SubParsersAction[ArgumentParser]) -> None:
    """Add the commands."""
    group = commands.add_parser("ledger", help="what became of webhooks; have them processed again").add_subparsers(
        metavar="search|show|replay|strays", required=True
    )
    search_parser = group.add_parser("search", help="webhooks that were answered 200, the latest first")
    _add_filters(search_parser)
    search_parser.add_argument("--limit", type=int, default=100, metavar="N", help="at most so many (%(default)s)")
    _finish(search_parser, search)
    show_parser = group.add_parser("show", help="one webhook, with its headers and its body")
    show_parser.add_argument("id", type=UUID)
    _finish(show_parser, show)
    replay_parser = group.add_parser("replay", help="process webhooks again: one, or all of which the filters hold")
    replay_parser.add_argument("id", nargs="?", type=UUID)
    _add_filters(replay_parser)
    replay_parser.add_argument("--wait", action="store_true", help="show how far it is until it is done")
    _finish(replay_parser, replay)
    words = (
        "webhooks that name nobody (the operator's, with the database's owner); `replay`: put them on the queue again"
    )
    strays_parser = group.add_parser("strays", help=words)
    strays_parser.add_argument("what", nargs="?", choices=("list", "replay"), default="list")
    strays_parser.add_argument("--id", type=UUID, metavar="ID", help="only this one")
    strays_parser.add_argument("--json", action="store_true", help="print JSON, one object a line")
    strays_parser.add_argument(
        "--database", metavar="URL", help="connection string of the owner (default: DATABASE_URL)"
    )
    strays_parser.set_defaults(run=strays)


def _add_filters(parser: ArgumentParser) -> None:
    parser.add_argument("--state", choices=STATES)
    parser.add_argument("--integration", type=UUID, metavar="ID")
    parser.add_argument(
        "--from", dest="since", metavar="TIME", help="received then or later, e.g. 2030-01-31T00:00:00Z"
    )
    parser.add_argument("--to", dest="until", metavar="TIME", help="received before")
    parser.add_argument("--text", help="what the reason says, or a part of it")


def _finish(parser: ArgumentParser, run: Callable[[Namespace], int]) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON, one object a line")
    add_access(parser)
    parser.set_defaults(run=run)


def search(chosen: Namespace) -> int:
    """Print rows, one a line."""
    for row in islice(_rows(access_of(chosen), _filters(chosen)), chosen.limit):
        if chosen.json:
            print(json.dumps(row))
        else:
            times = f"  ({row['repetitions']} times more)" if row["repetitions"] else ""
            why = f"  {plain(row['reason'])}" if row["reason"] else ""
            print(f"{row['receivedAt']}  {row['state']:<9}  {row['provider']:<9}  {row['id']}{why}{times}")
    return 0


def show(chosen: Namespace) -> int:
    """Print one row, whole."""
    found = ask(access_of(chosen), "GET", f"/v1/ledger/{chosen.id}")["data"]
    print(json.dumps(found, indent=None if chosen.json else 2, ensure_ascii=False))
    return 0


def replay(chosen: Namespace) -> int:
    """Have rows replayed; print the replay, at its end where somebody waits for it."""
    wanted = _filters(chosen)
    if bool(chosen.id) == bool(wanted):
        raise FailureError("say which webhooks: an ID, or --state, --integration, --from, --to, --text")
    access = access_of(chosen)
    if chosen.id:
        begun = ask(access, "POST", f"/v1/ledger/{chosen.id}/replay", {})["data"]
    else:
        begun = ask(access, "POST", "/v1/ledger/replay", wanted)["data"]
    if chosen.wait:
        begun = _wait(access, begun)
    ended = ", ".join(f"{number} {name}" for name, number in begun["outcomes"].items() if number)
    words = f"{begun['id']}  {begun['state']}  {begun['done']} of {begun['total']}" + (f": {ended}" if ended else "")
    print(json.dumps(begun) if chosen.json else words)
    return 0


def strays(chosen: Namespace) -> int:
    """Print strays, or give them back to the queue."""
    url = database_url(chosen.database)
    try:
        with psycopg.connect(url, autocommit=True, row_factory=dict_row) as owner:
            if chosen.what == "replay":
                row = owner.execute("select return_strays(%s) as given", [chosen.id]).fetchone()
                given = {"given": row["given"] if row else 0}
                print(json.dumps(given) if chosen.json else f"{given['given']} go back to the queue within a minute")
                return 0
            for stray in _strays(owner):
                if chosen.id in (None, stray["id"]):
                    print(_stray_line(stray, as_json=chosen.json))
    except psycopg.errors.InsufficientPrivilege as error:
        raise FailureError("strays are for the role that owns the database, which migrates it") from error
    except psycopg.Error as error:
        raise FailureError(f"the strays cannot be read: {first_line(error)}") from error
    return 0


def _filters(chosen: Namespace) -> dict[str, str]:
    given = {
        "state": chosen.state,
        "integrationId": chosen.integration and str(chosen.integration),
        "from": chosen.since,
        "to": chosen.until,
        "q": chosen.text,
    }
    return {name: value for name, value in given.items() if value}


def _rows(access: Access, filters: dict[str, str]) -> Iterator[dict[str, Any]]:
    query = {**filters, "limit": PAGE}
    while True:
        page = ask(access, "GET", "/v1/ledger", None, **query)
        yield from page["data"]
        if not page["pagination"]["hasMore"]:
            return
        query["cursor"] = page["pagination"]["nextCursor"]


def _wait(access: Access, begun: dict[str, Any]) -> dict[str, Any]:
    """Look at a replay until it is over; say how far it is wherever that changed."""
    said, troubles = "", 0
    while begun["state"] == "running":
        words = f"parley: {begun['done']} of {begun['total']}"
        if words != said:
            print(words, file=sys.stderr, flush=True)
            said = words
        time.sleep(LOOK_SECONDS)
        try:
            begun, troubles = ask(access, "GET", f"/v1/ledger/replays/{begun['id']}")["data"], 0
        except TroubleError:
            troubles += 1
            if troubles > MOST_TROUBLES:
                raise
    return begun


def _strays(owner: psycopg.Connection[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    place: tuple[datetime, UUID] = (datetime(1970, 1, 1, tzinfo=UTC), _NO_ID)
    while True:
        found = owner.execute("select * from list_strays(%s, %s, %s)", [*place, STRAYS_AT_ONCE]).fetchall()
        yield from found
        if len(found) < STRAYS_AT_ONCE:
            return
        place = found[-1]["received_at"], found[-1]["id"]


def _stray_line(stray: dict[str, Any], *, as_json: bool) -> str:
    at = stray["received_at"].astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if not as_json:
        return f"{at}  {stray['provider']:<9}  {stray['integration_id']:<36}  {stray['id']}  {plain(stray['reason'])}"
    return json.dumps(
        {
            "id": str(stray["id"]),
            "provider": stray["provider"],
            "integrationId": stray["integration_id"],
            "reason": stray["reason"],
            "bodyHash": bytes(stray["body_hash"]).hex(),
            "bytes": stray["bytes"],
            "correlationId": str(stray["correlation_id"]),
            "receivedAt": at,
        }
    )
