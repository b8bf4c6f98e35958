"""Ranges that come in any order, twice and overlapping are told once and in order."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.stream import Range, Stream


def events(start: int, end: int) -> list[dict[str, int]]:
    return [{"seq": seq} for seq in range(start + 1, end + 1)]


def stream_at(seq: int = 0) -> Stream:
    return Stream(f"epoch:{seq}")


def take(stream: Stream, start: int, end: int) -> list[int]:
    return [event["seq"] for event in stream.take(Range(start, end, events(start, end)))]


def test_what_is_known_already_is_dropped() -> None:
    stream = stream_at(5)
    assert take(stream, 2, 5) == []
    assert take(stream, 3, 7) == [6, 7]
    assert stream.cursor == "epoch:7"


def test_what_comes_ahead_waits_for_what_is_missing() -> None:
    stream = stream_at(0)
    assert take(stream, 3, 5) == []
    assert stream.gap
    assert take(stream, 0, 3) == [1, 2, 3, 4, 5]
    assert not stream.gap


def test_an_empty_range_moves_the_place_and_shows_a_gap() -> None:
    stream = stream_at(4)
    assert list(stream.take(Range(4, 9))) == []
    assert stream.cursor == "epoch:9"
    assert list(stream.take(Range(12, 12))) == []
    assert stream.gap


def test_a_range_with_filtered_events_has_no_gaps() -> None:
    stream = stream_at(0)
    assert [event["seq"] for event in stream.take(Range(0, 10, [{"seq": 4}, {"seq": 9}]))] == [4, 9]
    assert stream.seq == 10


def test_a_reader_who_breaks_off_is_told_again() -> None:
    stream = stream_at(0)
    for event in stream.take(Range(0, 3, events(0, 3))):
        if event["seq"] == 2:
            break
    assert stream.seq == 1
    stream.forget_ahead()
    assert take(stream, 1, 3) == [2, 3]


@given(cuts=st.lists(st.integers(1, 40), max_size=12), copies=st.integers(1, 3), seed=st.integers())
def test_any_order_and_repetition_of_ranges_tells_each_event_once(cuts: list[int], copies: int, seed: int) -> None:
    edges = sorted({0, 41, *cuts})
    ranges = list(pairwise(edges)) * copies
    random.Random(seed).shuffle(ranges)
    stream = stream_at(0)
    told = [seq for start, end in ranges for seq in take(stream, start, end)]
    assert told == list(range(1, 42))
    assert not stream.gap


@pytest.mark.parametrize("text", ["", "5", ":5", "epoch:", "epoch:five", "epoch:-1"])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a cursor"):
        Stream(text)
