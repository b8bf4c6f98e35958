"""Notes between colleagues, messages for later, and first messages to people who never wrote."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from parley.cloud.sealing import Sealer
from parley.domain.errors import Conflict, Forbidden, InvalidRequest, NotFound, WindowClosed
from parley.domain.principal import Principal
from parley.services.act import Acting
from parley.services.catch_up import events_after
from parley.services.meet import Partner
from parley.services.schedule import hint_due
from parley.services.send import SendRequest, SendResult, write_first
from parley.store.views import load_conversations

from .conftest import Desk, MemoryQueue

IN_AN_HOUR = timedelta(hours=1)


@pytest.fixture
def acting(desk: Desk, sealer: Sealer) -> Acting:
    """Acting, wired."""
    return Acting(desk.database, {"meta": desk.gateway}, lambda: sealer, lambda _tenant: None)


@pytest.fixture
def hint_at_due(desk: Desk, queue: MemoryQueue) -> Callable[[], int]:
    """The housekeeper's look at messages for later."""
    return lambda: hint_due(desk.database, queue, timedelta(seconds=30), 500)


def conversation(desk: Desk) -> dict[str, Any]:
    with desk.database.transaction(desk.agent.tenant_id) as tx:
        return load_conversations(tx, [desk.conversation_id])[desk.conversation_id]


def make_time_pass(desk: Desk, by: timedelta) -> None:
    """Everything that was to happen at some time is to happen that much earlier."""
    with desk.database.transaction(desk.agent.tenant_id) as tx:
        tx.execute("update messages set not_before = not_before - %(by)s, scheduled_at = scheduled_at - %(by)s", by=by)


def test_a_note_is_for_colleagues_only_and_leaves_the_inbox_as_it_was(desk: Desk) -> None:
    before = conversation(desk)
    view = desk.send("She paid in May", kind="note", key="n-1").view
    assert (view["direction"], view["kind"], view["status"], view["number"]) == ("internal", "text", "sent", 2)
    after = conversation(desk)
    assert [after[name] for name in ("lastMessage", "unreadCount", "status")] == [
        before[name] for name in ("lastMessage", "unreadCount", "status")
    ]
    assert (after["lastNumber"], after["version"]) == (2, before["version"] + 1)
    assert (desk.deliver(), desk.gateway.sends) == (0, [])
    assert desk.send("She paid in May", kind="note", key="n-1").replayed
    assert [event["message_id"] for event in desk.events("message.new")][1:] == [UUID(view["id"])]


def test_a_mention_is_told_to_that_person_alone_without_a_word_of_the_note(
    desk: Desk, make_user: Callable[..., Principal], make_tenant: Callable[..., UUID]
) -> None:
    bruno = make_user(desk.agent.tenant_id, "Bruno")
    eve = make_user(make_tenant("Other"), "Eve")
    start = events_after(desk.database, bruno, None)["cursor"]
    note = desk.send("Look at this", kind="note", mentions=(bruno.id, desk.agent.id, bruno.id)).view
    assert note["content"] == {"mentions": [str(bruno.id), str(desk.agent.id)]}
    by = {"kind": "user", "id": str(desk.agent.id), "name": "Ana"}
    told = events_after(desk.database, bruno, start, topics=["user"])["data"]
    assert [(one["type"], one["data"]) for one in told] == [
        ("user.mentioned", {"conversationId": str(desk.conversation_id), "messageId": note["id"], "by": by})
    ]
    assert events_after(desk.database, desk.agent, start, topics=["user"])["data"] == [], "nobody mentions themselves"
    for stranger in (eve.id, uuid4()):
        with pytest.raises(NotFound):
            desk.send("Look", kind="note", mentions=(stranger,))


def test_a_note_is_its_writers_to_change_and_theirs_or_an_admins_to_take_away(
    desk: Desk, acting: Acting, make_user: Callable[..., Principal]
) -> None:
    tenant = desk.agent.tenant_id
    bruno, olga = make_user(tenant, "Bruno"), make_user(tenant, "Olga", role="admin")
    note = UUID(desk.send("She paid in May", kind="note").view["id"])
    with pytest.raises(Forbidden):
        acting.edit(bruno, note, "x", uuid4())
    with pytest.raises(Forbidden):
        acting.delete(bruno, note, uuid4())
    changed = acting.edit(desk.agent, note, "She paid in June", uuid4())
    assert (changed["text"], changed["edited"]) == ("She paid in June", True)
    assert (acting.delete(olga, note, uuid4())["deleted"], desk.gateway.deeds) == (True, [])
    with pytest.raises(Conflict):
        acting.edit(desk.agent, note, "again", uuid4())
    assert (len(desk.events("message.updated")), len(desk.events("message.deleted"))) == (1, 1)


def test_a_message_for_later_waits_then_goes_out_and_is_as_new_as_it_is_then(desk: Desk) -> None:
    at = datetime.now(UTC) + IN_AN_HOUR
    later = desk.send("Good afternoon", scheduled_at=at).view
    assert (later["status"], later["earliestSendAt"][:19]) == ("scheduled", at.isoformat()[:19])
    assert conversation(desk)["lastMessage"]["text"] == "Is anybody there?"
    now = desk.send("Good morning").view
    assert desk.deliver() == 1, "what is for later blocks nothing"
    assert [draft.text for draft in desk.gateway.sends] == ["Good morning"]
    make_time_pass(desk, IN_AN_HOUR)
    assert desk.deliver() == 1
    assert [draft.text for draft in desk.gateway.sends] == ["Good morning", "Good afternoon"]
    sent = desk.view(later["id"])
    assert (sent["status"], sent["occurredAt"] > now["occurredAt"]) == ("sent", True)
    assert conversation(desk)["lastMessage"]["text"] == "Good afternoon"
    assert [str(event["message_id"]) for event in desk.events("message.updated")] == [later["id"]]


@pytest.mark.parametrize("away", [timedelta(seconds=-1), timedelta(0), timedelta(days=400)])
def test_only_the_coming_year_is_for_later(desk: Desk, away: timedelta) -> None:
    with pytest.raises(InvalidRequest):
        desk.send(
            "When?", kind="template", content={"name": "x", "language": "pt"}, scheduled_at=datetime.now(UTC) + away
        )


def test_what_the_window_will_not_let_through_then_is_refused_now(desk: Desk) -> None:
    with pytest.raises(WindowClosed):
        desk.send("See you", scheduled_at=datetime.now(UTC) + timedelta(hours=25))
    template = {"name": "see_you", "language": "pt_BR"}
    view = desk.send(kind="template", content=template, scheduled_at=datetime.now(UTC) + timedelta(days=3)).view
    assert view["status"] == "scheduled"


def test_a_message_for_later_can_be_changed_and_called_off_until_its_time(desk: Desk, acting: Acting) -> None:
    at = datetime.now(UTC) + IN_AN_HOUR
    kept, dropped = (UUID(desk.send(text, scheduled_at=at).view["id"]) for text in ("Kept", "Dropped"))
    assert acting.edit(desk.agent, kept, "Better", uuid4())["text"] == "Better"
    gone = acting.delete(desk.agent, dropped, uuid4())
    assert (gone["deleted"], gone["text"], desk.gateway.deeds) == (True, None, [])
    make_time_pass(desk, IN_AN_HOUR)
    desk.deliver()
    assert [draft.text for draft in desk.gateway.sends] == ["Better"]


def test_the_clock_hints_once_at_what_is_due_soon_and_again_at_what_was_forgotten(
    desk: Desk, hint_at_due: Callable[[], int], queue: MemoryQueue
) -> None:
    desk.send("Later", scheduled_at=datetime.now(UTC) + IN_AN_HOUR)
    queue.sent.clear()
    assert (hint_at_due(), queue.sent) == (0, [])
    make_time_pass(desk, timedelta(minutes=50))
    assert (hint_at_due(), hint_at_due()) == (1, 0)
    ((body, _, delay),) = queue.sent
    assert json.loads(body)["conversationId"] == str(desk.conversation_id)
    assert 500 < delay <= 600
    make_time_pass(desk, timedelta(minutes=11))
    assert hint_at_due() == 1, "its hint was lost"
    assert desk.deliver() == 1
    assert hint_at_due() == 0


@pytest.fixture
def first(desk: Desk, integration: UUID) -> Callable[..., SendResult]:
    """Write to a number first: `first("+55 …", key=…)`."""

    def write(to: str, key: str | None = None, **request: Any) -> SendResult:
        asked = SendRequest(**({"kind": "template", "content": {"name": "hi", "language": "pt"}} | request))
        partner = Partner(integration, to)
        return write_first(desk.database, {"meta": desk.gateway}, desk.agent, partner, asked, key, uuid4())

    return write


def test_a_first_message_makes_contact_and_conversation_once(desk: Desk, first: Callable[..., SendResult]) -> None:
    one = first("+55 11 8765-0000", key="k-1").view
    two = first("5511987650000").view
    assert one["conversationId"] == two["conversationId"], "with or without the ninth digit it is one person"
    assert first("+55 11 8765-0000", key="k-1").view["id"] == one["id"]
    desk.conversation_id = UUID(one["conversationId"])
    view = conversation(desk)
    assert (view["contact"]["phone"], view["status"], view["unreadCount"]) == ("+551187650000", "open", 0)
    assert [event["type"] for event in desk.events("conversation.new", "message.new")][2:] == [
        "conversation.new",
        "message.new",
        "message.new",
    ]
    assert desk.deliver() == 2
    assert {draft.to.value for draft in desk.gateway.sends} == {"551187650000"}


def test_a_first_message_that_is_refused_leaves_nobody_behind(desk: Desk, first: Callable[..., SendResult]) -> None:
    with pytest.raises(WindowClosed):
        first("+5511987650000", kind="text", text="Hello", content={})
    with desk.database.transaction(desk.agent.tenant_id) as tx:
        assert tx.value("select count(*) from contacts") == 1
    with pytest.raises(NotFound):
        write_first(
            desk.database,
            {"meta": desk.gateway},
            desk.agent,
            Partner(uuid4(), "5511987650000"),
            SendRequest("text", "x"),
            None,
            uuid4(),
        )


def test_who_wrote_before_is_found_and_their_resolved_conversation_goes_on(
    desk: Desk, first: Callable[..., SendResult]
) -> None:
    with desk.database.transaction(desk.agent.tenant_id) as tx:
        tx.execute("update conversations set status = 'resolved'")
    assert first("+5511987654321").view["conversationId"] == str(desk.conversation_id)
    assert conversation(desk)["status"] == "open"


def test_twenty_first_messages_at_once_make_one_conversation(
    desk: Desk, first: Callable[..., SendResult], in_threads: Callable[..., list[Any]]
) -> None:
    results = in_threads([lambda: first("+5511987650000")] * 20)
    assert len({result.view["conversationId"] for result in results}) == 1
    assert len({result.view["id"] for result in results}) == 20
