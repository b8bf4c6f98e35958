"""What no recorded payload of Z-API's shows: bodies told apart, oddities tolerated, hostility survived."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from parley.domain.errors import Unreadable
from parley.domain.identity import Address, Person
from parley.domain.incoming import (
    AccountState,
    ContactSeen,
    Deletion,
    Edit,
    Fact,
    Group,
    Ignored,
    Media,
    MessageReceived,
    Reaction,
    Receipt,
    TypingSeen,
)
from parley.providers.zapi.incoming import read

PHONE, LID = Address("phone", "5511999990018"), Address("lid", "146102623940014@lid")
AT = datetime(2021, 9, 21, 12, 50, 38, tzinfo=UTC)
ENVELOPE: dict[str, Any] = {
    "type": "ReceivedCallback",
    "instanceId": "I",
    "messageId": "M",
    "phone": PHONE.value,
    "chatLid": LID.value,
    "momment": 1_632_228_638_000,
    "senderName": "Maria",
    "fromMe": False,
    "isGroup": False,
}
TEXT = {"text": {"message": "oi"}}
GROUP = {"isGroup": True, "phone": "12036-group", "chatName": "Nós", "chatLid": None}


def facts(**members: Any) -> list[Fact]:
    return read(json.dumps(ENVELOPE | members).encode())


def fact(**members: Any) -> Fact:
    [found] = facts(**members)
    return found


def message(**members: Any) -> MessageReceived:
    found = fact(**members)
    assert isinstance(found, MessageReceived)
    return found


# ------------------------------------------------------------------------------------------------------- identity


@pytest.mark.parametrize(
    ("members", "addresses"),
    [
        ({}, (PHONE, LID)),
        ({"phone": LID.value}, (LID,)),
        ({"phone": LID.value, "senderLid": LID.value}, (LID,)),
        ({"phone": "146102623940014:12@lid", "chatLid": None}, (LID,)),
        ({"phone": "5511999990018@c.us", "chatLid": None}, (PHONE,)),
        ({"phone": 5511999990018, "chatLid": None}, (PHONE,)),
        ({"phone": None}, (LID,)),
        ({"chatLid": None, "senderLid": LID.value}, (PHONE, LID)),
        ({"chatLid": "not an id"}, (PHONE,)),
    ],
)
def test_every_address_the_body_gives_is_the_senders(members: dict[str, Any], addresses: tuple[Address, ...]) -> None:
    assert message(**TEXT, **members).person == Person(addresses, "Maria")


def test_the_sender_of_an_echo_is_the_company_and_not_the_customer() -> None:
    found = message(**TEXT, fromMe=True, senderLid="999888777666@lid", senderName="Loja", fromApi=True)
    assert (found.origin, found.person) == ("device", Person((PHONE, LID)))


def test_what_the_company_writes_in_a_group_is_to_nobody_alone() -> None:
    found = message(**TEXT, **GROUP, fromMe=True)
    assert (found.origin, found.person, found.group) == ("device", None, Group("12036-group", "Nós"))


@pytest.mark.parametrize(
    "members",
    [
        {"participantPhone": PHONE.value},
        {"participantPhone": "11@lid and more", "reaction": {**TEXT, "reactionBy": PHONE.value}},
    ],
)
def test_a_group_message_names_its_author_where_it_can(members: dict[str, Any]) -> None:
    reaction = {"referencedMessage": {"messageId": "T"}} | members.get("reaction", {})
    found = fact(**GROUP, **members | {"reaction": reaction})
    assert isinstance(found, Reaction)
    assert found.person == Person((PHONE,), "Maria")


@pytest.mark.parametrize(
    "members",
    [
        {"phone": None, "chatLid": None},
        {"phone": "somebody", "chatLid": None},
        {"phone": "somebody", "chatLid": None, "fromMe": True},
        {"isGroup": True, "phone": "12036-group"},
        {"isGroup": True, "phone": None},
        {"messageId": None},
        {"messageId": "x" * 513},
        {"instanceId": None},
        {"type": None},
        {"type": 7},
    ],
)
def test_a_message_that_does_not_say_whose_it_is_is_unreadable(members: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        facts(**TEXT, **members)


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b"{", b"\xff", b'{"a":NaN}', b"[" * 100_000, b'{"a":' * 100_000])
def test_what_is_not_z_apis_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        read(body)


@pytest.mark.parametrize(
    ("momment", "moment"),
    [
        (1_632_228_638_000, AT),
        (1_632_228_638_123, AT.replace(microsecond=123_000)),
        ("1632228638000", AT),
        (1_632_228_638, AT),
        (None, None),
        (-1, None),
        (True, None),
        (10**30, None),
        ("soon", None),
    ],
)
def test_a_time_is_in_milliseconds_or_seconds_or_none(momment: object, moment: datetime | None) -> None:
    assert message(**TEXT, momment=momment).occurred_at == moment


# ------------------------------------------------------------------------------------------------ what is left out


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"isNewsletter": True}, "newsletter"),
        ({"phone": "1203@newsletter"}, "newsletter"),
        ({"phone": "status@broadcast"}, "broadcast"),
        ({"phone": "17748-broadcast"}, "broadcast"),
        ({"broadcast": True, "fromMe": True}, "broadcast"),
        ({"notification": "GROUP_CREATE", **GROUP}, "notification GROUP_CREATE"),
        ({"notification": "E2E_ENCRYPTED", "phone": None, "chatLid": None}, "notification E2E_ENCRYPTED"),
        ({"notification": "CALL_MISSED_VOICE", "fromMe": True}, "notification CALL_MISSED_VOICE"),
        ({"type": "QrCodeCallback"}, "event QrCodeCallback"),
        ({"isEdit": True, "text": None, "waitingMessage": True}, "an edit without a text"),
        ({"type": "MessageStatusCallback", "status": "PENDING", "ids": ["a"]}, "status PENDING"),
        ({"type": "DeliveryCallback", "messageId": None}, "a delivery without an id"),
        ({"type": "PresenceChatCallback", "status": "COMPOSING", **GROUP}, "presence of nobody who is known"),
    ],
)
def test_what_has_no_place_in_the_inbox_says_why(members: dict[str, Any], reason: str) -> None:
    assert facts(**TEXT | members) == [Ignored(reason)]


def test_what_a_customer_sends_to_a_list_of_theirs_is_a_message_to_us() -> None:
    assert message(**TEXT, broadcast=True).text == "oi"


# ------------------------------------------------------------------------------------------------------- messages


def test_the_content_follows_its_placeholder_under_the_same_id() -> None:
    first, then = message(waitingMessage=True), message(waitingMessage=True, **TEXT)
    assert (first.placeholder, then.placeholder) == (True, False)
    assert first.provider_message_id == then.provider_message_id
    assert (then.kind, then.text) == ("text", "oi")


def test_a_kind_nobody_knows_is_kept_whole() -> None:
    found = message(hologram={"title": "Oi", "depth": 3})
    assert (found.kind, found.text) == ("unsupported", "Oi")
    assert found.content == {"type": "hologram", "payload": {"title": "Oi", "depth": 3}}


def test_a_message_without_content_is_shown_as_one() -> None:
    found = message()
    assert (found.kind, found.content, found.placeholder) == ("unsupported", {"type": "unknown"}, False)


def test_a_shape_that_is_not_its_kinds_is_kept_whole() -> None:
    assert message(text={"words": "oi"}).content == {"type": "text", "payload": {"words": "oi"}}
    assert message(location={"latitude": "north"}).content["type"] == "location"


def test_a_file_that_z_api_could_not_get_says_so() -> None:
    found = message(image={"imageUrl": "https://files.example/1", "downloadError": "timeout", "caption": "olha"})
    assert (found.kind, found.text) == ("image", "olha")
    assert found.media == (Media("image", source={"error": "timeout"}),)


def test_several_cards_are_one_message() -> None:
    cards = [{"displayName": "A", "phones": ["551"]}, {"displayName": "B", "vCard": "V"}]
    expected = [{"name": "A", "phones": ["551"]}, {"name": "B", "phones": [], "vcard": "V"}]
    assert message(contacts=cards).content == {"contacts": expected}
    assert message(contacts={"contacts": cards}).content == {"contacts": expected}


def test_what_any_kind_may_carry_is_kept_beside_it() -> None:
    found = message(**TEXT, forwarded=True, externalAdReply={"title": "Oferta"}, mentioned=["5511", 5512, None])
    assert found.content == {"forwarded": True, "referral": {"title": "Oferta"}, "mentions": ["5511", "5512"]}


def test_a_button_reply_names_what_it_answers() -> None:
    found = message(buttonReply={"buttonId": "7", "message": "Sim", "referenceMessageId": "Q"})
    assert (found.reply_to, found.text) == ("Q", "Sim")
    assert found.content == {"type": "button", "id": "7", "title": "Sim"}


def test_nul_and_lone_surrogates_are_gone() -> None:
    body = json.dumps(ENVELOPE | {"text": {"message": "a\0b"}, "hologram": {"x\0": ["\ud800"]}}).encode()
    [found] = read(body)
    assert isinstance(found, MessageReceived)
    assert found.text == "ab"


# ----------------------------------------------------------------------------------------------------------- deeds


def test_an_edited_caption_is_an_edit_even_when_it_was_taken_away() -> None:
    image = {"imageUrl": "https://files.example/1"}
    assert fact(isEdit=True, image=image | {"caption": "novo"}) == Edit("I", "M", "1632228638000", "novo", AT)
    assert fact(isEdit=True, image=image) == Edit("I", "M", "1632228638000", None, AT)


def test_edits_without_a_time_are_told_apart_by_their_words() -> None:
    revisions = {
        found.revision
        for words in "ab"
        if isinstance(found := fact(isEdit=True, momment=None, text={"message": words}), Edit)
    }
    assert len(revisions) == 2


def test_a_revoke_without_a_reference_names_the_message_itself() -> None:
    assert fact(notification="REVOKE") == Deletion("I", "M", AT)
    assert fact(notification="REVOKE", referenceMessageId="R", **GROUP) == Deletion("I", "R", AT)


def test_a_reaction_on_the_companys_phone_is_nobodys_of_the_customers() -> None:
    reaction = {"value": "👍", "referencedMessage": {"messageId": "T"}}
    assert fact(fromMe=True, reaction=reaction) == Reaction("I", "T", None, "👍", AT)


def test_a_reaction_to_nothing_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        facts(reaction={"value": "👍"})


def test_a_customers_new_picture_is_seen() -> None:
    found = fact(notification="PROFILE_PICTURE_UPDATED", updatedPhoto="https://files.example/p")
    assert found == ContactSeen("I", Person((PHONE, LID), "Maria"), "https://files.example/p", AT)


# ------------------------------------------------------------------------------------------- receipts, connection


def test_one_status_about_several_messages_is_a_receipt_for_each() -> None:
    found = facts(type="MessageStatusCallback", status="READ", ids=["a", "b", "a", None, 7])
    assert found == [Receipt("I", one, "read", AT) for one in ("a", "b", "7")]


def test_a_status_in_a_group_names_the_member_where_it_can() -> None:
    told = {"type": "MessageStatusCallback", "status": "RECEIVED", "ids": ["a"], "participantPhone": PHONE.value}
    assert facts(**GROUP, **told) == [Receipt("I", "a", "delivered", AT, PHONE.value)]


@pytest.mark.parametrize("ids", [[], None, [None], [{}], {}])
def test_a_status_of_no_message_is_unreadable(ids: object) -> None:
    with pytest.raises(Unreadable):
        facts(type="MessageStatusCallback", status="READ", ids=ids)


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"error": "Phone number does not exist"}, "recipient_unreachable"),
        ({"error": "Message has not been sent because it got invalid phone number"}, "recipient_unreachable"),
        ({"error": "Whatsapp rejected sending this message"}, "permission_denied"),
        ({"error": "You can't message this group as you don't have permission"}, "permission_denied"),
        ({"error": "Timeout on send message"}, "provider_unavailable"),
        ({"error": "Message not send caused by invalid media url"}, "media_failed"),
        ({"error": "Unsupported sticker format: image/tiff"}, "media_failed"),
        ({"error": "You must accept buttons message terms in panel to send this message."}, "sender_not_ready"),
        ({"error": "This type of message can only be sent in groups"}, "unsupported_capability"),
        ({"error": "held back", "errorCode": "SHADOW_BAN"}, "sender_restricted"),
        ({"error": "You are not connected."}, "account_disconnected"),
        ({"error": {"some": "thing"}}, "provider_rejected"),
    ],
)
def test_a_failed_delivery_says_why_in_words_a_person_understands(members: dict[str, Any], code: str) -> None:
    found = fact(type="DeliveryCallback", **members)
    assert isinstance(found, Receipt)
    assert (found.status, found.occurred_at) == ("failed", AT)
    assert found.error is not None
    assert found.error["code"] == code
    assert found.error["message"].endswith(".")
    assert str(members["error"]) == found.error["provider"]["error"]


def test_a_failed_delivery_of_nobody_knows_what_keeps_its_reason() -> None:
    assert facts(type="DeliveryCallback", messageId=None, error="boom") == [
        Ignored("a delivery without a message id: boom")
    ]


def test_the_connection_is_what_the_body_says_it_is() -> None:
    assert fact(type="ConnectedCallback", connected=False, error="why") == AccountState("I", "disconnected", "why")
    assert fact(type="DisconnectedCallback", disconnected=False) == AccountState("I", "connected")


def test_typing_of_somebody_known_by_a_lid_alone_is_seen() -> None:
    found = fact(type="PresenceChatCallback", phone=LID.value, status="RECORDING")
    assert found == TypingSeen("I", Person((LID,)), on=True)
