"""An account that is lost: nothing is tried through it, nothing is failed for it, and all goes out when it is back."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from parley.domain.incoming import AccountState
from parley.domain.outgoing import Accepted, Refused
from parley.providers.base import Checkup
from parley.services.lost_accounts import resume
from parley.services.process import Processor
from parley.store.housekeeping import find_stuck_sends

from .conftest import ACCOUNT, Desk, ScriptedGateway

MakeWebhook = Callable[..., Any]
LOST = Refused("account_disconnected", "The phone is not connected.", {"code": 401}, account_lost=True)


def state(desk: Desk) -> tuple[str, str | None]:
    with desk.database.transaction(desk.agent.tenant_id) as tx:
        (row,) = tx.rows("select state, state_reason from integrations")
    return row["state"], row["state_reason"]


def hinted(desk: Desk) -> list[UUID]:
    return [UUID(json.loads(body)["conversationId"]) for body, _, _ in desk.queue.sent]


@pytest.fixture
def lost(desk: Desk) -> Desk:
    """A desk whose account was lost with the first of two messages."""
    desk.gateway.script = [LOST]
    desk.send("first")
    desk.send("second")
    assert desk.deliver() == 1
    return desk


@pytest.fixture
def told(processor: Processor, door: MakeWebhook, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """The gateway tells the account's state, some seconds from now."""

    def tell(state: Any, seconds: int = 1) -> Any:
        monkeypatch.setattr(ScriptedGateway, "normalise", lambda *_: [AccountState(ACCOUNT, state)])
        at = datetime.now(UTC) + timedelta(seconds=seconds)
        return processor.process([door(str(at).encode(), received_at=at)])

    return tell


def test_the_message_waits_as_if_untried_and_the_account_says_why(lost: Desk) -> None:
    assert [(row["status"], row["attempts"], row["error"]) for row in lost.outgoing()] == [
        ("queued", 0, None),
        ("queued", 0, None),
    ]
    assert state(lost) == ("paused", "The phone is not connected.")
    (event,) = lost.events("integration.updated")
    assert (event["delta"]["state"], event["delta"]["reason"]) == ("paused", "The phone is not connected.")
    assert len(lost.gateway.sends) == 1, "the second is not even tried"


def test_hints_are_not_followed_while_the_account_is_lost(lost: Desk) -> None:
    hints = len(lost.queue.sent)
    lost.send("third")
    assert lost.deliver() == lost.deliver() == 0
    assert (len(lost.gateway.sends), len(lost.queue.sent), lost.gateway.checks) == (1, hints, 0)


def test_a_gateway_that_says_connected_brings_the_hints_back(lost: Desk, told: Callable[..., Any]) -> None:
    done = told("connected")
    (account,) = done.resumed
    resume(lost.database, lost.queue, done.resumed)
    assert (account[0], hinted(lost)[-1:]) == (lost.agent.tenant_id, [lost.conversation_id])
    assert state(lost)[0] == "connected"
    assert lost.deliver() == 2
    assert [draft.text for draft in lost.gateway.sends] == ["first", "first", "second"]
    assert set(lost.statuses()) == {"sent"}


def test_a_disconnected_account_is_tried_no_more_than_a_paused_one(desk: Desk, told: Callable[..., Any]) -> None:
    told("disconnected")
    desk.send("hello?")
    assert desk.deliver() == 0
    assert (desk.statuses(), desk.gateway.sends, desk.gateway.checks) == (["queued"], [], 1)
    told("connected", 2)
    assert desk.deliver() == 1


def test_a_check_that_succeeds_brings_the_account_back_and_is_not_asked_too_often(lost: Desk) -> None:
    def pass_time() -> None:
        with lost.database.transaction(lost.agent.tenant_id) as tx:
            tx.execute("update integrations set checked_at = checked_at - interval '1 minute'")

    pass_time()
    assert lost.deliver() == lost.deliver() == 0
    assert (lost.gateway.checks, state(lost)[0]) == (1, "paused")
    lost.gateway.checkup = Checkup(ok=True, reason="Connected.")
    assert (lost.deliver(), lost.gateway.checks) == (0, 1)
    pass_time()
    assert lost.deliver() == 2
    assert (state(lost)[0], lost.gateway.checks) == ("connected", 2)
    assert [event["delta"]["state"] for event in lost.events("integration.updated")] == ["paused", "connected"]
    assert hinted(lost)[-1] == lost.conversation_id


def test_the_housekeeper_hints_at_one_conversation_of_a_lost_account_and_at_all_once_it_is_back(
    lost: Desk, told: Callable[..., Any], make_conversations: Callable[[int], None]
) -> None:
    make_conversations(5)

    def stuck() -> int:
        with lost.database.unscoped() as tx:
            return len(find_stuck_sends(tx, timedelta(0), 100))

    assert stuck() == 1
    told("connected")
    assert stuck() == 6


@pytest.fixture
def make_conversations(desk: Desk) -> Callable[[int], None]:
    """More customers, each with a message waiting."""

    def make(count: int) -> None:
        with desk.database.transaction(desk.agent.tenant_id) as tx:
            for _ in range(count):
                tx.execute(
                    """
                    with person as (
                      insert into contacts (tenant_id, id) values (%(tenant_id)s, gen_random_uuid()) returning id
                    )
                    insert into conversations (tenant_id, id, integration_id, contact_id, reply_kind, reply_address,
                      window_expires_at)
                    select %(tenant_id)s, gen_random_uuid(), i.id, p.id, 'phone', '551100000000', now() + interval '1h'
                    from integrations i, person p
                    """
                )
            ids = [row["id"] for row in tx.rows("select id from conversations")]
        first = desk.conversation_id
        for id_ in ids:
            if id_ != first:
                desk.conversation_id = id_
                desk.send("waiting")
        desk.conversation_id = first

    return make


def test_an_account_lost_again_and_again_burns_no_attempt(lost: Desk, told: Callable[..., Any]) -> None:
    for round_ in range(20):
        told("connected", round_ + 1)
        lost.gateway.script = [LOST]
        lost.deliver()
        with lost.database.transaction(lost.agent.tenant_id) as tx:
            tx.execute("update integrations set state_at = now()")
    assert [row["attempts"] for row in lost.outgoing()] == [0, 0]
    told("connected", 60)
    lost.gateway.script = [Accepted("wamid.1")]
    lost.deliver()
    assert set(lost.statuses()) == {"sent"}


def hold(desk: Desk, held: bool) -> None:
    with desk.database.transaction(desk.agent.tenant_id) as tx:
        tx.execute("update integrations set held_at = case when %(held)s then now() end", held=held)


def stuck(desk: Desk) -> int:
    with desk.database.unscoped() as tx:
        return len(find_stuck_sends(tx, timedelta(0), 100))


def test_what_a_person_paused_no_word_of_the_gateway_lets_go(desk: Desk, told: Callable[..., Any]) -> None:
    hold(desk, True)
    desk.send("wait for me")
    desk.gateway.checkup = Checkup(ok=True, reason="Connected.")
    for number, word in enumerate(("connected", "disconnected", "connected")):
        told(word, number + 1)
        assert desk.deliver() == 0
    assert (desk.statuses(), desk.gateway.sends, desk.gateway.checks) == (["queued"], [], 0)
    assert stuck(desk) == 0, "nobody is sent to look"
    hold(desk, False)
    assert stuck(desk) == 1
    assert desk.deliver() == 1


def test_an_account_that_was_lost_while_it_was_paused_is_asked_for_once_it_is_let_go(desk: Desk) -> None:
    desk.gateway.script = [LOST]
    desk.send("first")
    desk.deliver()
    hold(desk, True)
    desk.gateway.checkup = Checkup(ok=True, reason="Connected.")
    with desk.database.transaction(desk.agent.tenant_id) as tx:
        tx.execute("update integrations set checked_at = null")
    assert (desk.deliver(), desk.gateway.checks) == (0, 0)
    hold(desk, False)
    assert (desk.deliver(), desk.gateway.checks) == (1, 1)
