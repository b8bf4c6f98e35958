"""What customers do through the simulated Z-API is read by the adapter as what it is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.simulator.zapi.bodies import lid_of
from parley.domain.identity import Address
from parley.domain.incoming import (
    Deletion,
    Edit,
    Group,
    MessageReceived,
    TypingSeen,
)
from tests.unit.simulator.zapi.conftest import (
    CUSTOMER,
    GROUP,
    LINE,
    TO,
    TO_GROUP,
    Line,
)


@pytest.mark.parametrize(
    "does",
    [
        {"kind": "text", "text": "Oi"},
        {"kind": "image", "text": "olha"},
        {"kind": "audio", "voice": True},
        {"kind": "video"},
        {"kind": "document"},
        {"kind": "sticker"},
        {"kind": "location", "latitude": 1.5, "longitude": 2.5},
        {"kind": "contacts", "contacts": [{"name": "Ana", "phone": "5511955554444"}]},
        {"kind": "contacts", "contacts": [{"name": n, "phone": "5511955554444"} for n in ("Ana", "Bia")]},
        {"kind": "interactive", "choice": {"kind": "button", "id": "a", "title": "A"}},
        {"kind": "interactive", "choice": {"kind": "list", "id": "a", "title": "A", "description": "first"}},
    ],
    ids=lambda does: does["kind"],
)
async def test_each_kind_a_customer_writes_comes_in_as_that_kind(line: Line, does: dict[str, Any]) -> None:
    message_id = await line.customer(**does)
    fact = await line.only()
    assert isinstance(fact, MessageReceived)
    assert (fact.provider_message_id, fact.kind, fact.origin) == (message_id, does["kind"], "contact")
    assert fact.text == does.get("text", does.get("choice", {}).get("title"))
    assert fact.person is not None
    assert (fact.person.addresses[0], fact.person.name) == (TO, "Maria")
    for media in fact.media:
        assert media.voice == bool(does.get("voice"))
        answer = await line.client.get(media.source["url"])
        assert answer.status_code == 200
        assert answer.content


async def test_a_reply_a_reaction_an_edit_and_a_deletion_name_their_message(line: Line) -> None:
    first = await line.customer(text="Oi")
    await line.customer(text="Olá", replyTo=first)
    assert (await line.facts())[-1].reply_to == first  # type: ignore[union-attr]
    await line.customer(kind="reaction", target=first, emoji="👍")
    reaction = await line.only()
    assert (reaction.provider_message_id, reaction.emoji, reaction.person.name) == (first, "👍", "Maria")
    await line.customer(kind="reaction", target=first)
    assert (await line.only()).emoji is None
    await line.customer(kind="edit", target=first, text="Oi!")
    edit = await line.only()
    assert isinstance(edit, Edit)
    assert (edit.provider_message_id, edit.text) == (first, "Oi!")
    await line.customer(kind="delete", target=first)
    deletion = await line.only()
    assert isinstance(deletion, Deletion)
    assert deletion.provider_message_id == first


async def test_an_edited_caption_is_the_files_new_caption(line: Line) -> None:
    image = await line.customer(kind="image", text="olha")
    await line.facts()
    await line.customer(kind="edit", target=image, text="olhe")
    edit = await line.only()
    assert (edit.provider_message_id, edit.text) == (image, "olhe")


async def test_a_group_message_has_its_author(line: Line) -> None:
    await line.customer(text="Oi, gente", group={"id": GROUP, "name": "Clientes"})
    fact = await line.only()
    assert fact.group == Group(TO_GROUP.value, "Clientes")
    assert fact.person.addresses == (TO, Address("lid", lid_of(CUSTOMER)))
    assert fact.person.name == "Maria"


async def test_typing_and_recording_are_seen(line: Line) -> None:
    await line.customer(kind="typing", on=True, recording=True)
    fact = await line.only()
    assert isinstance(fact, TypingSeen)
    assert (fact.on, fact.person.addresses) == (True, (TO,))
    await line.customer(kind="typing", on=False)
    assert (await line.only()).on is False


async def test_what_is_typed_on_the_companys_phone_is_of_the_device(line: Line) -> None:
    await line.customer(kind="device", text="Já respondo")
    fact = await line.only()
    assert (fact.origin, fact.text, fact.person.addresses[0], fact.person.name) == ("device", "Já respondo", TO, None)


async def test_a_webhook_is_as_z_api_words_it(line: Line) -> None:
    message_id = await line.customer(text="Oi")
    await line.simulator.settled()
    [request] = line.world.requests
    body = json.loads(request.content)
    assert request.headers["z-api-token"] == "webhook-token"
    assert {name: body[name] for name in ("type", "instanceId", "messageId", "phone", "fromMe", "text")} == {
        "type": "ReceivedCallback",
        "instanceId": LINE.account_id,
        "messageId": message_id,
        "phone": CUSTOMER,
        "fromMe": False,
        "text": {"message": "Oi"},
    }
    assert body["momment"] > 10**12
