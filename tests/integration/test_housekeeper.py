"""The housekeeper itself: every step has its turn, whatever becomes of another one, and what became of each is kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from parley.domain.errors import Unavailable
from parley.domain.metrics import Metric
from parley.services.housekeep import Housekeeper, Step
from parley.store import housekeeping as store
from parley.store.database import Database


class Killed(BaseException):
    """The process is no more."""


class Noted:
    """A meter that remembers."""

    def __init__(self) -> None:
        self.values: list[tuple[str, tuple[float, ...]]] = []

    def __call__(self, metric: Metric, *values: float) -> None:
        self.values.append((metric, values))


class Rounds:
    """Steps that remember when they ran; `at` names what one of them is to raise."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.at: dict[str, BaseException] = {}

    def step(self, name: str, found: int = 0) -> Step:
        def run() -> int:
            self.ran.append(name)
            if name in self.at:
                raise self.at[name]
            return found

        return Step(name, run)


@pytest.fixture
def rounds() -> Rounds:
    return Rounds()


@pytest.fixture
def meter() -> Noted:
    return Noted()


def rows(database: Database) -> dict[str, dict[str, Any]]:
    with database.unscoped() as tx:
        return {row["step"]: row for row in store.read(tx)}


def test_a_step_that_fails_keeps_no_other_from_its_turn_and_is_named(
    database: Database, rounds: Rounds, meter: Noted
) -> None:
    rounds.at["b"] = Unavailable("The bucket is away.")
    housekeeper = Housekeeper(database, meter, [rounds.step("a", 2), rounds.step("b"), rounds.step("c", 3)])

    swept = housekeeper.sweep()

    assert dict(swept) == {"a": 2, "b": 0, "c": 3}
    assert {name: error.detail for name, error in swept.failed.items()} == {"b": "The bucket is away."}
    assert meter.values == [("housekeeper.run", (1,))]
    kept = rows(database)
    assert {name: (row["found"], row["error"]) for name, row in kept.items()} == {
        "a": (2, None),
        "b": (0, "unavailable: The bucket is away."),
        "c": (3, None),
    }
    assert (kept["b"]["last_ok_at"], kept["c"]["last_ok_at"] is None) == (None, False)
    rounds.at.clear()
    before = kept["b"]["started_at"]
    housekeeper.sweep()
    after = rows(database)["b"]
    assert after["error"] is None
    assert after["last_ok_at"] >= after["started_at"] > before


def test_a_run_that_was_cut_short_is_gone_on_with_where_it_was_cut(
    database: Database, rounds: Rounds, meter: Noted
) -> None:
    steps = [rounds.step(name) for name in "abcd"]
    Housekeeper(database, meter, steps).sweep()
    assert rounds.ran == ["a", "b", "c", "d"]
    rounds.ran.clear()
    rounds.at["b"] = Killed()
    with pytest.raises(Killed):
        Housekeeper(database, meter, steps).sweep()
    assert len(meter.values) == 1, "that run is not told as one"
    assert rows(database)["b"]["ended_at"] is None
    rounds.ran.clear()
    rounds.at.clear()

    Housekeeper(database, meter, steps).sweep()

    assert rounds.ran == ["c", "d", "a", "b"]
    assert rows(database)["b"]["ended_at"] is not None


def test_a_step_that_always_ends_its_run_does_not_starve_the_others(
    database: Database, rounds: Rounds, meter: Noted
) -> None:
    steps = [rounds.step(name) for name in "abc"]
    rounds.at["a"] = Killed()
    for _ in range(2):
        try:
            Housekeeper(database, meter, steps).sweep()
        except Killed:
            continue
    assert rounds.ran == ["a", "b", "c", "a"]


def test_what_there_is_no_time_for_is_left_and_comes_first_the_next_minute(
    database: Database, rounds: Rounds, meter: Noted
) -> None:
    housekeeper = Housekeeper(database, meter, [rounds.step(name) for name in "abc"])
    swept = housekeeper.sweep(lambda: len(rounds.ran) < 2)
    assert (dict(swept), swept.left) == ({"a": 0, "b": 0}, ["c"])
    rounds.ran.clear()
    housekeeper.sweep()
    assert rounds.ran == ["c", "a", "b"]
    rounds.ran.clear()
    assert housekeeper.sweep(lambda: False).left != [], "one step at least is taken"
    assert len(rounds.ran) == 1


def test_steps_that_need_no_database_run_while_it_is_away(rounds: Rounds, meter: Noted) -> None:
    away = Database("host=127.0.0.1 port=1 dbname=parley connect_timeout=1")
    assert dict(Housekeeper(away, meter, [rounds.step("spool", 4)]).sweep()) == {"spool": 4}


def test_two_at_once_both_run_every_step(
    database: Database, rounds: Rounds, meter: Noted, in_threads: Callable[[Sequence[Callable[[], object]]], list[Any]]
) -> None:
    together = threading.Barrier(2)
    steps = [Step("meet", lambda: together.wait(10)), *(rounds.step(name) for name in "ab")]
    swept = in_threads([Housekeeper(database, meter, steps).sweep] * 2)
    assert [sorted(one) for one in swept] == [["a", "b", "meet"]] * 2
    assert sorted(rounds.ran) == ["a", "a", "b", "b"]
    assert all(row["ended_at"] is not None for row in rows(database).values())
