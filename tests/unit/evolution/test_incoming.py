"""What Evolution's builds do differently, and what nobody should send and somebody will."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from parley.domain.errors import Unreadable
from parley.domain.identity import Address
from parley.domain.incoming import (
    AccountState,
    ContactSeen,
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
from parley.providers.evolution import incoming

Said = Callable[..., list[Fact]]
Message = Callable[..., dict[str, Any]]

PHONE = Address("phone", "5531987654321")
LID = Address("lid", "42@lid")
PN = "5531987654321@s.whatsapp.net"


def received(facts: list[Fact]) -> MessageReceived:
    (fact,) = facts
    assert isinstance(fact, MessageReceived)
    return fact


@pytest.mark.parametrize(
    ("key", "addresses"),
    [
        ({"remoteJid": PN}, (PHONE,)),
        ({"remoteJid": "5531987654321:17@s.whatsapp.net"}, (PHONE,)),
        ({"remoteJid": "42@lid", "remoteJidAlt": PN}, (PHONE, LID)),
        ({"remoteJid": "42:3@lid", "remoteJidAlt": PN, "senderPn": "5511@s.whatsapp.net"}, (PHONE, LID)),
        ({"remoteJid": "42@lid", "senderPn": PN}, (PHONE, LID)),
        ({"remoteJid": "42@lid", "remoteJidAlt": "42@lid", "senderPn": PN}, (PHONE, LID)),
        ({"remoteJid": PN, "remoteJidAlt": "42@lid"}, (PHONE, LID)),
        ({"remoteJid": PN, "senderLid": "42@lid"}, (PHONE, LID)),
        ({"remoteJid": PN, "remoteJidAlt": PN, "addressingMode": "lid"}, (PHONE,)),
        ({"remoteJid": "42@lid"}, (LID,)),
        ({"remoteJid": "42@lid", "remoteJidAlt": "", "senderPn": None}, (LID,)),
        ({"remoteJid": "42@lid", "senderPn": 5531}, (LID,)),
    ],
)
def test_a_person_is_every_address_that_the_key_proves_the_phone_first(
    said: Said, message: Message, key: dict[str, Any], addresses: tuple[Address, ...]
) -> None:
    person = received(said("messages.upsert", message(key=key))).person
    assert person is not None
    assert (person.addresses, person.name) == (addresses, "Bia")


def test_what_the_company_typed_is_for_whom_it_went_to_and_never_for_itself(said: Said, message: Message) -> None:
    own = {"senderPn": "5511900000001@s.whatsapp.net", "senderLid": "99@lid"}
    key = {"remoteJid": "42@lid", "remoteJidAlt": "5511900000001@s.whatsapp.net", "fromMe": True, **own}
    fact = received(said("messages.upsert", message(key=key, pushName="Loja")))
    assert fact.person is not None
    assert (fact.origin, fact.person.addresses, fact.person.name) == ("device", (LID,), None)
    key = {"remoteJid": "5511900000001@s.whatsapp.net", "fromMe": True}
    assert said("messages.upsert", message(key=key)) == [Ignored("a chat with no customer in it")]


def test_a_group_message_is_the_groups_and_its_author_a_person(said: Said, message: Message) -> None:
    key = {"remoteJid": "120363@g.us", "participant": "42:1@lid", "participantAlt": PN}
    fact = received(said("messages.upsert", message(key=key)))
    assert fact.person is not None
    assert (fact.group, fact.person.addresses) == (Group("120363@g.us"), (PHONE, LID))
    mine = received(said("messages.upsert", message(key={**key, "fromMe": True})))
    assert (mine.group, mine.person, mine.origin) == (Group("120363@g.us"), None, "device")
    with pytest.raises(Unreadable, match="without an author"):
        said("messages.upsert", message(key={"remoteJid": "120363@g.us"}))


def test_a_customers_broadcast_list_is_a_message_of_theirs(said: Said, message: Message) -> None:
    fact = received(said("messages.upsert", message(key={"remoteJid": "17@broadcast", "participant": PN})))
    assert fact.person is not None
    assert (fact.person.addresses, fact.group) == ((PHONE,), None)


@pytest.mark.parametrize("jid", ["status@broadcast", "1203@newsletter", "0@s.whatsapp.net", "13@bot"])
def test_what_is_no_customers_chat_is_ignored(said: Said, message: Message, jid: str) -> None:
    (fact,) = said("messages.upsert", message(key={"remoteJid": jid, "participant": PN}))
    assert isinstance(fact, Ignored)


@pytest.mark.parametrize("name", ["5531987654321", " ", "", None, 7, "+55 31 98765-4321"])
def test_a_number_in_the_place_of_a_name_is_none(said: Said, message: Message, name: object) -> None:
    person = received(said("messages.upsert", message(pushName=name))).person
    assert person is not None
    assert person.name is None


@pytest.mark.parametrize(
    ("stamp", "seconds"),
    [
        (1_700_000_000, 1_700_000_000),
        ("1700000000", 1_700_000_000),
        (1_700_000_000.0, 1_700_000_000),
        ({"low": 1_700_000_000, "high": 0, "unsigned": True}, 1_700_000_000),
        ({"low": -1_294_967_296, "high": 0}, 3_000_000_000),
        (None, None),
        (0, None),
        (-5, None),
        (True, None),
        (10**30, None),
        ({"low": "x"}, None),
        ({"low": 1, "high": 2**40}, None),
    ],
)
def test_a_time_is_read_however_it_is_written(said: Said, message: Message, stamp: object, seconds: int | None) -> None:
    fact = received(said("messages.upsert", message(messageTimestamp=stamp)))
    assert fact.occurred_at == (None if seconds is None else datetime.fromtimestamp(seconds, UTC))


FILE = b"\xff\xd8\xff a small picture"
DIGEST = hashlib.sha256(FILE).digest()


@pytest.mark.parametrize(
    "digest",
    [
        base64.b64encode(DIGEST).decode(),
        {str(position): octet for position, octet in enumerate(DIGEST)},
        {"type": "Buffer", "data": list(DIGEST)},
    ],
)
def test_a_hash_is_read_however_it_is_written_and_a_file_beside_the_message_is_its_own(
    said: Said, message: Message, digest: object
) -> None:
    picture = {"mimetype": "image/png", "fileLength": {"low": len(FILE), "high": 0}, "fileSha256": digest}
    content = {"imageMessage": picture, "base64": base64.b64encode(FILE).decode()}
    (media,) = received(said("messages.upsert", message(content))).media
    assert (media.sha256, media.size, media.inline) == (DIGEST.hex(), len(FILE), FILE)


def test_a_file_that_was_cut_is_fetched_instead(said: Said, message: Message) -> None:
    picture = {"mimetype": "image/png", "fileSha256": base64.b64encode(DIGEST).decode()}
    for text in (base64.b64encode(FILE[:6]).decode(), "no base64 …", 7, None):
        content = {"imageMessage": picture, "base64": text, "mediaUrl": "https://minio.example/x"}
        (media,) = received(said("messages.upsert", message(content))).media
        assert media.inline is None
        assert media.source == {"id": "M1", "url": "https://minio.example/x"}


@pytest.mark.parametrize(
    ("wrapper", "once"),
    [
        ("viewOnceMessage", True),
        ("viewOnceMessageV2", True),
        ("viewOnceMessageV2Extension", True),
        ("ephemeralMessage", False),
        ("documentWithCaptionMessage", False),
        ("deviceSentMessage", False),
    ],
)
def test_a_message_is_taken_out_of_its_wrappers(said: Said, message: Message, wrapper: str, once: bool) -> None:
    inner = {"documentMessage": {"mimetype": "application/pdf", "caption": "veja"}}
    content = {"messageContextInfo": {"a": 1}, wrapper: {"message": {"ephemeralMessage": {"message": inner}}}}
    fact = received(said("messages.upsert", message(content)))
    assert (fact.kind, fact.text, fact.content) == ("document", "veja", {"viewOnce": True} if once else {})


@pytest.mark.parametrize(
    ("content", "kind", "text", "kept"),
    [
        ({"extendedTextMessage": {"text": "oi"}}, "text", "oi", {}),
        ({"conversation": ""}, "text", "", {}),
        ({"ptvMessage": {"mimetype": "video/mp4"}}, "video", None, {}),
        ({"liveLocationMessage": {"degreesLatitude": 1, "degreesLongitude": "2.5", "caption": "aqui"}}, "location",
         "aqui", {"latitude": 1, "longitude": 2.5}),
        ({"locationMessage": {"degreesLatitude": "x"}}, "unsupported", None,
         {"type": "locationMessage", "payload": {"degreesLatitude": "x"}}),
        ({"contactsArrayMessage": {"contacts": [{"displayName": "A"}, {"displayName": "B", "vcard":
          "TEL:+1 2\nitem1.TEL;waid=3:+3"}]}}, "contacts", None,
         {"contacts": [{"name": "A", "phones": []},
                       {"name": "B", "phones": ["+1 2", "+3"], "vcard": "TEL:+1 2\nitem1.TEL;waid=3:+3"}]}),
        ({"templateButtonReplyMessage": {"selectedId": "1", "selectedDisplayText": "Um"}}, "interactive", "Um",
         {"type": "button", "id": "1", "title": "Um"}),
        ({"interactiveResponseMessage": {"body": {"text": "Sim"}, "nativeFlowResponseMessage":
          {"name": "quick_reply", "paramsJson": '{"id": "yes"}'}}}, "interactive", "Sim",
         {"type": "button", "id": "yes", "title": "Sim"}),
        ({"interactiveResponseMessage": {"nativeFlowResponseMessage": {"name": "address", "paramsJson": "{"}}},
         "interactive", None, {"type": "flow", "title": "address"}),
        ({"pollCreationMessageV3": {"name": "Qual?", "options": [{"optionName": "A"}, {"optionName": "B"}]}},
         "interactive", "Qual?", {"type": "poll", "title": "Qual?", "options": ["A", "B"]}),
        ({"pollUpdateMessage": {"vote": {"selectedOptions": ["A"]}}}, "interactive", "A",
         {"type": "poll_vote", "options": ["A"]}),
        ({"orderMessage": {"orderId": "7", "orderTitle": "Bolo"}}, "interactive", "Bolo",
         {"type": "order", "id": "7", "title": "Bolo"}),
        ({"listMessage": {"description": "Escolha", "sections": []}}, "interactive", "Escolha", {"type": "list"}),
        ({"viewOnceMessage": {"message": {"interactiveMessage": {"body": {"text": "Escolha"}}}}}, "interactive",
         "Escolha", {"type": "buttons"}),
        ({"templateMessage": {"hydratedTemplate": {"hydratedContentText": "Olá"}}}, "template", "Olá", {}),
        ({"groupInviteMessage": {"caption": "Venha", "jpegThumbnail": "x", "groupName": "G"}}, "unsupported", "Venha",
         {"type": "groupInviteMessage", "payload": {"caption": "Venha", "groupName": "G"}}),
        ({"someNewMessage": 7}, "unsupported", None, {"type": "someNewMessage", "payload": 7}),
    ],
)  # fmt: skip
def test_every_kind_of_content_is_read_and_what_is_not_known_is_kept(
    said: Said, message: Message, content: dict[str, Any], kind: str, text: str | None, kept: dict[str, Any]
) -> None:
    fact = received(said("messages.upsert", message(content)))
    assert (fact.kind, fact.text, fact.content) == (kind, text, kept)


@pytest.mark.parametrize("beside", [True, False])
def test_what_a_message_refers_to_is_found_beside_it_and_within(said: Said, message: Message, beside: bool) -> None:
    context = {
        "stanzaId": "Q1",
        "isForwarded": True,
        "mentionedJid": ["42@lid", "x"],
        "externalAdReply": {"title": "Promo", "sourceUrl": "https://fb.example/1", "thumbnail": "…"},
    }
    content: dict[str, Any] = {"extendedTextMessage": {"text": "oi"}}
    if beside:
        data = message(content, contextInfo=context)
    else:
        content["extendedTextMessage"]["contextInfo"] = context
        data = message(content, contextInfo=None)
    fact = received(said("messages.upsert", data))
    assert fact.reply_to == "Q1"
    assert fact.content == {
        "forwarded": True,
        "mentions": ["42@lid"],
        "referral": {"title": "Promo", "sourceUrl": "https://fb.example/1"},
    }


@pytest.mark.parametrize(
    "content",
    [
        {},
        None,
        {"messageContextInfo": {"deviceListMetadata": {}}},
        {"senderKeyDistributionMessage": {"groupId": "1@g.us"}},
        {"secretEncryptedMessage": {"targetMessageKey": {"id": "M0"}, "encPayload": "…"}},
        {"albumMessage": {"expectedImageCount": 2}},
        {"protocolMessage": {"type": "EPHEMERAL_SETTING", "key": {"id": "M0"}}},
    ],
)
def test_a_message_without_content_of_its_own_is_ignored(said: Said, message: Message, content: object) -> None:
    data = {**message(), "message": content}
    (fact,) = said("messages.upsert", data)
    assert isinstance(fact, Ignored)


def test_a_reactions_time_is_its_senders_unless_that_clock_is_mad(said: Said, message: Message) -> None:
    def reaction(stamp: object, **key: object) -> Reaction:
        content = {"reactionMessage": {"key": {"id": "M0"}, "text": "👍", "senderTimestampMs": stamp}}
        (fact,) = said("messages.upsert", message(content, key=key))
        assert isinstance(fact, Reaction)
        return fact

    assert reaction("1700000000250").occurred_at == datetime.fromtimestamp(1_700_000_000.25, UTC)
    assert reaction({"low": 1, "high": 9}).occurred_at == datetime.fromtimestamp(1_700_000_000, UTC)
    assert reaction(99_999_999_999_999).occurred_at == datetime.fromtimestamp(1_700_000_000, UTC)
    assert reaction(None, fromMe=True).person is None


@pytest.mark.parametrize("event", ["messages.edited", "send.message.update", "MESSAGES_EDITED"])
@pytest.mark.parametrize(
    ("kind", "edited", "text"),
    [
        (14, {"extendedTextMessage": {"text": "novo"}}, "novo"),
        ("MESSAGE_EDIT", {"imageMessage": {"caption": "novo"}}, "novo"),
        ("14", {"message": None, "conversation": "novo"}, None),
        (None, {"conversation": "novo"}, "novo"),
    ],
)
def test_an_edit_names_its_message_its_text_and_its_time(
    said: Said, event: str, kind: object, edited: dict[str, Any], text: str | None
) -> None:
    data = {"key": {"id": "M1", "fromMe": True}, "type": kind, "editedMessage": edited, "timestampMs": 1700000000001}
    (fact,) = said(event, data)
    assert isinstance(fact, Edit)
    assert (fact.provider_message_id, fact.text, fact.revision) == ("M1", text or "novo", "1700000000001")


def test_edits_without_a_time_are_told_apart_by_what_they_say(said: Said) -> None:
    def revision(text: str) -> str:
        data = {"key": {"id": "M1"}, "type": 14, "editedMessage": {"conversation": text}}
        (fact,) = said("messages.edited", data)
        assert isinstance(fact, Edit)
        return fact.revision

    assert revision("a") != revision("b")
    assert revision("a") == revision("a")


@pytest.mark.parametrize(
    ("event", "data"),
    [
        ("messages.edited", {"key": {"id": "M1"}, "type": 0}),
        ("messages.edited", {"key": {"id": "M1"}, "type": "REVOKE"}),
        ("messages.delete", {"remoteJid": PN, "fromMe": False, "id": "M1", "status": "DELETED"}),
        ("messages.delete", {"id": "cmgh0x1", "key": {"id": "M1", "remoteJid": PN}, "status": "DELETED"}),
        ("messages.update", {"keyId": "M1", "status": "DELETED", "messageId": "cmgh0x1"}),
        ("messages.upsert", {"key": {"remoteJid": PN, "id": "M9"},
                             "message": {"protocolMessage": {"type": 0, "key": {"id": "M1"}}}}),
    ],
)  # fmt: skip
def test_a_message_taken_back_is_one_deletion_in_each_of_its_forms(
    said: Said, event: str, data: dict[str, Any]
) -> None:
    (fact,) = said(event, data)
    assert fact == Deletion("one", "M1", None)


@pytest.mark.parametrize("kind", [False, [], {}, 3, "EPHEMERAL_SETTING", None])
def test_a_protocol_message_of_another_type_deletes_nothing(said: Said, kind: object) -> None:
    (fact,) = said("messages.edited", {"key": {"id": "M1"}, "type": kind})
    assert isinstance(fact, Ignored)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({"keyId": "M1", "fromMe": True, "status": "READ"}, "read"),
        ({"keyId": "M1", "status": "DELIVERY_ACK", "messageId": "db"}, "delivered"),
        ({"key": {"id": "M1", "fromMe": True}, "update": {"status": 4}}, "read"),
        ({"key": {"id": "M1"}, "update": {"status": "5"}}, "played"),
        ({"keyId": "M1", "fromMe": True, "status": 2}, "sent"),
    ],
)
def test_an_update_is_a_receipt_flat_or_nested_by_name_or_number(said: Said, data: dict[str, Any], status: str) -> None:
    (fact,) = said("messages.update", data)
    assert isinstance(fact, Receipt)
    assert (fact.provider_message_id, fact.status, fact.participant) == ("M1", status, "")


def test_the_members_of_a_group_are_told_apart_in_their_receipts(said: Said) -> None:
    data = {"keyId": "M1", "fromMe": True, "remoteJid": "1@g.us", "participant": "42:7@lid", "status": "READ"}
    (fact,) = said("messages.update", data)
    assert isinstance(fact, Receipt)
    assert fact.participant == "42@lid"


@pytest.mark.parametrize(
    "data",
    [
        {"keyId": "M1", "fromMe": False, "status": "READ"},
        {"keyId": "M1", "fromMe": True, "status": "PENDING"},
        {"keyId": "M1", "fromMe": True, "status": "EDITED"},
        {"keyId": "M1", "fromMe": True, "status": "SERVER_ACK", "message": {"editedMessage": {}}},
        {"keyId": "M1", "fromMe": True, "status": "SERVER_ACK", "pollUpdates": []},
        {"keyId": "M1", "fromMe": True, "status": 99},
        {"keyId": "M1", "fromMe": True, "status": ["READ"]},
        {"keyId": "M1", "fromMe": True, "remoteJid": "status@broadcast", "status": "READ"},
    ],
)
def test_an_update_that_is_no_evidence_for_a_message_of_ours_is_ignored(said: Said, data: dict[str, Any]) -> None:
    (fact,) = said("messages.update", data)
    assert isinstance(fact, Ignored)


def test_one_event_may_hold_several(said: Said) -> None:
    contacts = [{"remoteJid": PN, "pushName": "Bia"}, {"remoteJid": "42@lid", "profilePicUrl": "https://x.example"}]
    facts = said("contacts.upsert", contacts)
    assert [type(fact) for fact in facts] == [ContactSeen, ContactSeen]
    assert said("contacts.upsert", []) == [Ignored("contacts.upsert: nothing in it")]


@pytest.mark.parametrize(
    ("presence", "on"),
    [
        ("composing", True),
        ("recording", True),
        ("paused", False),
        ("available", None),
        ("unavailable", None),
        (1, None),
    ],
)
def test_only_typing_is_seen_of_presence(said: Said, presence: object, on: bool | None) -> None:
    (fact,) = said("presence.update", {"id": PN, "presences": {PN: {"lastKnownPresence": presence}}})
    assert (fact.on if isinstance(fact, TypingSeen) else None) is on
    (fact,) = said("presence.update", {"id": "1@g.us", "presences": {PN: {"lastKnownPresence": presence}}})
    assert isinstance(fact, Ignored)


@pytest.mark.parametrize(
    ("event", "data", "state"),
    [
        ("connection.update", {"state": "open", "statusReason": 200}, "connected"),
        ("connection.update", {"state": "close", "statusReason": 401}, "disconnected"),
        ("connection.update", {"state": "connecting"}, None),
        ("connection.update", {"state": ["close"]}, None),
        ("status.instance", {"status": "closed", "disconnectionReasonCode": 401}, "disconnected"),
        ("logout.instance", None, "disconnected"),
        ("remove.instance", {"instance": "one"}, "disconnected"),
        ("qrcode.updated", {"qrcode": {"code": "2@x"}}, None),
    ],
)
def test_the_accounts_state_is_what_the_gateway_says(said: Said, event: str, data: object, state: str | None) -> None:
    (fact,) = said(event, data)
    assert (fact.state if isinstance(fact, AccountState) else None) == state


@pytest.mark.parametrize(
    "webhook",
    [
        b"",
        b"\xff",
        b"[]",
        b"null",
        b'{"event": "messages.upsert"}',
        b'{"instance": "one", "data": {}}',
        b'{"event": 7, "instance": "one"}',
        b'{"event": "messages.upsert", "instance": "one", "data": "x"}',
        b'{"event": "messages.upsert", "instance": "one", "data": [7]}',
        b'{"event": "messages.upsert", "instance": "one", "data": {"key": {}}}',
        b'{"event": "messages.upsert", "instance": "one", "data": {"key": {"id": "M1"}}}',
        b'{"event": "messages.update", "instance": "one", "data": {"status": "READ"}}',
        b'{"event": "messages.delete", "instance": "one", "data": {}}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_webhook_of_evolutions_is_unreadable(webhook: bytes) -> None:
    with pytest.raises(Unreadable):
        incoming.read(webhook)


def test_what_postgres_does_not_take_is_cleaned(said: Said, message: Message) -> None:
    fact = received(said("messages.upsert", message({"conversation": "a\x00b\ud800"}, pushName="Bi\x00a")))
    assert fact.person is not None
    assert (fact.text, fact.person.name) == ("ab\ufffd", "Bia")
    json.dumps(fact.text).encode()
