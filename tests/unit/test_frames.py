"""Frames of the socket: what is read, what is refused, and that nothing a client sends goes unanswered or breaks."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.domain.audience import RefusedTopic
from parley.domain.errors import ParleyError, RateLimited, Unavailable
from parley.domain.signals import Bye, Hello, Ping, Renew, Signal, Subscribe, Sync, Typing, Unsubscribe
from parley.domain.terms import Rate
from parley.edge.frames import MOST_REMEMBERED, BadFrame, Flood, Socket, read_frame, read_signal
from parley.services.farewell import Dismissed


class Scripted:
    """Listening that answers, or raises, what it is told to."""

    def __init__(self, *script: dict[str, Any] | Exception | None) -> None:
        self.script = list(script)
        self.heard: list[Signal] = []

    def answer(self, connection_id: str, signal: Signal) -> dict[str, Any] | None:
        self.heard.append(signal)
        step = self.script.pop(0) if self.script else {"type": "ok"}
        if isinstance(step, Exception):
            raise step
        return step


def socket(listening: Scripted, byes: list[tuple[str, str]] | None = None) -> Socket:
    said = byes if byes is not None else []
    return Socket(lambda: listening, lambda id_, reason: said.append((id_, reason)))  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize(
    ("frame", "signal"),
    [
        (
            {"action": "hello", "v": 1, "cursor": "e.0:7", "topics": ["tenant"], "tab": "a", "visible": False},
            Hello("e.0:7", ("tenant",), "a", visible=False),
        ),
        ({"action": "hello", "cursor": None, "topics": []}, Hello(None, (), None, visible=True)),
        ({"action": "subscribe", "topics": ["user"]}, Subscribe(("user",))),
        ({"action": "unsubscribe", "topics": ["user"]}, Unsubscribe(("user",))),
        ({"action": "ping"}, Ping(None, None, None)),
        ({"action": "ping", "at": 3, "visible": True, "idleMs": 0}, Ping(3, visible=True, idle_ms=0)),
        ({"action": "sync", "from": 0}, Sync(0, 500)),
        ({"action": "sync", "from": 4, "limit": 9000}, Sync(4, 500)),
        ({"action": "sync", "from": 4, "limit": 0}, Sync(4, 1)),
        ({"action": "typing", "conversationId": "c", "on": True}, Typing("c", on=True)),
        ({"action": "auth", "ticket": "t"}, Renew("t")),
        ({"action": "bye", "unknown": "members are left alone"}, Bye()),
    ],
)
def test_a_frame_is_read_as_what_it_says(frame: dict[str, Any], signal: Signal) -> None:
    assert read_signal(read_frame(json.dumps(frame))) == signal


@pytest.mark.parametrize(
    "frame",
    [
        {},
        {"action": None},
        {"action": ["hello"]},
        {"action": "shout"},
        {"action": "hello"},
        {"action": "hello", "topics": "tenant"},
        {"action": "hello", "topics": [1]},
        {"action": "hello", "topics": ["tenant"] * 51},
        {"action": "hello", "topics": [], "v": 2},
        {"action": "hello", "topics": [], "cursor": 7},
        {"action": "hello", "topics": [], "tab": "a\x00b"},
        {"action": "hello", "topics": [], "tab": "\ud800"},
        {"action": "hello", "topics": [], "visible": 1},
        {"action": "subscribe", "topics": None},
        {"action": "ping", "at": -1},
        {"action": "ping", "at": True},
        {"action": "ping", "at": 1.5},
        {"action": "ping", "idleMs": 2**60},
        {"action": "sync"},
        {"action": "sync", "from": "0"},
        {"action": "typing", "on": True},
        {"action": "typing", "conversationId": "c"},
        {"action": "auth"},
        {"action": "auth", "ticket": "x" * 201},
    ],
)
def test_a_frame_that_is_none_is_refused(frame: dict[str, Any]) -> None:
    with pytest.raises(BadFrame):
        read_signal(read_frame(json.dumps(frame)))


@pytest.mark.parametrize(
    "body", ["", "hello", "[]", "null", "1", "[" * 3000, '{"action": "ping"', "é" * 2100, "{" + " " * 4096 + "}"]
)
def test_a_body_that_is_no_small_object_is_refused(body: str) -> None:
    answer = json.loads(socket(Scripted()).answer("c", body) or "")

    assert (answer["type"], answer["code"], answer["temporary"]) == ("error", "bad_frame", False)
    assert "id" not in answer


@pytest.mark.parametrize("frame_id", ["a", 7, ""])
def test_the_answer_repeats_the_id(frame_id: str | int) -> None:
    body = json.dumps({"action": "ping", "id": frame_id})

    assert json.loads(socket(Scripted()).answer("c", body) or "") == {"type": "ok", "id": frame_id}


def test_an_error_repeats_the_id_and_names_the_topic() -> None:
    body = json.dumps({"action": "subscribe", "id": "9", "topics": ["moon"]})

    answer = json.loads(socket(Scripted(RefusedTopic(topic="moon"))).answer("c", body) or "")

    assert (answer["id"], answer["code"], answer["topic"]) == ("9", "invalid_request", "moon")


def test_what_may_pass_says_when_to_try_again() -> None:
    answer = json.loads(socket(Scripted(Unavailable())).answer("c", '{"action":"ping"}') or "")

    assert (answer["code"], answer["temporary"]) == ("unavailable", True)
    assert answer["retryAfterMs"] > 0


def test_who_says_too_much_hears_when_to_go_on() -> None:
    answer = json.loads(socket(Scripted(RateLimited(retry_after_ms=87))).answer("c", '{"action":"ping"}') or "")

    assert (answer["code"], answer["temporary"], answer["retryAfterMs"]) == ("rate_limited", True, 87)


def test_a_flood_is_refused_without_being_looked_at_and_only_its_own_connection() -> None:
    now = [100.0]
    listening = Scripted()
    flood = Flood(Rate(timedelta(seconds=0.1), 10), lambda: now[0])
    guarded = Socket(lambda: listening, lambda _id, _reason: None, flood)  # type: ignore[arg-type,return-value]

    def say(connection_id: str) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(guarded.answer(connection_id, '{"action":"ping","id":1}') or "")
        return answer

    answers = [say("flooding") for _ in range(500)]

    assert [answer["type"] for answer in answers] == ["ok"] * 20 + ["error"] * 480
    assert (answers[-1]["id"], answers[-1]["code"], answers[-1]["retryAfterMs"]) == (1, "rate_limited", 100)
    assert len(listening.heard) == 20
    assert say("quiet")["type"] == "ok"
    now[0] += 0.11
    assert [say("flooding")["type"] for _ in range(2)] == ["ok", "error"]


def test_a_container_remembers_only_so_many_connections() -> None:
    flood = Flood(Rate(timedelta(seconds=0.1), 10), lambda: 0.0)
    for number in range(MOST_REMEMBERED + 50):
        flood.wait(f"c{number}")

    assert len(flood._due) == MOST_REMEMBERED


def test_the_longest_frame_is_the_deployments_choice() -> None:
    tight = Socket(Scripted, lambda _id, _reason: None, frame_limit=20)  # type: ignore[arg-type]

    assert json.loads(tight.answer("c", '{"action":"ping"}') or "")["type"] == "ok"
    assert json.loads(tight.answer("c", '{"action":"ping", "id":1}') or "")["code"] == "bad_frame"


def test_a_fault_of_ours_says_nothing_of_itself(caplog: pytest.LogCaptureFixture) -> None:
    answer = socket(Scripted(KeyError("a secret"))).answer("c", '{"action":"ping"}') or ""

    assert json.loads(answer)["code"] == ParleyError.code
    assert "a secret" not in answer
    assert "a frame failed" in caplog.text


def test_who_is_dismissed_hears_bye_beside_the_route() -> None:
    byes: list[tuple[str, str]] = []

    assert socket(Scripted(Dismissed("rights")), byes).answer("c", '{"action":"ping"}') is None
    assert byes == [("c", "rights")]


def test_what_has_no_answer_gets_none() -> None:
    assert socket(Scripted(None)).answer("c", '{"action":"bye"}') is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ACTIONS = st.sampled_from(["hello", "subscribe", "unsubscribe", "ping", "sync", "typing", "auth", "bye", "?"])
MEMBERS = st.sampled_from(["id", "v", "topics", "cursor", "tab", "visible", "at", "from", "limit", "ticket", "on"])


@given(st.builds(lambda action, rest: {**rest, "action": action}, ACTIONS, st.dictionaries(MEMBERS, JSON)))
def test_whatever_a_client_sends_it_gets_an_answer_it_can_read(frame: dict[str, Any]) -> None:
    listening = Scripted()

    answer = json.loads(socket(listening).answer("c", json.dumps(frame)) or "")

    assert answer["type"] == "ok" if listening.heard else answer["code"] == "bad_frame"
