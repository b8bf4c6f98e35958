"""What the company does through the simulated Z-API is done, answered and told of as the adapter expects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from local.simulator.zapi.bodies import customer_of, lid_of
from parley.domain.identity import Address
from parley.domain.incoming import (
    AccountState,
    Edit,
    Fact,
    Ignored,
    MessageReceived,
    Reaction,
    Receipt,
)
from parley.domain.outgoing import Accepted, Draft, Outcome, Refused, Target
from parley.providers.zapi import ZApi
from tests.unit.simulator.zapi.conftest import (
    ACCOUNT,
    CUSTOMER,
    HEADERS,
    INSTANCE,
    LINE,
    TO,
    TO_GROUP,
    Line,
    draft,
)
from tests.unit.zapi.conftest import upload

BUTTONS = {"type": "buttons", "body": "Qual?", "buttons": [{"id": "a", "title": "A"}]}
LIST = {"type": "list", "body": "Qual?", "button": "Abrir", "sections": [{"rows": [{"id": "a", "title": "A"}]}]}
CARDS = {"contacts": [{"name": "Ana", "phones": ["+5511955554444"]}, {"name": "Bia", "phones": ["5511955554445"]}]}
PLACE = {"latitude": -23.5, "longitude": -46.6, "name": "Sé", "address": "Praça da Sé"}
SENDS = [
    draft("text", "Olá"),
    draft("image", "olha", media=upload("image/png", "a.png")),
    draft("audio", media=upload("audio/ogg", voice=True)),
    draft("video", "olha", media=upload("video/mp4")),
    draft("document", "leia", media=upload("application/pdf", "a.pdf")),
    draft("sticker", media=upload("image/webp")),
    draft("location", content=PLACE),
    draft("contacts", content=CARDS),
    draft("contacts", content={"contacts": CARDS["contacts"][:1]}),
    draft("interactive", content=BUTTONS),
]


@pytest.mark.parametrize("sent", SENDS, ids=lambda sent: sent.kind)
async def test_each_kind_goes_out_and_comes_back_as_an_echo_with_its_receipts(line: Line, sent: Draft) -> None:
    outcome = await line.send(sent)
    assert isinstance(outcome, Accepted)
    facts = await line.facts()
    [echo] = [fact for fact in facts if isinstance(fact, MessageReceived)]
    assert (echo.provider_message_id, echo.kind, echo.origin) == (outcome.provider_message_id, sent.kind, "device")
    assert echo.text == (sent.text or (sent.content.get("body") if sent.kind == "interactive" else None))
    assert [media.kind for media in echo.media] == ([sent.kind] if sent.media else [])
    assert echo.person is not None
    assert echo.person.addresses == (TO, Address("lid", lid_of(CUSTOMER)))
    told = {fact.status for fact in facts if isinstance(fact, Receipt)}
    assert told == {"sent", "delivered", "read", *(["played"] if sent.kind == "audio" else [])}
    assert {fact.provider_message_id for fact in facts if isinstance(fact, Receipt)} == {outcome.provider_message_id}


async def test_a_list_goes_out_without_an_echo(line: Line) -> None:
    assert isinstance(await line.send(draft("interactive", content=LIST)), Accepted)
    assert all(isinstance(fact, Receipt) for fact in await line.facts())


@pytest.mark.parametrize(
    ("content", "choice"),
    [
        (BUTTONS, {"kind": "button", "id": "a", "title": "A"}),
        (LIST, {"kind": "list", "id": "a", "title": "A"}),
    ],
)
async def test_what_can_be_picked_is_on_the_customers_phone(
    line: Line, content: dict[str, Any], choice: dict[str, str]
) -> None:
    await line.send(draft("interactive", content=content))
    [message] = line.simulator._threads.of(LINE.id, CUSTOMER).messages()
    assert message.content["choices"] == [choice]


async def test_a_lid_leads_to_the_same_customer_and_a_group_to_the_group(line: Line) -> None:
    assert customer_of(lid_of(CUSTOMER)) == CUSTOMER
    await line.send(draft("text", "Olá", Address("lid", lid_of(CUSTOMER))))
    [echo] = [fact for fact in await line.facts() if isinstance(fact, MessageReceived)]
    assert echo.person is not None
    assert echo.person.addresses[0] == TO
    await line.send(draft("text", "Olá", TO_GROUP))
    [echo] = [fact for fact in await line.facts() if isinstance(fact, MessageReceived)]
    assert (echo.person, echo.group and echo.group.id) == (None, TO_GROUP.value)


async def test_a_file_that_cannot_be_had_fails_by_webhook(line: Line) -> None:
    body = {"phone": CUSTOMER, "image": "data:image/png;base64,!!!"}
    answer = await line.client.post(f"{INSTANCE}/send-image", json=body, headers=HEADERS)
    assert answer.status_code == 200
    receipt = await line.only()
    assert (receipt.status, receipt.error["code"]) == ("failed", "media_failed")
    assert receipt.provider_message_id == answer.json()["messageId"]


async def test_deeds_are_done_and_told(line: Line) -> None:
    theirs = Target(await line.customer(text="Oi"), ours=False)
    sent = await line.send(draft("text", "Olá", reply_to=theirs))
    assert isinstance(sent, Accepted)
    ours = Target(sent.provider_message_id, ours=True)
    await line.facts()

    async def did(deed: Callable[[ZApi], Outcome]) -> list[Fact]:
        assert isinstance(await line.adapter(deed), Accepted)
        return await line.facts()

    [set_] = await did(lambda zapi: zapi.react(theirs, TO, "👍", ACCOUNT))
    [taken] = await did(lambda zapi: zapi.react(theirs, TO, None, ACCOUNT))
    assert isinstance(set_, Reaction)
    assert isinstance(taken, Reaction)
    assert (set_.provider_message_id, set_.person, set_.emoji, taken.emoji) == (
        theirs.provider_message_id,
        None,
        "👍",
        None,
    )
    [_, edit] = await did(lambda zapi: zapi.edit(ours, TO, "Oi!", ACCOUNT))
    assert isinstance(edit, Edit)
    assert (edit.provider_message_id, edit.text) == (ours.provider_message_id, "Oi!")
    assert await did(lambda zapi: zapi.mark_read([theirs], TO, ACCOUNT)) == [Ignored("status READ_BY_ME")]
    assert await did(lambda zapi: zapi.delete(ours, TO, ACCOUNT)) == []


async def test_what_is_sent_while_the_phone_is_away_waits_for_it(line: Line) -> None:
    async def connection(**state: object) -> None:
        await line.client.post("/simulator/connection", json={"integrationId": LINE.id} | state)

    await connection(connected=False, reason="Battery empty")
    assert await line.only() == AccountState(LINE.account_id, "disconnected", "Battery empty")
    assert not (await line.adapter(lambda zapi: zapi.check(ACCOUNT))).ok
    outcome = await line.send(draft("text", "Olá"))
    assert isinstance(outcome, Accepted)
    assert await line.facts() == []
    await connection(connected=True)
    facts = await line.facts()
    assert AccountState(LINE.account_id, "connected") in facts
    assert {fact.status for fact in facts if isinstance(fact, Receipt)} == {"sent", "delivered", "read"}
    assert (await line.adapter(lambda zapi: zapi.check(ACCOUNT))).ok


async def test_a_webhooks_address_must_be_https_or_this_machine(line: Line) -> None:
    assert isinstance(await line.adapter(lambda zapi: zapi.set_up_webhook("https://p.example/w", ACCOUNT)), Accepted)
    assert isinstance(await line.adapter(lambda zapi: zapi.set_up_webhook("http://p.example/w", ACCOUNT)), Refused)


async def test_echoes_are_told_only_to_who_asked_for_them(line: Line) -> None:
    body = {"value": "https://p.example/w", "notifySentByMe": False}
    await line.client.put(f"{INSTANCE}/update-every-webhooks", json=body, headers=HEADERS)
    await line.send(draft("text", "Olá"))
    assert all(isinstance(fact, Receipt) for fact in await line.facts())
    await line.customer(kind="device", text="from the phone")
    assert await line.facts() == []
