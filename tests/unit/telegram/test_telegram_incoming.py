"""What no sample of Telegram's shows: identity, oddities tolerated, hostility survived."""

from __future__ import annotations

import json
from typing import Any

import pytest

from parley.domain.errors import Unreadable
from parley.domain.identity import Address, Person
from parley.domain.incoming import Edit, Fact, Ignored, MessageReceived, Reaction
from parley.providers.telegram.chats import chat_of, may_move, message_name, place_of, press_name
from parley.providers.telegram.incoming import read

USER = {"id": 5126845012, "is_bot": False, "first_name": "Beatriz"}
CHAT = {"id": 5126845012, "type": "private", "first_name": "Beatriz"}
GROUP = {"id": -1001987654321, "type": "supergroup", "title": "Nós"}


def update(name: str, value: Any, **more: Any) -> Fact:
    [fact] = read(json.dumps({"update_id": 9, name: value, **more}).encode())
    return fact


def message(**members: Any) -> MessageReceived:
    whole = {"message_id": 7, "date": 1760090400, "from": USER, "chat": CHAT} | members
    fact = update("message", {name: value for name, value in whole.items() if value is not None})
    assert isinstance(fact, MessageReceived)
    return fact


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b"{", b"{}", b'{"update_id":"9"}', b'{"update_id":true}'])
def test_what_is_no_update_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        read(body)


@pytest.mark.parametrize(
    "members",
    [
        {"chat": None},
        {"chat": {"type": "private"}},
        {"chat": {"id": "5126845012"}},
        {"chat": {"id": 0}},
        {"chat": {"id": 1 << 60}},
        {"message_id": None},
        {"message_id": -4},
        {"message_id": True},
        {"chat": GROUP, "from": None},
        {"chat": GROUP, "from": {"first_name": "?"}},
    ],
)
def test_a_message_that_does_not_say_whose_it_is_is_unreadable(members: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        message(text="oi", **members)


def test_an_update_whose_content_is_no_object_is_unreadable_and_one_without_any_is_ignored() -> None:
    with pytest.raises(Unreadable):
        update("message", [])
    assert read(b'{"update_id": 3}') == [Ignored("an empty update")]


def test_somebody_without_a_from_is_the_chat_they_write_in() -> None:
    assert message(text="oi", **{"from": None}).person == Person((Address("jid", "5126845012@telegram"),), "Beatriz")


def test_the_number_on_somebody_elses_card_is_not_the_senders() -> None:
    card = {"phone_number": "5511955554444", "first_name": "Carla"}
    own = (Address("jid", "5126845012@telegram"),)
    for owner in ({}, {"user_id": 1}, {"user_id": True}):
        found = message(contact=card | owner)
        assert found.person is not None
        assert found.person.addresses == own
    shared = message(contact={**card, "user_id": 5126845012}).person
    assert shared is not None
    assert shared.addresses == (*own, Address("phone", "5511955554444"))
    assert shared.reply_address == own[0]
    odd = message(contact={**card, "phone_number": "call me", "user_id": 5126845012}).person
    assert odd is not None
    assert odd.addresses == own


@pytest.mark.parametrize(
    ("members", "kind", "content"),
    [
        ({"text": 5}, "unsupported", {"type": "text", "payload": {"text": 5}}),
        ({"photo": []}, "unsupported", {"type": "photo", "payload": {"photo": []}}),
        ({"location": {"latitude": 91, "longitude": 0}}, "unsupported", None),
        ({"contact": {"first_name": "Ana"}}, "unsupported", None),
        ({"poll": {"question": ""}}, "unsupported", None),
        ({"entities": []}, "unsupported", {"type": "unknown"}),
        ({"migrate_to_chat_id": "x"}, "unsupported", None),
        ({"sticker": {"file_id": "S", "is_animated": True}}, "sticker", {"animated": True}),
    ],
)
def test_a_kind_in_a_shape_nobody_knows_is_kept(members: dict[str, Any], kind: str, content: Any) -> None:
    found = message(**members)
    assert (found.kind, found.media) == (kind, ())
    assert content is None or found.content == content


def test_a_real_gif_is_a_picture() -> None:
    found = message(animation={"file_id": "G", "mime_type": "image/gif"})
    assert (found.kind, [file.kind for file in found.media]) == ("image", ["image"])


def test_a_message_in_a_channel_is_nobodys_conversation() -> None:
    channel = {**GROUP, "type": "channel"}
    assert update("message", {"message_id": 7, "chat": channel}) == Ignored("a post in a channel")
    assert update("edited_message", {"message_id": 7, "chat": channel}) == Ignored("a post in a channel")


def test_a_custom_emoji_in_the_place_of_another_takes_that_one_away() -> None:
    change = {"chat": CHAT, "message_id": 3, "user": USER, "date": 1760090400}
    custom = {"type": "custom_emoji", "custom_emoji_id": "1"}
    thumb = {"type": "emoji", "emoji": "👍"}
    replaced = update("message_reaction", {**change, "old_reaction": [thumb], "new_reaction": [custom]})
    both = update("message_reaction", {**change, "old_reaction": [], "new_reaction": [custom, thumb]})
    assert isinstance(replaced, Reaction)
    assert isinstance(both, Reaction)
    assert (replaced.emoji, both.emoji) == (None, "👍")


def test_two_edits_within_a_second_are_two() -> None:
    edited = {"message_id": 7, "date": 1, "edit_date": 2, "from": USER, "chat": CHAT, "text": "a"}
    revisions = []
    for number in (1, 2):
        [fact] = read(json.dumps({"update_id": number, "edited_message": edited}).encode())
        assert isinstance(fact, Edit)
        revisions.append(fact.revision)
    assert revisions == ["1", "2"]


@pytest.mark.parametrize(
    "value", ["5126845012", "5511987654321@telegram.org", "@telegram", "1@telegram ", "-0@telegram"]
)
def test_an_address_that_is_not_telegrams_is_no_chat(value: str) -> None:
    assert chat_of(Address("jid", value)) is None
    assert chat_of(Address("phone", "5126845012")) is None


def test_the_name_of_a_message_leads_back_to_its_place() -> None:
    place = place_of(message_name(-1001987654321, 57))
    pressed = place_of(press_name(5126845012, 9, "22:x"))
    assert place is not None
    assert pressed is not None
    assert (place.chat, place.message, place.pressed) == (-1001987654321, 57, False)
    assert (pressed.chat, pressed.message, pressed.pressed) == (5126845012, 9, True)
    assert place_of("3EB0AA") is None
    assert (may_move(-876543210), may_move(-1001987654321), may_move(5126845012)) == (True, False, False)
