"""What a gateway tells of the company's own number, beside what was sent from here."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from parley.domain.echoes import is_echo
from parley.domain.incoming import MessageReceived
from parley.providers.registry import build

BUTTONS = {
    "type": "buttons",
    "header": "Order 7",
    "body": "Shall we *send* it?",
    "footer": "Acme",
    "buttons": [{"id": "y", "title": "Yes"}],
}
LIST = {
    "type": "list",
    "body": "Which one?",
    "footer": "Acme",
    "button": "Open",
    "sections": [{"rows": [{"id": "a", "title": "A"}]}],
}
JID = "5511987654321@s.whatsapp.net"


def evolution(message: dict[str, Any]) -> dict[str, Any]:
    key = {"remoteJid": JID, "fromMe": True, "id": "3EB0AA"}
    data = {"key": key, "message": message, "messageTimestamp": 1_700_000_000, "status": "PENDING"}
    return {"event": "send.message", "instance": "line", "data": data}


def zapi(member: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "ReceivedCallback",
        "instanceId": "I",
        "messageId": "3EB0AA",
        "phone": "5511987654321",
        "fromMe": True,
        "fromApi": True,
        "momment": 1_700_000_000_000,
        **member,
    }


ECHOES = [
    ("zapi", zapi({"buttonsMessage": {"message": "Order 7\n\nShall we *send* it?\n\nAcme", "buttons": []}}), BUTTONS),
    ("zapi", zapi({"text": {"message": "Order 7\n\nShall we *send* it?\n\nAcme"}}), BUTTONS),
    ("zapi", zapi({"listMessage": {"message": "Which one?\n\nAcme", "title": "Open"}}), LIST),
    (
        "evolution",
        evolution(
            {
                "viewOnceMessage": {
                    "message": {
                        "interactiveMessage": {
                            "body": {"text": "*Order 7*\n\nShall we *send* it?\n"},
                            "footer": {"text": "Acme"},
                        }
                    }
                }
            }
        ),
        BUTTONS,
    ),
    ("evolution", evolution({"listMessage": {"title": "Which one?", "footerText": "Acme", "sections": []}}), LIST),
]


@pytest.mark.parametrize(("name", "body", "sent"), ECHOES)
def test_buttons_and_lists_are_known_again_however_their_gateway_tells_them(
    name: str, body: dict[str, Any], sent: dict[str, Any]
) -> None:
    with httpx.Client() as http:
        provider = build(http, meta_api_url="https://graph.example", meta_api_version="v26.0")[name]
        (fact,) = provider.normalise(json.dumps(body).encode(), {"content-type": "application/json"})
    assert isinstance(fact, MessageReceived)
    assert fact.origin == "device"
    assert is_echo(fact.kind, fact.text, "interactive", sent["body"], sent)
    other = {**sent, "body": "Something else?"}
    assert not is_echo(fact.kind, fact.text, "interactive", other["body"], other)


@pytest.mark.parametrize(
    ("told", "sent", "same"),
    [
        (("text", "Hello"), ("text", "Hello"), True),
        (("text", "Hello \r\nthere "), ("text", "Hello\nthere"), True),
        (("text", "Hello!"), ("text", "Hello?"), False),
        (("text", "Hello"), ("image", "Hello"), False),
        (("image", "a cat"), ("image", "a cat"), True),
        (("image", None), ("image", None), True),
        (("image", None), ("image", "a cat"), False),
        (("image", ""), ("image", None), True),
        (("audio", None), ("audio", None), True),
        (("template", "Your order 7 is ready"), ("template", None), True),
        (("text", "Your order 7 is ready"), ("template", None), False),
    ],
)
def test_other_kinds_are_known_by_their_kind_and_their_words(
    told: tuple[str, str | None], sent: tuple[str, str | None], same: bool
) -> None:
    assert is_echo(*told, *sent, {}) is same


def test_buttons_of_nothing_but_pictures_are_compared_as_they_are() -> None:
    sent = {"type": "buttons", "body": "👍"}
    assert is_echo("interactive", "👍\n", "interactive", "👍", sent)
    assert not is_echo("interactive", "👎", "interactive", "👍", sent)
