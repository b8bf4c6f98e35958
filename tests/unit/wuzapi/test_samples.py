"""Every recorded body of WuzAPI, by name: what it says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from parley.domain.identity import Address, Person
from parley.domain.incoming import (
    AccountState,
    Deletion,
    Group,
    Ignored,
    MessageReceived,
    Reaction,
    Receipt,
    TypingSeen,
    account_names,
)
from parley.providers.wuzapi import WuzApi

JSON = {"content-type": "application/json"}
MARIA = Person((Address("phone", "5511999990026"), Address("lid", "146102623940014@lid")), "Maria")
NOON = datetime(2025, 12, 3, 22, 23, 21, tzinfo=UTC)
HASH = "63ba2259b0190d6cc614b2fb508b70572495d8819499860004af3bb9f5f6dad0"
OWN = "eeb9c96d4ac15602fda4db3b759d12c0"
PEER = "a sync between the account's own devices"

MESSAGE: dict[str, Any] = {
    "account": OWN,
    "provider_message_id": "3EB0C0FFEE00000001",
    "person": MARIA,
    "occurred_at": NOON,
    "origin": "contact",
    "group": None,
}

EXPECTED: dict[str, tuple[type, dict[str, Any]]] = {
    "chat_presence__composing": (
        TypingSeen,
        {"account": "", "person": Person((Address("phone", "6281233780025"),)), "on": True},
    ),
    "chat_presence__group": (Ignored, {"reason": "typing in a group, which is nobody's own conversation"}),
    "connected": (AccountState, {"account": "", "state": "connected"}),
    "disconnected": (AccountState, {"account": OWN, "state": "disconnected", "reason": "Disconnected"}),
    "logged_out": (AccountState, {"account": OWN, "state": "disconnected", "reason": "Logged Out 401"}),
    "message_audio_ptt": (MessageReceived, {**MESSAGE, "kind": "audio", "text": None}),
    "message_contact": (MessageReceived, {**MESSAGE, "kind": "contacts"}),
    "message_document": (MessageReceived, {**MESSAGE, "kind": "document"}),
    "message_edit_secret_encrypted": (
        Ignored,
        {"reason": "an edit of 3A2003A1CFF471A991F7 whose text is encrypted"},
    ),
    "message_extended_text_reply": (
        MessageReceived,
        {**MESSAGE, "kind": "text", "text": "respondendo", "reply_to": "3EB0B7AA9746D9215C1340"},
    ),
    "message_group_text_lid": (
        MessageReceived,
        {
            "provider_message_id": "3A2003A1CFF471A991F7",
            "kind": "text",
            "text": "texto do grupo",
            "group": Group("31621220028-1555838023@g.us"),
            "person": Person((Address("phone", "31613060027"), Address("lid", "266889401990029@lid")), "Contato Teste"),
            "occurred_at": datetime(2026, 6, 17, 20, 28, 50, tzinfo=UTC),
        },
    ),
    "message_image_base64": (MessageReceived, {**MESSAGE, "kind": "image", "text": "legenda"}),
    "message_image_s3": (MessageReceived, {**MESSAGE, "kind": "image", "text": None}),
    "message_location": (
        MessageReceived,
        {
            **MESSAGE,
            "kind": "location",
            "content": {
                "latitude": -23.5505,
                "longitude": -46.6333,
                "name": "Praça da Sé",
                "address": "São Paulo - SP",
            },
        },
    ),
    "message_reaction": (
        Reaction,
        {
            "account": OWN,
            "provider_message_id": "3EB0B7AA9746D9215C1340",
            "person": MARIA,
            "emoji": "👍",
            "occurred_at": NOON,
        },
    ),
    "message_revoke": (
        Deletion,
        {
            "account": OWN,
            "provider_message_id": "AC02B0BA89C34014CA4C7B0838574C1D",
            "occurred_at": datetime(2026, 6, 17, 14, 49, 33, tzinfo=UTC),
        },
    ),
    "message_sticker": (MessageReceived, {**MESSAGE, "kind": "sticker"}),
    "message_text_fromme_token": (
        MessageReceived,
        {
            "account": "",
            "provider_message_id": "53829C3632356D0F08BFB6BDB41A706F",
            "person": Person((Address("phone", "6281233780025"),)),
            "kind": "text",
            "text": "ya",
            "origin": "device",
            "occurred_at": datetime(2025, 8, 14, 7, 55, 1, tzinfo=UTC),
        },
    ),
    "message_video": (MessageReceived, {**MESSAGE, "kind": "video", "text": "vídeo"}),
    "presence__offline": (Ignored, {"reason": "event Presence"}),
    "qr": (Ignored, {"reason": "event QR"}),
    "read_receipt__delivered": (
        Receipt,
        {
            "account": OWN,
            "provider_message_id": "3EB0B7AA9746D9215C1340",
            "status": "delivered",
            "participant": "",
            "client_reference": None,
            "occurred_at": datetime(2025, 12, 3, 22, 24, tzinfo=UTC),
        },
    ),
    "read_receipt__read": (
        Receipt,
        {"account": "", "provider_message_id": "53829C3632356D0F08BFB6BDB41A706F", "status": "read"},
    ),
    "vperim__HistorySync-1": (Ignored, {"reason": "event HistorySync"}),
    "vperim__Message-1": (Ignored, {"reason": PEER}),
    "vperim__Message-2": (Ignored, {"reason": PEER}),
    "vperim__Message-3": (Ignored, {"reason": PEER}),
    "vperim__PairSuccess-1": (Ignored, {"reason": "event PairSuccess"}),
    "vperim__QR-1": (Ignored, {"reason": "event QR"}),
    "vperim__ReadReceipt-1": (Ignored, {"reason": "a receipt of the account's own device"}),
    "vperim__UndecryptableMessage-1": (Ignored, {"reason": PEER}),
    "vperim__UndecryptableMessage-2": (Ignored, {"reason": PEER}),
}

FILES: dict[str, dict[str, Any]] = {
    "message_audio_ptt": {"kind": "audio", "mime_type": "audio/ogg; codecs=opus", "voice": True},
    "message_document": {"kind": "document", "mime_type": "application/pdf", "file_name": "contrato.pdf"},
    "message_image_base64": {"kind": "image", "mime_type": "image/jpeg", "voice": False, "file_name": None},
    "message_image_s3": {"kind": "image", "mime_type": "image/jpeg"},
    "message_sticker": {"kind": "sticker", "mime_type": "image/webp"},
    "message_video": {"kind": "video", "mime_type": "video/mp4"},
}


def test_no_recorded_body_is_without_an_expectation(samples: dict[str, bytes]) -> None:
    assert samples.keys() == EXPECTED.keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_a_recorded_body_says(name: str, samples: dict[str, bytes], wuzapi: WuzApi) -> None:
    kind, fields = EXPECTED[name]
    (fact,) = wuzapi.normalise(samples[name], JSON)
    assert type(fact) is kind
    if "account" in fields and not isinstance(fact, Ignored):  # the samples name their instances, too, and those differ
        assert (*account_names(fact.account), "")[0] == fields["account"]
    assert {field: getattr(fact, field) for field in fields if field != "account"} == {
        field: value for field, value in fields.items() if field != "account"
    }


@pytest.mark.parametrize("name", FILES)
def test_a_recorded_file_has_its_facts_and_the_keys_to_fetch_it(
    name: str, samples: dict[str, bytes], wuzapi: WuzApi
) -> None:
    (fact,) = wuzapi.normalise(samples[name], JSON)
    assert isinstance(fact, MessageReceived)
    (media,) = fact.media
    assert {field: getattr(media, field) for field in FILES[name]} == FILES[name]
    assert (media.size, media.sha256, media.inline) == (45579, HASH, None)  # the base64 of the samples is cut off
    assert media.source["route"].startswith("download")
    assert media.source["keys"]["MediaKey"] == "iUO6XAxjwtZRaQOrPtEgPYUSDdXchR6kzW9KK8Dsqf0="
    assert ("url" in media.source) == (name == "message_image_s3")


def test_a_recorded_contact_card_has_its_number(samples: dict[str, bytes], wuzapi: WuzApi) -> None:
    (fact,) = wuzapi.normalise(samples["message_contact"], JSON)
    assert isinstance(fact, MessageReceived)
    (card,) = fact.content["contacts"]
    assert (card["name"], card["phones"]) == ("Fulano", ["+55 11 99999-9999"])
    assert card["vcard"].startswith("BEGIN:VCARD")
