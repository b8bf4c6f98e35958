"""An event is one line that a person understands, and that cannot steer the terminal."""

from typing import Any

import pytest

from cli.lines import contact_of, conversation_in, line, plain
from tests.unit.cli.conftest import message_event


def status_event(status: str, error: dict[str, str] | None = None) -> dict[str, Any]:
    data = {"id": "0192f0c1-aaaa-7bbb-8ccc-1234567890ab", "status": status, "error": error}
    return {**message_event(7), "type": "message.status", "data": data}


def test_a_message_shows_who_wrote_what() -> None:
    shown = line(message_event(42, "Vocês têm pão?"), "Beatriz Souza")
    assert shown[:12].count(":") == 2
    assert shown[12:] == "    #42  message.new           Beatriz Souza         ← Vocês têm pão?"


def test_an_answer_shows_its_status() -> None:
    event = message_event(1)
    event["data"]["message"] |= {"direction": "outgoing", "status": "queued"}
    assert line(event, "").endswith("→ Olá  [queued]")


def test_a_message_without_text_shows_its_kind() -> None:
    event = message_event(1)
    event["data"]["message"] |= {"kind": "unsupported", "text": None}
    assert line(event, "").endswith("← (unsupported)")


def test_a_status_shows_whose_it_is_and_why_it_failed() -> None:
    assert line(status_event("read"), "Caio").endswith("Caio                  read  (message …7890ab)")
    failed = line(status_event("failed", {"code": "x", "message": "No WhatsApp there."}), "Caio")
    assert failed.endswith("failed: No WhatsApp there.  (message …7890ab)")


def test_an_event_too_long_to_push_shows_where_it_is() -> None:
    event = {**message_event(1), "data": None, "ref": "/v1/messages/1"}
    assert line(event, "").endswith("too long to push: /v1/messages/1")
    assert conversation_in(event) is None


@pytest.mark.parametrize(
    "hostile", ["\x1b[2J", "\x9b31m", "a\rb", "\u202egnp.exe", "\u2028", "\x00", "\u200e", "\ud800", "\x07"]
)
def test_what_a_customer_writes_cannot_steer_the_terminal(hostile: str) -> None:
    shown = line(message_event(1, hostile, name=hostile), plain(hostile))
    assert "\ufffd" in shown
    assert not any(letter in shown for letter in hostile if not letter.isprintable())


def test_lines_stay_one_line_and_emoji_stay_whole() -> None:
    assert plain("two\nlines\r\nhere\tnow") == "two⏎lines⏎here now"
    assert plain("👩‍👩‍👧 🥖") == "👩‍👩‍👧 🥖"
    assert len(plain("x" * 5000)) == 200


def test_a_conversation_is_called_by_its_group_its_contact_or_its_number() -> None:
    contact = {"name": "Ana", "phone": "+5511"}
    assert contact_of({"id": "1", "group": {"name": "Team"}, "contact": contact}) == "Team"
    assert contact_of({"id": "1", "group": None, "contact": contact}) == "Ana"
    assert contact_of({"id": "1", "group": None, "contact": {"name": None, "phone": "+5511"}}) == "+5511"
    assert contact_of({"id": "1", "group": None, "contact": {"name": None, "phone": None}}) == "1"
