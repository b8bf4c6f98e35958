"""Customers do everything they can on the simulated WhatsApp, and Parley's own adapter understands what is posted."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from parley.domain.identity import Address
from parley.domain.incoming import Deletion, Edit, Fact, Group, MessageReceived, Reaction, Receipt
from parley.providers.meta import incoming
from tests.unit.simulator.conftest import CUSTOMER, A, Company, text
from tests.unit.simulator.conftest import Gateway as Simulated

ROOT = "/simulator/meta/v26.0"
BEARER = {"Authorization": f"Bearer {A.access_token}"}
PERSON = Address("phone", CUSTOMER)


async def posted(gateway: Simulated, company: Company, **asked: object) -> tuple[str, Fact]:
    """Let a customer do something; its id and what the company's adapter reads of it."""
    company.requests.clear()
    answer = await gateway.say(**{"text": None, "name": "Bia"} | asked)
    assert answer.status_code == 200, answer.text
    await gateway.simulator.settled()
    (request,) = company.requests
    assert company.values(), "every signature is checked on the way"
    (fact,) = incoming.read(request.content)
    return answer.json()["providerMessageId"], fact


@pytest.mark.parametrize(
    ("asked", "kind", "words", "content"),
    [
        ({"kind": "text", "text": "Oi"}, "text", "Oi", {}),
        ({"kind": "text", "text": "Oi", "forwarded": True}, "text", "Oi", {"forwarded": True}),
        ({"kind": "image", "text": "caption"}, "image", "caption", {}),
        ({"kind": "audio"}, "audio", None, {}),
        ({"kind": "video"}, "video", None, {}),
        ({"kind": "document"}, "document", None, {}),
        ({"kind": "sticker"}, "sticker", None, {}),
        (
            {"kind": "location", "latitude": -23.5, "longitude": -46.6, "locationName": "Sé"},
            "location",
            None,
            {"latitude": -23.5, "longitude": -46.6, "name": "Sé"},
        ),
        (
            {"kind": "contacts", "contacts": [{"name": "Ana Dias", "phone": "+55 11 95555-4444"}]},
            "contacts",
            None,
            {"contacts": [{"name": "Ana Dias", "phones": ["+5511955554444"]}]},
        ),
        (
            {"kind": "interactive", "choice": {"kind": "list", "id": "a", "title": "A", "description": "first"}},
            "interactive",
            "A",
            {"type": "list", "id": "a", "title": "A", "description": "first"},
        ),
    ],
)
async def test_every_kind_a_customer_writes_is_understood(
    gateway: Simulated,
    company: Company,
    asked: dict[str, object],
    kind: str,
    words: str | None,
    content: dict[str, object],
) -> None:
    message_id, fact = await posted(gateway, company, **asked)
    assert isinstance(fact, MessageReceived)
    assert fact.person is not None
    assert (fact.provider_message_id, fact.person.addresses, fact.person.name) == (message_id, (PERSON,), "Bia")
    assert (fact.kind, fact.text, dict(fact.content), fact.origin) == (kind, words, content, "contact")
    assert [media.kind for media in fact.media] == ([kind] if "media" in asked or kind in SAMPLED else [])


SAMPLED = {"image", "audio", "video", "document", "sticker"}


async def test_a_customers_own_file_can_be_fetched_in_two_steps_with_the_token(
    gateway: Simulated, company: Company
) -> None:
    data = b"\x89PNG picture"
    media = {"base64": base64.b64encode(data).decode(), "mimeType": "image/png"}
    _, fact = await posted(gateway, company, kind="image", media=media)
    assert isinstance(fact, MessageReceived)
    (found,) = fact.media
    assert (found.mime_type, found.sha256) == ("image/png", hashlib.sha256(data).hexdigest())
    described = (await gateway.client.get(f"{ROOT}/{found.source['id']}", headers=BEARER)).json()
    assert (described["mime_type"], described["file_size"]) == ("image/png", len(data))
    assert (await gateway.client.get(described["url"])).status_code == 401
    assert (await gateway.client.get(described["url"], headers=BEARER)).content == data
    gone = await gateway.client.get(f"{ROOT}/999", headers=BEARER)
    assert (gone.status_code, gone.json()["error"]["error_subcode"]) == (400, 33)


async def test_a_voice_note_is_one_unless_it_is_told_to_be_music(gateway: Simulated, company: Company) -> None:
    for asked, voice in (({}, True), ({"voice": False}, False)):
        _, fact = await posted(gateway, company, kind="audio", **asked)
        assert isinstance(fact, MessageReceived)
        assert fact.media[0].voice is voice


async def test_a_customer_reacts_replies_edits_and_takes_back(gateway: Simulated, company: Company) -> None:
    ours = (await gateway.send(text())).json()["messages"][0]["id"]
    await gateway.simulator.settled()
    _, reaction = await posted(gateway, company, kind="reaction", target=ours, emoji="👍")
    _, removal = await posted(gateway, company, kind="reaction", target=ours)
    theirs, reply = await posted(gateway, company, kind="text", text="Oi", replyTo=ours)
    edit_id, edit = await posted(gateway, company, kind="edit", target=theirs, text="Olá")
    _, deletion = await posted(gateway, company, kind="delete", target=theirs)
    assert isinstance(reaction, Reaction)
    assert isinstance(removal, Reaction)
    assert (reaction.provider_message_id, reaction.emoji, removal.emoji) == (ours, "👍", None)
    assert isinstance(reply, MessageReceived)
    assert reply.reply_to == ours
    assert isinstance(edit, Edit)
    assert (edit.provider_message_id, edit.text, edit.revision) == (theirs, "Olá", edit_id)
    assert isinstance(deletion, Deletion)
    assert deletion.provider_message_id == theirs


async def test_an_edited_caption_is_its_files(gateway: Simulated, company: Company) -> None:
    picture, _ = await posted(gateway, company, kind="image", text="before")
    _, edit = await posted(gateway, company, kind="edit", target=picture, text="after")
    assert isinstance(edit, Edit)
    assert edit.text == "after"


async def test_a_group_message_names_the_group_and_its_author(gateway: Simulated, company: Company) -> None:
    _, fact = await posted(gateway, company, kind="text", text="Oi", group={"id": "120363041234567890@g.us"})
    assert isinstance(fact, MessageReceived)
    assert fact.person is not None
    assert (fact.group, fact.person.addresses) == (Group("120363041234567890"), (PERSON,))


async def test_what_is_typed_on_the_companys_phone_is_echoed(gateway: Simulated, company: Company) -> None:
    message_id, fact = await posted(gateway, company, kind="device", text="Da loja")
    _, picture = await posted(gateway, company, kind="image", device=True)
    _, edit = await posted(gateway, company, kind="edit", device=True, target=message_id, text="Da loja!")
    for each in (fact, picture):
        assert isinstance(each, MessageReceived)
        assert each.person is not None
        assert (each.origin, each.person.addresses) == ("device", (PERSON,))
    assert isinstance(edit, Edit)
    assert edit.provider_message_id == message_id


async def test_nobody_is_told_that_a_customer_types(gateway: Simulated, company: Company) -> None:
    assert (await gateway.say(kind="typing")).status_code == 200
    await gateway.simulator.settled()
    assert company.requests == []


def form(fields: dict[str, str], mime_type: str = "image/png") -> dict[str, Any]:
    return {"data": fields, "files": {"file": ("a.png", b"\x89PNG", mime_type)}, "headers": BEARER}


async def test_a_company_uploads_a_file_and_sends_it(gateway: Simulated) -> None:
    answer = await gateway.client.post(f"{ROOT}/{A.account_id}/media", **form({"messaging_product": "whatsapp"}))
    media_id = answer.json()["id"]
    body = {"messaging_product": "whatsapp", "to": CUSTOMER, "type": "image", "image": {"id": media_id, "caption": "a"}}
    assert (await gateway.send(body)).status_code == 200
    assert (await gateway.send(body | {"image": {"id": "5"}})).json()["error"]["code"] == 100
    (upload, *_) = await gateway.requests()
    assert upload["body"] == {"file": "4 bytes of image/png"}


@pytest.mark.parametrize(
    ("fields", "mime_type", "code"),
    [({}, "image/png", 100), ({"messaging_product": "whatsapp"}, "text/html", 100)],
)
async def test_an_upload_meta_would_not_take_is_refused(
    gateway: Simulated, fields: dict[str, str], mime_type: str, code: int
) -> None:
    answer = await gateway.client.post(f"{ROOT}/{A.account_id}/media", **form(fields, mime_type))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


async def test_a_companys_voice_note_is_played_and_a_group_answers_by_a_member(
    gateway: Simulated, company: Company
) -> None:
    answer = await gateway.client.post(
        f"{ROOT}/{A.account_id}/media", **form({"messaging_product": "whatsapp"}, "audio/ogg")
    )
    note = {"id": answer.json()["id"], "voice": True}
    body = {"messaging_product": "whatsapp", "type": "audio", "audio": note}
    await gateway.send(body | {"to": CUSTOMER})
    await gateway.simulator.settled()
    assert company.statuses() == ["sent", "delivered", "read", "played"]
    company.requests.clear()
    await gateway.send(text(recipient_type="group", to="120363041234567890"))
    await gateway.simulator.settled()
    receipts = [fact for request in company.requests for fact in incoming.read(request.content)]
    assert [fact.participant != "" for fact in receipts if isinstance(fact, Receipt)] == [False, True, True]


async def test_a_number_tells_its_settings_and_takes_a_callback_that_answers_its_challenge(
    gateway: Simulated, company: Company
) -> None:
    said = (await gateway.client.get(f"{ROOT}/{A.account_id}?fields=status,verified_name", headers=BEARER)).json()
    assert said == {"status": "CONNECTED", "verified_name": A.name, "id": A.account_id}
    override = {"override_callback_uri": "https://company.test/w", "verify_token": "v-1"}
    refused = await gateway.client.post(
        f"{ROOT}/{A.account_id}", json={"webhook_configuration": override}, headers=BEARER
    )
    assert refused.json()["error"]["code"] == 100
    (handshake,) = company.requests
    assert dict(handshake.url.params)["hub.verify_token"] == "v-1"


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        ({"kind": "reaction"}, "target"),
        ({"kind": "edit", "target": "m"}, "text"),
        ({"kind": "delete", "target": 5}, "target"),
        ({"kind": "location", "latitude": 91, "longitude": 0}, "latitude"),
        ({"kind": "contacts", "contacts": ["Ana"]}, "contacts"),
        ({"kind": "image", "media": {"base64": "%%%"}}, "base64"),
        ({"kind": "image", "media": {}}, "media"),
        ({"kind": "interactive"}, "choice"),
        ({"kind": "text", "text": "x", "group": "a b"}, "group"),
    ],
)
async def test_a_deed_that_makes_no_sense_is_refused_in_words(
    gateway: Simulated, company: Company, asked: dict[str, object], word: str
) -> None:
    answer = await gateway.say(**{"text": None} | asked)
    assert (answer.status_code, word in answer.json()["detail"]) == (422, True)
    assert company.requests == []


@pytest.mark.parametrize(
    ("kind", "mime_type", "disposition"),
    [
        ("image", "image/jpeg", "inline"),
        ("document", "text/html", "attachment"),
        ("image", "image/svg+xml", "attachment"),
    ],
)
async def test_a_file_is_served_so_that_no_page_runs_it(
    gateway: Simulated, company: Company, kind: str, mime_type: str, disposition: str
) -> None:
    media = {"base64": base64.b64encode(b"<script>").decode(), "mimeType": mime_type}
    _, fact = await posted(gateway, company, kind=kind, media=media)
    assert isinstance(fact, MessageReceived)
    answer = await gateway.client.get(f"/simulator/media/{fact.media[0].source['id']}")
    assert answer.content == b"<script>"
    assert answer.headers["content-disposition"].startswith(disposition)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert (answer.headers["content-type"] == mime_type) == (disposition == "inline")


async def test_a_file_nobody_sent_is_not_found(gateway: Simulated) -> None:
    assert (await gateway.client.get("/simulator/media/5")).status_code == 404
