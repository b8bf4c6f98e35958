"""Sending on a real Postgres: idempotency, order, claims, and what becomes of every outcome."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from parley.domain.errors import IdempotencyMismatch, NotFound, StaleConversation, UnsupportedCapability, WindowClosed
from parley.domain.outgoing import Accepted, Draft, NotSent, Outcome, Refused, Uncertain
from parley.domain.principal import Principal
from parley.domain.webhook import Webhook
from parley.services.process import Processor
from parley.services.send import SendRequest, send_message

MakeWebhook = Callable[..., Webhook]
InThreads = Callable[[Sequence[Callable[[], object]]], list[Any]]


def status_events(desk: Any) -> list[str]:
    with desk.database.transaction(desk.agent.tenant_id) as tx:
        rows = tx.rows("select delta from events where type = 'message.status' order by ordinal")
    return [row["delta"]["status"] for row in rows]


def test_a_message_goes_out_with_our_id_and_is_sent(desk: Any) -> None:
    view = desk.send("Yes, good morning").view
    assert (view["status"], view["number"], view["sender"]["name"]) == ("queued", 2, "Ana")
    assert desk.deliver() == 1
    (draft,) = desk.gateway.sends
    assert (str(draft.reference), draft.text, draft.to.value) == (view["id"], "Yes, good morning", "5511987654321")
    assert desk.statuses() == ["sent"]
    assert status_events(desk) == ["sending", "sent"]


def test_twenty_identical_sends_at_once_make_one_message_and_one_provider_request(
    desk: Any, in_threads: InThreads
) -> None:
    results = in_threads([lambda: desk.send("Once", key="k-1")] * 20)
    assert len({result.view["id"] for result in results}) == 1
    assert sorted(result.replayed for result in results) == [False] + [True] * 19
    in_threads([desk.deliver] * 8)
    assert [draft.text for draft in desk.gateway.sends] == ["Once"]
    assert desk.statuses() == ["sent"]


def test_the_same_key_with_another_body_is_refused(desk: Any) -> None:
    desk.send("One", key="k-1")
    with pytest.raises(IdempotencyMismatch):
        desk.send("Two", key="k-1")
    assert len(desk.outgoing()) == 1


def test_a_replay_answers_the_message_as_it_is_now_even_after_the_window_closed(desk: Any) -> None:
    first = desk.send("Hello", key="k-1").view
    desk.deliver()
    with desk.database.transaction(desk.agent.tenant_id) as tx:
        tx.execute("update conversations set window_expires_at = now() - interval '1 second'")
    again = desk.send("Hello", key="k-1")
    assert (again.replayed, again.view["id"], again.view["status"]) == (True, first["id"], "sent")
    with pytest.raises(WindowClosed):
        desk.send("Too late", key="k-2")


def test_messages_leave_in_the_order_they_were_written_whoever_delivers(desk: Any, in_threads: InThreads) -> None:
    for n in range(12):
        desk.send(str(n))
    in_threads([desk.deliver] * 6)
    assert [draft.text for draft in desk.gateway.sends] == [str(n) for n in range(12)]
    assert set(desk.statuses()) == {"sent"}


def test_a_throttled_message_waits_for_the_gateways_hint_and_holds_back_the_next(desk: Any) -> None:
    desk.gateway.script = [NotSent("throttled", retry_after=timedelta(seconds=40))]
    desk.send("first")
    desk.send("second")
    assert desk.deliver() == 1
    assert desk.statuses() == ["queued", "queued"]
    (_, _, delay) = desk.queue.sent[-1]
    assert 35 <= delay <= 40
    assert desk.deliver() == 0, "a hint that comes early decides nothing"
    desk.make_due()
    assert desk.deliver() == 2
    assert [draft.text for draft in desk.gateway.sends] == ["first", "first", "second"]


def test_a_refused_message_fails_with_a_sentence_and_lets_the_next_one_through(desk: Any) -> None:
    desk.gateway.script = [Refused("window_closed", "The customer has to write first.", {"code": 131047})]
    desk.send("first")
    desk.send("second")
    desk.deliver()
    first, second = desk.outgoing()
    assert (first["status"], second["status"]) == ("failed", "sent")
    assert first["error"] == {
        "code": "window_closed",
        "message": "The customer has to write first.",
        "provider": {"code": 131047},
    }


def test_a_message_the_gateway_never_takes_fails_in_the_end(desk: Any) -> None:
    desk.gateway.script = [NotSent("connection refused")] * 12
    desk.send("hello?")
    for _ in range(12):
        desk.make_due()
        desk.deliver()
    assert [(row["status"], row["attempts"]) for row in desk.outgoing()] == [("failed", 12)]
    assert desk.outgoing()[0]["error"]["code"] == "gateway_unreachable"


def test_what_may_have_left_is_unknown_never_resent_and_healed_by_its_status(
    desk: Any, processor: Processor, door: MakeWebhook, meta: SimpleNamespace
) -> None:
    desk.gateway.script = [Uncertain("read timeout")]
    view = desk.send("Did it arrive?").view
    desk.deliver()
    assert desk.statuses() == ["unknown"]
    desk.make_due()
    assert desk.deliver() == 0
    delivered = meta.status("wamid.out", "delivered", biz_opaque_callback_data=view["id"])
    processor.process([door(meta.body(statuses=[delivered]), received_at=datetime.now(UTC))])
    (row,) = desk.outgoing()
    assert (row["status"], row["provider_message_id"]) == ("delivered", "wamid.out")
    assert len(desk.gateway.sends) == 1
    assert status_events(desk) == ["sending", "unknown", "delivered"]


def test_a_sender_that_died_with_its_claim_leaves_unknown_and_the_next_goes_on(desk: Any) -> None:
    class Killed(BaseException):
        pass

    def die(draft: Draft) -> Outcome:
        raise Killed

    desk.gateway.script = [die]
    desk.send("first")
    desk.send("second")
    with pytest.raises(Killed):
        desk.deliver()
    assert desk.statuses() == ["sending", "queued"]
    assert desk.deliver() == 0, "its claim still holds"
    desk.let_leases_run_out()
    desk.deliver()
    assert desk.statuses() == ["unknown", "sent"]
    assert [draft.text for draft in desk.gateway.sends] == ["first", "second"]


def test_a_status_that_outruns_the_answer_is_kept_and_the_answer_changes_nothing(
    desk: Any, processor: Processor, door: MakeWebhook, meta: SimpleNamespace
) -> None:
    def answer_late(draft: Draft) -> Outcome:
        read = meta.status("wamid.out", "read", biz_opaque_callback_data=str(draft.reference))
        processor.process([door(meta.body(statuses=[read]), received_at=datetime.now(UTC))])
        return Accepted("wamid.out")

    desk.gateway.script = [answer_late]
    desk.send("quick")
    desk.deliver()
    assert desk.statuses() == ["read"]
    assert status_events(desk) == ["sending", "read"]


def test_a_failure_after_acceptance_shows_and_delivery_evidence_beats_it(
    desk: Any, processor: Processor, door: MakeWebhook, meta: SimpleNamespace
) -> None:
    desk.gateway.script = [Accepted("wamid.out")]
    desk.send("Hello")
    desk.deliver()
    error = {"code": 131026, "title": "Message undeliverable"}
    processor.process([door(meta.body(statuses=[meta.status("wamid.out", "failed", errors=[error])]))])
    (row,) = desk.outgoing()
    assert row["status"] == "failed"
    assert row["error"]["code"] == "recipient_unreachable"
    assert row["error"]["provider"]["code"] == 131026
    processor.process([door(meta.body(statuses=[meta.status("wamid.out", "delivered")]))])
    assert [(row["status"], row["error"]) for row in desk.outgoing()] == [("delivered", None)]


def test_a_sender_who_has_not_seen_a_colleagues_answer_is_told(desk: Any, make_user: Callable[..., Principal]) -> None:
    desk.send("I am Ana")
    desk.agent = make_user(desk.agent.tenant_id, "Bruno")
    with pytest.raises(StaleConversation) as refused:
        desk.send("I am Bruno", expected_number=1)
    assert [message["text"] for message in refused.value.extra["messages"]] == ["I am Ana"]
    assert desk.send("I am Bruno, too", expected_number=2).view["number"] == 3
    assert desk.send("and again", expected_number=2).view["number"] == 4, "one's own message is no surprise"


def test_what_the_gateway_cannot_send_and_who_is_not_there_is_refused(
    desk: Any, make_tenant: Callable[..., UUID], make_user: Callable[..., Principal]
) -> None:
    providers, agent = {"meta": desk.gateway}, desk.agent
    with pytest.raises(UnsupportedCapability):
        send_message(
            desk.database, providers, agent, desk.conversation_id, SendRequest("hologram"), None, desk.conversation_id
        )
    desk.agent = make_user(make_tenant("Other"))
    with pytest.raises(NotFound):
        desk.send("from another tenant")
