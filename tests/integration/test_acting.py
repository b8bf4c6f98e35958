"""Acting on messages: what the gateway is asked, what is kept of it, and what it means where the gateway does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest

from parley.cloud.sealing import Sealer
from parley.domain.errors import (
    AccountLost,
    Conflict,
    InvalidRequest,
    NotFound,
    ProviderRejected,
    Unavailable,
    UnsupportedCapability,
)
from parley.domain.identity import Address, Person
from parley.domain.incoming import Deletion, Edit, Reaction
from parley.domain.outgoing import Accepted, NotSent, Refused, Target, Uncertain
from parley.domain.principal import Principal
from parley.services.act import Acting
from parley.services.process import Processor
from parley.store.views import load_conversations

from .conftest import ACCOUNT, EVERYTHING, Desk, ScriptedGateway

MakeWebhook = Callable[..., Any]
TO = Address("phone", "5511987654321")


@pytest.fixture
def woken() -> list[UUID]:
    """Tenants whose listeners were told to look."""
    return []


@pytest.fixture
def acting(desk: Desk, sealer: Sealer, woken: list[UUID]) -> Acting:
    """Acting, wired."""
    return Acting(desk.database, {"meta": desk.gateway}, lambda: sealer, woken.append)


@pytest.fixture
def theirs(desk: Desk) -> UUID:
    """The customer's message."""
    with desk.database.transaction(desk.agent.tenant_id) as tx:
        found: UUID = tx.value("select id from messages where direction = 'incoming'")
    return found


@pytest.fixture
def ours(desk: Desk) -> UUID:
    """A text of ours that went out as `wamid.out`."""
    desk.gateway.script = [Accepted("wamid.out")]
    id_ = UUID(desk.send("See you at six").view["id"])
    desk.deliver()
    return id_


@pytest.fixture
def tell(processor: Processor, door: MakeWebhook, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """The gateway tells these facts now."""

    def told(*facts: Any) -> None:
        monkeypatch.setattr(ScriptedGateway, "normalise", lambda *_: facts)
        processor.process([door(uuid4().bytes, received_at=datetime.now(UTC))])

    return told


def test_a_reaction_is_the_numbers_and_says_who_of_the_company_it_was(
    desk: Desk, acting: Acting, theirs: UUID, woken: list[UUID], make_user: Callable[..., Principal]
) -> None:
    view = acting.react(desk.agent, theirs, "👍", uuid4())
    assert desk.gateway.deeds == [("react", Target("wamid.in", ours=False), TO, "👍")]
    by_ana = {"kind": "user", "id": str(desk.agent.id), "name": "Ana"}
    assert view["reactions"] == [{"emoji": "👍", "by": by_ana}]
    (event,) = desk.events("message.reaction")
    assert (event["message_id"], woken) == (theirs, [desk.agent.tenant_id])
    bruno = make_user(desk.agent.tenant_id, "Bruno")
    view = acting.react(bruno, theirs, "❤", uuid4())
    assert [(one["emoji"], one["by"]["name"]) for one in view["reactions"]] == [("❤", "Bruno")], (
        "one number, one reaction"
    )
    assert acting.react(bruno, theirs, None, uuid4())["reactions"] == []
    assert len(desk.events("message.reaction")) == 3


def test_the_echo_of_our_reaction_keeps_whose_it_is_and_one_from_the_phone_takes_its_place(
    desk: Desk, acting: Acting, theirs: UUID, tell: Callable[..., None]
) -> None:
    acting.react(desk.agent, theirs, "👍", uuid4())
    tell(Reaction(ACCOUNT, "wamid.in", None, "👍", datetime.now(UTC)))
    assert desk.view(str(theirs))["reactions"][0]["by"]["name"] == "Ana"
    tell(Reaction(ACCOUNT, "wamid.in", None, "😂", datetime.now(UTC)))
    assert desk.view(str(theirs))["reactions"] == [{"emoji": "😂", "by": {"kind": "device", "id": None, "name": None}}]
    tell(Reaction(ACCOUNT, "wamid.in", Person((TO,)), "🎉", datetime.now(UTC)))
    assert {one["emoji"] for one in desk.view(str(theirs))["reactions"]} == {"😂", "🎉"}


def test_an_edit_changes_the_text_and_its_echo_changes_nothing_more(
    desk: Desk, acting: Acting, ours: UUID, tell: Callable[..., None]
) -> None:
    desk.gateway.deed_script = [Accepted("edit-1")]
    view = acting.edit(desk.agent, ours, "See you at seven", uuid4())
    assert desk.gateway.deeds == [("edit", Target("wamid.out", ours=True), TO, "See you at seven")]
    assert (view["text"], view["edited"], view["status"]) == ("See you at seven", True, "sent")
    (event,) = desk.events("message.updated")
    assert event["message_id"] == ours
    tell(Edit(ACCOUNT, "wamid.out", "edit-1", "See you at seven", datetime.now(UTC)))
    assert len(desk.events("message.updated")) == 1
    acting.edit(desk.agent, ours, "See you at eight", uuid4())
    assert desk.view(str(ours))["text"] == "See you at eight"


def test_a_message_taken_back_is_empty_and_taking_it_back_again_asks_nobody(
    desk: Desk, acting: Acting, ours: UUID, tell: Callable[..., None]
) -> None:
    view = acting.delete(desk.agent, ours, uuid4())
    assert desk.gateway.deeds == [("delete", Target("wamid.out", ours=True), TO)]
    assert (view["deleted"], view["text"]) == (True, None)
    assert acting.delete(desk.agent, ours, uuid4())["deleted"] is True
    tell(Deletion(ACCOUNT, "wamid.out", datetime.now(UTC)))
    (event,) = desk.events("message.deleted")
    assert (event["message_id"], len(desk.gateway.deeds)) == (ours, 1)
    with pytest.raises(Conflict):
        acting.edit(desk.agent, ours, "too late", uuid4())


def test_only_what_is_ours_and_known_to_the_gateway_can_be_changed(
    desk: Desk, acting: Acting, theirs: UUID, make_tenant: Callable[..., UUID], make_user: Callable[..., Principal]
) -> None:
    queued = UUID(desk.send("not sent yet").view["id"])
    place = UUID(desk.send(kind="location", content={"latitude": 1, "longitude": 1}).view["id"])
    for message_id in (theirs, queued):
        with pytest.raises(Conflict):
            acting.edit(desk.agent, message_id, "x", uuid4())
        with pytest.raises(Conflict):
            acting.delete(desk.agent, message_id, uuid4())
    with pytest.raises(Conflict):
        acting.react(desk.agent, queued, "👍", uuid4())
    desk.deliver()
    with pytest.raises(UnsupportedCapability):
        acting.edit(desk.agent, place, "x", uuid4())
    stranger = make_user(make_tenant("Other"))
    foreign: list[Callable[[], object]] = [
        lambda: acting.react(stranger, theirs, "👍", uuid4()),
        lambda: acting.delete(stranger, queued, uuid4()),
        lambda: acting.mark_read(stranger, desk.conversation_id, theirs, uuid4()),
        lambda: acting.show_typing(stranger, desk.conversation_id, True, uuid4()),
    ]
    for deed in foreign:
        with pytest.raises(NotFound):
            deed()
    assert desk.gateway.deeds == []


def test_a_gateway_that_cannot_is_not_asked(desk: Desk, acting: Acting, theirs: UUID, ours: UUID) -> None:
    desk.gateway.capabilities = replace(
        EVERYTHING, reactions=False, edit=False, delete=False, typing=False, mark_read=False
    )
    deeds: dict[str, Callable[[], object]] = {
        "reactions": lambda: acting.react(desk.agent, theirs, "👍", uuid4()),
        "edit": lambda: acting.edit(desk.agent, ours, "x", uuid4()),
        "delete": lambda: acting.delete(desk.agent, ours, uuid4()),
        "typing": lambda: acting.show_typing(desk.agent, desk.conversation_id, True, uuid4()),
    }
    for capability, deed in deeds.items():
        with pytest.raises(UnsupportedCapability) as refused:
            deed()
        assert refused.value.extra["capability"] == capability
    assert acting.mark_read(desk.agent, desk.conversation_id, theirs, uuid4())["unreadCount"] == 0, "here it is read"
    assert desk.gateway.deeds == []


@pytest.mark.parametrize(
    ("outcome", "error", "status"),
    [
        (Refused("too_late", "It was sent too long ago.", {"code": 7}), ProviderRejected, 409),
        (Refused("gone", "The phone is off.", account_lost=True), AccountLost, 502),
        (NotSent("throttled"), Unavailable, 503),
        (Uncertain("read timeout"), Unavailable, 503),
    ],
)
def test_what_the_gateway_did_not_do_is_not_kept(
    desk: Desk, acting: Acting, theirs: UUID, ours: UUID, outcome: Any, error: type[Any], status: int
) -> None:
    desk.gateway.deed_script = [outcome] * 3
    before = desk.view(str(theirs)), desk.view(str(ours))
    deeds: list[Callable[[], object]] = [
        lambda: acting.react(desk.agent, theirs, "👍", uuid4()),
        lambda: acting.edit(desk.agent, ours, "x", uuid4()),
        lambda: acting.delete(desk.agent, ours, uuid4()),
    ]
    for deed in deeds:
        with pytest.raises(error) as refused:
            deed()
        assert refused.value.status == status
        if isinstance(outcome, Refused):
            assert (refused.value.detail, refused.value.extra["reason"]) == (outcome.message, outcome.code)
    assert (desk.view(str(theirs)), desk.view(str(ours))) == before
    with desk.database.transaction(desk.agent.tenant_id) as tx:
        lost = tx.value("select state from integrations") == "paused"
    assert lost is bool(getattr(outcome, "account_lost", False))


def test_reading_up_to_a_message_counts_anew_tells_the_gateway_and_never_goes_back(
    desk: Desk, acting: Acting, processor: Processor, door: MakeWebhook, meta: SimpleNamespace, theirs: UUID
) -> None:
    at = int((datetime.now(UTC) - meta.start).total_seconds())
    messages = [meta.text(f"wamid.{n}", TO.value, str(n), at + n) for n in range(1, 5)]
    processor.process([door(meta.body(messages=messages), received_at=datetime.now(UTC))])
    with desk.database.transaction(desk.agent.tenant_id) as tx:
        ids = {row["provider_message_id"]: row["id"] for row in tx.rows("select id, provider_message_id from messages")}
    view = acting.mark_read(desk.agent, desk.conversation_id, ids["wamid.2"], uuid4())
    assert view["unreadCount"] == 2
    targets = [Target(id_, ours=False) for id_ in ("wamid.in", "wamid.1", "wamid.2")]
    assert desk.gateway.deeds == [("mark_read", targets, TO)]
    assert acting.mark_read(desk.agent, desk.conversation_id, theirs, uuid4())["unreadCount"] == 2
    desk.gateway.deed_script = [Uncertain("read timeout")]
    assert acting.mark_read(desk.agent, desk.conversation_id, ids["wamid.4"], uuid4())["unreadCount"] == 0
    assert [[target.provider_message_id for target in deed[1]] for deed in desk.gateway.deeds[1:]] == [
        ["wamid.3", "wamid.4"]
    ]
    assert len(desk.events("conversation.updated")) == 2
    with pytest.raises(InvalidRequest):
        acting.mark_read(desk.agent, desk.conversation_id, uuid4(), uuid4())


def test_reading_up_to_ones_own_answer_reads_what_came_before_it(desk: Desk, acting: Acting, ours: UUID) -> None:
    with desk.database.transaction(desk.agent.tenant_id) as tx:
        assert load_conversations(tx, [desk.conversation_id])[desk.conversation_id]["unreadCount"] == 1
    assert acting.mark_read(desk.agent, desk.conversation_id, ours, uuid4())["unreadCount"] == 0


def test_typing_is_shown_under_the_customers_newest_message(desk: Desk, acting: Acting) -> None:
    acting.show_typing(desk.agent, desk.conversation_id, True, uuid4())
    acting.show_typing(desk.agent, desk.conversation_id, False, uuid4())
    latest = Target("wamid.in", ours=False)
    assert desk.gateway.deeds == [("typing", TO, True, latest), ("typing", TO, False, latest)]
