"""Every kind a customer can send, through every gateway of the running stack, as the agent's thread shows it."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from .numbers import PROVIDERS, Number, Shown, able, eventually, sample, simulated

pytestmark = pytest.mark.stack

PLACE = {"latitude": -23.5614, "longitude": -46.6558}


@dataclass(frozen=True)
class Sent:
    """Something a customer sends, and how the thread must show it. `content`: what at least it holds."""

    name: str
    kind: str
    asked: Mapping[str, Any] = field(default_factory=dict)
    text: str | None = None
    content: Mapping[str, Any] = field(default_factory=dict)
    voice: bool = False

    def __str__(self) -> str:
        return self.name


SENT = [
    Sent("text", "text", {"text": "Vocês têm pão? 🥖\nObrigado"}, "Vocês têm pão? 🥖\nObrigado"),
    Sent("forwarded text", "text", {"text": "Passed on", "forwarded": True}, "Passed on", {"forwarded": True}),
    Sent("picture", "image", {"text": "The beach"}, "The beach"),
    Sent("voice note", "audio", {"voice": True}, voice=True),
    Sent("sound", "audio", {"voice": False}),
    Sent("film", "video", {"text": "The waves"}, "The waves"),
    Sent("document", "document", {"text": "The order"}, "The order"),
    Sent("sticker", "sticker"),
    Sent("place", "location", {**PLACE, "locationName": "MASP", "address": "Av. Paulista"}, None, {"name": "MASP"}),
    Sent("bare place", "location", PLACE, None, PLACE),
    Sent("contact", "contacts", {"contacts": [{"name": "Carla Dias", "phone": "5511955554444"}]}),
    Sent(
        "chosen button",
        "interactive",
        {"choice": {"kind": "button", "id": "yes", "title": "Yes"}},
        "Yes",
        {"type": "button", "id": "yes", "title": "Yes"},
    ),
    Sent(
        "chosen row",
        "interactive",
        {"choice": {"kind": "list", "id": "blue", "title": "Blue"}},
        "Blue",
        {"type": "list", "id": "blue", "title": "Blue"},
    ),
]
WRITTEN = [
    (provider, sent)
    for provider in PROVIDERS
    for sent in SENT
    if sent.kind in simulated(provider).kinds
    and sent.asked.get("choice", {"kind": "button"})["kind"] in simulated(provider).choices
]


@pytest.fixture
def number(demo: dict[str, Any], request: pytest.FixtureRequest) -> Iterator[Number]:
    """The company's number at one gateway."""
    number = Number(demo, request.param)
    yield number
    number.http.close()


@pytest.mark.parametrize(("number", "sent"), WRITTEN, indirect=["number"], ids=str)
def test_what_a_customer_sends_is_in_the_thread(number: Number, sent: Sent) -> None:
    message = number.customer("Beatriz").says(sent.kind, **sent.asked)
    assert (message["kind"], message["direction"], message["status"]) == (sent.kind, "incoming", "received")
    assert (message["sender"]["kind"], message["sender"]["name"]) == ("contact", "Beatriz")
    assert message["text"] == sent.text
    assert message["content"] == message["content"] | dict(sent.content)
    assert (message["replyTo"], message["reactions"]) == (None, [])
    assert (message["edited"], message["deleted"]) == (False, False)
    if sent.kind == "contacts":
        (card,) = message["content"]["contacts"]
        assert (card["name"], card["phones"]) == ("Carla Dias", ["+5511955554444"])
    if sent.kind not in {"image", "audio", "video", "document", "sticker"}:
        assert message["attachments"] == []
        return
    content, name, mime_type = sample(sent.kind)
    file = number.file(message["id"])
    assert (file["state"], file["kind"], file["size"]) == ("stored", sent.kind, len(content))
    assert (file["mimeType"].partition(";")[0], file["voice"]) == (mime_type.partition(";")[0], sent.voice)
    if sent.kind == "document":
        assert file["fileName"] == name
    assert number.content_of(file) == content


@pytest.mark.parametrize("number", PROVIDERS, indirect=True)
def test_a_reply_quotes_what_it_answers(number: Number) -> None:
    customer = number.customer()
    first = customer.says(text="Which colour?")
    reply = customer.says(text="This one", replyTo=first["providerMessageId"])
    assert reply["replyTo"] == {"id": first["id"], "text": "Which colour?", "kind": "text"}


@pytest.mark.parametrize("number", able("reaction"), indirect=True)
def test_a_reaction_comes_changes_and_is_taken_back(number: Number) -> None:
    customer = number.customer("Beatriz")
    message = customer.says(text="I like it")
    # A second apart, as some gateways tell no more than the second: the later one counts, whichever comes first.
    moment = int(time.time())
    for after, emoji in enumerate(("👍", "🎉")):
        customer.does("reaction", target=message["providerMessageId"], emoji=emoji, timestamp=moment + after)
        shown = customer.becomes(message, lambda m, e=emoji: [r["emoji"] for r in m["reactions"]] == [e])  # type: ignore[misc]
        assert (shown["reactions"][0]["by"]["kind"], shown["reactions"][0]["by"]["name"]) == ("contact", "Beatriz")
    customer.does("reaction", target=message["providerMessageId"], emoji=None, timestamp=moment + 2)
    customer.becomes(message, lambda m: m["reactions"] == [])
    assert len(number.thread(customer.conversation_id)) == 1, "a reaction is no message"


@pytest.mark.parametrize("number", able("edit"), indirect=True)
def test_an_edit_replaces_the_words(number: Number) -> None:
    customer = number.customer()
    message = customer.says(text="Tomorow at ten")
    customer.does("edit", target=message["providerMessageId"], text="Tomorrow at ten")
    shown = customer.becomes(message, lambda m: m["edited"])
    assert (shown["text"], shown["deleted"]) == ("Tomorrow at ten", False)
    assert len(number.thread(customer.conversation_id)) == 1, "an edit is no message"


@pytest.mark.parametrize("number", able("delete"), indirect=True)
def test_a_deleted_message_keeps_its_place_without_its_words(number: Number) -> None:
    customer = number.customer()
    message = customer.says(text="Sent by mistake")
    customer.does("delete", target=message["providerMessageId"])
    shown = customer.becomes(message, lambda m: m["deleted"])
    assert (shown["text"], shown["attachments"]) == (None, [])
    assert "mistake" not in str(number.thread(customer.conversation_id))


@pytest.mark.parametrize("kind", ["text", "image"])
@pytest.mark.parametrize("number", able("device"), indirect=True)
def test_what_is_typed_on_the_companys_own_phone_is_outgoing(number: Number, kind: str) -> None:
    customer = number.customer("Beatriz")
    customer.says(text="Anybody there?")
    message = customer.says(kind, text="Yes, we are", device=True)
    assert (message["direction"], message["kind"], message["text"]) == ("outgoing", kind, "Yes, we are")
    assert (message["sender"]["kind"], message["status"]) == ("device", "sent")
    thread = number.thread(customer.conversation_id)
    assert sorted(each["direction"] for each in thread) == ["incoming", "outgoing"], (
        "once, and in the same conversation"
    )
    conversation = number.http.get(f"/v1/conversations/{customer.conversation_id}").json()["data"]
    assert conversation["contact"]["name"] == "Beatriz"


@pytest.mark.parametrize("number", able("group"), indirect=True)
def test_a_groups_messages_are_one_conversation_whose_members_have_their_names(number: Number) -> None:
    group = {"id": f"1203630{random.randrange(10**11):011d}", "name": "Neighbours"}
    members = [number.customer("Beatriz"), number.customer("Caio")]
    first = members[0].says(text="Hello all", group=group)
    second = members[1].says("image", text="Look", group=group)
    assert members[0].conversation_id == members[1].conversation_id
    assert [(each["sender"]["kind"], each["sender"]["name"]) for each in (first, second)] == [
        ("contact", "Beatriz"),
        ("contact", "Caio"),
    ]
    assert number.content_of(number.file(second["id"])) == sample("image")[0]
    conversation = number.http.get(f"/v1/conversations/{members[0].conversation_id}").json()["data"]
    assert conversation["group"]["id"]
    alone: Shown = members[0].says(text="Only to you")
    assert alone["conversationId"] != conversation["id"]
    members[0].does("reaction", target=second["providerMessageId"], emoji="😍", group=group)
    eventually(lambda: number.http.get(f"/v1/messages/{second['id']}").json()["data"]["reactions"])
