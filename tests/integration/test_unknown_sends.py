"""Sends of which nobody knows whether they left: evidence decides, and where there is none people are told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from parley.domain.outgoing import Uncertain
from parley.services.read_more import Reading
from parley.services.sweep_unknown import SHOWN_AFTER, show_unknown
from parley.store.ids import new_id


@pytest.fixture
def woken() -> list[UUID]:
    return []


@pytest.fixture
def look(desk: Any, woken: list[UUID]) -> Callable[[], int]:
    """The housekeeper's look."""
    return lambda: show_unknown(desk.database, woken.append, SHOWN_AFTER)


def send_into_the_dark(desk: Any, text: str = "Are you there?") -> str:
    desk.gateway.script.append(Uncertain("the gateway did not answer"))
    sent: str = desk.send(text).view["id"]
    desk.deliver()
    assert desk.view(sent)["status"] == "unknown"
    return sent


def let_pass(desk: Any, minutes: int) -> None:
    with desk.database.transaction(desk.agent.tenant_id) as tx:
        tx.execute(
            "update messages set updated_at = updated_at - %(by)s where direction = 'outgoing'",
            by=timedelta(minutes=minutes),
        )


def timeline(desk: Any) -> list[tuple[str, dict[str, Any]]]:
    happened = Reading(desk.database).timeline(desk.agent, desk.conversation_id, None, 10).items
    return [(one["type"], one["data"]) for one in happened]


def test_after_a_quarter_of_an_hour_without_evidence_people_are_told_once(
    desk: Any, look: Callable[[], int], woken: list[UUID]
) -> None:
    sent = send_into_the_dark(desk)
    let_pass(desk, 14)
    assert (look(), desk.view(sent)["error"]) == (0, None)
    let_pass(desk, 1)
    before = len(desk.events("message.status"))

    assert look() == 1

    view = desk.view(sent)
    assert (view["status"], view["error"]["code"]) == ("unknown", "unconfirmed")
    (event,) = desk.events("message.status")[before:]
    assert (event["delta"]["status"], event["delta"]["error"]["code"]) == ("unknown", "unconfirmed")
    assert timeline(desk)[0] == ("send_unknown", {"messageId": sent})
    assert woken == [desk.agent.tenant_id]
    assert len(desk.gateway.sends) == 1, "nothing was sent again"
    let_pass(desk, 60)
    assert look() == 0


def test_evidence_that_comes_later_takes_the_warning_away(
    desk: Any, look: Callable[[], int], processor: Any, door: Any, meta: Any
) -> None:
    sent = send_into_the_dark(desk)
    let_pass(desk, 15)
    look()
    delivered = meta.status("wamid.late", "delivered", at=3590, biz_opaque_callback_data=sent)
    processor.process([door(meta.body(statuses=[delivered]))])
    view = desk.view(sent)
    assert (view["status"], view["error"]) == ("delivered", None)


def test_an_echo_with_the_same_words_that_stands_there_as_the_phones_settles_it(
    desk: Any, look: Callable[[], int]
) -> None:
    sent = send_into_the_dark(desk)
    with desk.database.transaction(desk.agent.tenant_id) as tx:
        for n, text in enumerate(("Something else", "Are you there?")):
            tx.execute(
                "insert into messages (tenant_id, id, integration_id, conversation_id, number, direction, kind, body,"
                " provider_message_id, occurred_at, status, sender_kind)"
                " select tenant_id, %(id)s, integration_id, conversation_id, number + %(n)s + 1, 'outgoing', 'text',"
                " %(text)s, %(key)s, now(), 'sent', 'device' from messages where id = %(like)s",
                id=new_id(), n=n, text=text, key=f"wamid.echo.{n}", like=UUID(sent),
            )  # fmt: skip
        tx.execute(
            "insert into receipts (tenant_id, integration_id, provider_message_id, participant, status, occurred_at)"
            " select tenant_id, integration_id, provider_message_id, '', 'sent', occurred_at"
            " from messages where sender_kind = 'device'"
        )
    with desk.database.transaction(desk.agent.tenant_id) as tx:
        tx.execute(
            "update messages set updated_at = updated_at - interval '16 minutes' where id = %(id)s", id=UUID(sent)
        )

    assert look() == 1

    view = desk.view(sent)
    assert (view["status"], view["providerMessageId"], view["error"]) == ("sent", "wamid.echo.1", None)
    assert [event["delta"]["replacedBy"] for event in desk.events("message.deleted")] == [sent]
    assert "send_unknown" not in dict(timeline(desk))
    with desk.database.transaction(desk.agent.tenant_id) as tx:
        left = tx.rows("select body from messages where sender_kind = 'device'")
    assert [row["body"] for row in left] == ["Something else"]


def test_two_looks_at_once_tell_it_once(
    desk: Any, look: Callable[[], int], in_threads: Callable[[Sequence[Callable[[], object]]], list[Any]]
) -> None:
    for n in range(5):
        send_into_the_dark(desk, f"Hello {n}")
    let_pass(desk, 15)
    in_threads([look] * 2)
    assert [kind for kind, _ in timeline(desk)].count("send_unknown") == 5
