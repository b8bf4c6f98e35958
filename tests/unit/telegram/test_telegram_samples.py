"""Telegram's updates, each by its sample's name: what it says, and nothing parked."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from parley.domain.identity import Address, Person
from parley.domain.incoming import AccountNotice, Edit, Fact, Group, Ignored, Media, MessageReceived, Reaction
from parley.providers.telegram.incoming import read

SAMPLES = Path(__file__).parent.parent.parent / "samples" / "telegram"
T = 1760090400
BEATRIZ = Person((Address("jid", "5126845012@telegram"),), "Beatriz Souza")
CAIO = Person((Address("jid", "1830044217@telegram"),), "Caio")
GROUP = Group("-1001987654321@telegram", "Clientes da loja")
OLD_GROUP = Group("-876543210@telegram", "Clientes da loja")
OWN_NUMBER = Person((*BEATRIZ.addresses, Address("phone", "5511987654321")), "Beatriz Souza")
VCARD = "BEGIN:VCARD\nVERSION:3.0\nFN:Carla Dias\nTEL;MOBILE:+5511955554444\nEND:VCARD"


def facts(sample: str) -> list[Fact]:
    return read((SAMPLES / f"{sample}.json").read_bytes())


def seconds(unix: float) -> datetime:
    return datetime.fromtimestamp(unix, UTC)


def file(kind: Any, file_id: str, mime_type: str | None, **more: Any) -> dict[str, Any]:
    return {"media": (Media(kind, mime_type, source={"fileId": file_id}, **more),)}


PHOTO = file("image", "AgACAgEAAxkBAAPTlarge", "image/jpeg", size=182344)

# What each says beyond a text of Beatriz's: the number of the message, which is also its second, then the rest.
MESSAGES: dict[str, tuple[int, dict[str, Any]]] = {
    "text": (211, {"text": "Bom dia! Vocês entregam hoje? 🙂"}),
    "command_start_with_payload": (212, {"text": "/start campanha-outubro"}),
    "reply_to_ours": (213, {"text": "Esse mesmo", "reply_to": "5126845012:198"}),
    "photo_with_caption": (214, {"kind": "image", "text": "Chegou assim", **PHOTO}),
    "photo_of_an_album": (215, {"kind": "image", **PHOTO}),
    "voice": (216, {"kind": "audio", **file("audio", "AwACAgEAAxkBAAPVvoice", "audio/ogg", size=16233, voice=True)}),
    "audio": (
        217,
        {
            "kind": "audio",
            **file("audio", "CQACAgEAAxkBAAPWaudio", "audio/mpeg", file_name="jingle.mp3", size=2911044),
        },
    ),
    "video": (
        218,
        {
            "kind": "video",
            "text": "O barulho",
            **file("video", "BAACAgEAAxkBAAPXvideo", "video/mp4", file_name="IMG_0042.MOV", size=1730422),
        },
    ),
    "video_note": (219, {"kind": "video", **file("video", "DQACAgEAAxkBAAPYnote", "video/mp4", size=640021)}),
    "animation_beside_its_document": (
        220,
        {"kind": "video", **file("video", "CgACAgEAAxkBAAPZgif", "video/mp4", file_name="giphy.mp4", size=93311)},
    ),
    "document": (
        221,
        {
            "kind": "document",
            "text": "Segue o comprovante",
            **file("document", "BQACAgEAAxkBAAPadoc", "application/pdf", file_name="comprovante nº 12.pdf", size=48211),
        },
    ),
    "sticker": (
        222,
        {
            "kind": "sticker",
            "content": {"emoji": "👋"},
            **file("sticker", "CAACAgIAAxkBAAPbstk", "image/webp", size=24066),
        },
    ),
    "sticker_animated": (
        223,
        {
            "kind": "sticker",
            "content": {"emoji": "👋", "animated": True},
            **file("image", "AAMCAgADGQEAAthumb", None, size=4310),
        },
    ),
    "location": (224, {"kind": "location", "content": {"latitude": -23.561414, "longitude": -46.655881}}),
    "venue_beside_its_location": (
        225,
        {
            "kind": "location",
            "content": {
                "latitude": -23.561414,
                "longitude": -46.655881,
                "name": "MASP",
                "address": "Av. Paulista, 1578",
            },
        },
    ),
    "live_location": (226, {"kind": "location", "content": {"latitude": -23.5, "longitude": -46.6}}),
    "contact_of_somebody_else": (
        228,
        {
            "kind": "contacts",
            "content": {"contacts": [{"name": "Carla Dias", "phones": ["+5511955554444"], "vcard": VCARD}]},
        },
    ),
    "contact_own_number_shared": (
        229,
        {
            "person": OWN_NUMBER,
            "kind": "contacts",
            "content": {"contacts": [{"name": "Beatriz Souza", "phones": ["+5511987654321"]}]},
        },
    ),
    "forwarded": (230, {"text": "Promoção até sexta", "content": {"forwarded": True}}),
    "poll": (
        231,
        {
            "kind": "interactive",
            "text": "Qual cor?",
            "content": {"type": "poll", "title": "Qual cor?", "options": ["Azul", "Verde"]},
        },
    ),
    "dice": (
        232,
        {"kind": "unsupported", "content": {"type": "dice", "payload": {"dice": {"emoji": "🎯", "value": 4}}}},
    ),
    "unknown_kind": (
        233,
        {
            "kind": "unsupported",
            "text": "Olha isso",
            "content": {"type": "hologram", "payload": {"hologram": {"depth": 3, "file_id": "ZZAC"}}},
        },
    ),
    "successful_payment": (
        245,
        {
            "kind": "unsupported",
            "content": {
                "type": "successful_payment",
                "payload": {
                    "successful_payment": {
                        "currency": "BRL",
                        "total_amount": 12990,
                        "invoice_payload": "pedido-4711",
                        "telegram_payment_charge_id": "t1",
                        "provider_payment_charge_id": "p1",
                    }
                },
            },
        },
    ),
    "group_text": (237, {"text": "@loja_demo_bot tem estoque?", "person": CAIO, "group": GROUP}),
    "group_reply_in_a_topic": (238, {"text": "aqui também", "person": CAIO, "group": GROUP}),
    "group_anonymous_administrator": (
        239,
        {
            "text": "Bem-vindos",
            "person": Person((Address("jid", "-1001987654321@telegram"),), "Gerência"),
            "group": GROUP,
        },
    ),
    "group_member_joined": (
        240,
        {
            "kind": "system",
            "content": {"type": "member_joined", "names": ["Caio"]},
            "person": CAIO,
            "group": GROUP,
        },
    ),
    "group_member_left": (
        241,
        {"kind": "system", "content": {"type": "member_left", "names": ["Caio"]}, "person": CAIO, "group": GROUP},
    ),
    "group_renamed": (
        242,
        {
            "kind": "system",
            "content": {"type": "group_renamed", "name": "Clientes VIP"},
            "person": CAIO,
            "group": GROUP,
        },
    ),
    "group_moved_to_supergroup": (
        244,
        {
            "kind": "system",
            "content": {"type": "group_moved", "to": "-1001987654321@telegram"},
            "person": CAIO,
            "group": OLD_GROUP,
        },
    ),
}


@pytest.mark.parametrize("sample", MESSAGES)
def test_a_message_says_what_it_holds(sample: str) -> None:
    number, members = MESSAGES[sample]
    group: Group | None = members.get("group")
    chat = (group.id if group else BEATRIZ.addresses[0].value).removesuffix("@telegram")
    plain: dict[str, Any] = {
        "account": "",
        "provider_message_id": f"{chat}:{number}",
        "person": BEATRIZ,
        "kind": "text",
        "occurred_at": seconds(T + number),
    }
    assert facts(sample) == [MessageReceived(**plain | members)]


OTHERS: dict[str, Fact] = {
    "edited_text": Edit("", "5126845012:234", "640211324", "Bom dia! Vocês entregam amanhã?", seconds(T + 300)),
    "edited_caption": Edit("", "5126845012:235", "640211325", "Chegou assim, hoje", seconds(T + 310)),
    "edited_by_nobody": Ignored("a change in what nobody sees"),
    "live_location_moved": Ignored("a place that moves"),
    "reaction": Reaction("", "5126845012:198", BEATRIZ, "👍", seconds(T + 400)),
    "reaction_taken_back": Reaction("", "5126845012:198", BEATRIZ, None, seconds(T + 420)),
    "reaction_with_a_custom_emoji": Ignored("a reaction with a picture that is no emoji"),
    "reaction_of_a_channel_in_a_group": Reaction(
        "",
        "-1001987654321:57",
        Person((Address("jid", "-1001555000111@telegram"),), "Novidades"),
        "🔥",
        seconds(T + 440),
    ),
    "button_pressed": MessageReceived(
        "",
        "5126845012:199:callback:22019632893481230111",
        BEATRIZ,
        "interactive",
        None,
        "Sim",
        {"type": "button", "id": "yes", "title": "Sim"},
        "5126845012:199",
    ),
    "button_pressed_below_an_old_message": MessageReceived(
        "",
        "5126845012:12:callback:22019632893481230222",
        BEATRIZ,
        "interactive",
        None,
        "no",
        {"type": "button", "id": "no", "title": "no"},
        "5126845012:12",
    ),
    "game_started": Ignored("a press of a button that is not in a chat with the bot"),
    "group_message_pinned": Ignored("service message pinned_message"),
    "group_moved_from_group": MessageReceived(
        "",
        "-1001987654321:1",
        Person((Address("jid", "-1001987654321@telegram"),), "Clientes da loja"),
        "system",
        seconds(T + 999),
        None,
        {"type": "group_moved", "from": "-876543210@telegram"},
        group=GROUP,
    ),
    "blocked": Ignored("the customer blocked the bot"),
    "unblocked": Ignored("the customer lets the bot write"),
    "removed_from_a_group": AccountNotice(
        "", "group_membership", {"group": "-1001987654321@telegram", "name": "Clientes da loja", "status": "left"}
    ),
    "channel_post": Ignored("update channel_post"),
    "unknown_update": Ignored("update chat_boost"),
}


@pytest.mark.parametrize("sample", OTHERS)
def test_another_update_says_what_happened(sample: str) -> None:
    assert facts(sample) == [OTHERS[sample]]


def test_every_sample_is_in_one_of_the_tables() -> None:
    assert {path.stem for path in SAMPLES.glob("*.json")} == {*MESSAGES, *OTHERS}
