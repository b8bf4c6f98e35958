"""Sending more than texts: what the gateway gets of each kind, files, replies in groups, and sending again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from parley.domain.errors import (
    Conflict,
    InvalidRequest,
    NotFound,
    Unavailable,
    UnsendableMedia,
    UnsupportedCapability,
    WindowClosed,
)
from parley.domain.identity import Address, Person
from parley.domain.incoming import Group, MessageReceived
from parley.domain.outgoing import Refused, Target, Upload
from parley.domain.principal import Principal
from parley.providers.base import Capabilities
from parley.services.deliver import Deliverer
from parley.services.process import Processor

from .conftest import ACCOUNT, EVERYTHING, Desk, ScriptedGateway

MakeWebhook = Callable[..., Any]
InThreads = Callable[[Sequence[Callable[[], object]]], list[Any]]

PLACE = {"latitude": -23.5, "longitude": -46.6, "name": "Office"}
BUTTONS = {"type": "buttons", "body": "Shall we?", "buttons": [{"id": "y", "title": "Yes"}]}


@pytest.mark.parametrize(
    ("kind", "text", "content"),
    [
        ("location", None, PLACE),
        ("contacts", None, {"contacts": [{"name": "Bia", "phones": ["+5511987654321"]}]}),
        ("interactive", "Shall we?", BUTTONS),
        ("template", None, {"name": "order_ready", "language": "pt_BR"}),
    ],
)
def test_the_gateway_gets_what_was_asked(desk: Desk, kind: str, text: str | None, content: dict[str, Any]) -> None:
    desk.send(text, kind=kind, content=content)
    desk.deliver()
    (draft,) = desk.gateway.sends
    assert (draft.kind, draft.text, draft.content, draft.media) == (kind, text, content, None)
    assert desk.statuses() == ["sent"]


def test_a_file_is_claimed_by_its_message_and_opened_for_the_gateway(desk: Desk) -> None:
    file = desk.upload("image/png", size=1000)
    view = desk.send("Our cat", kind="image", media_id=file).view
    assert [(one["id"], one["kind"], one["state"]) for one in view["attachments"]] == [(str(file), "image", "stored")]
    desk.deliver()
    (draft,) = desk.gateway.sends
    assert isinstance(draft.media, Upload)
    assert (draft.text, draft.media.mime_type, draft.media.size, draft.media.file_name) == (
        "Our cat", "image/png", 1000, "cat.jpg",
    )  # fmt: skip
    with draft.media.read() as chunks:
        assert b"".join(chunks) == b"bytes"


def test_of_two_messages_with_one_file_one_gets_it(desk: Desk, in_threads: InThreads) -> None:
    file = desk.upload("audio/ogg; codecs=opus")

    def send() -> object:
        try:
            return desk.send(kind="audio", media_id=file, voice=True).view["attachments"][0]["voice"]
        except Conflict:
            return None

    assert sorted(in_threads([send] * 4), key=str) == [None, None, None, True]
    assert len(desk.outgoing()) == 1


def test_a_file_that_is_not_there_not_ready_or_not_for_this_gateway_is_refused(
    desk: Desk, make_tenant: Callable[..., UUID], make_user: Callable[..., Principal]
) -> None:
    own = desk.agent
    desk.agent = make_user(make_tenant("Other"))
    foreign = desk.upload()
    desk.agent = own
    refused: list[tuple[UUID, str, type[Exception]]] = [
        (uuid4(), "image", InvalidRequest),
        (foreign, "image", InvalidRequest),
        (desk.upload(state="pending"), "image", Conflict),
        (desk.upload(size=1001), "image", UnsendableMedia),
        (desk.upload("image/tiff"), "image", UnsendableMedia),
        (desk.upload("image/png"), "audio", UnsendableMedia),
        (desk.upload("application/pdf"), "sticker", UnsendableMedia),
    ]
    for file, kind, error in refused:
        with pytest.raises(error):
            desk.send(kind=kind, media_id=file)
    assert desk.outgoing() == []
    desk.send(kind="document", media_id=desk.upload("image/tiff", size=10**8))


def test_a_file_that_cannot_be_opened_fails_or_waits(desk: Desk, sealer: Any) -> None:
    trouble: list[Exception] = [Unavailable(), NotFound()]

    def open_upload(_row: Any) -> Upload:
        raise trouble.pop(0)

    desk.deliverer = Deliverer(
        desk.database, {"meta": desk.gateway}, lambda: sealer, desk.queue, lambda _tenant: None,
        lease=desk.lease, backoff=desk.lease, open_upload=open_upload,
    )  # fmt: skip
    desk.send(kind="image", media_id=desk.upload())
    desk.deliver()
    assert desk.statuses() == ["queued"]
    desk.make_due()
    desk.deliver()
    (row,) = desk.outgoing()
    assert (row["status"], row["error"]["code"], desk.gateway.sends) == ("failed", "media_failed", [])


def without(**less: Any) -> Capabilities:
    return replace(EVERYTHING, **less)


@pytest.mark.parametrize(
    ("capabilities", "lacking", "asked"),
    [
        (without(kinds=frozenset({"text"})), "kinds", {"kind": "location", "content": PLACE}),
        (without(templates=False), "templates", {"kind": "template", "content": {"name": "x", "language": "en"}}),
        (
            without(interactive=frozenset({"list"})),
            "interactive",
            {"kind": "interactive", "content": BUTTONS},
        ),
        (without(replies=False), "replies", {"text": "x", "reply_to": uuid4()}),
    ],
)
def test_what_a_gateway_lacks_is_said_by_name(
    desk: Desk, capabilities: Capabilities, lacking: str, asked: dict[str, Any]
) -> None:
    desk.gateway.capabilities = capabilities
    with pytest.raises(UnsupportedCapability) as refused:
        desk.send(**asked)
    assert refused.value.extra["capability"] == lacking
    assert desk.outgoing() == []


def test_outside_the_window_only_a_template_goes(desk: Desk) -> None:
    with desk.database.transaction(desk.agent.tenant_id) as tx:
        tx.execute("update conversations set window_expires_at = now() - interval '1 second'")
    with pytest.raises(WindowClosed):
        desk.send(kind="location", content=PLACE)
    desk.send(kind="template", content={"name": "order_ready", "language": "pt_BR"})
    desk.deliver()
    assert desk.statuses() == ["sent"]


@pytest.fixture
def group(desk: Desk, processor: Processor, door: MakeWebhook, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A group in which Zoe, whom the gateway knows by her lid too, wrote just now."""
    zoe = Person((Address("phone", "5521912345678"), Address("lid", "99@lid")), "Zoe")
    fact = MessageReceived(
        ACCOUNT, "g-1", zoe, "text", datetime.now(UTC), text="Hello all", group=Group("123-456@g.us", "Family")
    )
    monkeypatch.setattr(ScriptedGateway, "normalise", lambda *_: [fact])
    processor.process([door(b"{}", received_at=datetime.now(UTC))])
    monkeypatch.undo()
    with desk.database.transaction(desk.agent.tenant_id) as tx:
        desk.conversation_id = tx.value("select id from conversations where group_id is not null")
    return desk


def test_in_a_group_the_message_goes_to_the_group_and_a_reply_names_the_author(group: Desk) -> None:
    with group.database.transaction(group.agent.tenant_id) as tx:
        original = tx.value("select id from messages where provider_message_id = 'g-1'")
    group.send("Hello Zoe", reply_to=original)
    group.deliver()
    (draft,) = group.gateway.sends
    assert draft.to == Address("jid", "123-456@g.us")
    assert draft.reply_to == Target("g-1", ours=False, author=Address("phone", "5521912345678"))
    group.gateway.capabilities = without(groups=False)
    with pytest.raises(UnsupportedCapability) as refused:
        group.send("and again")
    assert refused.value.extra["capability"] == "groups"


def test_a_customer_who_was_only_written_to_from_the_phone_can_be_answered(
    desk: Desk, processor: Processor, door: MakeWebhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.gateway.capabilities = without(window=None)
    zoe = Person((Address("phone", "5521912345678"),))
    fact = MessageReceived(ACCOUNT, "d-1", zoe, "text", datetime.now(UTC), text="We are open", origin="device")
    monkeypatch.setattr(ScriptedGateway, "normalise", lambda *_: [fact])
    processor.process([door(b"{}", received_at=datetime.now(UTC))])
    with desk.database.transaction(desk.agent.tenant_id) as tx:
        desk.conversation_id = tx.value("select conversation_id from messages where provider_message_id = 'd-1'")
    desk.send("Still are")
    desk.deliver()
    assert desk.gateway.sends[0].to == Address("phone", "5521912345678")


def test_a_failed_file_is_sent_again_as_a_copy_and_the_failed_one_stays_failed(desk: Desk) -> None:
    desk.gateway.script = [Refused("provider_rejected", "No.")]
    failed = desk.send("Our cat", kind="image", media_id=desk.upload()).view
    with pytest.raises(Conflict):
        desk.resend(failed["id"])
    desk.deliver()
    again = desk.resend(failed["id"]).view
    assert (again["resendOf"], again["text"], again["kind"]) == (failed["id"], "Our cat", "image")
    assert again["attachments"][0]["id"] != failed["attachments"][0]["id"]
    desk.deliver()
    assert desk.statuses() == ["failed", "sent"]
    first, second = (draft.media for draft in desk.gateway.sends)
    assert first is not None
    assert second is not None
    assert first.url == second.url
    with pytest.raises(Conflict, match="already"):
        desk.resend(failed["id"])


def test_of_many_who_send_a_failed_message_again_one_does(desk: Desk, in_threads: InThreads) -> None:
    desk.gateway.script = [Refused("provider_rejected", "No.")]
    failed = desk.send("Hello").view
    desk.deliver()

    def resend() -> object:
        try:
            return desk.resend(failed["id"]).view["id"]
        except Conflict:
            return None

    assert sum(id_ is not None for id_ in in_threads([resend] * 5)) == 1
