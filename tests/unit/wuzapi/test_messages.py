"""What WuzAPI's messages say beyond the recorded ones: the forms its builds and WhatsApp's clients are known to use."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from parley.domain.errors import Unreadable
from parley.domain.identity import Address, Person
from parley.domain.incoming import (
    AccountNotice,
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
from parley.providers.wuzapi import WuzApi

Make = Callable[..., bytes]
JSON = {"content-type": "application/json"}
MARIA = (Address("phone", "5511999990026"), Address("lid", "146102623940014@lid"))
NOON = datetime(2025, 12, 3, 22, 23, 21, tzinfo=UTC)
TEXT = {"conversation": "oi"}


def only(wuzapi: WuzApi, body: bytes) -> Fact:
    (fact,) = wuzapi.normalise(body, JSON)
    return fact


def received(wuzapi: WuzApi, body: bytes) -> MessageReceived:
    fact = only(wuzapi, body)
    assert isinstance(fact, MessageReceived)
    return fact


def event(kind: str, content: Any, **around: Any) -> bytes:
    return json.dumps({"type": kind, "event": content, "userID": "u1", **around}).encode()


@pytest.mark.parametrize(
    ("info", "addresses"),
    [
        ({}, MARIA),
        ({"SenderAlt": ""}, (MARIA[0],)),
        (
            {
                "Chat": "146102623940014@lid",
                "Sender": "146102623940014:3@lid",
                "SenderAlt": "5511999990026@s.whatsapp.net",
            },
            MARIA,
        ),
        ({"Chat": "146102623940014@lid", "Sender": "146102623940014@lid", "SenderAlt": ""}, (MARIA[1],)),
        ({"Sender": "5511999990026.0:1@s.whatsapp.net", "SenderAlt": None}, (MARIA[0],)),
        ({"Chat": "77@broadcast"}, MARIA),
        ({"Chat": "9@bot", "Sender": "9@bot", "SenderAlt": ""}, (Address("jid", "9@bot"),)),
    ],
)
def test_a_customer_is_known_by_every_address_the_body_proves(
    wuzapi: WuzApi, message: Make, info: dict[str, Any], addresses: tuple[Address, ...]
) -> None:
    fact = received(wuzapi, message(TEXT, info))
    assert fact.person == Person(addresses, "Maria")
    assert (fact.origin, fact.group) == ("contact", None)


@pytest.mark.parametrize(
    "info",
    [
        {"Chat": "146102623940014@lid", "RecipientAlt": "5511999990026@s.whatsapp.net"},
        {"Chat": "5511999990026@s.whatsapp.net", "RecipientAlt": "146102623940014@lid"},
        {
            "Chat": "5511888880000@s.whatsapp.net",
            "RecipientAlt": "146102623940014@lid",
            "DeviceSentMeta": {"DestinationJID": "5511999990026@s.whatsapp.net"},
        },
    ],
)
def test_what_was_typed_on_the_phone_goes_to_the_customer_and_has_no_name(
    wuzapi: WuzApi, message: Make, info: dict[str, Any]
) -> None:
    own = {"IsFromMe": True, "Sender": "5511888880000:2@s.whatsapp.net", "SenderAlt": "99@lid", "PushName": "Loja"}
    fact = received(wuzapi, message(TEXT, {**own, **info}))
    assert fact.person == Person(MARIA)
    assert fact.origin == "device"


def test_a_copy_of_the_phone_names_its_chat_in_its_wrapper(wuzapi: WuzApi, message: Make) -> None:
    own = "5511888880000@s.whatsapp.net"
    body = {"deviceSentMessage": {"destinationJID": "5511999990026@s.whatsapp.net", "message": TEXT}}
    fact = received(wuzapi, message(body, {"IsFromMe": True, "Chat": own, "Sender": own, "SenderAlt": ""}))
    assert (fact.person, fact.text, fact.origin) == (Person(MARIA[:1]), "oi", "device")


def test_a_note_to_oneself_has_no_customer(wuzapi: WuzApi, message: Make) -> None:
    own = "5511888880000@s.whatsapp.net"
    fact = only(wuzapi, message(TEXT, {"IsFromMe": True, "Chat": own, "Sender": "5511888880000:9@s.whatsapp.net"}))
    assert fact == Ignored("a note of the account to itself")


@pytest.mark.parametrize(("ours", "person"), [(False, Person(MARIA, "Maria")), (True, None)])
def test_a_group_message_belongs_to_the_group_and_names_its_author(
    wuzapi: WuzApi, message: Make, ours: bool, person: Person | None
) -> None:
    fact = received(wuzapi, message(TEXT, {"Chat": "1203630@g.us", "IsFromMe": ours, "IsGroup": True}))
    assert (fact.group, fact.person) == (Group("1203630@g.us"), person)
    assert fact.origin == ("device" if ours else "contact")


@pytest.mark.parametrize(
    ("info", "reason"),
    [
        ({"Chat": "status@broadcast"}, "a status broadcast"),
        ({"Chat": "status@broadcast", "IsFromMe": True}, "a status broadcast"),
        ({"Chat": "77@broadcast", "IsFromMe": True}, "a message to a broadcast list"),
        ({"Chat": "1203@newsletter"}, "a newsletter"),
        ({"Chat": "0@s.whatsapp.net", "Sender": "0@s.whatsapp.net"}, "a notice of WhatsApp itself"),
        ({"Category": "peer"}, "a sync between the account's own devices"),
    ],
)
def test_what_is_nobodys_conversation_is_ignored(
    wuzapi: WuzApi, message: Make, info: dict[str, Any], reason: str
) -> None:
    assert only(wuzapi, message(TEXT, info)) == Ignored(reason)


@pytest.mark.parametrize(
    "content",
    [
        {"ephemeralMessage": {"message": TEXT}},
        {"deviceSentMessage": {"message": {"ephemeralMessage": {"message": TEXT}}}},
        {"messageContextInfo": {"messageSecret": "x"}, "conversation": "oi"},
        {"senderKeyDistributionMessage": {"groupID": "1"}, "extendedTextMessage": {"text": "oi"}},
        {"ExtendedTextMessage": {"Text": "oi"}},
    ],
)
def test_a_text_is_found_in_its_wrappers_and_spellings(wuzapi: WuzApi, message: Make, content: Any) -> None:
    fact = received(wuzapi, message(content))
    assert (fact.kind, fact.text, dict(fact.content)) == ("text", "oi", {})


@pytest.mark.parametrize("wrapper", ["viewOnceMessage", "viewOnceMessageV2", "viewOnceMessageV2Extension"])
def test_a_picture_to_be_seen_once_says_so(wuzapi: WuzApi, message: Make, wrapper: str) -> None:
    fact = received(wuzapi, message({wrapper: {"message": {"imageMessage": {"mimetype": "image/jpeg"}}}}))
    assert (fact.kind, fact.content["viewOnce"]) == ("image", True)
    plain = message({"imageMessage": {"mimetype": "image/jpeg"}}, event={"IsViewOnce": True})
    assert received(wuzapi, plain).content["viewOnce"] is True


def test_a_document_with_a_caption_is_a_document(wuzapi: WuzApi, message: Make) -> None:
    inner = {"documentMessage": {"fileName": "a.pdf", "caption": "o contrato", "contextInfo": {"stanzaId": "3EB0"}}}
    fact = received(wuzapi, message({"documentWithCaptionMessage": {"message": inner}}))
    assert (fact.kind, fact.text, fact.reply_to, fact.media[0].file_name) == ("document", "o contrato", "3EB0", "a.pdf")


@pytest.mark.parametrize("spelling", ["stanzaId", "stanzaID", "StanzaID"])
def test_a_reply_forward_and_mention_is_read_in_every_spelling(wuzapi: WuzApi, message: Make, spelling: str) -> None:
    context = {spelling: "3EB0CC", "isForwarded": True, "mentionedJID": ["5511777770000@s.whatsapp.net", 7, "7@lid"]}
    fact = received(wuzapi, message({"extendedTextMessage": {"text": "oi @Ana", "contextInfo": context}}))
    assert fact.reply_to == "3EB0CC"
    assert fact.content == {"forwarded": True, "mentions": ["5511777770000", "7@lid"]}


def test_an_advertisement_is_a_referral_and_a_link_preview_is_none(wuzapi: WuzApi, message: Make) -> None:
    advert = {"title": "Promo", "sourceType": "ad", "sourceID": "12", "sourceURL": "https://fb.me/x", "ctwaClid": "A"}
    fact = received(
        wuzapi, message({"extendedTextMessage": {"text": "oi", "contextInfo": {"externalAdReply": advert}}})
    )
    assert fact.content["referral"] == {
        "sourceUrl": "https://fb.me/x",
        "sourceType": "ad",
        "sourceId": "12",
        "headline": "Promo",
        "ctwaClid": "A",
    }
    preview = {"title": "Notícia", "sourceURL": "https://n.example"}
    fact = received(
        wuzapi, message({"extendedTextMessage": {"text": "oi", "contextInfo": {"externalAdReply": preview}}})
    )
    assert fact.content == {}


@pytest.mark.parametrize(
    ("content", "kind", "text", "expected"),
    [
        (
            {"buttonsResponseMessage": {"selectedButtonID": "y", "Response": {"SelectedDisplayText": "Sim"}}},
            "interactive",
            "Sim",
            {"type": "button", "id": "y", "title": "Sim"},
        ),
        (
            {"templateButtonReplyMessage": {"selectedID": "y", "selectedDisplayText": "Sim", "selectedIndex": 0}},
            "interactive",
            "Sim",
            {"type": "button", "id": "y", "title": "Sim"},
        ),
        (
            {
                "listResponseMessage": {
                    "title": "Plano",
                    "description": "caro",
                    "singleSelectReply": {"selectedRowID": "r"},
                }
            },
            "interactive",
            "Plano",
            {"type": "list", "id": "r", "title": "Plano", "description": "caro"},
        ),
        (
            {
                "interactiveResponseMessage": {
                    "body": {"text": "Sim"},
                    "InteractiveResponseMessage": {"NativeFlowResponseMessage": {"paramsJSON": '{"id": "y"}'}},
                }
            },
            "interactive",
            "Sim",
            {"type": "button", "id": "y", "title": "Sim"},
        ),
        (
            {"interactiveResponseMessage": {"nativeFlowResponseMessage": {"paramsJSON": "{"}}},
            "interactive",
            None,
            {"type": "flow"},
        ),
        (
            {
                "pollCreationMessageV3": {
                    "name": "Quando?",
                    "options": [{"optionName": "hoje"}, {"optionName": "nunca"}],
                }
            },
            "interactive",
            "Quando?",
            {"type": "poll", "title": "Quando?", "options": ["hoje", "nunca"]},
        ),
        (
            {"orderMessage": {"orderID": "8", "itemCount": 2, "orderTitle": "Loja", "message": "quero"}},
            "interactive",
            "Loja",
            {"type": "order", "id": "8", "title": "Loja", "description": "quero", "itemCount": 2},
        ),
        (
            {
                "contactsArrayMessage": {
                    "contacts": [{"displayName": "A", "vcard": "item1.TEL;waid=1:+1 2"}, {"displayName": "B"}]
                }
            },
            "contacts",
            None,
            {
                "contacts": [
                    {"name": "A", "phones": ["+1 2"], "vcard": "item1.TEL;waid=1:+1 2"},
                    {"name": "B", "phones": []},
                ]
            },
        ),
        (
            {"liveLocationMessage": {"degreesLatitude": -1.5, "caption": "a caminho"}},
            "location",
            "a caminho",
            {"latitude": -1.5, "longitude": 0.0},
        ),
        (
            {"templateMessage": {"hydratedTemplate": {"hydratedContentText": "Olá", "templateID": "t1"}}},
            "template",
            "Olá",
            {"name": "t1"},
        ),
        (
            {"groupInviteMessage": {"groupName": "Time", "caption": "entra"}},
            "unsupported",
            "entra",
            {"type": "groupInviteMessage"},
        ),
        ({"somethingNew": {"body": {"text": "olha"}}}, "unsupported", "olha", {"type": "somethingNew"}),
        ({"somethingNew": 7}, "unsupported", None, {"type": "somethingNew"}),
    ],
)
def test_a_message_of_each_other_kind(
    wuzapi: WuzApi, message: Make, content: Any, kind: str, text: str | None, expected: dict[str, Any]
) -> None:
    fact = received(wuzapi, message(content))
    assert (fact.kind, fact.text, dict(fact.content)) == (kind, text, expected)


@pytest.mark.parametrize(
    "content",
    [
        {},
        None,
        {"senderKeyDistributionMessage": {"groupID": "1"}},
        {"messageContextInfo": {}},
        {"pollUpdateMessage": {"vote": {}}},
        {"pinInChatMessage": {"key": {"ID": "1"}}},
        {"albumMessage": {"expectedImageCount": 2}},
        {"protocolMessage": {"type": 5}},
        {"protocolMessage": {"type": "EPHEMERAL_SETTING"}},
        {"protocolMessage": {"key": {"ID": "1"}}},
        {"secretEncryptedMessage": {"targetMessageKey": {"ID": "1"}, "secretEncType": 1}},
    ],
)
def test_what_shows_nothing_is_ignored(wuzapi: WuzApi, message: Make, content: Any) -> None:
    assert isinstance(only(wuzapi, message(content)), Ignored)


@pytest.mark.parametrize(
    "content",
    [
        {"protocolMessage": {"type": 14, "key": {"ID": "3EB0BB"}, "editedMessage": {"conversation": "novo"}}},
        {
            "protocolMessage": {
                "type": "MESSAGE_EDIT",
                "key": {"id": "3EB0BB"},
                "editedMessage": {"Conversation": "novo"},
            }
        },
        {"protocolMessage": {"key": {"ID": "3EB0BB"}, "editedMessage": {"extendedTextMessage": {"text": "novo"}}}},
        {
            "editedMessage": {
                "message": {
                    "protocolMessage": {
                        "type": 14,
                        "key": {"ID": "3EB0BB", "fromMe": True},
                        "editedMessage": {
                            "documentWithCaptionMessage": {"message": {"documentMessage": {"caption": "novo"}}}
                        },
                    }
                }
            }
        },
    ],
)
def test_an_edit_names_its_message_and_its_new_text(wuzapi: WuzApi, message: Make, content: Any) -> None:
    assert only(wuzapi, message(content, {"Edit": "1"})) == Edit("u1", "3EB0BB", "3EB0AA", "novo", NOON)


def test_an_edit_of_a_bot_names_its_target_beside_the_message(wuzapi: WuzApi, message: Make) -> None:
    info = {"Edit": "1", "MsgBotInfo": {"EditTargetID": "3EB0BB"}}
    assert only(wuzapi, message({"conversation": "novo"}, info)) == Edit("u1", "3EB0BB", "3EB0AA", "novo", NOON)


@pytest.mark.parametrize("kind", [0, "REVOKE", None])
def test_a_revocation_deletes_its_target(wuzapi: WuzApi, message: Make, kind: object) -> None:
    body = message({"protocolMessage": {"type": kind, "key": {"ID": "3EB0BB", "fromMe": True}}}, {"Edit": "7"})
    assert only(wuzapi, body) == Deletion("u1", "3EB0BB", NOON)


@pytest.mark.parametrize(
    ("emoji", "shown", "milliseconds", "at"),
    [
        ("👍", "👍", 1764800601500, datetime(2025, 12, 3, 22, 23, 21, 500_000, tzinfo=UTC)),
        ("", None, 1764700000000, NOON),
        (None, None, None, NOON),
    ],
)
def test_a_reaction_is_set_and_taken_back(
    wuzapi: WuzApi, message: Make, emoji: str | None, shown: str | None, milliseconds: int | None, at: datetime
) -> None:
    body = {"reactionMessage": {"key": {"id": "3EB0BB"}, "text": emoji, "senderTimestampMS": milliseconds}}
    assert only(wuzapi, message(body)) == Reaction("u1", "3EB0BB", Person(MARIA, "Maria"), shown, at)


def test_a_reaction_of_the_companys_phone_is_nobody_elses(wuzapi: WuzApi, message: Make) -> None:
    info = {"IsFromMe": True, "Sender": "5511888880000:2@s.whatsapp.net", "SenderAlt": ""}
    fact = only(wuzapi, message({"reactionMessage": {"key": {"ID": "3EB0BB"}, "text": "👍"}}, info))
    assert isinstance(fact, Reaction)
    assert fact.person is None


def test_a_file_in_the_body_comes_along_with_the_keys(wuzapi: WuzApi, message: Make) -> None:
    content = b"\xff\xd8\xff\xe0 a picture"
    image = {"mimetype": "image/jpeg", "fileLength": {"low": len(content), "high": 0, "unsigned": True}}
    keys = {"url": "https://mmg.example/x", "mediaKey": [1, 2, 3], "fileSha256": {"0": 7}}
    body = message({"imageMessage": {**image, **keys}}, base64=base64.b64encode(content).decode())
    (media,) = received(wuzapi, body).media
    assert (media.inline, media.size, media.sha256) == (content, len(content), None)
    assert media.source["keys"]["MediaKey"] == "AQID"
    assert media.source["keys"]["FileSHA256"] == "Bw=="


def test_a_message_that_could_not_be_decrypted_holds_the_place_of_what_follows(wuzapi: WuzApi, message: Make) -> None:
    waiting = json.loads(message(None))
    waiting["type"] = "UndecryptableMessage"
    fact = received(wuzapi, json.dumps(waiting).encode())
    assert (fact.provider_message_id, fact.placeholder, fact.kind) == ("3EB0AA", True, "unsupported")
    waiting["event"]["UnavailableType"] = "view_once"
    fact = received(wuzapi, json.dumps(waiting).encode())
    assert (fact.placeholder, fact.content) == (False, {"type": "view_once"})
    waiting["event"]["DecryptFailMode"] = "hide"
    assert isinstance(only(wuzapi, json.dumps(waiting).encode()), Ignored)


@pytest.mark.parametrize(
    ("state", "kind", "status"),
    [
        ("Read", "read", "read"),
        ("Delivered", "", "delivered"),
        (None, "", "delivered"),
        (None, "read", "read"),
        (None, "played", "played"),
    ],
)
def test_a_receipt_counts_for_each_message_it_names(wuzapi: WuzApi, state: str | None, kind: str, status: str) -> None:
    ours = UUID("01920000-0000-7000-8000-00000000abcd")
    receipt = {
        "Chat": "5511999990026@s.whatsapp.net",
        "Sender": "5511999990026:4@s.whatsapp.net",
        "MessageIDs": [ours.hex.upper(), "53829C3632356D0F08BFB6BDB41A706F"],
        "Timestamp": "2025-12-03T22:23:21.123456789Z",
        "Type": kind,
    }
    facts = wuzapi.normalise(event("ReadReceipt", receipt, state=state), JSON)
    at = datetime(2025, 12, 3, 22, 23, 21, 123456, tzinfo=UTC)
    assert facts == [
        Receipt("u1", ours.hex.upper(), status, at, client_reference=str(ours)),  # type: ignore[arg-type]
        Receipt("u1", "53829C3632356D0F08BFB6BDB41A706F", status, at),  # type: ignore[arg-type]
    ]


def test_a_receipt_in_a_group_tells_the_members_apart(wuzapi: WuzApi) -> None:
    receipt = {"Chat": "1@g.us", "Sender": "7:2@lid", "SenderAlt": "5511999990026@s.whatsapp.net", "MessageIDs": ["A"]}
    assert only(wuzapi, event("ReadReceipt", receipt, state="Read")) == Receipt(
        "u1", "A", "read", None, "5511999990026"
    )


@pytest.mark.parametrize(("state", "mine"), [("ReadSelf", False), ("Read", True), ("sender", False), ("retry", False)])
def test_a_receipt_that_proves_nothing_is_ignored(wuzapi: WuzApi, state: str, mine: bool) -> None:
    receipt = {"Chat": "5511999990026@s.whatsapp.net", "IsFromMe": mine, "MessageIDs": ["A"]}
    assert isinstance(only(wuzapi, event("ReadReceipt", receipt, state=state)), Ignored)


@pytest.mark.parametrize(("state", "on"), [("composing", True), ("paused", False)])
def test_typing_is_seen(wuzapi: WuzApi, state: str, on: bool) -> None:
    presence = {"Chat": "146102623940014@lid", "Sender": "146102623940014:1@lid", "SenderAlt": MARIA[0].value + "@c.us"}
    assert only(wuzapi, event("ChatPresence", {**presence, "State": state})) == TypingSeen("u1", Person(MARIA), on)


@pytest.mark.parametrize(
    ("kind", "detail", "state", "reason"),
    [
        ("Connected", {}, "connected", None),
        ("Disconnected", None, "disconnected", "Disconnected"),
        ("LoggedOut", {"OnConnect": True, "Reason": 401}, "disconnected", "LoggedOut 401"),
        ("Logged Out", {}, "disconnected", "Logged Out"),
        ("StreamReplaced", {}, "disconnected", "StreamReplaced"),
        ("ConnectFailure", {"Reason": 503, "Message": "busy"}, "disconnected", "ConnectFailure 503 busy"),
        ("ClientOutdated", {}, "disconnected", "ClientOutdated"),
    ],
)
def test_the_accounts_connection_is_told(
    wuzapi: WuzApi, kind: str, detail: Any, state: str, reason: str | None
) -> None:
    assert only(wuzapi, event(kind, detail)) == AccountState("u1", state, reason)  # type: ignore[arg-type]


def test_a_ban_is_a_notice_too(wuzapi: WuzApi) -> None:
    facts = wuzapi.normalise(event("TemporaryBan", {"Code": 102, "Expire": 3600}), JSON)
    assert facts == [
        AccountState("u1", "disconnected", "TemporaryBan 102"),
        AccountNotice("u1", "temporary_ban", {"code": 102, "expire": 3600}),
    ]


@pytest.mark.parametrize(
    ("around", "account"),
    [
        ({"userID": "u", "instanceName": "i"}, "u\ni"),
        ({"instanceName": "i"}, "i"),
        ({"instance_name": "i", "instance_phone": "55"}, "i"),
        ({"token": "t"}, ""),
    ],
)
def test_the_account_is_read_in_every_spelling(wuzapi: WuzApi, around: dict[str, str], account: str) -> None:
    fact = only(wuzapi, json.dumps({"type": "Disconnected", **around}).encode())
    assert isinstance(fact, AccountState)
    assert fact.account == account


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"type": 7}',
        b'{"type": "Message"}',
        b'{"type": "Message", "event": {"Info": {"ID": "A"}}}',
        b'{"type": "Message", "event": {"Info": {"ID": "A", "Chat": "@s.whatsapp.net"}}}',
        b'{"type": "Message", "event": {"Info": {"ID": "A", "Chat": "x@s.whatsapp.net", "Sender": "x@c.us"}}}',
        b'{"type": "ReadReceipt", "event": {"Chat": "55119@s.whatsapp.net"}, "state": "Read"}',
        b'{"type": "ChatPresence", "event": {"State": "composing"}}',
    ],
)
def test_a_body_that_does_not_say_whose_it_is_is_unreadable(wuzapi: WuzApi, body: bytes) -> None:
    with pytest.raises(Unreadable):
        wuzapi.normalise(body, JSON)


def test_more_wrappers_than_whatsapp_nests_are_unreadable(wuzapi: WuzApi, message: Make) -> None:
    content: Any = TEXT
    for _ in range(12):
        content = {"ephemeralMessage": {"message": content}}
    with pytest.raises(Unreadable):
        wuzapi.normalise(message(content), JSON)
