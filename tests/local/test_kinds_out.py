"""Everything an agent can send or do, through every gateway of the running stack, as the customer's phone shows it; and
what a gateway cannot do, refused by the name of the capability it lacks.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from parley.providers.base import Capabilities

from .numbers import PROVIDERS, Customer, Number, Shown, able, capabilities_of, sample, simulated

pytestmark = pytest.mark.stack

FILES = frozenset({"image", "audio", "video", "document", "sticker"})
BUTTONS = {
    "type": "buttons",
    "body": "Which one?",
    "buttons": [{"id": "y", "title": "Yes"}, {"id": "n", "title": "No"}],
}
ROWS = [{"id": "b", "title": "Blue", "description": "as the sea"}, {"id": "r", "title": "Red"}]
LIST = {"type": "list", "body": "Which colour?", "button": "Colours", "sections": [{"title": "Ours", "rows": ROWS}]}
PLACE = {"latitude": -23.5614, "longitude": -46.6558, "name": "MASP", "address": "Av. Paulista"}
CARD = {"name": "Carla Dias", "phones": ["+5511955554444"]}
TEMPLATE = {"name": "hello_world", "language": "en_US"}


def of_kind(kind: str) -> Callable[[Capabilities], bool]:
    """Whether a gateway sends a kind at all."""
    return lambda can: kind in can.kinds


@dataclass(frozen=True)
class Draft:
    """Something an agent sends. `able`: whether a gateway can; `lacking`: how it is refused otherwise. `says`: what the
    phone must show of it.
    """

    name: str
    kind: str
    body: Mapping[str, Any]
    able: Callable[[Capabilities], bool]
    lacking: str = "kinds"
    says: str = ""

    def __str__(self) -> str:
        return self.name


def draft(name: str, kind: str, says: str = "", lacking: str = "kinds", **body: Any) -> Draft:
    """A draft a gateway can send if it sends the kind."""
    return Draft(name, kind, body, of_kind(kind), lacking, says)


DRAFTS = [
    draft("text", "text", "Olá! 👋\nAté já", text="Olá! 👋\nAté já"),
    draft("picture", "image", "The beach", caption="The beach"),
    draft("sound", "audio"),
    draft("voice note", "audio", voice=True),
    draft("film", "video", "The waves", caption="The waves"),
    draft("document", "document", "Your order", caption="Your order"),
    draft("sticker", "sticker"),
    draft("place", "location", "MASP", location=PLACE),
    draft("contact", "contacts", "Carla Dias", contacts=[CARD]),
    draft("template", "template", "hello_world", lacking="templates", template=TEMPLATE),
    Draft(
        "buttons", "interactive", {"interactive": BUTTONS}, lambda can: "buttons" in can.interactive, says="Which one?"
    ),
    Draft("list", "interactive", {"interactive": LIST}, lambda can: "list" in can.interactive, says="Which colour?"),
]


@pytest.fixture
def number(demo: dict[str, Any], request: pytest.FixtureRequest) -> Iterator[Number]:
    """The company's number at one gateway."""
    number = Number(demo, request.param)
    yield number
    number.http.close()


@pytest.fixture
def customer(number: Number) -> Customer:
    """Somebody who has just written to the number."""
    customer = number.customer()
    customer.says()
    return customer


def refused(answer: httpx.Response, *capabilities: str) -> None:
    """It was refused by the name of what the gateway lacks."""
    assert (answer.status_code, answer.json()["code"]) == (422, "unsupported_capability"), answer.text
    assert answer.json()["capability"] in capabilities


def sent(answer: httpx.Response) -> Shown:
    """The message, which the gateway took."""
    assert answer.status_code == 201, answer.text
    message: Shown = answer.json()["data"]
    assert (message["error"], message["direction"], message["sender"]["kind"]) == (None, "outgoing", "user")
    return message


def last_status(number: Number, *, voice: bool) -> str:
    """The last that the gateway tells of a message its customer has read, and of a voice note, heard."""
    told = [status for status in simulated(number.provider).statuses if voice or status != "played"]
    return told[-1] if told else "sent"


@pytest.mark.parametrize("draft", DRAFTS, ids=str)
@pytest.mark.parametrize("number", PROVIDERS, indirect=True)
def test_what_an_agent_sends_is_on_the_phone_or_named_as_lacking(
    number: Number, customer: Customer, draft: Draft
) -> None:
    body = {"type": draft.kind, **draft.body}
    if draft.kind in FILES:
        content, name, mime_type = sample(draft.kind)
        body["mediaId"] = number.upload(content, name, mime_type)
    answer = customer.gets(**body)
    if not draft.able(capabilities_of(number.provider)):
        refused(answer, draft.lacking, "interactive" if draft.kind == "interactive" else draft.lacking)
        assert len(number.thread(customer.conversation_id)) == 1, "nothing was stored"
        return
    message = sent(answer)
    shown = customer.shows(message)
    assert (shown["author"], shown["kind"]) == ("company", draft.kind)
    assert draft.says in shown["text"]
    if draft.kind in FILES:
        assert number.http.get(shown["media"]["url"]).content == content
        assert shown["media"]["mimeType"].partition(";")[0] == mime_type.partition(";")[0]
        assert shown["voice"] or not draft.body.get("voice")
    if draft.kind == "document":
        assert shown["media"]["fileName"] == name
    if draft.kind == "location":
        assert [float(shown["content"][axis]) for axis in ("latitude", "longitude")] == [-23.5614, -46.6558]
    if draft.kind == "interactive":
        titles = [choice["title"] for choice in shown["content"]["choices"]]
        assert titles == (["Yes", "No"] if draft.name == "buttons" else ["Blue", "Red"])
    told = customer.becomes(message, lambda m: m["status"] == last_status(number, voice=shown["voice"]))
    assert told["kind"] == draft.kind
    assert len(number.thread(customer.conversation_id)) == 2, (
        "what the gateway tells of our own message is no other one"
    )


@pytest.mark.parametrize("number", PROVIDERS, indirect=True)
def test_a_reply_quotes_on_the_phone_and_in_the_thread(number: Number, customer: Customer) -> None:
    (question,) = number.thread(customer.conversation_id)
    answer = customer.gets(type="text", text="This one", replyTo=question["id"])
    if not capabilities_of(number.provider).replies:
        refused(answer, "replies")
        return
    message = sent(answer)
    assert message["replyTo"] == {"id": question["id"], "text": "Hello", "kind": "text"}
    assert customer.shows(message)["replyTo"] == question["providerMessageId"]


@pytest.mark.parametrize("number", PROVIDERS, indirect=True)
def test_an_agents_reaction_is_on_the_phone_until_it_is_taken_back(number: Number, customer: Customer) -> None:
    (message,) = number.thread(customer.conversation_id)
    path = f"/v1/messages/{message['id']}/reactions"
    answer = number.http.post(path, json={"emoji": "❤️"})
    if not capabilities_of(number.provider).reactions:
        refused(answer, "reactions")
        return
    assert [(r["emoji"], r["by"]["kind"]) for r in answer.json()["data"]["reactions"]] == [("❤️", "user")]
    customer.shows(message, lambda m: m["reactions"] == ["❤️"])
    answer = number.http.post(path, json={"emoji": None})
    assert answer.json()["data"]["reactions"] == []
    customer.shows(message, lambda m: m["reactions"] == [])


@pytest.mark.parametrize("number", PROVIDERS, indirect=True)
def test_an_agents_edit_changes_the_phone(number: Number, customer: Customer) -> None:
    message = sent(customer.gets(type="text", text="Tomorow at ten"))
    answer = number.http.patch(f"/v1/messages/{message['id']}", json={"text": "Tomorrow at ten"})
    if not capabilities_of(number.provider).edit:
        refused(answer, "edit")
        assert customer.shows(message)["text"] == "Tomorow at ten"
        return
    assert (answer.json()["data"]["text"], answer.json()["data"]["edited"]) == ("Tomorrow at ten", True)
    assert customer.shows(message, lambda m: m["edited"])["text"] == "Tomorrow at ten"
    assert len(number.thread(customer.conversation_id)) == 2


@pytest.mark.parametrize("number", PROVIDERS, indirect=True)
def test_what_an_agent_takes_back_leaves_the_phone(number: Number, customer: Customer) -> None:
    message = sent(customer.gets(type="text", text="Sent by mistake"))
    answer = number.http.delete(f"/v1/messages/{message['id']}")
    if not capabilities_of(number.provider).delete:
        refused(answer, "delete")
        assert customer.shows(message)["text"] == "Sent by mistake"
        return
    assert (answer.json()["data"]["text"], answer.json()["data"]["deleted"]) == (None, True)
    assert customer.shows(message, lambda m: m["deleted"])["text"] == ""
    assert "mistake" not in str(number.thread(customer.conversation_id))


@pytest.mark.parametrize("number", PROVIDERS, indirect=True)
def test_what_an_agent_has_read_shows_as_read_on_the_phone(number: Number, customer: Customer) -> None:
    customer.says(text="And one more thing")
    newest, oldest = number.thread(customer.conversation_id)
    path = f"/v1/conversations/{customer.conversation_id}"
    assert number.http.get(path).json()["data"]["unreadCount"] == 2
    answer = number.http.post(f"{path}/read", json={"upTo": newest["id"]})
    assert (answer.status_code, answer.json()["data"]["unreadCount"]) == (200, 0)
    if capabilities_of(number.provider).mark_read:
        for message in (oldest, newest):
            customer.shows(message, lambda m: m["state"] == "read")


@pytest.mark.parametrize("number", able("group"), indirect=True)
def test_an_answer_to_a_group_goes_to_the_group(number: Number) -> None:
    group = {"id": f"1203630{random.randrange(10**11):011d}", "name": "Neighbours"}
    member = number.customer()
    question = member.says(text="Who has the key?", group=group)
    answer = member.gets(type="text", text="We have", replyTo=question["id"])
    if not capabilities_of(number.provider).groups:
        refused(answer, "groups")
        return
    message = sent(answer)
    asked = {"integrationId": number.id, "group": group["id"]}
    shown = number.http.get("/simulator/messages", params=asked).json()["data"]
    assert [(each["author"], each["text"], each["sender"]) for each in shown] == [
        ("customer", "Who has the key?", member.phone),
        ("company", "We have", None),
    ]
    member.becomes(message, lambda m: m["status"] == last_status(number, voice=False))
    assert len(number.thread(member.conversation_id)) == 2


@pytest.mark.parametrize("number", PROVIDERS, indirect=True)
def test_an_agents_typing_shows_on_the_phone(number: Number, customer: Customer) -> None:
    path = f"/v1/conversations/{customer.conversation_id}/typing"
    if not capabilities_of(number.provider).typing:
        refused(number.http.post(path, json={"on": True}), "typing")
        return
    asked = {"integrationId": number.id, "from": customer.phone}
    with (
        ThreadPoolExecutor(1) as pool,
        number.http.stream("GET", "/simulator/phone/events", params=asked, timeout=30) as page,
    ):
        lines = page.iter_lines()
        next(line for line in lines if '"type":"thread"' in line)
        answer = pool.submit(number.http.post, path, json={"on": True})
        next(line for line in lines if '"type":"typing","on":true' in line)
        assert answer.result().status_code == 200
