"""The simulated WuzAPI against Parley's own adapter: what each posts, the other reads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

import httpx
import pytest
from starlette.applications import Starlette

from local.simulator.app import SimulatedIntegration, create_app
from parley.domain.errors import MediaGone
from parley.domain.identity import Address
from parley.domain.incoming import (
    AccountState,
    Deletion,
    Edit,
    Fact,
    Group,
    Ignored,
    MessageReceived,
    Reaction,
    Receipt,
    TypingSeen,
)
from parley.domain.outgoing import Accepted, Draft, NotSent, Refused, Target, Uncertain, Upload
from parley.providers.base import Account
from parley.providers.wuzapi import WuzApi

T = TypeVar("T")
KEY = "a key of at least thirty-two characters"
SHOP = SimulatedIntegration(
    id="integration-w",
    tenant_name="Tenant",
    provider="wuzapi",
    account_id="a1b2c3",
    phone="+5511900000004",
    webhook_url="http://company.test/w",
    secret=KEY,
    access_token="token-w",
    name="Demo Store",
)
CUSTOMER = "5511987654321"
PHONE, LID = Address("phone", CUSTOMER), Address("lid", f"9{CUSTOMER}@lid")
GROUP = "120363041234567890"
REFERENCE = UUID("01920000-0000-7000-8000-00000000abcd")
PICTURE = b"\x89PNG\r\n\x1a\n and more"


class Bridge(httpx.BaseTransport):
    """The simulator, which is asynchronous, for callers that are not: it runs on a loop in a thread of its own."""

    def __init__(self, app: Starlette) -> None:
        self.app = app
        self._asgi = httpx.ASGITransport(app)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Do asynchronous work there."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def ask() -> httpx.Response:
            again = httpx.Request(request.method, request.url, headers=request.headers, content=request.read())
            answer = await self._asgi.handle_async_request(again)
            content = await answer.aread()
            return httpx.Response(answer.status_code, headers=answer.headers, stream=httpx.ByteStream(content))

        return self.wait(ask())

    def close(self) -> None:
        self.wait(self.app.state.simulator.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class World:
    """The simulator, the adapter that calls it, and the company its webhooks reach."""

    def __init__(self, bridge: Bridge, client: httpx.Client, posted: list[httpx.Request]) -> None:
        self.bridge = bridge
        self.client = client
        self.posted = posted
        self.adapter = WuzApi(client)
        settings = {"baseUrl": "http://testserver/simulator/wuzapi"}
        self.account = Account(SHOP.account_id, {"token": "token-w", "hmac_key": KEY}, settings)

    def does(self, kind: str, **fields: Any) -> str:
        """A customer does something; the provider's id of it."""
        body = {"integrationId": SHOP.id, "from": CUSTOMER, "name": "Bia", "kind": kind, **fields}
        answer = self.client.post("/simulator/messages", json=body)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["providerMessageId"])

    def facts(self) -> list[Fact]:
        """What was posted so far, believed and read, once all of it has arrived."""
        self.bridge.wait(self.bridge.app.state.simulator.settled())
        found: list[Fact] = []
        for request in self.posted:
            self.adapter.verify(request.content, dict(request.headers), self.account, datetime.now(UTC))
            found += self.adapter.normalise(request.content, dict(request.headers))
        self.posted.clear()
        return found

    def said(self) -> Fact:
        (fact,) = self.facts()
        return fact

    def shown(self) -> list[dict[str, Any]]:
        query = {"integrationId": SHOP.id, "contains": "/chat/"}
        data: list[dict[str, Any]] = self.client.get("/simulator/requests", params=query).json()["data"]
        return data


@pytest.fixture
def world() -> Iterator[World]:
    posted: list[httpx.Request] = []

    class Company(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await request.aread()
            posted.append(request)
            return httpx.Response(200)

    app = create_app([SHOP], clock_rate=1000, transport=Company(), base_url="http://testserver")
    bridge = Bridge(app)
    with httpx.Client(transport=bridge, base_url="http://testserver") as client:
        yield World(bridge, client, posted)


def upload(content: bytes, mime_type: str, *, voice: bool = False) -> Upload:
    @contextmanager
    def read() -> Iterator[Iterator[bytes]]:
        yield iter([content[:3], content[3:]])

    return Upload(mime_type, len(content), "a.pdf", voice, "", read)


def draft(kind: str, **fields: Any) -> Draft:
    return Draft(REFERENCE, fields.pop("to", PHONE), kind, **fields)


CUSTOMERS: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    ("text", {"text": "Oi <b> & ç"}, "text", {"text": "Oi <b> & ç"}),
    ("text", {"text": "Oi", "forwarded": True}, "text", {"content": {"forwarded": True}}),
    ("image", {"text": "olha"}, "image", {"text": "olha"}),
    ("audio", {"voice": True}, "audio", {}),
    ("video", {}, "video", {}),
    ("document", {}, "document", {}),
    ("sticker", {}, "sticker", {}),
    ("location", {"latitude": -1.5, "longitude": 2.5, "locationName": "Sé"}, "location", {}),
    ("contacts", {"contacts": [{"name": "Ana", "phone": "551199"}]}, "contacts", {}),
    ("interactive", {"choice": {"kind": "button", "id": "y", "title": "Sim"}}, "interactive", {"text": "Sim"}),
    ("interactive", {"choice": {"kind": "list", "id": "r", "title": "Um", "description": "só"}}, "interactive", {}),
]


@pytest.mark.parametrize(("kind", "fields", "expected", "more"), CUSTOMERS)
def test_each_kind_a_customer_writes_is_read(
    world: World, kind: str, fields: dict[str, Any], expected: str, more: dict[str, Any]
) -> None:
    message_id = world.does(kind, **fields)
    fact = world.said()
    assert isinstance(fact, MessageReceived)
    assert (fact.provider_message_id, fact.account, fact.kind) == (message_id, SHOP.account_id, expected)
    assert fact.person is not None
    assert (fact.person.addresses, fact.person.name, fact.origin) == ((PHONE, LID), "Bia", "contact")
    assert {name: getattr(fact, name) for name in more} == more


@pytest.mark.parametrize("kind", ["image", "audio", "video", "document", "sticker"])
@pytest.mark.parametrize("delivery", ["keys", "base64", "bucket"])
def test_each_file_is_had_in_each_way(world: World, kind: str, delivery: str) -> None:
    settings = {"base64": {"media_delivery": "base64"}, "bucket": {"enabled": True, "media_delivery": "s3"}}
    if delivery in settings:
        path = "/simulator/wuzapi/session/s3/config"
        world.client.post(path, json=settings[delivery], headers={"token": SHOP.access_token})
    world.does(kind, **({"voice": True} if kind == "audio" else {}))
    fact = world.said()
    assert isinstance(fact, MessageReceived)
    (media,) = fact.media
    with world.adapter.fetch_media(media.source, world.account) as download:
        content = b"".join(download.chunks)
    assert len(content) == media.size
    assert media.inline == (content if delivery == "base64" else None)
    assert ("url" in media.source) == (delivery == "bucket")
    assert media.voice == (kind == "audio")


def test_a_file_needs_its_key_and_its_kind(world: World) -> None:
    world.does("video")
    fact = world.said()
    assert isinstance(fact, MessageReceived)
    source = fact.media[0].source
    for wrong in ({"MediaKey": "AAAA"}, {"DirectPath": "/v/none.enc"}, {"FileLength": 1}):
        with (
            pytest.raises(MediaGone),
            world.adapter.fetch_media({**source, "keys": {**source["keys"], **wrong}}, world.account),
        ):
            pass
    with pytest.raises(MediaGone), world.adapter.fetch_media({**source, "route": "downloadimage"}, world.account):
        pass


def test_a_customer_answers_reacts_edits_and_deletes(world: World) -> None:
    first = world.does("text", text="um")
    second = world.does("text", text="dois", replyTo=first)
    world.facts()
    assert second != first
    world.does("text", text="três", replyTo=first)
    fact = world.said()
    assert isinstance(fact, MessageReceived)
    assert fact.reply_to == first
    for emoji in ("👍", None):
        world.does("reaction", target=first, emoji=emoji)
        fact = world.said()
        assert isinstance(fact, Reaction)
        assert (fact.provider_message_id, fact.emoji) == (first, emoji)
    world.does("edit", target=first, text="novo")
    fact = world.said()
    assert isinstance(fact, Edit)
    assert (fact.provider_message_id, fact.text) == (first, "novo")
    world.does("delete", target=first)
    fact = world.said()
    assert isinstance(fact, Deletion)
    assert fact.provider_message_id == first


def test_a_caption_is_edited(world: World) -> None:
    picture = world.does("image", text="velho")
    world.facts()
    world.does("edit", target=picture, text="novo")
    fact = world.said()
    assert isinstance(fact, Edit)
    assert (fact.provider_message_id, fact.text) == (picture, "novo")


def test_typing_is_seen_in_a_conversation_and_not_in_a_group(world: World) -> None:
    world.does("typing", on=True)
    fact = world.said()
    assert isinstance(fact, TypingSeen)
    assert fact.on
    world.does("typing", on=False, group=GROUP)
    assert isinstance(world.said(), Ignored)


def test_a_group_message_names_its_author_by_number_and_lid(world: World) -> None:
    world.does("text", text="oi, todos", group=GROUP)
    fact = world.said()
    assert isinstance(fact, MessageReceived)
    assert (fact.group, fact.person and fact.person.addresses) == (Group(f"{GROUP}@g.us"), (PHONE, LID))


@pytest.mark.parametrize("group", [None, GROUP])
def test_what_is_typed_on_the_companys_phone_is_the_devices(world: World, group: str | None) -> None:
    world.does("device", text="da loja", group=group)
    fact = world.said()
    assert isinstance(fact, MessageReceived)
    assert fact.origin == "device"
    assert (fact.person and fact.person.addresses) == (None if group else (PHONE, LID))
    assert fact.person is None or fact.person.name is None


DRAFTS = [
    draft("text", text="olá"),
    draft("image", text="c", media=upload(PICTURE, "image/png")),
    draft("audio", media=upload(b"OggS", "audio/ogg; codecs=opus", voice=True)),
    draft("video", media=upload(b"....ftyp", "video/mp4")),
    draft("document", media=upload(b"%PDF-1", "application/pdf")),
    draft("sticker", media=upload(b"RIFF", "image/webp")),
    draft("location", content={"latitude": 0, "longitude": 10}),
    draft("contacts", content={"contacts": [{"name": "Ana", "phones": ["551199"]}]}),
    draft("interactive", content={"type": "buttons", "body": "?", "buttons": [{"id": "y", "title": "Sim"}]}),
    draft(
        "interactive",
        content={"type": "list", "body": "?", "button": "Ver", "sections": [{"rows": [{"id": "1", "title": "Um"}]}]},
    ),
    draft("text", text="a todos", to=Address("jid", f"{GROUP}@g.us")),
    draft("text", text="por lid", to=LID),
    draft("text", text="sim", reply_to=Target("3EB0", ours=True)),
]


@pytest.mark.parametrize("message", DRAFTS, ids=lambda message: message.kind)
def test_each_kind_that_is_sent_is_taken_delivered_and_read(world: World, message: Draft) -> None:
    our_id = REFERENCE.hex.upper()
    assert world.adapter.send(message, world.account) == Accepted(our_id)
    facts = world.facts()
    assert [fact.status for fact in facts if isinstance(fact, Receipt)] == ["delivered", "read"]
    for fact in facts:
        assert isinstance(fact, Receipt)
        assert (fact.provider_message_id, fact.client_reference) == (our_id, str(REFERENCE))
        assert bool(fact.participant) == (message.to.kind == "jid")


def test_a_repeated_send_is_one_message(world: World) -> None:
    for _ in range(3):
        world.adapter.send(draft("text", text="olá"), world.account)
    assert len(world.facts()) == 2  # one delivery, one reading


def test_deeds_are_taken(world: World) -> None:
    theirs = Target(world.does("text", text="oi"), ours=False)
    world.adapter.send(draft("text", text="olá"), world.account)
    ours = Target(REFERENCE.hex.upper(), ours=True)
    adapter, account = world.adapter, world.account
    for outcome in (
        adapter.react(theirs, PHONE, "👍", account),
        adapter.react(theirs, PHONE, None, account),
        adapter.edit(ours, PHONE, "novo", account),
        adapter.delete(ours, PHONE, account),
        adapter.mark_read([theirs], PHONE, account),
        adapter.show_typing(PHONE, True, theirs, account),
    ):
        assert isinstance(outcome, Accepted)
    assert all(request["status"] == 200 for request in world.shown())


def test_an_account_is_checked_set_up_and_lost(world: World) -> None:
    assert world.adapter.check(world.account).ok
    assert isinstance(world.adapter.set_up_webhook("http://company.test/w", world.account), Accepted)
    path = "/simulator/connection"
    world.client.post(path, json={"integrationId": SHOP.id, "connected": False, "reason": "logged out"})
    assert world.said() == AccountState(SHOP.account_id, "disconnected", "LoggedOut 401")
    assert not world.adapter.check(world.account).ok
    refused = world.adapter.send(draft("text", text="x"), world.account)
    assert isinstance(refused, Refused)
    assert (refused.code, refused.account_lost) == ("account_disconnected", True)
    world.client.post(path, json={"integrationId": SHOP.id, "connected": True})
    assert world.said() == AccountState(SHOP.account_id, "connected")
    stranger = Account("x", {"token": "other"}, world.account.settings)
    refused = world.adapter.send(draft("text", text="x"), stranger)
    assert isinstance(refused, Refused)
    assert refused.code == "credential_expired"


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [("refuse", Refused), ("throttle", NotSent), ("error-after-accept", Uncertain)],
)
def test_a_send_goes_wrong_as_told(world: World, behaviour: str, kind: type) -> None:
    fault = {"integrationId": SHOP.id, "behaviour": behaviour, "times": 1}
    world.client.post("/simulator/faults", json=fault)
    assert isinstance(world.adapter.send(draft("text", text="x"), world.account), kind)


REFUSALS: list[tuple[str, Any, int, str]] = [
    ("/chat/send/text", b"{", 400, "could not decode Payload"),
    ("/chat/send/text", {"Phone": 5511, "Body": "x"}, 400, "could not decode Payload"),
    ("/chat/send/text", {"Body": "x"}, 400, "missing Phone in Payload"),
    ("/chat/send/text", {"phone": CUSTOMER, "body": ""}, 400, "missing Body in Payload"),
    ("/chat/send/text", {"Phone": "@s.whatsapp.net", "Body": "x"}, 400, "could not parse Phone"),
    (
        "/chat/send/text",
        {"Phone": CUSTOMER, "Body": "x", "ContextInfo": {"StanzaId": "A"}},
        400,
        "missing Participant in ContextInfo",
    ),
    (
        "/chat/send/text",
        {"Phone": "1@elsewhere", "Body": "x"},
        500,
        "error sending message: can't send message to unknown server elsewhere",
    ),
    (
        "/chat/send/document",
        {"Phone": CUSTOMER, "Document": "data:application/pdf"},
        400,
        "missing FileName in Payload",
    ),
    (
        "/chat/send/document",
        {"Phone": CUSTOMER, "Document": "data:application/pdf;base64,QQ==", "FileName": "a"},
        400,
        'document data should start with "data:application/octet-stream;base64,"',
    ),
    (
        "/chat/send/image",
        {"Phone": CUSTOMER, "Image": "data:image/png;base64,QQ=="},
        500,
        "could not decode image for thumbnail preparation: image: unknown format",
    ),
    (
        "/chat/send/audio",
        {"Phone": CUSTOMER, "Audio": "data:audio/ogg;base64,*"},
        400,
        "could not decode base64 encoded data from payload",
    ),
    ("/chat/send/location", {"Phone": CUSTOMER, "Latitude": 0, "Longitude": 1}, 400, "missing Latitude in Payload"),
    ("/chat/send/buttons", {"Phone": CUSTOMER, "Title": "?", "Buttons": [{}] * 4}, 400, "buttons cant more than 3"),
    ("/chat/send/list", {"Phone": CUSTOMER}, 400, "missing required fields: Phone, ButtonText, Desc, TopText"),
    ("/chat/markread", {"Id": ["A"]}, 400, "missing ChatPhone in Payload"),
    ("/session/hmac/config", {"hmac_key": "short"}, 400, "HMAC key must be at least 32 characters long"),
]


@pytest.mark.parametrize(("path", "body", "status", "error"), REFUSALS)
def test_what_wuzapi_refuses_is_refused_in_its_words(
    world: World, path: str, body: Any, status: int, error: str
) -> None:
    sent: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"json": body}
    answer = world.client.post(f"/simulator/wuzapi{path}", headers={"token": SHOP.access_token}, **sent)
    assert answer.status_code == status
    assert answer.json() == {"code": status, "error": error, "success": False}


def test_an_unknown_path_and_a_missing_token_are_answered_as_go_does(world: World) -> None:
    assert world.client.get("/simulator/wuzapi/nowhere").text == "404 page not found\n"
    assert world.client.post("/simulator/wuzapi/chat/send/text", json={}).status_code == 401
