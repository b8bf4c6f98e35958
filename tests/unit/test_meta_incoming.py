"""Meta's webhooks read into facts: the recorded payloads, then what nobody should send and somebody will."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parley.domain.errors import Unreadable
from parley.domain.identity import Address
from parley.domain.incoming import Fact, Ignored, MessageReceived, Receipt
from parley.providers.meta_incoming import clean, read

SAMPLES = Path(__file__).parent.parent / "samples" / "meta"
PHONE = Address("phone", "972987654321")
BSUID = Address("bsuid", "US.13491208655302741918")

# What each recorded payload says: a text, an unsupported type with what a person reads of it, a receipt's status, or
# the reason why it is left out.
TEXTS = {
    "hand__minimal": "Hello from test",
    "message__forwarded": "forwarded text",
    "message__forwarded_many_times": "text forwarded many times",
    "message__referral": "BODY",
    "message__reply": "replied text",
    "message__text": "Body Text",
}
UNSUPPORTED = {
    "call_permission_update__accept": ("interactive", None),
    "call_permission_update__reject": ("interactive", None),
    "callback_button__button": ("interactive", "title"),
    "callback_button__quick_reply": ("button", "title"),
    "callback_button__quick_reply_without_context": ("button", "title"),
    "callback_selection__callback": ("interactive", "title"),
    "callback_selection__description": ("interactive", "title"),
    "flow_completion__completion": ("interactive", "Sent"),
    "flow_completion__without_flow_token": ("interactive", "Sent"),
    "message__animated_sticker": ("sticker", None),
    "message__audio": ("audio", None),
    "message__chosen_location": ("location", None),
    "message__contacts": ("contacts", None),
    "message__current_location": ("location", None),
    "message__document": ("document", "caption"),
    "message__image": ("image", None),
    "message__interactive_message_with_err": ("interactive", None),
    "message__media_with_url": ("image", None),
    "message__order": ("order", None),
    "message__static_sticker": ("sticker", None),
    "message__unsupported": ("unsupported", None),
    "message__unsupported_with_type": ("unsupported", None),
    "message__video": ("video", "caption"),
    "message__voice": ("audio", None),
    "system__identity_change": ("system", "User identity changed"),
    "system__phone_number_change": ("system", "User A changed from 972987654321 to 972912345678"),
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
IGNORED = {
    "account_update__account_deleted": "field account_update",
    "account_update__account_disabled": "field account_update",
    "account_update__account_restriction": "field account_update",
    "account_update__account_violation": "field account_update",
    "call_connect__business_initiated": "field calls",
    "call_connect__user_initiated": "field calls",
    "call_status__call_status": "field calls",
    "call_terminate__call_terminate": "field calls",
    "deleted_message__revoke": "revoke: not handled by this version",
    "edited_message__image": "edit: not handled by this version",
    "message__reaction": "reaction: not handled by this version",
    "message__unreaction_empty": "reaction: not handled by this version",
    "message__unreaction_no_emoji": "reaction: not handled by this version",
    "outgoing_message__delete": "field smb_message_echoes",
    "outgoing_message__edit": "field smb_message_echoes",
    "outgoing_message__text": "field smb_message_echoes",
    "template_category_update__marketing": "field template_category_update",
    "template_components_update__element": "field message_template_components_update",
    "template_quality_update__yellow": "field message_template_quality_update",
    "template_status_update__approved": "field message_template_status_update",
    "template_status_update__rejected": "field message_template_status_update",
    "user_marketing_preferences__resume": "field user_preferences",
    "user_marketing_preferences__signup": "field user_preferences",
}


def sample(name: str) -> list[Fact]:
    return read((SAMPLES / f"{name}.json").read_bytes())


def only_message(facts: list[Fact]) -> MessageReceived:
    (message,) = [fact for fact in facts if isinstance(fact, MessageReceived)]
    return message


def body(*values: dict[str, Any]) -> bytes:
    changes = [{"field": "messages", "value": {"metadata": {"phone_number_id": "7"}, **value}} for value in values]
    return json.dumps({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": changes}]}).encode()


def text_message(**members: object) -> dict[str, Any]:
    return {"from": "5511987654321", "id": "wamid.1", "type": "text", "text": {"body": "Oi"}, **members}


def test_every_recorded_payload_is_in_exactly_one_table() -> None:
    tabled = [*TEXTS, *UNSUPPORTED, *RECEIPTS, *IGNORED]
    assert sorted(tabled) == sorted(path.stem for path in SAMPLES.glob("*.json"))


@pytest.mark.parametrize(("name", "text"), TEXTS.items())
def test_a_text_is_a_text(name: str, text: str) -> None:
    message = only_message(sample(name))
    assert (message.kind, message.text, message.content) == ("text", text, {})


@pytest.mark.parametrize(("name", "expected"), UNSUPPORTED.items())
def test_another_kind_is_kept_whole_with_the_words_a_person_reads(name: str, expected: tuple[str, str | None]) -> None:
    message = only_message(sample(name))
    sent = json.loads((SAMPLES / f"{name}.json").read_bytes())["entry"][0]["changes"][0]["value"]["messages"][0]
    assert (message.content["type"], message.text) == expected
    assert message.kind == "unsupported"
    assert message.content["payload"] == sent.get(sent["type"])


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
    assert message.sender.addresses == (PHONE, BSUID)
    assert message.sender.name == "Test Name"
    assert message.reply_to is None


def test_the_smallest_body_people_try_with_is_a_message_of_a_nameless_phone_number() -> None:
    message = only_message(sample("hand__minimal"))
    assert message.sender.addresses == (Address("phone", "5511987654321"),)
    assert (message.account, message.sender.name) == ("123456789", None)


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
    assert facts[1:] == [Ignored("error 131000: Something went wrong")]


def test_errors_alone_are_ignored_with_their_code() -> None:
    errors = [{"code": 130429, "title": "Rate limit hit"}, {"code": 1}]
    assert read(body({"errors": errors})) == [Ignored("error 130429: Rate limit hit"), Ignored("error 1: None")]


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
    sender = only_message(read(body({"contacts": contacts, "messages": [message]}))).sender
    assert (sender.addresses, sender.name) == ((Address("bsuid", "BR.1"),), "Ana")


def test_a_phone_number_left_out_of_the_message_is_taken_from_its_contact() -> None:
    contacts = [{"wa_id": "5511987654321", "user_id": "BR.1"}]
    message = text_message(from_user_id="BR.1")
    del message["from"]
    sender = only_message(read(body({"contacts": contacts, "messages": [message]}))).sender
    assert sender.addresses == (Address("phone", "5511987654321"), Address("bsuid", "BR.1"))


def test_the_contact_of_another_person_lends_neither_name_nor_id() -> None:
    contacts = [{"profile": {"name": "Other"}, "wa_id": "5521999999999", "user_id": "BR.9"}]
    sender = only_message(read(body({"contacts": contacts, "messages": [text_message()]}))).sender
    assert (sender.addresses, sender.name) == ((Address("phone", "5511987654321"),), None)


def test_each_message_of_a_body_finds_its_own_contact() -> None:
    contacts = [{"profile": {"name": name}, "wa_id": wa_id} for name, wa_id in (("A", "55111"), ("B", "55112"))]
    messages = [text_message(**{"from": wa_id, "id": wa_id}) for wa_id in ("55112", "55111")]
    facts = read(body({"contacts": contacts, "messages": messages}))
    assert [fact.sender.name for fact in facts if isinstance(fact, MessageReceived)] == ["B", "A"]


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
    assert (text.text, text.sender.name, image.text) == (good, good, good)
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
    assert [fact.sender.name for fact in facts if isinstance(fact, MessageReceived)] == people


def test_a_message_without_a_type_is_kept() -> None:
    message = only_message(read(body({"messages": [text_message(type=None)]})))
    assert (message.kind, message.content) == ("unsupported", {"type": "unknown", "payload": None})


def test_a_status_nobody_knows_yet_is_ignored_by_name() -> None:
    assert read(body({"statuses": [{"id": "x", "status": "deleted"}, {"id": "x"}]})) == [
        Ignored("status deleted"),
        Ignored("status None"),
    ]


def test_a_group_message_is_left_for_a_version_that_knows_groups() -> None:
    facts = read(body({"messages": [text_message(group_id="g1")]}))
    assert facts == [Ignored("group message: not handled by this version")]


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
