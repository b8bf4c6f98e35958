"""`parley integration health` and `parley integration check`: how connected accounts do, and what their gateways say
when asked. The one rule: standard output holds the answer only, with --json exactly as the API gave it.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from cli.admin import access_of, add_access, ask
from cli.demo import Access

Answer = dict[str, Any]
SICK = 1
"""The exit code where an account is not well."""
_WELL = frozenset({"ok", "paused"})
_PAGE = "100"


def add(group: _SubParsersAction[ArgumentParser]) -> None:
    """Add both commands to `parley integration`."""
    words = "say how connected accounts do"
    health = group.add_parser(
        "health",
        help=words,
        description=f"{words.capitalize()}; exit with 1 where one is not well. What each state means is in "
        "docs/operations.md.",
    )
    which = health.add_mutually_exclusive_group(required=True)
    which.add_argument("id", nargs="?", type=UUID, help="the account's id")
    which.add_argument("--all", action="store_true", help="every account, as of the last minute")
    health.add_argument("--json", action="store_true", help="print what the API answers")
    add_access(health)
    health.set_defaults(run=run_health)
    words = "ask an account's gateway whether it works"
    check = group.add_parser("check", help=words, description=f"{words.capitalize()}, and keep the answer.")
    check.add_argument("id", type=UUID, help="the account's id")
    check.add_argument("--json", action="store_true", help="print what the API answers")
    add_access(check)
    check.set_defaults(run=run_check)


def run_health(chosen: Namespace) -> int:
    """Print how one account does, or all."""
    access = access_of(chosen)
    answer = _all(access) if chosen.all else ask(access, "GET", f"/v1/integrations/{chosen.id}/health")
    found = answer["data"]
    states = [one["health"]["state"] for one in found] if chosen.all else [found["state"]]
    _print(chosen, answer, _listed(found) if chosen.all else _shown(found))
    return 0 if _WELL.issuperset(states) else SICK


def run_check(chosen: Namespace) -> int:
    """Print what the gateway said, and the account's health since."""
    answer = ask(access_of(chosen), "POST", f"/v1/integrations/{chosen.id}/check")
    said, health = answer["data"]["check"], answer["data"]["health"]
    _print(chosen, answer, iter([said["reason"], _line(health)]))
    return 0 if said["ok"] else SICK


def _all(access: Access) -> Answer:
    """All pages as one."""
    found: list[Answer] = []
    more: dict[str, str] = {"limit": _PAGE}
    while True:
        page = ask(access, "GET", "/v1/integrations", None, **more)
        found += page["data"]
        cursor = page["pagination"]["nextCursor"]
        if cursor is None:
            return {"data": found}
        more["cursor"] = cursor


def _print(chosen: Namespace, answer: Answer, lines: Iterator[str]) -> None:
    for line in [json.dumps(answer["data"])] if chosen.json else lines:
        print(line)


def _listed(found: list[Answer]) -> Iterator[str]:
    for one in found:
        yield f"{one['id']}  {one['provider']:<9}  {one['name']:<20}  {_line(one['health'])}"


def _shown(found: Answer) -> Iterator[str]:
    yield _line(found)
    for name, figures in (("last hour", found["lastHour"]), ("last day", found["lastDay"])):
        numbers = ", ".join(f"{count} {what}" for what, count in figures.items() if what != "since" and count)
        yield f"{name}: {numbers or 'nothing'}"
    for what in ("lastReceivedAt", "lastSentAt", "checkedAt"):
        yield f"{what}: {found[what] or 'never'}"


def _line(health: Answer) -> str:
    return f"{health['state']}: {health['reason']}" if health["reason"] else str(health["state"])
