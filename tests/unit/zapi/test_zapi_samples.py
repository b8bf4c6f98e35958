"""Z-API's recorded payloads, each by its name: what it says, and nothing parked."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from parley.domain.identity import Address, Person
from parley.domain.incoming import (
    AccountState,
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
from parley.domain.status import ReceiptStatus
from parley.providers.zapi.incoming import read

SAMPLES = Path(__file__).parent.parent.parent / "samples" / "zapi"
INSTANCE = "A20DA9C0183A2D35A260F53F5D2B9244"
INSTANCE_OF_TEMPLATES = "3C67AB641C8AA0412F6A2242B4E23AC7"
PHONE, WITHOUT_NINTH = Address("phone", "5544999999999"), Address("phone", "554499999999")
LID = Address("lid", "81896604192873@lid")
MARIA = Person((Address("phone", "5511999990018"), Address("lid", "146102623940014@lid")), "Maria")


def received(sample: str) -> MessageReceived:
    [fact] = facts(sample)
    assert isinstance(fact, MessageReceived)
    return fact


def facts(sample: str) -> list[Fact]:
    return read((SAMPLES / f"{sample}.json").read_bytes())


def seconds(unix: float) -> datetime:
    return datetime.fromtimestamp(unix, UTC)


# ------------------------------------------------------------------------------------------------------- messages

PLAIN: dict[str, Any] = {"kind": "text", "text": None, "content": {}, "reply_to": None, "media": ()}
BUTTONS = [{"id": "1", "title": "Texto do botão 1"}, {"id": "2", "title": "Texto do botão 2"}]
TITLED = {"title": "título da mensagem", "footer": "rodapé da mensagem"}
VCARD = (
    "BEGIN:VCARD\nVERSION:3.0\nN:;nome;;;\nFN:nome\nTEL;type=CELL;type=VOICE;waid=5544999999999:+55 44 9999-9999\n"
    "END:VCARD"
)
IN_GENERAL = "A20DA9C0183A2D35A260F53F5D2B9244"

# What each says beyond PLAIN.
MESSAGES: dict[str, dict[str, Any]] = {
    "texto": {"text": "teste"},
    "resposta-de-status": {"text": "teste", "reply_to": "3EB054C12BAAC70228AAB6"},
    "imagem": {
        "kind": "image",
        "content": {"viewOnce": True},
        "media": (Media("image", "image/jpeg", source={"url": "https://"}),),
    },
    "audio": {
        "kind": "audio",
        "content": {"viewOnce": True},
        "media": (Media("audio", "audio/ogg; codecs=opus", voice=True, source={"url": "https://"}),),
    },
    "video": {
        "kind": "video",
        "content": {"viewOnce": True},
        "media": (Media("video", "video/mp4", source={"url": "https://"}),),
    },
    "gif": {"kind": "video", "media": (Media("video", "video/mp4", source={"url": "https://"}),)},
    "ptv": {
        "kind": "video",
        "content": {"forwarded": True},
        "media": (Media("video", "video/mp4", source={"url": "https://"}),),
    },
    "documento": {
        "kind": "document",
        "media": (Media("document", "application/pdf", "nome.pdf", source={"url": "https://"}),),
    },
    "sticker": {"kind": "sticker", "media": (Media("sticker", "image/webp", source={"url": "https://"}),)},
    "localizacao": {"kind": "location", "content": {"latitude": -100.0, "longitude": -100.0}},
    "contato": {
        "kind": "contacts",
        "content": {"contacts": [{"name": "Cesar Baleco", "phones": ["+5544999999999"], "vcard": VCARD}]},
    },
    "texto-lista-de-botao": {
        "kind": "interactive",
        "text": "Ótimo",
        "content": {"type": "button", "id": "1", "title": "Ótimo"},
        "reply_to": "A20DA9C0183A2D35A260F53F5D2B9244",
    },
    "texto-lista-de-opcao": {
        "kind": "interactive",
        "text": "Z-API",
        "content": {"type": "list", "id": "1", "title": "Z-API", "description": "Z-API Asas para sua imaginação"},
        "reply_to": "A20DA9C0183A2D35A260F53F5D2B9244",
    },
    "enquete": {
        "kind": "interactive",
        "text": "Qual a melhor API de WhatsApp?",
        "content": {
            "type": "poll",
            "title": "Qual a melhor API de WhatsApp?",
            "options": ["Z-API", "Outras"],
            "pollMaxOptions": 0,
        },
    },
    "resposta-de-enquete": {
        "kind": "interactive",
        "text": "Z-API",
        "content": {"type": "poll_vote", "options": ["Z-API"]},
        "reply_to": "ID da mensagem de enquete que foi respondida",
    },
    "resposta-de-evento": {
        "kind": "interactive",
        "text": "GOING",
        "content": {"type": "event_response", "id": "GOING"},
        "reply_to": "D2D612289D9E8F62307D72409A8D9DC3",
    },
    "botao-de-chave-pix": {
        "kind": "interactive",
        "text": "Pix",
        "content": {
            "type": "pix",
            "id": "4PXRAHSIRDA",
            "title": "Pix",
            "currency": "BRL",
            "key": "pixkey",
            "keyType": "EVP",
        },
    },
    "botao-com-imagem": {
        "kind": "interactive",
        "text": "Texto da mensagem",
        "content": {"type": "buttons", "buttons": BUTTONS},
        "media": (Media("image", source={"url": "URL da imagem"}),),
    },
    "botao-com-video": {
        "kind": "interactive",
        "text": "Texto da mensagem",
        "content": {"type": "buttons", "buttons": BUTTONS},
        "media": (Media("video", source={"url": "URL do video"}),),
    },
    "template-de-texto": {
        "kind": "template",
        "text": "texto da mensagem",
        "content": {"id": "790118069824606", **TITLED},
    },
    "template-de-documento": {
        "kind": "template",
        "text": "texto da mensagem",
        "content": {"id": "811492407484976", **TITLED},
        "media": (Media("document", "application/pdf", source={"url": "https://example.pdf"}),),
    },
    "template-de-imagem": {
        "kind": "template",
        "text": "texto da mensagem",
        "content": {"id": "674504507982622", **TITLED},
        "media": (Media("image", "image/jpeg", source={"url": "https://example.jpeg"}),),
    },
    "template-de-video": {
        "kind": "template",
        "text": "texto da mensagem",
        "content": {"id": "938481574354947", **TITLED},
        "media": (Media("video", "video/mp4", source={"url": "https://example.mp4"}),),
    },
    "template-de-localizacao": {
        "kind": "template",
        "text": "texto da mensagem",
        "content": {
            "id": "1143940003434066",
            **TITLED,
            "location": {
                "latitude": -23.5489,
                "longitude": -46.6388,
                "name": "nome do lugar",
                "address": "nome do enderço",
            },
        },
    },
    "template-de-botao-otp": {
        "kind": "template",
        "text": "texto da mensagem",
        "content": {
            "buttons": [
                {
                    "urlButton": {
                        "displayText": "Copiar código",
                        "url": "https://www.whatsapp.com/otp/code/?otp_type=COPY_CODE&code=otp123",
                    },
                    "index": 0,
                }
            ]
        },
    },
}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_recorded_message_says_what_it_holds(name: str) -> None:
    fact = received(f"on-message-received__{name}")
    assert {member: getattr(fact, member) for member in PLAIN} == PLAIN | MESSAGES[name]
    assert not fact.placeholder


# Of the larger forms: the type, what a person reads, the id, the name.
FORMS = {
    "carrinho": ("order", "name", "422508169684569", "name"),
    "envio-de-pedido": ("order", None, "4N9AVI38VOB", None),
    "atualizacao-de-pedido": ("order_update", None, "4N9AVI38VOB", None),
    "produto": ("product", "name", "99999999999999999999", "name"),
    "pagamento-feito": ("payment_request", None, None, None),
    "recebimento-de-pagamento": ("payment", None, None, None),
    "evento": ("event", "Nome do evento", None, "Nome do evento"),
    "carrosel": ("carousel", "Texto da mensagem", None, None),
    "convite-admin-de-canal": (
        "newsletter_invite",
        "Quero convidar vocÃª para ser admin do meu canal no WhatsApp.",
        "120363166555745933@newsletter",
        "Teste",
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_recorded_form_is_interactive_and_keeps_what_is_in_it(name: str) -> None:
    fact = received(f"on-message-received__{name}")
    content = fact.content
    assert fact.kind == "interactive"
    assert (content["type"], fact.text, content.get("id"), content.get("title")) == FORMS[name]
    assert "token" not in content


def test_an_order_keeps_its_items() -> None:
    [item] = received("on-message-received__carrinho").content["items"]
    assert (item["name"], item["quantity"], item["price"]) == ("nameProduct", 1, 2000)


# ------------------------------------------------------------------------------------------- who, where and when


def test_a_customer_is_known_by_their_number_and_by_their_lid() -> None:
    fact = received("on-message-received__texto")
    assert fact.account == INSTANCE
    assert fact.provider_message_id == IN_GENERAL
    assert fact.person == Person((PHONE, LID), "name")
    assert (fact.origin, fact.group) == ("contact", None)
    assert fact.occurred_at == seconds(1632228638)


def test_a_number_in_place_of_a_name_is_no_name() -> None:
    fact = received("on-message-received__template-de-imagem")
    assert fact.account == INSTANCE_OF_TEMPLATES
    assert fact.person == Person((WITHOUT_NINTH, LID), None)
    assert fact.occurred_at == seconds(1708454725.028)


def test_a_group_message_has_its_group_and_its_author() -> None:
    fact = received("hand__group_text")
    assert fact.group == Group("120363405226577317-group", "Grupo Teste")
    assert (fact.person, fact.text) == (MARIA, "oi grupo")


@pytest.mark.parametrize("name", ["evento", "resposta-de-evento"])
def test_the_author_in_a_group_may_be_known_by_a_lid_alone(name: str) -> None:
    fact = received(f"on-message-received__{name}")
    assert fact.group == Group("120363019502650977-group", "name")
    assert fact.person == Person((LID,), "name")


@pytest.mark.parametrize("name", ["ptv", "carrosel", "aguardando-mensagem"])
def test_what_the_company_wrote_is_of_the_device_and_its_customer_has_no_name(name: str) -> None:
    fact = received(f"on-message-received__{name}")
    assert fact.origin == "device"
    assert fact.person is not None
    assert (len(fact.person.addresses), fact.person.name) == (1, None)


def test_a_message_that_cannot_be_read_yet_is_a_placeholder() -> None:
    fact = received("on-message-received__aguardando-mensagem")
    assert fact.placeholder
    assert (fact.kind, fact.text) == ("unsupported", None)
    assert fact.content == {"type": "waitingMessage", "viewOnce": True}


def test_a_missed_call_shows_in_the_conversation() -> None:
    fact = received("on-message-received__ligacao-perdida")
    assert (fact.kind, fact.provider_message_id) == ("system", "1679655074-103")
    assert fact.content == {"type": "missed_call", "video": False, "callId": "F44E0E2011E7C784BB9A4AC11749C436"}


# --------------------------------------------------------------------------------------------------- other facts

STATUSES: dict[str, ReceiptStatus] = {"sent": "sent", "received": "delivered", "read": "read", "played": "played"}
OTHERS: dict[str, Fact] = {
    "hand__notification_revoke": Deletion(INSTANCE, "A20DA9C0183A2D35A260F53F5D2B9240", seconds(1632228638)),
    "hand__text_edited": Edit(
        INSTANCE, "A20DA9C0183A2D35A260F53F5D2B9245", "1632228638000", "texto corrigido", seconds(1632228638)
    ),
    "hand__reaction_removed": Reaction(INSTANCE, "3EB0796DC6B777C0C7CD", MARIA, None, seconds(1651878681.150)),
    "on-message-received__reacao": Reaction(
        INSTANCE, "3EB0796DC6B777C0C7CD", Person((PHONE, LID), "name"), "❤️", seconds(1651878681.150)
    ),
    "hand__connected": AccountState(INSTANCE, "connected"),
    "on-whatsapp-disconnected__200": AccountState("instance.id", "disconnected", "Device has been disconnected"),
    "on-message-send__200": Receipt("instance.id", "A20DA9C0183A2D35A260F53F5D2B9244", "sent", None),
    "on-chat-presence__digitando-no-chat": TypingSeen("instance.id", Person((PHONE,)), on=True),
    "on-chat-presence__gravando-audio-no-chat": TypingSeen("instance.id", Person((PHONE,)), on=True),
    "on-chat-presence__parou-de-digitar-ou-apagou-o-que-estava-digitando": TypingSeen(
        "instance.id", Person((PHONE,)), on=False
    ),
    **{
        f"on-whatsapp-message-status-changes__200-{named}": Receipt(
            "instance.id", "999999999999999999999", status, seconds(1632234645)
        )
        for named, status in STATUSES.items()
    },
}
IGNORED = {
    "on-chat-presence__dentro-do-chat": "presence AVAILABLE",
    "on-chat-presence__fora-do-chat": "presence UNAVAILABLE",
    "on-whatsapp-message-status-changes__200-read_by_me": "status READ_BY_ME",
    **{
        f"on-message-received__{name}": reason
        for name, reason in {
            "admin-promovido-a-um-canal": "newsletter",
            "admin-removido-de-um-canal": "newsletter",
            "retorno-quando-a-mensagem-e-enviada-para-uma-lista-de-transmissao": "broadcast",
            "ligacao-recebida": "notification CALL_VOICE",
            "pedido-de-pagamento": "notification PAYMENT_ACTION_REQUEST_DECLINED",
            "fixar-mensagem": "a message was pinned or let go",
            **dict.fromkeys(
                (
                    "notificacao-acesso-ao-link-de-convite-a-todos-os-membros",
                    "notificacao-acesso-ao-link-de-convite-limitado-a-administradores",
                ),
                "notification GROUP_MEMBER_LINK_PROPERTY_UPDATE",
            ),
            **dict.fromkeys(
                (
                    "solicitacao-de-entrada-em-grupo-adicionado-por-um-participante",
                    "solicitacao-de-entrada-em-grupo-atraves-de-um-link-de-convite",
                ),
                "notification MEMBERSHIP_APPROVAL_REQUEST",
            ),
            "solicitacao-de-entrada-em-grupo-revogada-pelo-usuario": "notification REVOKED_MEMBERSHIP_REQUESTS",
            "alteracao-da-foto-do-whatsapp-conectado": "notification PROFILE_PICTURE_UPDATED",
            "alteracao-do-nome-do-whatsapp-conectado": "notification PROFILE_NAME_UPDATED",
            "alteracao-de-etiquetas-de-um-chat": "notification CHAT_LABEL_ASSOCIATION",
        }.items()
    },
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_recorded_event_is_its_fact(name: str) -> None:
    assert facts(name) == [OTHERS[name]]


@pytest.mark.parametrize("name", IGNORED)
def test_a_recorded_event_without_a_place_in_the_inbox_says_why(name: str) -> None:
    assert facts(name) == [Ignored(IGNORED[name])]


def test_every_sample_is_expected_somewhere() -> None:
    by_hand = {"hand__group_text", "on-message-received__aguardando-mensagem", "on-message-received__ligacao-perdida"}
    messages = {f"on-message-received__{name}" for name in (*MESSAGES, *FORMS)}
    assert {path.stem for path in SAMPLES.glob("*.json")} == messages | set(OTHERS) | set(IGNORED) | by_hand
