"""Positions, audiences and frames, as plain rules."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.domain.audience import Listener, RefusedTopic, hears, resolve_topics
from parley.domain.batches import Batch, Told, cut, frame, told
from parley.domain.cursor import Cursor, epoch_of
from parley.domain.errors import InvalidRequest

ANA = UUID("01920000-0000-7000-8000-00000000000a")
OTTO = UUID("01920000-0000-7000-8000-00000000000b")
THREAD = "conversation:01920000-0000-7000-8000-00000000000c"


def test_a_cursor_is_read_as_it_was_written() -> None:
    cursor = Cursor(epoch_of("a1b2", 3), 42)

    assert str(cursor) == "a1b2.3:42"
    assert Cursor.parse(str(cursor)) == cursor


@given(st.text() | st.from_regex(r"[a-z.]+:[0-9]+", fullmatch=True))
def test_a_cursor_is_read_whole_or_refused(text: str) -> None:
    try:
        cursor = Cursor.parse(text)
    except InvalidRequest:
        return
    assert Cursor.parse(str(cursor)) == cursor
    assert text == f"{cursor.epoch}:{text.rpartition(':')[2]}"


@pytest.mark.parametrize(
    ("listener", "topics", "hears_it"),
    [
        (Listener(ANA, frozenset({"tenant"})), ["tenant", THREAD], True),
        (Listener(ANA, frozenset({"tenant"})), [THREAD], False),
        (Listener(ANA, frozenset({THREAD})), [THREAD], True),
        (Listener(ANA, frozenset()), ["tenant"], False),
        (Listener(ANA, frozenset({f"user:{ANA}"})), [f"user:{ANA}"], True),
        (Listener(ANA, frozenset({f"user:{ANA}"})), [f"user:{OTTO}"], False),
        (Listener(ANA, None), [THREAD], True),
        (Listener(ANA, None), [f"user:{ANA}"], True),
        (Listener(ANA, None), [f"user:{OTTO}"], False),
        (Listener(ANA, None), [f"user:{OTTO}", "tenant"], True),
        (Listener(None, None), [f"user:{OTTO}"], False),
        (Listener(None, None), ["tenant"], True),
        (Listener(ANA, None), [], False),
    ],
)
def test_an_event_is_for_those_who_share_a_topic_with_it(listener: Listener, topics: list[str], hears_it: bool) -> None:
    assert hears(listener, topics) is hears_it


def test_topics_are_asked_for_in_the_callers_own_words() -> None:
    assert resolve_topics(["tenant", "user", THREAD.upper().replace("CONVERSATION", "conversation")], ANA) == {
        "tenant",
        f"user:{ANA}",
        THREAD,
    }


@pytest.mark.parametrize("topic", ["user", f"user:{OTTO}", "conversation:x", "", "tenant "])
def test_a_key_asks_for_no_persons_topic_and_nobody_for_nonsense(topic: str) -> None:
    with pytest.raises(RefusedTopic) as refused:
        resolve_topics(["tenant", topic], None)

    assert refused.value.extra["topic"] == topic


EVENTS = st.lists(st.tuples(st.integers(1, 4), st.integers(0, 40_000)), max_size=30)


@given(EVENTS, st.integers(0, 100), st.integers(0, 5))
def test_frames_are_short_and_leave_no_gap(steps: list[tuple[int, int]], start: int, tail: int) -> None:
    events: list[Told] = []
    seq = start
    for step, size in steps:
        seq += step
        events.append(told(seq, ("tenant",), {"seq": seq, "data": "ã" * (size // 2)}, "/v1/messages/1"))
    end = seq + tail

    frames = [json.loads(frame(batch)) for batch in cut(start, end, events)]

    assert max(len(frame(batch)) for batch in cut(start, end, events)) <= 32_000
    assert [one["from"] for one in frames] == [start, *(one["to"] for one in frames[:-1])]
    assert frames[-1]["to"] == end
    assert [event["seq"] for one in frames for event in one["events"]] == [event.seq for event in events]
    assert all(one["from"] < event["seq"] <= one["to"] for one in frames for event in one["events"])


def test_a_long_event_becomes_a_stub_that_says_where_to_fetch_it() -> None:
    event = told(1, ("tenant",), {"seq": 1, "type": "message.new", "data": {"text": "ã" * 14_001}}, "/v1/messages/1")

    assert event.body == {"seq": 1, "type": "message.new", "data": None, "ref": "/v1/messages/1"}
    assert json.loads(frame(Batch(0, 1, (event,))))["events"] == [event.body]
