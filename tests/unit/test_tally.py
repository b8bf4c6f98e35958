"""What the pump counts: tries, minute by minute, for an hour."""

from __future__ import annotations

from local.tally import Tally

START = 1_000_000_020.0  # the beginning of a minute


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


def counted(tally: Tally) -> list[tuple[int, int]]:
    return [(minute["completed"], minute["failed"]) for minute in tally.series()]


def test_an_hour_has_sixty_minutes_and_the_current_one_is_the_last() -> None:
    clock = Clock()
    tally = Tally(clock=clock)
    tally.add(3, 1)
    clock.now += 59.9
    tally.add(2, 0)
    assert counted(tally) == [(0, 0)] * 59 + [(5, 1)]
    clock.now += 0.2
    tally.add(0, 4)
    assert counted(tally)[-2:] == [(5, 1), (0, 4)]
    assert [minute["at"] for minute in tally.series()][-2:] == ["2001-09-09T01:47:00.000Z", "2001-09-09T01:48:00.000Z"]


def test_what_is_older_than_an_hour_is_gone() -> None:
    clock = Clock()
    tally = Tally(clock=clock)
    tally.add(7, 0)
    clock.now += 59 * 60
    assert counted(tally)[0] == (7, 0)
    clock.now += 60
    assert counted(tally) == [(0, 0)] * 60


def test_a_minute_of_the_fast_clock_is_as_short_as_all_else() -> None:
    clock = Clock()
    tally = Tally(minute=2.0, clock=clock)
    tally.add(1, 0)
    clock.now += 2
    tally.add(1, 0)
    assert counted(tally)[-2:] == [(1, 0), (1, 0)]
