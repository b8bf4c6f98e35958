"""What may have left: a gateway that sends nothing twice under one id is asked again, any other never; and a claim that
outlasts the slowest send of its kind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from parley.domain.identity import Address, Person
from parley.domain.incoming import MessageReceived, Receipt
from parley.domain.outgoing import Accepted, Draft, NotSent, Outcome, Refused, Uncertain
from parley.services.deliver import AROUND_A_SEND
from parley.services.outcomes import MOST_ATTEMPTS
from parley.services.process import Processor

from .conftest import ACCOUNT, EVERYTHING, Desk, ScriptedGateway

MakeWebhook = Callable[..., Any]
IDEMPOTENT = replace(EVERYTHING, idempotent_send=True)
SILENCE = Uncertain("no answer: ReadTimeout")
CUSTOMER = Person((Address("phone", "5511987654321"),))


class Killed(BaseException):
    """The sender's process ends."""


def die(_draft: Draft) -> Outcome:
    raise Killed


@pytest.fixture
def repeatable(desk: Desk) -> Desk:
    desk.gateway.capabilities = IDEMPOTENT
    return desk


@pytest.fixture
def told(processor: Processor, door: MakeWebhook, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """The gateway tells a fact."""

    def tell(*facts: Any) -> Any:
        monkeypatch.setattr(ScriptedGateway, "normalise", lambda *_: list(facts))
        body = repr(facts).encode()
        return processor.process([door(body, received_at=datetime.now(UTC))])

    return tell


def references(desk: Desk) -> list[UUID]:
    return [draft.reference for draft in desk.gateway.sends]


def echo(text: str, id_: str, reference: str | None = None) -> MessageReceived:
    at = datetime.now(UTC)
    return MessageReceived(ACCOUNT, id_, CUSTOMER, "text", at, text, origin="device", client_reference=reference)


def test_silence_of_a_gateway_that_sends_nothing_twice_is_asked_again_under_the_same_id(repeatable: Desk) -> None:
    repeatable.gateway.script = [SILENCE, SILENCE]
    view = repeatable.send("Hello").view
    repeatable.send("second")
    assert repeatable.deliver() == 1
    assert repeatable.statuses() == ["queued", "queued"], "nothing overtakes it"
    for _ in range(2):
        repeatable.make_due()
        repeatable.deliver()
    assert repeatable.statuses() == ["sent", "sent"]
    assert references(repeatable)[:3] == [UUID(view["id"])] * 3
    assert len(repeatable.gateway.sends) == 4


def test_silence_of_any_other_gateway_is_never_asked_again(desk: Desk) -> None:
    desk.gateway.script = [SILENCE]
    desk.send("Hello")
    for _ in range(5):
        desk.deliver()
        desk.make_due()
    assert desk.statuses() == ["unknown"]
    assert len(desk.gateway.sends) == 1


def test_a_sender_that_died_is_made_up_for_where_nothing_is_sent_twice_and_nowhere_else(desk: Desk) -> None:
    for capabilities, sends, status in ((IDEMPOTENT, 2, "sent"), (EVERYTHING, 1, "unknown")):
        desk.gateway.capabilities, desk.gateway.sends = capabilities, []
        desk.gateway.script = [die]
        desk.send("Hello")
        with pytest.raises(Killed):
            desk.deliver()
        desk.let_leases_run_out()
        desk.deliver()
        assert (desk.statuses()[-1], len(desk.gateway.sends)) == (status, sends)


def test_a_gateway_silent_to_the_last_leaves_unknown_and_is_asked_no_more_than_it_may_be(repeatable: Desk) -> None:
    repeatable.gateway.script = [SILENCE] * (MOST_ATTEMPTS + 5)
    repeatable.send("Hello")
    for _ in range(MOST_ATTEMPTS + 5):
        repeatable.deliver()
        repeatable.make_due()
    assert repeatable.statuses() == ["unknown"]
    assert len(repeatable.gateway.sends) == MOST_ATTEMPTS


def test_what_may_have_left_once_is_not_called_failed_because_the_gateway_is_away_now(repeatable: Desk) -> None:
    repeatable.gateway.script = [SILENCE, *[NotSent("not connected")] * MOST_ATTEMPTS]
    repeatable.send("Hello")
    for _ in range(MOST_ATTEMPTS):
        repeatable.deliver()
        repeatable.make_due()
    assert repeatable.statuses() == ["unknown"]


def test_a_refusal_of_the_second_try_is_what_it_is(repeatable: Desk) -> None:
    repeatable.gateway.script = [SILENCE, Refused("provider_rejected", "No.")]
    repeatable.send("Hello")
    repeatable.deliver()
    repeatable.make_due()
    repeatable.deliver()
    assert repeatable.statuses() == ["failed"]


def test_evidence_that_comes_before_the_next_try_makes_it_needless(repeatable: Desk, told: Callable[..., Any]) -> None:
    repeatable.gateway.script = [SILENCE]
    view = repeatable.send("Hello").view
    repeatable.deliver()
    told(Receipt(ACCOUNT, "AB12", "delivered", datetime.now(UTC), client_reference=view["id"]))
    repeatable.make_due()
    assert repeatable.deliver() == 0
    assert repeatable.statuses() == ["delivered"]
    assert len(repeatable.gateway.sends) == 1


@pytest.mark.parametrize("named", [True, False], ids=["by our id", "by its words"])
def test_an_echo_of_what_waits_for_its_next_try_is_that_message(
    repeatable: Desk, told: Callable[..., Any], named: bool
) -> None:
    repeatable.gateway.script = [SILENCE]
    view = repeatable.send("Hello").view
    repeatable.deliver()
    told(echo("Hello", "AB12", view["id"] if named else None))
    repeatable.make_due()
    assert repeatable.deliver() == 0
    assert [(row["status"], row["provider_message_id"]) for row in repeatable.outgoing()] == [("sent", "AB12")]


def test_an_echo_under_an_id_of_another_is_not_taken_for_this_message_though_it_says_the_same(
    repeatable: Desk, told: Callable[..., Any]
) -> None:
    repeatable.gateway.script = [SILENCE]
    repeatable.send("Hello")
    repeatable.deliver()
    told(echo("Hello", "AB12", "01920000-0000-7000-8000-000000000001"))
    assert [row["body"] for row in repeatable.outgoing()] == ["Hello", "Hello"]


def test_what_certainly_did_not_leave_takes_no_echo(desk: Desk, told: Callable[..., Any]) -> None:
    desk.gateway.script = [NotSent("not connected")]
    desk.send("Hello")
    desk.deliver()
    told(echo("Hello", "AB12"))
    assert sorted(desk.statuses()) == ["queued", "sent"]


@pytest.mark.parametrize(
    ("kind", "longest"),
    [
        ("text", {"longest_send": timedelta(seconds=200)}),
        ("location", {"longest_send": timedelta(seconds=200)}),
        ("image", {"longest_file_send": timedelta(seconds=200)}),
    ],
)
def test_a_claim_outlasts_the_slowest_send_of_its_kind(desk: Desk, kind: str, longest: Any) -> None:
    desk.gateway.capabilities = replace(EVERYTHING, **longest)
    left: list[timedelta] = []

    def look(draft: Draft) -> Outcome:
        with desk.database.transaction(desk.agent.tenant_id) as tx:
            left.append(tx.value("select lease_until - now() from messages where status = 'sending'"))
        return Accepted("wamid.1")

    desk.gateway.script = [look]
    more: dict[str, dict[str, Any]] = {
        "text": {"text": "Hello"},
        "location": {"content": {"latitude": 1, "longitude": 2}},
        "image": {"media_id": desk.upload()},
    }
    desk.send(kind=kind, **more[kind])
    desk.deliver()
    assert timedelta(seconds=195) < left[0] <= timedelta(seconds=200) + AROUND_A_SEND


def test_buttons_whose_echo_has_all_their_words_in_one_text_are_not_there_twice(
    desk: Desk, told: Callable[..., Any]
) -> None:
    desk.gateway.script = [SILENCE]
    buttons = {"type": "buttons", "header": "Order 7", "body": "Shall we?", "buttons": [{"id": "y", "title": "Yes"}]}
    desk.send("Shall we?", kind="interactive", content=buttons)
    desk.deliver()
    told(replace(echo("*Order 7*\n\nShall we?", "AB12"), kind="interactive", content={"type": "buttons"}))
    assert [(row["status"], row["body"]) for row in desk.outgoing()] == [("sent", "Shall we?")]
