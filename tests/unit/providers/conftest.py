"""What the contract is tried with: one account that has every credential, and a gateway that answers anything."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from parley.domain.identity import Address
from parley.domain.outgoing import Draft, Target, Upload
from parley.providers.base import Account, Provider
from parley.providers.registry import build

SAMPLES = Path(__file__).parents[2] / "samples"
BASE = "https://gateway.example"
ACCOUNT = Account(
    "123456789",
    {
        name: f"{name}-0123456789abcdef0123456789abcdef"
        for name in (
            *("access_token", "app_secret", "verify_token", "api_key", "jwt_key", "instance_token", "client_token"),
            *("z_api_token", "token", "hmac_key", "bot_token", "secret_token"),
        )
    },
    {"baseUrl": BASE},
)
REFERENCE = UUID("01920000-0000-7000-8000-000000000001")
CUSTOMER = Address("phone", "5511987654321")
GROUP = Address("jid", "120363041234567890@g.us")
THEIRS = Target("3EB0THEIRS", ours=False)
OURS = Target("3EB0OURS", ours=True)


@dataclass(frozen=True)
class Names:
    """What a gateway calls a customer, a group and messages."""

    customer: Address
    group: Address
    theirs: Target
    ours: Target

    def of(self, draft: Draft) -> Draft:
        """A draft of DRAFTS or INTERACTIVES in this gateway's names."""
        reply_to = {THEIRS: self.theirs, OURS: self.ours}.get(draft.reply_to) if draft.reply_to else None
        to = {CUSTOMER: self.customer, GROUP: self.group}.get(draft.to, draft.to)
        return replace(draft, to=to, reply_to=reply_to or draft.reply_to)


WHATSAPP = Names(CUSTOMER, GROUP, THEIRS, OURS)
# Gateways of WhatsApp share their names; any other has its own.
NAMES = {
    "telegram": Names(
        Address("jid", "5126845012@telegram"),
        Address("jid", "-1001987654321@telegram"),
        Target("5126845012:41", ours=False),
        Target("5126845012:42", ours=True),
    )
}


def names(name: str) -> Names:
    return NAMES.get(name, WHATSAPP)


# The success of every gateway at once: each finds its own id in it.
SUCCESS: dict[str, Any] = {
    "messages": [{"id": "id-1"}],
    "id": "id-1",
    "messageId": "id-1",
    "zaapId": "zaap-1",
    "key": {"id": "id-1", "remoteJid": "5511987654321@s.whatsapp.net", "fromMe": True},
    "status": "PENDING",
    "code": 200,
    "success": True,
    "data": {"Details": "Sent", "Id": "id-1", "Timestamp": 1_700_000_000},
    "ok": True,
    "result": {"message_id": 43, "chat": {"id": 5126845012, "type": "private"}},
}

Answer = Callable[[httpx.Request], httpx.Response]


def gave(status: int, body: object, headers: dict[str, str] | None = None) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda _: httpx.Response(status, stream=httpx.ByteStream(content), headers=headers)


def broke(error: type[httpx.HTTPError]) -> Answer:
    def answer(request: httpx.Request) -> httpx.Response:
        # What a network does while a request is on its way happens after the request was read.
        request.read()
        raise error("broke")

    return answer


@contextmanager
def against(name: str, answer: Answer) -> Iterator[tuple[Provider, list[httpx.Request]]]:
    """A gateway's adapter over a network that answers so, and the requests that leave."""
    left: list[httpx.Request] = []

    def note(request: httpx.Request) -> httpx.Response:
        request.read()
        left.append(request)
        return answer(request)

    with httpx.Client(transport=httpx.MockTransport(note)) as http:
        yield build(http, meta_api_url=BASE, meta_api_version="v26.0", fast_clock=100)[name], left


def upload(mime_type: str, name: str, *, voice: bool = False) -> Upload:
    @contextmanager
    def read() -> Iterator[Iterator[bytes]]:
        yield iter([b"by", b"tes"])

    return Upload(mime_type, 5, name, voice, "https://bucket.example/signed", read)


DRAFTS: dict[str, Draft] = {
    draft.kind: draft
    for draft in (
        Draft(REFERENCE, CUSTOMER, "text", "Olá"),
        Draft(REFERENCE, CUSTOMER, "image", "caption", media=upload("image/png", "a.png")),
        Draft(REFERENCE, CUSTOMER, "audio", media=upload("audio/ogg", "a.ogg", voice=True)),
        Draft(REFERENCE, CUSTOMER, "video", "caption", media=upload("video/mp4", "a.mp4")),
        Draft(REFERENCE, CUSTOMER, "document", "caption", media=upload("application/pdf", "a.pdf")),
        Draft(REFERENCE, CUSTOMER, "sticker", media=upload("image/webp", "a.webp")),
        Draft(REFERENCE, CUSTOMER, "location", content={"latitude": -23.5, "longitude": -46.6, "name": "Sé"}),
        Draft(REFERENCE, CUSTOMER, "contacts", content={"contacts": [{"name": "Ana", "phones": ["+5511955554444"]}]}),
        Draft(REFERENCE, CUSTOMER, "template", content={"name": "hello_world", "language": "en_US"}),
    )
}
INTERACTIVES: dict[str, Draft] = {
    "buttons": Draft(
        REFERENCE,
        CUSTOMER,
        "interactive",
        content={"type": "buttons", "body": "Which?", "buttons": [{"id": "a", "title": "A"}]},
    ),
    "list": Draft(
        REFERENCE,
        CUSTOMER,
        "interactive",
        content={
            "type": "list",
            "body": "Which?",
            "button": "Open",
            "sections": [{"title": "All", "rows": [{"id": "a", "title": "A", "description": "first"}]}],
        },
    ),
}


def samples(name: str) -> list[Path]:
    return sorted((SAMPLES / name).glob("*.json"))
