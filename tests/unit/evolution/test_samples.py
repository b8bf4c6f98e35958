"""Every recorded payload of Evolution, by name: what it says in Parley's words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from parley.domain.incoming import (
    AccountState,
    ContactSeen,
    Deletion,
    Edit,
    Fact,
    GroupSeen,
    Ignored,
    MessageReceived,
    Reaction,
    Receipt,
    TypingSeen,
)
from parley.providers.evolution import incoming

SAMPLES = Path(__file__).parents[2] / "samples" / "evolution"

# Each payload's fact, and what counts in it: dotted names, `phone` and `lid` being the person's addresses.
EXPECTED: dict[str, tuple[type[Fact], dict[str, Any]]] = {
    "call": (Ignored, {"reason": "event call"}),
    "chats_upsert": (Ignored, {"reason": "event chats.upsert"}),
    "connection_update__close_401": (AccountState, {"state": "disconnected", "reason": "close 401"}),
    "connection_update__open": (AccountState, {"state": "connected", "reason": None}),
    "connection_update__refused": (AccountState, {"state": "disconnected", "reason": "refused 500"}),
    "contacts_update__array": (Ignored, {"reason": "a contact that is no person"}),
    "contacts_update__lid_object": (
        ContactSeen,
        {"lid": "79512746370019@lid", "person.name": "Contato Teste", "avatar_url": "https://pps.whatsapp.net/..."},
    ),
    "contacts_update__object": (Ignored, {"reason": "a contact with neither name nor picture"}),
    "contacts_upsert__array": (
        ContactSeen,
        {"phone": "558187880006", "person.name": "Contato Teste", "avatar_url": None},
    ),
    "group_participants_update__add_objects": (Ignored, {"reason": "event group-participants.update"}),
    "group_participants_update__add_strings": (Ignored, {"reason": "event group-participants.update"}),
    "group_participants_update__participantsData": (Ignored, {"reason": "event group-participants.update"}),
    "groups_upsert__doc": (
        GroupSeen,
        {"group.id": "120363000000000000@g.us", "group.name": "Grupo de Atendimento"},
    ),
    "groups_upsert__lid": (
        GroupSeen,
        {"group.id": "120363405226577317@g.us", "group.name": "Grupo Teste", "occurred_at": None},
    ),
    "logout_instance": (AccountState, {"state": "disconnected", "reason": "logout.instance"}),
    "messages_delete__peer": (Deletion, {"provider_message_id": "3A9EB01234567890"}),
    "messages_edited": (
        Edit,
        {"provider_message_id": "3EB03E3CA617ADA52AEA79", "text": "texto corrigido", "revision": "1748519600000"},
    ),
    "messages_edited__revoke_type0": (Deletion, {"provider_message_id": "3EB03E3CA617ADA52AEA79"}),
    "messages_update__deleted_2010": (Deletion, {"provider_message_id": "3EB08F167BC1727E956F2D"}),
    "messages_update__delivery_ack_pn": (
        Receipt,
        {"provider_message_id": "3EB08F167BC1727E956F2D", "status": "delivered", "participant": "", "error": None},
    ),
    "messages_update__error": (Receipt, {"status": "failed", "error.code": "provider_rejected"}),
    "messages_update__nested_legacy": (Receipt, {"provider_message_id": "3A9EB01234567890", "status": "read"}),
    "messages_update__played": (Receipt, {"status": "played"}),
    "messages_update__read_lid": (Receipt, {"provider_message_id": "3EB08F167BC1727E956F2D", "status": "read"}),
    "messages_update__server_ack": (Receipt, {"status": "sent"}),
    "messages_upsert__audio_ptt": (
        MessageReceived,
        {
            "kind": "audio",
            "text": None,
            "media.0.voice": True,
            "media.0.mime_type": "audio/ogg; codecs=opus",
            "media.0.size": 4409,
            "media.0.sha256": "784a054d78cde2b28b92c9880f937ceed783b6442111647e31bc67487f57abea",
            "media.0.source": {"id": "8C58EE20A1B1583F93224ABD2ECDCFE2"},
        },
    ),
    "messages_upsert__buttons_response": (
        MessageReceived,
        {
            "kind": "interactive",
            "text": "Sim",
            "content": {"type": "button", "id": "sim", "title": "Sim"},
            "reply_to": "3EB0B7AA9746D9215C1340",
        },
    ),
    "messages_upsert__contact": (
        MessageReceived,
        {
            "kind": "contacts",
            "content.contacts.0.name": "Fulano",
            "content.contacts.0.phones": ["+55 11 99999-9999"],
        },
    ),
    "messages_upsert__document_in": (
        MessageReceived,
        {
            "kind": "document",
            "media.0.file_name": "formulario_jus_digital.pdf",
            "media.0.mime_type": "application/pdf",
            "media.0.size": 82243,
        },
    ),
    "messages_upsert__group_extended_text_contextinfo": (
        MessageReceived,
        {
            "kind": "text",
            "text": "Perfumes de 35 ML de mujer y hombre a 1 a 16 Bs y 2 en 30 bs",
            "group.id": "120363332108137298@g.us",
            "lid": "156985366450004@lid",
            "reply_to": None,
        },
    ),
    "messages_upsert__group_mention": (
        MessageReceived,
        {
            "kind": "text",
            "group.id": "120363405226577317@g.us",
            "lid": "13026753290015@lid",
            "content": {"mentions": ["146102623940014@lid"]},
        },
    ),
    "messages_upsert__group_text_lid_participant": (
        MessageReceived,
        {"text": "test 001  hola", "group.id": "120363141381952108@g.us", "lid": "24666483770003@lid"},
    ),
    "messages_upsert__image_fromme_v1": (
        MessageReceived,
        {
            "kind": "image",
            "origin": "device",
            "phone": "59171140002",
            "person.name": None,
            "text": "mensaje saliente con multimedia (imagen)",
            "media.0.inline": None,
        },
    ),
    "messages_upsert__image_in": (
        MessageReceived,
        {"kind": "image", "origin": "contact", "phone": "558888650008", "media.0.size": 45579},
    ),
    "messages_upsert__image_in_base64_v1": (
        MessageReceived,
        {"kind": "image", "text": "hola - text con multimedia (imagen)", "media.0.inline": None},
    ),
    "messages_upsert__image_s3_mediaurl": (
        MessageReceived,
        {"kind": "image", "text": "legenda", "media.0.source.id": "3EB0A1B2C3D4E5F60722"},
    ),
    "messages_upsert__key_lid_senderPn": (
        MessageReceived,
        {"text": "Olá", "phone": "5511987650013", "lid": "146102623940014@lid"},
    ),
    "messages_upsert__key_pn_senderLid": (
        MessageReceived,
        {"text": "Olá", "phone": "5511987650013", "lid": "146102623940014@lid"},
    ),
    "messages_upsert__list_response": (
        MessageReceived,
        {
            "kind": "interactive",
            "content": {"type": "list", "id": "opt_1", "title": "Opção 1", "description": "desc"},
        },
    ),
    "messages_upsert__location": (
        MessageReceived,
        {
            "kind": "location",
            "content": {
                "latitude": -23.5505,
                "longitude": -46.6333,
                "name": "Praça da Sé",
                "address": "São Paulo - SP",
            },
        },
    ),
    "messages_upsert__reaction": (
        Reaction,
        {"provider_message_id": "3EB0B7AA9746D9215C1340", "emoji": "❤️", "phone": "558888650008"},
    ),
    "messages_upsert__reaction_removed": (
        Reaction,
        {"provider_message_id": "3EB0B7AA9746D9215C1340", "emoji": None, "phone": "558888650008"},
    ),
    "messages_upsert__reply_contextinfo": (
        MessageReceived,
        {"text": "respondendo", "reply_to": "3EB0B7AA9746D9215C1340", "content": {}},
    ),
    "messages_upsert__sticker_in": (
        MessageReceived,
        {"kind": "sticker", "media.0.mime_type": "image/webp", "media.0.size": 11268},
    ),
    "messages_upsert__text_fromme_contextinfo": (
        MessageReceived,
        {"text": "Opa", "origin": "device", "phone": "558888650008", "person.name": None, "content": {}},
    ),
    "messages_upsert__text_fromme_server_ack": (
        MessageReceived,
        {"text": "Texto da mensagem", "origin": "device", "phone": "558197080007", "person.name": None},
    ),
    "messages_upsert__text_fromme_v1": (
        MessageReceived,
        {"text": "menasje saliente solo texto", "origin": "device", "phone": "59171140002"},
    ),
    "messages_upsert__text_in": (
        MessageReceived,
        {
            "text": "Opa",
            "origin": "contact",
            "phone": "558888650008",
            "person.name": "Contato Teste",
            "occurred_at.year": 2025,
        },
    ),
    "messages_upsert__text_in_v1": (MessageReceived, {"text": "hola - text", "phone": "59171140002"}),
    "messages_upsert__text_lid_long_objects": (
        MessageReceived,
        {"text": "Teste envio de mensagem", "phone": "558893070012", "lid": "76201477540011@lid"},
    ),
    "messages_upsert__text_v237_lid_rewritten": (
        MessageReceived,
        {"text": "oi", "phone": "5511987650013", "lid": None, "person.name": "João"},
    ),
    "messages_upsert__video_fromme_v1": (
        MessageReceived,
        {"kind": "video", "origin": "device", "text": "texto con video", "media.0.size": 15741525},
    ),
    "messages_upsert__video_in_base64_v1": (
        MessageReceived,
        {"kind": "video", "text": "hola - text con multimea (video)", "media.0.mime_type": "video/mp4"},
    ),
    "presence_update__composing": (TypingSeen, {"lid": "79512746370019@lid", "on": True}),
    "qrcode_updated": (Ignored, {"reason": "event qrcode.updated"}),
    "qrcode_updated__limit_reached": (Ignored, {"reason": "event qrcode.updated"}),
    "remove_instance": (AccountState, {"state": "disconnected", "reason": "remove.instance"}),
    "send_message": (
        MessageReceived,
        {"text": "Mensagem enviada pela API", "origin": "device", "phone": "5511999990018"},
    ),
}


def looked_up(fact: object, path: str) -> Any:
    """A part of a fact by its dotted name."""
    if path in {"phone", "lid"}:
        addresses = looked_up(fact, "person.addresses")
        return next((address.value for address in addresses if address.kind == path), None)
    value: Any = fact
    for name in path.split("."):
        if name.isdigit():
            value = value[int(name)]
            continue
        value = value[name] if isinstance(value, dict) else getattr(value, name)
    return value


def test_every_sample_is_in_the_table() -> None:
    assert {path.stem for path in SAMPLES.glob("*.json")} == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_sample_says_what_the_table_says(name: str, sample: Callable[[str], bytes]) -> None:
    body = sample(name)
    kind, parts = EXPECTED[name]
    (fact,) = incoming.read(body)
    assert type(fact) is kind
    assert {path: looked_up(fact, path) for path in parts} == parts
    if not isinstance(fact, Ignored):
        assert fact.account == json.loads(body)["instance"]


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_no_fact_of_a_sample_holds_the_api_key_or_our_address(name: str, sample: Callable[[str], bytes]) -> None:
    webhook = json.loads(sample(name))
    webhook.update(apikey="canary-key", destination="https://inbox.example/canary-url")
    assert "canary" not in str(incoming.read(json.dumps(webhook).encode()))
