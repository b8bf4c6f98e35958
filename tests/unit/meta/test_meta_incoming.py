"""Meta's webhooks read into facts: the recorded payloads, then what nobody should send and somebody will."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parley.domain.errors import Unreadable
from parley.domain.identity import Address, Person
from parley.domain.incoming import (
    AccountNotice,
    Deletion,
    Edit,
    Fact,
    Group,
    Ignored,
    Media,
    MessageReceived,
    NumberChanged,
    Reaction,
    Receipt,
)
from parley.providers.meta.incoming import read
from parley.providers.reading import clean

SAMPLES = Path(__file__).parent.parent.parent / "samples" / "meta"


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


PHONE = Address("phone", "972987654321")
BSUID = Address("bsuid", "US.13491208655302741918")
TEST_PERSON = Person((PHONE, BSUID), "Test Name")

# What each recorded payload says: the kind and the words of a message and what its content must hold, a receipt's
# status, a notice's kind, or the reason why it is left out.
MESSAGES: dict[str, tuple[str, str | None, dict[str, object]]] = {
    "call_permission_update__accept": ("interactive", None, {"type": "call_permission", "response": "accept"}),
    "call_permission_update__reject": ("interactive", None, {"type": "call_permission", "response": "reject"}),
    "callback_button__button": ("interactive", "title", {"type": "button", "id": "callback_data", "title": "title"}),
    "callback_button__quick_reply": ("interactive", "title", {"type": "button", "id": "callback_data"}),
    "callback_button__quick_reply_without_context": ("interactive", "title", {"type": "button", "title": "title"}),
    "callback_selection__callback": ("interactive", "title", {"type": "list", "id": "callback_data"}),
    "callback_selection__description": ("interactive", "title", {"type": "list", "description": "description"}),
    "flow_completion__completion": ("interactive", "Sent", {"type": "flow", "name": "flow"}),
    "flow_completion__without_flow_token": ("interactive", "Sent", {"type": "flow", "title": "Sent"}),
    "hand__minimal": ("text", "Hello from test", {}),
    "message__animated_sticker": ("sticker", None, {}),
    "message__audio": ("audio", None, {}),
    "message__chosen_location": ("location", None, {"name": "Facebook HQ", "forwarded": True}),
    "message__contacts": ("contacts", None, {}),
    "message__current_location": ("location", None, {}),
    "message__document": ("document", "caption", {"forwarded": True}),
    "message__forwarded": ("text", "forwarded text", {"forwarded": True}),
    "message__forwarded_many_times": ("text", "text forwarded many times", {"forwarded": True}),
    "message__image": ("image", None, {}),
    "message__interactive_message_with_err": ("unsupported", None, {"type": "interactive", "payload": None}),
    "message__media_with_url": ("image", None, {}),
    "message__order": ("interactive", None, {"type": "order", "catalogId": "354160437058781"}),
    "message__referral": ("text", "BODY", {}),
    "message__reply": ("text", "replied text", {}),
    "message__static_sticker": ("sticker", None, {}),
    "message__text": ("text", "Body Text", {}),
    "message__unsupported": ("unsupported", None, {"type": "unsupported"}),
    "message__unsupported_with_type": ("unsupported", None, {"type": "pool"}),
    "message__video": ("video", "caption", {}),
    "message__voice": ("audio", None, {}),
    "outgoing_message__text": ("text", "Test message", {}),
    "system__identity_change": ("system", "User identity changed", {"type": "customer_identity_changed"}),
    "system__phone_number_change": (
        "system",
        "User A changed from 972987654321 to 972912345678",
        {"type": "user_changed_number", "waId": "972912345678"},
    ),
}
RECEIPTS = {
    "message_status__delivered": "delivered",
    "message_status__failed": "failed",
    "message_status__group": "read",
    "message_status__played": "played",
    "message_status__read": "read",
    "message_status__sent": "sent",
    "message_status__with_tracker": "sent",
}
NOTICES = {
    "account_update__account_deleted": "account_update",
    "account_update__account_disabled": "account_update",
    "account_update__account_restriction": "account_update",
    "account_update__account_violation": "account_update",
    "template_category_update__marketing": "template_category",
    "template_components_update__element": "template_components",
    "template_quality_update__yellow": "template_quality",
    "template_status_update__approved": "template_status",
    "template_status_update__rejected": "template_status",
}
IGNORED = {
    "call_connect__business_initiated": "field calls",
    "call_connect__user_initiated": "field calls",
    "call_status__call_status": "field calls",
    "call_terminate__call_terminate": "field calls",
    "user_marketing_preferences__resume": "field user_preferences",
    "user_marketing_preferences__signup": "field user_preferences",
}
DEEDS: dict[str, Fact] = {
    "deleted_message__revoke": Deletion("<BUSINESS_PHONE_NUMBER_ID>", "<ORIGINAL_WHATSAPP_MESSAGE_ID>", at(1697043223)),
    "edited_message__image": Edit(
        "106540352242922",
        "wamid.HBgLMTQxMjU1NTA4MjkVAgASGBQzQUNCNjk5RDUwNUZGMUZEM0VBRAA=",
        "wamid.HBgLMTY1MDM4Nzk0MzkVAgASGBQzQUFERjg0NDEzNDdFODU3MUMxMAA=",
        "Updated image caption",
        at(1749854575),
    ),
    "message__reaction": Reaction("1122334455667", "wamid.yzxyzx=", TEST_PERSON, "\U0001f62e", at(1697044456)),
    "message__unreaction_empty": Reaction("1122334455667", "wamid.yzxyzx=", TEST_PERSON, None, at(1697044456)),
    "message__unreaction_no_emoji": Reaction("1122334455667", "wamid.yzxyzx=", TEST_PERSON, None, at(1697044456)),
    "outgoing_message__delete": Deletion("1122334455667", "wamid.zzzzzz", at(1697044968)),
    "outgoing_message__edit": Edit("1122334455667", "wamid.zzzzzz", "wamid.yyyyyy", "Text was edited", at(1697044968)),
}


def sample(name: str) -> list[Fact]:
    return read((SAMPLES / f"{name}.json").read_bytes())


def only_message(facts: list[Fact]) -> MessageReceived:
    (message,) = [fact for fact in facts if isinstance(fact, MessageReceived)]
    return message


def writer(message: Fact) -> Person:
    assert isinstance(message, MessageReceived)
    assert message.person is not None
    return message.person


def body(*values: dict[str, Any]) -> bytes:
    changes = [{"field": "messages", "value": {"metadata": {"phone_number_id": "7"}, **value}} for value in values]
    return json.dumps({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": changes}]}).encode()


def text_message(**members: object) -> dict[str, Any]:
    return {"from": "5511987654321", "id": "wamid.1", "type": "text", "text": {"body": "Oi"}, **members}


def test_every_recorded_payload_is_in_exactly_one_table() -> None:
    tabled = [*MESSAGES, *RECEIPTS, *NOTICES, *IGNORED, *DEEDS]
    assert sorted(tabled) == sorted(path.stem for path in SAMPLES.glob("*.json"))


@pytest.mark.parametrize(("name", "expected"), MESSAGES.items())
def test_a_recorded_message_is_what_a_person_would_say_it_is(
    name: str, expected: tuple[str, str | None, dict[str, object]]
) -> None:
    kind, text, holds = expected
    message = only_message(sample(name))
    assert (message.kind, message.text) == (kind, text)
    assert dict(message.content) == dict(message.content) | holds
    assert bool(message.media) == (kind in {"image", "audio", "video", "document", "sticker"})
    assert message.origin == ("device" if name.startswith("outgoing") else "contact")
    assert message.occurred_at is not None


@pytest.mark.parametrize(("name", "fact"), DEEDS.items())
def test_a_recorded_deed_names_its_message(name: str, fact: Fact) -> None:
    assert sample(name) == [fact]


@pytest.mark.parametrize(("name", "kind"), NOTICES.items())
def test_what_concerns_the_account_is_a_notice(name: str, kind: str) -> None:
    (notice,) = sample(name)
    value = json.loads((SAMPLES / f"{name}.json").read_bytes())["entry"][0]["changes"][0]["value"]
    assert isinstance(notice, AccountNotice)
    assert (notice.kind, notice.detail, notice.account.isdigit()) == (kind, value, True)


@pytest.mark.parametrize(
    ("name", "media"),
    [
        (
            "message__voice",
            Media(
                "audio",
                "audio/ogg; codecs=opus",
                voice=True,
                source={"id": "1234567890987654321"},
            ),
        ),
        (
            "message__document",
            Media("document", "application/pdf", "filename.pdf", source={"id": "1234567890987654321"}),
        ),
        (
            "message__media_with_url",
            Media(
                "image",
                "image/jpeg",
                source={
                    "id": "65463453",
                    "url": "https://lookaside.fbsbx.com/whatsapp_business/attachments/"
                    "?mid=65463453&source=webhook&ext=487r9re&hash=heiwchueowbcew-dnedcw",
                },
            ),
        ),
        ("message__animated_sticker", Media("sticker", "image/webp", source={"id": "1234567890987654321"})),
    ],
)
def test_a_file_is_named_by_what_it_takes_to_fetch_it(name: str, media: Media) -> None:
    (found,) = only_message(sample(name)).media
    assert replace(found, sha256=None) == media


def test_a_digest_is_hexadecimal_and_left_out_where_it_is_none() -> None:
    digest = hashlib.sha256(b"x").digest()
    picture = {"id": "1", "sha256": base64.b64encode(digest).decode()}
    good, bad = (
        only_message(read(body({"messages": [text_message(type="image", image=image)]}))).media[0]
        for image in (picture, picture | {"sha256": "short="})
    )
    assert (good.sha256, bad.sha256) == (digest.hex(), None)


def test_cards_places_orders_referrals_and_forms_are_told_in_parleys_words() -> None:
    cards = only_message(sample("message__contacts")).content["contacts"]
    assert cards[0] == {"name": "Chandler Bing", "phones": ["+1 555-555-5555"]}
    place = only_message(sample("message__chosen_location")).content
    assert (place["latitude"], place["longitude"]) == (37.4611978, -122.2164385)
    assert place["url"] == "https://maps.google.com/?cid=2000000000000000000"
    order = only_message(sample("message__order")).content
    assert order["items"][0] == {"productRetailerId": "HAMBURGER", "quantity": 3, "itemPrice": 30, "currency": "ILS"}
    assert only_message(sample("message__referral")).content["referral"]["sourceId"] == "ADID"
    assert only_message(sample("flow_completion__completion")).content["data"]["delivery_rating"] == "4"


def test_an_echo_was_written_on_the_companys_phone_to_its_other_side() -> None:
    echo = {"from": "5511900000001", "to": "5511987654321", "id": "wamid.e", "type": "text", "text": {"body": "Oi"}}
    (fact,) = read(body({"message_echoes": [echo]}).replace(b'"messages"', b'"smb_message_echoes"'))
    assert isinstance(fact, MessageReceived)
    assert (fact.origin, fact.person) == ("device", Person((Address("phone", "5511987654321"),)))
    assert only_message(sample("outgoing_message__text")).person == TEST_PERSON


def test_an_echoed_reaction_is_nobodys_but_the_companys() -> None:
    echo = {"to": "5511987654321", "id": "r", "type": "reaction", "reaction": {"message_id": "m", "emoji": "x"}}
    (fact,) = read(body({"message_echoes": [echo]}))
    assert fact == Reaction("7", "m", None, "x", None)


def test_an_echo_to_nobody_anybody_could_find_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        read(body({"message_echoes": [{"id": "wamid.e", "type": "text", "text": {"body": "Oi"}}]}))


def test_a_group_message_is_its_authors_in_the_group_and_the_devices_is_nobodys() -> None:
    message = only_message(read(body({"messages": [text_message(group_id="g1")]})))
    assert (message.group, message.person) == (Group("g1"), Person((Address("phone", "5511987654321"),)))
    echo = text_message(group_id="g1", to="5511987654321")
    message = only_message(read(body({"message_echoes": [echo]})))
    assert (message.group, message.person, message.origin) == (Group("g1"), None, "device")


def test_a_changed_number_is_told_beside_its_notice() -> None:
    message, change = sample("system__phone_number_change")
    assert isinstance(message, MessageReceived)
    assert change == NumberChanged("1122334455667", PHONE, Address("phone", "972912345678"), at(1753851315))
    system = {"type": "user_changed_number", "wa_id": "5511911112222", "user_id": "BR.2"}
    changed = text_message(type="system", system=system, from_user_id="BR.1")
    facts = read(body({"messages": [changed]}))[1:]
    assert [(fact.old.value, fact.new.value) for fact in facts if isinstance(fact, NumberChanged)] == [
        ("5511987654321", "5511911112222"),
        ("BR.1", "BR.2"),
    ]


@pytest.mark.parametrize("kind", ["reaction", "edit", "revoke"])
@pytest.mark.parametrize("payload", [None, 5, {}, {"message_id": None, "original_message_id": {}}])
def test_a_deed_without_a_message_is_left_out_by_name(kind: str, payload: object) -> None:
    assert read(body({"messages": [text_message(type=kind, **{kind: payload})]})) == [Ignored(f"{kind} of no message")]


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("image", {"mime_type": "image/jpeg"}),
        ("location", {"latitude": "north", "longitude": 1}),
        ("location", {"latitude": 1e300, "longitude": 1}),
        ("contacts", []),
        ("contacts", {}),
        ("interactive", {"type": "new_reply"}),
        ("order", {"product_items": []}),
        ("system", {"body": "?"}),
        ("hologram", {"x": 1}),
    ],
)
def test_a_kind_of_another_shape_is_kept_whole(kind: str, payload: object) -> None:
    message = only_message(read(body({"messages": [text_message(type=kind, **{kind: payload})]})))
    assert (message.kind, message.content["type"], message.content["payload"]) == ("unsupported", kind, payload)


@pytest.mark.parametrize(("name", "status"), RECEIPTS.items())
def test_a_status_is_a_receipt(name: str, status: str) -> None:
    (receipt,) = sample(name)
    assert isinstance(receipt, Receipt)
    assert (receipt.status, receipt.provider_message_id in {"wamid.xyzxyz", "<WHATSAPP_MESSAGE_ID>"}) == (status, True)


@pytest.mark.parametrize(("name", "reason"), IGNORED.items())
def test_what_is_left_out_is_named(name: str, reason: str) -> None:
    assert sample(name) == [Ignored(reason)]


def test_a_message_names_its_account_its_time_and_both_addresses_of_its_sender() -> None:
    message = only_message(sample("message__text"))
    assert message.account == "1122334455667"
    assert message.provider_message_id == "wamid.xyzxyz"
    assert message.occurred_at == datetime(2023, 10, 11, 16, 53, 43, tzinfo=UTC)
    assert writer(message).addresses == (PHONE, BSUID)
    assert writer(message).name == "Test Name"
    assert message.reply_to is None


def test_the_smallest_body_people_try_with_is_a_message_of_a_nameless_phone_number() -> None:
    message = only_message(sample("hand__minimal"))
    assert writer(message).addresses == (Address("phone", "5511987654321"),)
    assert (message.account, writer(message).name) == ("123456789", None)


def test_a_reply_names_the_message_it_answers() -> None:
    assert only_message(sample("message__reply")).reply_to == "wamid.xyzxyz=="


def test_a_failed_status_keeps_metas_error_and_what_it_means_to_a_person() -> None:
    (receipt,) = sample("message_status__failed")
    assert isinstance(receipt, Receipt)
    assert receipt.error == {
        "code": "recipient_in_experiment",
        "message": "The customer is in a WhatsApp experiment and cannot get this message.",
        "provider": {
            "code": 130472,
            "title": "User's number is part of an experiment",
            "message": "User's number is part of an experiment",
            "details": "Failed to send message because this user's phone number is part of an experiment",
        },
    }


def test_a_group_status_names_its_participant_and_a_tracked_one_our_reference() -> None:
    (group,), (tracked,) = sample("message_status__group"), sample("message_status__with_tracker")
    assert isinstance(group, Receipt)
    assert isinstance(tracked, Receipt)
    assert group.participant == "<GROUP_PARTICIPANT_USER_PHONE_NUMBER>"
    assert (tracked.participant, tracked.client_reference) == ("", "some data")


def test_a_message_that_meta_could_not_read_keeps_its_errors() -> None:
    message = only_message(sample("message__unsupported"))
    assert message.content["errors"][0]["code"] == 131051
    facts = sample("message__interactive_message_with_err")
    (notice,) = facts[1:]
    assert isinstance(notice, AccountNotice)
    assert (notice.kind, notice.detail["code"], notice.detail["details"]) == (
        "error",
        131000,
        "Unsupported webhook payload",
    )


def test_errors_alone_are_notices_of_their_number_or_ignored_with_their_code() -> None:
    errors = [{"code": 130429, "title": "Rate limit hit"}, {"code": 1}]
    notices = read(body({"errors": errors}))
    assert [(fact.account, fact.detail["code"]) for fact in notices if isinstance(fact, AccountNotice)] == [
        ("7", 130429),
        ("7", 1),
    ]
    assert read(body({"errors": errors, "metadata": None})) == [
        Ignored("error 130429: Rate limit hit"),
        Ignored("error 1: None"),
    ]


def test_every_entry_change_message_and_status_of_a_body_is_read_in_order() -> None:
    first = {
        "messages": [text_message(id="a"), text_message(id="b")],
        "statuses": [{"id": "c", "status": "read"}, {"id": "d", "status": "sent"}],
    }
    one = json.loads(body(first, {"messages": [text_message(id="e")]}))
    other = json.loads(body({"messages": [text_message(id="f")]}))
    one["entry"] += [*other["entry"], {"id": "2", "changes": []}]
    facts = read(json.dumps(one).encode())
    assert [getattr(fact, "provider_message_id", None) for fact in facts] == [*"abcdef", None]
    assert facts[-1] == Ignored("an entry without changes")


def test_a_sender_without_a_phone_number_is_known_by_the_business_scoped_id() -> None:
    contacts = [
        {"profile": {"name": "Other"}, "user_id": "BR.2"},
        {"profile": {"name": "Ana", "username": "ana"}, "user_id": "BR.1"},
    ]
    message = text_message(from_user_id="BR.1")
    del message["from"]
    sender = writer(only_message(read(body({"contacts": contacts, "messages": [message]}))))
    assert (sender.addresses, sender.name) == ((Address("bsuid", "BR.1"),), "Ana")


def test_a_phone_number_left_out_of_the_message_is_taken_from_its_contact() -> None:
    contacts = [{"wa_id": "5511987654321", "user_id": "BR.1"}]
    message = text_message(from_user_id="BR.1")
    del message["from"]
    sender = writer(only_message(read(body({"contacts": contacts, "messages": [message]}))))
    assert sender.addresses == (Address("phone", "5511987654321"), Address("bsuid", "BR.1"))


def test_the_contact_of_another_person_lends_neither_name_nor_id() -> None:
    contacts = [{"profile": {"name": "Other"}, "wa_id": "5521999999999", "user_id": "BR.9"}]
    sender = writer(only_message(read(body({"contacts": contacts, "messages": [text_message()]}))))
    assert (sender.addresses, sender.name) == ((Address("phone", "5511987654321"),), None)


def test_each_message_of_a_body_finds_its_own_contact() -> None:
    contacts = [{"profile": {"name": name}, "wa_id": wa_id} for name, wa_id in (("A", "55111"), ("B", "55112"))]
    messages = [text_message(**{"from": wa_id, "id": wa_id}) for wa_id in ("55112", "55111")]
    facts = read(body({"contacts": contacts, "messages": messages}))
    assert [writer(fact).name for fact in facts if isinstance(fact, MessageReceived)] == ["B", "A"]


@pytest.mark.parametrize(
    "message",
    [
        text_message(id=None),
        text_message(id=""),
        text_message(id={"x": 1}),
        text_message(id="\x00"),
        text_message(id="w" * 513),
        text_message(**{"from": None}),
        text_message(**{"from": "nobody"}),
        text_message(**{"from": "+"}),
        text_message(**{"from": True}),
    ],
)
def test_a_message_that_does_not_say_whose_it_is_makes_the_body_unreadable(message: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        read(body({"messages": [message]}))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe",
        b"not json",
        b'{"object": "whatsapp_business_account", "entry": [{"changes": [{"val',
        b"[]",
        b'"text"',
        b"null",
        b"{}",
        b'{"object": "page", "entry": []}',
        b'{"object": "whatsapp_business_account", "entry": {}}',
        b'{"object": "whatsapp_business_account", "entry": [1]}',
        b'{"object": "whatsapp_business_account", "entry": [{"changes": "x"}]}',
        b'{"object": "whatsapp_business_account", "entry": [{"changes": [{"field": "messages"}]}]}',
        b'{"object": "whatsapp_business_account", "entry": [NaN]}',
        b'{"object": "whatsapp_business_account", "n": ' + b"9" * 5000 + b"}",
        b"[" * 200_000,
        b'{"a":' * 200_000,
        body({"metadata": None, "messages": [text_message()]}),
        body({"metadata": {}, "statuses": [{"id": "x", "status": "read"}]}),
        body({"statuses": [{"status": "read"}]}),
        body({"messages": {"0": text_message()}}),
    ],
    ids=lambda raw: repr(raw[:40]),
)
def test_what_is_no_webhook_of_meta_is_unreadable(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        read(raw)


def test_a_payload_nested_beyond_sense_is_unreadable() -> None:
    deep: object = "x"
    for _ in range(200):
        deep = [deep]
    with pytest.raises(Unreadable):
        read(body({"messages": [text_message(type="image", image={"x": deep})]}))


def test_nul_and_lone_surrogates_are_taken_out_of_every_string_kept() -> None:
    odd = "a\x00b\ud800c\ud83d\ude2ed"
    good = "ab\ufffdc\U0001f62ed"
    contacts = [{"profile": {"name": odd}, "wa_id": "5511987654321"}]
    picture = {"caption": odd, odd: [odd, {"x": odd}], "far": 1e999, "near": 1.5}
    messages = [text_message(text={"body": odd}), text_message(id="wamid.2", type="image", image=picture)]
    raw = body({"contacts": contacts, "messages": messages})
    assert b"\\u0000" in raw
    text, image = read(raw.replace(b"Infinity", b"1e999"))
    assert isinstance(text, MessageReceived)
    assert isinstance(image, MessageReceived)
    assert (text.text, writer(text).name, image.text) == (good, good, good)
    assert image.content["payload"] == {"caption": good, good: [good, {"x": good}], "far": None, "near": 1.5}


@pytest.mark.parametrize(
    ("given_time", "moment"),
    [
        ("1234567890", datetime(2009, 2, 13, 23, 31, 30, tzinfo=UTC)),
        (1234567890, datetime(2009, 2, 13, 23, 31, 30, tzinfo=UTC)),
        ("0", None),
        ("-5", None),
        ("1697043223000", None),
        (10**30, None),
        ("9" * 400, None),
        ("yesterday", None),
        ("١٢٣", None),
        (True, None),
        (1.5, None),
        (None, None),
        ({}, None),
    ],
)
def test_a_time_is_unix_seconds_or_unknown(given_time: object, moment: datetime | None) -> None:
    assert only_message(read(body({"messages": [text_message(timestamp=given_time)]}))).occurred_at == moment


def test_a_text_of_any_length_is_kept_whole_and_an_empty_one_too() -> None:
    long = "é" * 1_000_000
    assert only_message(read(body({"messages": [text_message(text={"body": long})]}))).text == long
    assert only_message(read(body({"messages": [text_message(text={"body": ""})]}))).text == ""


@pytest.mark.parametrize("text", [None, "Oi", [], {}, {"body": 5}])
def test_a_text_of_another_shape_is_kept_as_unsupported(text: object) -> None:
    message = only_message(read(body({"messages": [text_message(text=text)]})))
    assert (message.kind, message.content["payload"]) == ("unsupported", text)


@pytest.mark.parametrize("odd", [None, 5, "x", {}, [1, None], [{"wa_id": {}}], [{"profile": "x", "wa_id": "5511987"}]])
def test_contacts_errors_and_contexts_of_an_odd_shape_cost_no_message(odd: object) -> None:
    message = text_message(context=odd, errors=odd)
    facts = read(body({"contacts": odd, "errors": odd, "messages": [message]}))
    assert only_message(facts).text == "Oi"
    (receipt,) = read(body({"statuses": [{"id": "x", "status": "failed", "errors": odd}]}))
    assert isinstance(receipt, Receipt)


def test_a_change_without_a_field_holds_messages() -> None:
    raw = body({"messages": [text_message()]})
    for field in (b"null", b'""'):
        assert only_message(read(raw.replace(b'"field": "messages"', b'"field": ' + field))).text == "Oi"


def test_a_reference_too_long_to_be_one_is_left_out() -> None:
    long = "w" * 513
    assert only_message(read(body({"messages": [text_message(context={"id": long})]}))).reply_to is None
    (receipt,) = read(body({"statuses": [{"id": "x", "status": "read", "biz_opaque_callback_data": long}]}))
    assert isinstance(receipt, Receipt)
    assert receipt.client_reference is None


def test_a_thousand_messages_of_a_thousand_people_find_their_contacts() -> None:
    people = [f"5511{n:08d}" for n in range(1000)]
    contacts = [{"profile": {"name": person}, "wa_id": person} for person in people]
    messages = [text_message(**{"from": person, "id": person}) for person in people]
    facts = read(body({"contacts": contacts, "messages": messages}))
    assert [writer(fact).name for fact in facts if isinstance(fact, MessageReceived)] == people


def test_a_message_without_a_type_is_kept() -> None:
    message = only_message(read(body({"messages": [text_message(type=None)]})))
    assert (message.kind, message.content) == ("unsupported", {"type": "unknown", "payload": None})


def test_a_status_nobody_knows_yet_is_ignored_by_name() -> None:
    assert read(body({"statuses": [{"id": "x", "status": "deleted"}, {"id": "x"}]})) == [
        Ignored("status deleted"),
        Ignored("status None"),
    ]


def test_a_body_with_nothing_known_says_what_it_has() -> None:
    assert read(body({"novelty": [1]})) == [Ignored("nothing that is known: metadata, novelty")]
    assert read(b'{"object": "whatsapp_business_account", "entry": []}') == [Ignored("a webhook without entries")]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["id", "from", "type", "text", "timestamp", "context", "errors", "status", "from_user_id"])
VALUES = st.sampled_from(["messages", "statuses", "contacts", "metadata", "errors"])


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(VALUES, JSON | st.lists(st.dictionaries(NAMES, JSON), max_size=2), max_size=4), JSON)
def test_whatever_a_change_holds_it_is_facts_that_postgres_takes_or_unreadable(
    value: dict[str, Any], field: object
) -> None:
    change = {"field": field if isinstance(field, str) else "messages", "value": value}
    webhook = {"object": "whatsapp_business_account", "entry": [{"changes": [change]}]}
    try:
        facts = read(json.dumps(webhook).encode())
    except Unreadable:
        return
    assert facts
    for fact in facts:
        kept = json.dumps([str(fact), getattr(fact, "content", None)], allow_nan=False, ensure_ascii=False)
        assert "\\u0000" not in kept
        assert kept.encode()


@given(JSON)
def test_cleaning_twice_is_cleaning_once(value: object) -> None:
    assert clean(clean(value)) == clean(value)
