"""The adapter and the simulated Evolution against each other, over a real port: each understands the other."""

from __future__ import annotations

import asyncio
import hashlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest
import uvicorn

from local.simulator.app import SimulatedIntegration, create_app
from parley.domain.errors import MediaGone, Rejected
from parley.domain.identity import Address
from parley.domain.incoming import (
    AccountState,
    ContactSeen,
    Deletion,
    Edit,
    Fact,
    Ignored,
    MessageReceived,
    Reaction,
    Receipt,
    TypingSeen,
)
from parley.domain.outgoing import Accepted, Draft, NotSent, Outcome, Refused, Target, Uncertain, Upload
from parley.providers.base import Account
from parley.providers.evolution import Evolution

REFERENCE = UUID("01920000-0000-7000-8000-000000000001")
CUSTOMER = "5531987654321"
TO = Address("phone", CUSTOMER)
GROUP = Address("jid", "120363041234567890@g.us")
FILE = b"\x89PNG a picture" * 100
NUMBER = SimulatedIntegration(
    id="integration-e",
    tenant_name="Tenant",
    provider="evolution",
    account_id="my instance",
    phone="+5511900000001",
    webhook_url="http://company.test/webhooks/e",
    secret="jwt-key-e",
    access_token="api-key-e",
    name="Number",
    credentials={"api_key": "api-key-e", "jwt_key": "jwt-key-e"},
)


class Company(httpx.AsyncBaseTransport):
    """Takes webhooks, and serves the files it sends."""

    def __init__(self) -> None:
        self.webhooks: list[tuple[bytes, dict[str, str]]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200 if request.url.path == "/file" else 404, content=FILE)
        self.webhooks.append((request.content, {name.lower(): value for name, value in request.headers.items()}))
        return httpx.Response(200)


class Pair:
    """The simulator on a port, and the adapter with an account there."""

    def __init__(self, url: str, company: Company, app: Any) -> None:
        self.company, self.simulator = company, app.state.simulator
        self.account = Account(NUMBER.account_id, NUMBER.credentials, {"baseUrl": f"{url}/simulator/evolution"})
        self.client = httpx.AsyncClient(base_url=url, trust_env=False)
        self.http = httpx.Client(trust_env=False)
        self.adapter = Evolution(self.http, fast_clock=10)

    async def control(self, path: str, **asked: object) -> dict[str, Any]:
        answer = await self.client.post(f"/simulator/{path}", json={"integrationId": NUMBER.id, **asked})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def does(self, kind: str, **asked: object) -> tuple[str, list[Fact]]:
        """A customer does something: the id of it, and what its webhooks say."""
        self.company.webhooks.clear()
        answer = await self.control("messages", **{"from": CUSTOMER, "name": "Bia", "kind": kind, **asked})
        return str(answer["data"]["providerMessageId"]), await self.facts()

    async def facts(self) -> list[Fact]:
        """What every webhook says, once all have come, each of them believed; then they are forgotten."""
        await self.simulator.settled()
        said: list[Fact] = []
        for body, headers in self.company.webhooks:
            self.adapter.verify(body, headers, self.account, datetime.now(UTC))
            assert NUMBER.access_token.encode() in body
            redacted = self.adapter.redact(body, headers)
            assert NUMBER.access_token.encode() not in redacted
            facts = self.adapter.normalise(body, headers)
            assert facts == self.adapter.normalise(redacted, headers)
            said.extend(facts)
        self.company.webhooks.clear()
        return said

    async def asks(self, method: Callable[..., Outcome], *arguments: object) -> Outcome:
        return await asyncio.to_thread(method, *arguments, self.account)

    async def sends(self, kind: str, text: str | None = None, **more: Any) -> Outcome:
        return await self.asks(self.adapter.send, Draft(REFERENCE, more.pop("to", TO), kind, text, **more))

    async def phone(self, thread: str = CUSTOMER) -> list[Any]:
        """The messages on a phone."""
        threads = self.simulator._threads
        return list(threads.of(NUMBER.id, thread).messages())


class Listening(uvicorn.Server):
    """A server that says when it takes connections."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    company = Company()
    app = create_app([NUMBER], clock_rate=50, transport=company)
    process = Listening(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off"))
    serving = asyncio.create_task(process.serve())
    await asyncio.wait_for(process.ready.wait(), 10)
    found = Pair(f"http://127.0.0.1:{process.servers[0].sockets[0].getsockname()[1]}", company, app)
    yield found
    await found.client.aclose()
    found.http.close()
    await app.state.simulator.close()
    process.should_exit = True
    await serving


@contextmanager
def reading() -> Iterator[Iterator[bytes]]:
    yield iter([FILE[:700], FILE[700:]])


def upload(mime_type: str, *, url: str = "http://company.test/file", voice: bool = False) -> Upload:
    return Upload(mime_type, len(FILE), "f.bin", voice, url, reading)


def only(facts: list[Fact], kind: type[Fact]) -> Any:
    """The one fact of a kind; whatever else was said is Evolution's noise, and named."""
    found = [fact for fact in facts if isinstance(fact, kind)]
    assert len(found) == 1, facts
    assert all(isinstance(fact, kind | Ignored | ContactSeen) for fact in facts), facts
    return found[0]


WRITTEN: dict[str, tuple[dict[str, object], str, dict[str, Any]]] = {
    "text": ({"text": "Oi"}, "Oi", {}),
    "location": (
        {"latitude": -23.5, "longitude": -46.6, "locationName": "Sé"},
        "",
        {"latitude": -23.5, "longitude": -46.6, "name": "Sé"},
    ),
    "interactive": (
        {"choice": {"kind": "list", "id": "9", "title": "9 h", "description": "cedo"}},
        "9 h",
        {"type": "list", "id": "9", "title": "9 h", "description": "cedo"},
    ),
}


@pytest.mark.parametrize("kind", WRITTEN)
async def test_what_a_customer_writes_comes_in(pair: Pair, kind: str) -> None:
    asked, text, content = WRITTEN[kind]
    message_id, facts = await pair.does(kind, **asked)
    message = only(facts, MessageReceived)
    assert (message.provider_message_id, message.kind, message.text or "") == (message_id, kind, text)
    assert {name: message.content[name] for name in content} == content
    assert (message.person.addresses[0], message.person.name, message.origin) == (TO, "Bia", "contact")
    assert message.person.addresses[1].kind == "lid"


async def test_a_button_and_cards_come_in(pair: Pair) -> None:
    _, facts = await pair.does("interactive", choice={"kind": "button", "id": "y", "title": "Sim"})
    assert only(facts, MessageReceived).content == {"type": "button", "id": "y", "title": "Sim"}
    cards = [{"name": "Ana", "phone": "5511955554444"}, {"name": "Leo", "phone": "5511955553333"}]
    _, facts = await pair.does("contacts", contacts=cards)
    contacts = only(facts, MessageReceived).content["contacts"]
    assert [(card["name"], card["phones"]) for card in contacts] == [
        ("Ana", ["+5511955554444"]),
        ("Leo", ["+5511955553333"]),
    ]


@pytest.mark.parametrize("kind", ["image", "audio", "video", "document", "sticker"])
async def test_a_customers_file_comes_in_and_is_fetched_whole(pair: Pair, kind: str) -> None:
    _, facts = await pair.does(kind, voice=kind == "audio")
    message = only(facts, MessageReceived)
    (media,) = message.media
    assert (message.kind, media.kind, media.voice, media.inline) == (kind, kind, kind == "audio", None)

    def fetched(source: Mapping[str, Any]) -> tuple[str | None, bytes]:
        with pair.adapter.fetch_media(source, pair.account) as download:
            return download.mime_type, b"".join(download.chunks)

    mime_type, content = await asyncio.to_thread(fetched, media.source)
    assert (mime_type, len(content)) == (media.mime_type, media.size)
    assert hashlib.sha256(content).hexdigest() == media.sha256
    with pytest.raises(MediaGone):
        await asyncio.to_thread(fetched, {"id": "NOWHERE"})


async def test_with_files_in_the_bodies_a_customers_file_comes_with_its_message(pair: Pair) -> None:
    set_up = {"webhook": {"enabled": True, "url": "http://company.test/x", "base64": True, "headers": {"jwt_key": "jwt-key-e"}}}  # fmt: skip  # noqa: E501
    answer = await pair.client.post(
        "/simulator/evolution/webhook/set/my%20instance", json=set_up, headers={"apikey": "api-key-e"}
    )
    assert answer.status_code == 201
    _, facts = await pair.does("image")
    (media,) = only(facts, MessageReceived).media
    assert hashlib.sha256(media.inline).hexdigest() == media.sha256


async def test_replies_forwards_and_the_phones_own_messages_come_in(pair: Pair) -> None:
    sent = await pair.sends("text", "Olá")
    assert isinstance(sent, Accepted)
    await pair.facts()
    _, facts = await pair.does("text", text="respondo", replyTo=sent.provider_message_id, forwarded=True)
    message = only(facts, MessageReceived)
    assert (message.reply_to, message.content) == (sent.provider_message_id, {"forwarded": True})
    _, facts = await pair.does("text", text="do balcão", device=True)
    message = only(facts, MessageReceived)
    assert (message.origin, message.person.addresses, message.person.name) == ("device", (TO,), None)


async def test_a_group_comes_in_with_its_authors(pair: Pair) -> None:
    _, facts = await pair.does("text", text="oi, gente", group={"id": "120363041234567890", "name": "Clientes"})
    message = only(facts, MessageReceived)
    assert (message.group.id, message.person.addresses[0], message.person.name) == (GROUP.value, TO, "Bia")
    _, facts = await pair.does("text", text="da loja", group="120363041234567890", device=True)
    message = only(facts, MessageReceived)
    assert (message.group.id, message.person, message.origin) == (GROUP.value, None, "device")


async def test_reactions_edits_deletions_and_typing_come_in(pair: Pair) -> None:
    message_id, _ = await pair.does("text", text="Oi")
    for emoji in ("👍", None):
        _, facts = await pair.does("reaction", target=message_id, emoji=emoji)
        reaction = only(facts, Reaction)
        assert (reaction.provider_message_id, reaction.emoji, reaction.person.addresses[0]) == (message_id, emoji, TO)
    _, facts = await pair.does("edit", target=message_id, text="Olá")
    edit = only(facts, Edit)
    assert (edit.provider_message_id, edit.text) == (message_id, "Olá")
    _, facts = await pair.does("delete", target=message_id)
    assert {fact.provider_message_id for fact in facts if isinstance(fact, Deletion)} == {message_id}
    assert {type(fact) for fact in facts} == {Deletion}
    _, facts = await pair.does("typing", on=True, recording=True)
    assert only(facts, TypingSeen).on is True
    _, facts = await pair.does("typing", on=False)
    assert only(facts, TypingSeen).on is False


BUTTONS = {"type": "buttons", "body": "Certo?", "buttons": [{"id": "y", "title": "Sim"}]}
LIST = {"type": "list", "body": "Quando?", "button": "Ver", "sections": [{"rows": [{"id": "9", "title": "9 h"}]}]}
SENDS: dict[str, tuple[str, dict[str, Any], str]] = {
    "text": ("text", {"text": "Olá"}, "Olá"),
    "image": ("image", {"text": "veja", "media": upload("image/png")}, "veja"),
    "video": ("video", {"media": upload("video/mp4")}, ""),
    "document": ("document", {"media": upload("application/pdf")}, ""),
    "audio": ("audio", {"media": upload("audio/mpeg")}, ""),
    "voice": ("audio", {"media": upload("audio/ogg", voice=True)}, ""),
    "sticker": ("sticker", {"media": upload("image/webp")}, ""),
    "file in the body": ("image", {"media": upload("image/png", url="https://s3.example/" + "x" * 2100)}, ""),
    "location": ("location", {"content": {"latitude": -23.5, "longitude": -46.6, "name": "Sé"}}, "Sé"),
    "contacts": ("contacts", {"content": {"contacts": [{"name": "Ana", "phones": ["+5511955554444"]}]}}, "Ana"),
    "buttons": ("interactive", {"content": BUTTONS}, "Certo?"),
    "list": ("interactive", {"content": LIST}, "Quando?"),
}


@pytest.mark.parametrize("name", SENDS)
async def test_each_kind_arrives_on_the_phone_and_its_echo_and_receipts_come_back(pair: Pair, name: str) -> None:
    kind, fields, shown = SENDS[name]
    sent = await pair.sends(kind, **fields)
    assert isinstance(sent, Accepted)
    assert sent.address == TO
    facts = await pair.facts()
    echo = next(fact for fact in facts if isinstance(fact, MessageReceived))
    assert (echo.provider_message_id, echo.kind, echo.origin) == (sent.provider_message_id, kind, "device")
    assert echo.person is not None
    assert echo.person.addresses == (TO,)
    receipts = [fact for fact in facts if isinstance(fact, Receipt)]
    assert {receipt.provider_message_id for receipt in receipts} == {sent.provider_message_id}
    wanted = ["sent", "delivered", "read", *(["played"] if name == "voice" else [])]
    assert [receipt.status for receipt in receipts] == wanted
    (message,) = await pair.phone()
    assert (message.kind, message.text, message.voice) == (kind, shown, name == "voice")
    if name in {"buttons", "list"}:
        assert [(choice["id"], choice["title"]) for choice in message.content["choices"]] == [
            ("y", "Sim") if name == "buttons" else ("9", "9 h")
        ]
    if "media" in fields:
        assert message.media.content == FILE


async def test_a_group_a_lid_and_a_number_without_its_ninth_digit_are_reached(pair: Pair) -> None:
    _, facts = await pair.does("text", text="Oi")
    lid = only(facts, MessageReceived).person.addresses[1]
    assert isinstance(await pair.sends("text", "um", to=lid), Accepted)
    assert isinstance(await pair.sends("text", "dois", to=Address("phone", "553187654321")), Accepted)
    assert [message.text for message in await pair.phone()] == ["Oi", "um", "dois"]
    sent = await pair.sends("text", "três", to=GROUP)
    assert isinstance(sent, Accepted)
    assert sent.address is None
    assert [message.text for message in await pair.phone("120363041234567890")] == ["três"]
    receipts = [fact for fact in await pair.facts() if isinstance(fact, Receipt) and fact.participant]
    assert {receipt.provider_message_id for receipt in receipts} == {sent.provider_message_id}


async def test_deeds_are_done_on_the_phone(pair: Pair) -> None:
    incoming, _ = await pair.does("text", text="Oi")
    sent = await pair.sends("text", "Ola", reply_to=Target(incoming, ours=False))
    assert isinstance(sent, Accepted)
    theirs, ours = Target(incoming, ours=False), Target(sent.provider_message_id, ours=True)
    assert isinstance(await pair.asks(pair.adapter.react, theirs, TO, "❤️"), Accepted)
    assert isinstance(await pair.asks(pair.adapter.mark_read, [theirs], TO), Accepted)
    assert isinstance(await pair.asks(pair.adapter.edit, ours, TO, "Olá"), Accepted)
    assert isinstance(await pair.asks(pair.adapter.show_typing, TO, True, None), Accepted)
    first, second = await pair.phone()
    assert (first.reactions, first.state, second.text, second.reply_to) == ({"company": "❤️"}, "read", "Olá", incoming)
    facts = await pair.facts()
    assert [(fact.person, fact.emoji) for fact in facts if isinstance(fact, Reaction)] == [(None, "❤️")]
    assert [fact.text for fact in facts if isinstance(fact, Edit)] == ["Olá"]
    assert isinstance(await pair.asks(pair.adapter.react, theirs, TO, None), Accepted)
    assert isinstance(await pair.asks(pair.adapter.delete, ours, TO), Accepted)
    assert first.reactions == {}
    assert second.deleted
    facts = await pair.facts()
    assert [fact.provider_message_id for fact in facts if isinstance(fact, Deletion)] == [sent.provider_message_id]


async def test_a_disconnected_instance_is_lost_until_it_comes_back(pair: Pair) -> None:
    await pair.control("connection", connected=False)
    assert [fact for fact in await pair.facts() if isinstance(fact, AccountState)] == [
        AccountState("my instance", "disconnected", "close 401")
    ]
    outcome = await pair.sends("text", "Olá")
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.account_lost) == ("account_disconnected", True)
    assert not (await asyncio.to_thread(pair.adapter.check, pair.account)).ok
    await pair.control("connection", connected=True)
    assert await pair.facts() == [AccountState("my instance", "connected")]
    assert (await asyncio.to_thread(pair.adapter.check, pair.account)).ok
    assert isinstance(await pair.sends("text", "Olá"), Accepted)


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        ("refuse", Refused),
        ("throttle", NotSent),
        ("error-after-accept", Uncertain),
        ("accept-then-timeout", Uncertain),
        ("reset", Uncertain),
        ("slow", Accepted),
    ],
)
async def test_each_fault_has_its_outcome(pair: Pair, behaviour: str, kind: type[Outcome]) -> None:
    await pair.control("faults", behaviour=behaviour, times=1)
    assert isinstance(await pair.sends("text", "Olá"), kind)
    arrived = behaviour in {"error-after-accept", "accept-then-timeout", "slow"}
    assert len(await pair.phone()) == arrived


async def test_the_gateway_refuses_what_the_real_one_refuses(pair: Pair) -> None:
    outcomes = {
        "account_gone": Account("another", pair.account.credentials, pair.account.settings),
        "credential_expired": Account("my instance", {"api_key": "wrong"}, pair.account.settings),
    }
    for code, account in outcomes.items():
        outcome = await asyncio.to_thread(pair.adapter.send, Draft(REFERENCE, TO, "text", "Olá"), account)
        assert isinstance(outcome, Refused)
        assert (outcome.code, outcome.account_lost) == (code, True)
    unknown = await pair.sends("text", "Olá", to=Address("phone", "123456"))
    assert isinstance(unknown, Refused)
    assert unknown.code == "recipient_unreachable"
    gone = await pair.sends("image", media=upload("image/png", url="http://company.test/gone"))
    assert isinstance(gone, Refused)
    assert gone.code == "media_failed"
    many = {**BUTTONS, "buttons": [{"id": str(one), "title": "x"} for one in range(4)]}
    refused = await pair.sends("interactive", content=many)
    assert isinstance(refused, Refused)
    assert refused.code == "provider_rejected"
    short = {"contacts": [{"name": "Ana", "phones": ["190"]}]}
    invalid = await pair.sends("contacts", content=short)
    assert isinstance(invalid, Refused)
    assert invalid.provider["message"] == "contact[0].phoneNumber does not meet minimum length of 10"
    nothing = Target("NOWHERE", ours=True)
    missing = await pair.asks(pair.adapter.edit, nothing, TO, "x")
    assert isinstance(missing, Refused)
    assert missing.code == "message_not_found"
    assert await pair.phone() == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("POST", "message/sendText", {"text": "x"}, 400, [['instance requires property "number"']]),
        ("POST", "message/sendText", {"number": 5, "text": "x"}, 400, [["Invalid format"]]),
        ("POST", "message/sendText", {"number": "5511987654321", "text": ""}, 400, ["Text is required"]),
        ("POST", "message/sendMedia", {"number": "5511987654321", "mediatype": "gif"}, 400,
         [["mediatype is not one of enum values: image,document,video,audio"]]),
        ("POST", "message/sendMedia", {"number": "5511987654321", "mediatype": "image", "media": "http://localhost/x"},
         400, ["Owned media must be a url or base64"]),
        ("POST", "webhook/set", {"webhook": {"enabled": True, "url": "http://x.test", "events": ["GROUPS_UPDATE"]}},
         400, None),
        ("GET", "message/sendText", None, 404, ["Cannot GET /message/sendText/my instance"]),
        ("POST", "message/sendTelepathy", {}, 404, ["Cannot POST /message/sendTelepathy/my instance"]),
    ],
)  # fmt: skip
async def test_a_mistake_is_answered_in_evolutions_words(
    pair: Pair, method: str, path: str, body: object, status: int, said: object
) -> None:
    url, headers = f"/simulator/evolution/{path}/my%20instance", {"apikey": "api-key-e"}
    answer = await pair.client.request(method, url, json=body, headers=headers)
    assert answer.status_code == status
    assert said is None or answer.json()["response"]["message"] == said


async def test_a_new_key_signs_from_then_on_and_only_chosen_events_are_told(pair: Pair) -> None:
    account = Account("my instance", {"api_key": "api-key-e", "jwt_key": "a new key"}, pair.account.settings)
    assert isinstance(
        await asyncio.to_thread(pair.adapter.set_up_webhook, "https://inbox.example/h", account), Accepted
    )
    await pair.control("messages", **{"from": CUSTOMER, "kind": "text", "text": "Oi"})
    await pair.simulator.settled()
    for body, headers in pair.company.webhooks:
        pair.adapter.verify(body, headers, account, datetime.now(UTC))
        with pytest.raises(Rejected, match="signature_wrong"):
            pair.adapter.verify(body, headers, pair.account, datetime.now(UTC))
    found = await pair.client.get("/simulator/evolution/webhook/find/my%20instance", headers={"apikey": "api-key-e"})
    assert found.json()["url"] == "https://inbox.example/h"
    assert found.json()["webhookBase64"] is False
