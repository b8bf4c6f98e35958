"""What WuzAPI is asked for each kind of message, and what its answers and silences mean."""

from __future__ import annotations

import base64
import json
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from parley.domain.errors import NotFound, ParleyError, Unavailable
from parley.domain.identity import Address
from parley.domain.outgoing import Accepted, Draft, NotSent, Outcome, Refused, Target, Uncertain, Upload
from parley.providers.base import Account
from parley.providers.wuzapi import WuzApi

REFERENCE = UUID("01920000-0000-7000-8000-00000000abcd")
OUR_ID = "019200000000700080000000" + "0000ABCD"
TO = Address("phone", "+5511999990026")
GROUP = Address("jid", "1203630@g.us")


def draft(kind: str, to: Address = TO, **fields: Any) -> Draft:
    return Draft(REFERENCE, to, kind, **fields)


@pytest.mark.parametrize(
    ("message", "path", "fields"),
    [
        (draft("text", text="olá"), "/chat/send/text", {"Body": "olá"}),
        (
            draft("location", content={"latitude": -23.5, "longitude": 0, "name": "Sé", "address": "SP"}),
            "/chat/send/location",
            {"Latitude": -23.5, "Longitude": 1e-7, "Name": "Sé, SP"},
        ),
        (
            draft("contacts", content={"contacts": [{"name": "Ana; B", "phones": ["+55 (11) 9"], "vcard": None}]}),
            "/chat/send/contact",
            {
                "Name": "Ana; B",
                "Vcard": "BEGIN:VCARD\nVERSION:3.0\nN:;Ana\\; B;;;\nFN:Ana\\; B\n"
                "TEL;type=CELL;waid=55119:+55119\nEND:VCARD",
            },
        ),
        (
            draft("contacts", content={"contacts": [{"name": "Ana", "phones": [], "vcard": "BEGIN:VCARD"}]}),
            "/chat/send/contact",
            {"Name": "Ana", "Vcard": "BEGIN:VCARD"},
        ),
        (
            draft(
                "interactive",
                content={
                    "type": "buttons",
                    "body": "Quer?",
                    "footer": "Loja",
                    "buttons": [{"id": "y", "title": "Sim"}],
                },
            ),
            "/chat/send/buttons",
            {"Title": "Quer?\n\nLoja", "Buttons": [{"ButtonId": "y", "ButtonText": "Sim"}]},
        ),
        (
            draft(
                "interactive",
                content={
                    "type": "list",
                    "body": "Qual?",
                    "button": "Ver",
                    "sections": [{"title": "A", "rows": [{"id": "1", "title": "Um", "description": "só"}]}],
                },
            ),
            "/chat/send/list",
            {
                "ButtonText": "Ver",
                "Desc": "Qual?",
                "TopText": "Ver",
                "Sections": [{"title": "A", "rows": [{"title": "Um", "desc": "só", "RowId": "1"}]}],
                "FooterText": "",
            },
        ),
    ],
)
def test_each_kind_without_a_file(
    wuzapi: WuzApi, exchange: Any, account: Account, message: Draft, path: str, fields: dict[str, Any]
) -> None:
    assert wuzapi.send(message, account) == Accepted("WUZ1")
    request = exchange.requests[-1]
    assert (request.method, request.url.path, request.headers["token"]) == ("POST", "/base" + path, "t0ken")
    assert request.headers["content-type"] == "application/json"
    assert exchange.body == {"Phone": "5511999990026", **fields, "Id": OUR_ID}


@pytest.mark.parametrize(
    ("kind", "mime_type", "more", "path", "fields", "uri"),
    [
        ("image", "image/jpeg", {"text": "c"}, "image", {"Caption": "c", "MimeType": "image/jpeg"}, "image/jpeg"),
        (
            "audio",
            "audio/ogg; codecs=opus",
            {},
            "audio",
            {"PTT": True, "MimeType": "audio/ogg; codecs=opus"},
            "audio/ogg",
        ),
        ("video", "video/mp4", {}, "video", {"MimeType": "video/mp4"}, "video/mp4"),
        (
            "document",
            "application/pdf",
            {"text": "c"},
            "document",
            {"Caption": "c", "FileName": "a.pdf", "MimeType": "application/pdf"},
            "application/octet-stream",
        ),
        ("sticker", "image/webp", {}, "sticker", {"MimeType": "image/webp"}, "image/webp"),
    ],
)
def test_each_kind_with_a_file_as_a_data_uri(
    wuzapi: WuzApi,
    exchange: Any,
    account: Account,
    upload: Callable[..., Upload],
    kind: str,
    mime_type: str,
    more: dict[str, Any],
    path: str,
    fields: dict[str, Any],
    uri: str,
) -> None:
    content = bytes(range(256)) + b"\x01"
    media = upload(content, mime_type, name="a.pdf", voice=kind == "audio")
    assert wuzapi.send(draft(kind, media=media, **more), account) == Accepted("WUZ1")
    request = exchange.requests[-1]
    assert request.url.path == f"/base/chat/send/{path}"
    assert int(request.headers["content-length"]) == len(request.content)
    assert "transfer-encoding" not in request.headers
    file = f"data:{uri};base64,{base64.b64encode(content).decode()}"
    expected = {"Phone": "5511999990026", **fields, "Id": OUR_ID, kind.capitalize(): file}
    assert exchange.body == expected


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 6, 7, 13, 14, 15])
def test_a_file_of_any_length_read_in_any_pieces_arrives_whole(
    wuzapi: WuzApi, exchange: Any, account: Account, upload: Callable[..., Upload], size: int
) -> None:
    for step in (1, 2, 3, 5, 64):
        content = b"x" * size
        wuzapi.send(draft("image", media=upload(content, "image/png", step=step)), account)
        assert base64.b64decode(exchange.body["Image"].partition(",")[2]) == content


def test_a_large_file_is_never_held_whole(account: Account) -> None:
    piece = b"v" * 1_000_000

    @contextmanager
    def read() -> Iterator[Iterator[bytes]]:
        yield (piece for _ in range(32))

    def count(request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.SyncByteStream)
        taken = sum(len(chunk) for chunk in request.stream)
        assert taken == int(request.headers["content-length"])
        return httpx.Response(200, stream=httpx.ByteStream(b'{"data": {"Id": "1"}, "success": true}'))

    class Streaming(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            return count(request)

    media = Upload("video/mp4", 32_000_000, None, False, "", read)
    with httpx.Client(transport=Streaming()) as http:
        wuzapi = WuzApi(http)
        tracemalloc.start()
        assert wuzapi.send(draft("video", media=media), account) == Accepted("1")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 8_000_000


@pytest.mark.parametrize(
    ("error", "kind"), [(Unavailable("the bucket is away"), NotSent), (NotFound("it was deleted"), Refused)]
)
def test_a_file_that_cannot_be_read_was_not_sent(account: Account, error: ParleyError, kind: type) -> None:
    @contextmanager
    def read() -> Iterator[Iterator[bytes]]:
        def chunks() -> Iterator[bytes]:
            yield b"begins"
            raise error

        yield chunks()

    def handle(request: httpx.Request) -> httpx.Response:
        request.read()
        return httpx.Response(500)

    with httpx.Client(transport=httpx.MockTransport(handle)) as http:
        sent = WuzApi(http).send(draft("video", media=Upload("video/mp4", 99, None, False, "", read)), account)
    assert isinstance(sent, kind)


@pytest.mark.parametrize(
    ("to", "target", "participant"),
    [
        (TO, Target("3EB0", ours=False), "5511999990026@s.whatsapp.net"),
        (Address("lid", "7@lid"), Target("3EB0", ours=False), "7@lid"),
        (GROUP, Target("3EB0", ours=False, author=Address("phone", "551177")), "551177@s.whatsapp.net"),
        (TO, Target("3EB0", ours=True), "5511888880000@s.whatsapp.net"),
    ],
)
def test_an_answer_names_the_quoted_message_and_its_author(
    wuzapi: WuzApi, exchange: Any, account: Account, to: Address, target: Target, participant: str
) -> None:
    status = {"code": 200, "data": {"connected": True, "jid": "5511888880000:7@s.whatsapp.net"}, "success": True}
    exchange.answers["/base/session/status"] = httpx.Response(200, json=status)
    for _ in range(2):
        wuzapi.send(draft("text", to=to, text="sim", reply_to=target), account)
        assert exchange.body["ContextInfo"] == {"StanzaId": "3EB0", "Participant": participant}
    asked = [request.url.path for request in exchange.requests].count("/base/session/status")
    assert asked == (1 if target.ours else 0)  # our own address is asked for once


def test_where_our_own_address_is_not_to_be_had_the_answer_still_goes(
    wuzapi: WuzApi, exchange: Any, account: Account
) -> None:
    exchange.answers["/base/session/status"] = httpx.ConnectError("away")
    assert wuzapi.send(draft("text", text="sim", reply_to=Target("3EB0", ours=True)), account) == Accepted("WUZ1")
    assert exchange.body["ContextInfo"]["Participant"] == "5511999990026@s.whatsapp.net"


@pytest.mark.parametrize(
    ("to", "phone"),
    [
        (Address("phone", "5511999990026"), "5511999990026"),
        (Address("lid", "7@lid"), "7@lid"),
        (GROUP, "1203630@g.us"),
    ],
)
def test_a_recipient_is_written_as_wuzapi_parses_it(
    wuzapi: WuzApi, exchange: Any, account: Account, to: Address, phone: str
) -> None:
    wuzapi.send(draft("text", to=to, text="x"), account)
    assert exchange.body["Phone"] == phone


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (draft("text", to=Address("bsuid", "BR.1"), text="x"), "recipient_unreachable"),
        (draft("template"), "unsupported_capability"),
        (draft("image"), "media_failed"),
        (draft("contacts", content={"contacts": [{"name": "A"}, {"name": "B"}]}), "unsupported_capability"),
        (draft("interactive", content={"type": "flow"}), "unsupported_capability"),
    ],
)
def test_what_wuzapi_cannot_send_is_refused_without_asking_it(
    wuzapi: WuzApi, exchange: Any, account: Account, message: Draft, code: str
) -> None:
    refused = wuzapi.send(message, account)
    assert isinstance(refused, Refused)
    assert (refused.code, exchange.requests) == (code, [])


@pytest.mark.parametrize(
    ("account", "code"),
    [
        (Account("a", {"token": "t"}), "not_configured"),
        (Account("a", {}, {"baseUrl": "http://w"}), "credential_expired"),
        (Account("a", {"token": "a\r\nb"}, {"baseUrl": "http://w"}), "credential_expired"),
    ],
)
def test_an_account_that_is_not_set_up_waits(wuzapi: WuzApi, account: Account, code: str) -> None:
    refused = wuzapi.send(draft("text", text="x"), account)
    assert isinstance(refused, Refused)
    assert (refused.code, refused.account_lost) == (code, True)


ERRORS = [
    (401, "unauthorized", "lost", "credential_expired"),
    (402, "subscription expired", "lost", "payment_required"),
    (403, "", "lost", "permission_denied"),
    (404, "404 page not found", "refused", "unsupported_capability"),
    (405, "", "refused", "unsupported_capability"),
    (413, "", "refused", "media_failed"),
    (429, "", "again", "rate_limited"),
    (301, "", "lost", "not_configured"),
    (400, "could not parse Phone", "refused", "recipient_unreachable"),
    (400, "could not decode base64 encoded data from payload", "refused", "media_failed"),
    (400, 'audio data should start with "data:audio/"', "refused", "media_failed"),
    (400, "missing Body in Payload", "refused", "provider_rejected"),
    (500, "no session", "lost", "account_disconnected"),
    (500, "error sending message: the store doesn't contain a device JID", "lost", "account_disconnected"),
    (500, "error sending message: websocket not connected", "again", "provider_unavailable"),
    (500, "failed to upload file: EOF", "again", "provider_unavailable"),
    (500, "error sending message: failed to get device list: info query timed out", "again", "provider_unavailable"),
    (500, "error sending message: server returned error 429", "again", "rate_limited"),
    (500, "error sending message: server returned error 463", "refused", "provider_rejected"),
    (500, "error sending message: you're not participating in that group", "refused", "recipient_unreachable"),
    (500, "error sending message: no LID found for 55@s.whatsapp.net from server", "refused", "recipient_unreachable"),
    (500, "could not decode image for thumbnail preparation: image: unknown format", "refused", "media_failed"),
    (500, "error sending message: timed out waiting for message send response", "uncertain", ""),
    (500, "", "uncertain", ""),
    (502, "Bad Gateway", "uncertain", ""),
    (503, "", "uncertain", ""),
]


def summary(outcome: Outcome) -> tuple[str, str]:
    match outcome:
        case Refused(code=code, account_lost=lost):
            return ("lost" if lost else "refused"), code
        case NotSent(reason=reason):
            return "again", reason
        case Uncertain():
            return "uncertain", ""
    return "accepted", ""


@pytest.mark.parametrize(("status", "text", "deed", "code"), ERRORS)
def test_each_row_of_the_error_table(
    wuzapi: WuzApi, exchange: Any, account: Account, status: int, text: str, deed: str, code: str
) -> None:
    exchange.otherwise = httpx.Response(status, json={"code": status, "error": text, "success": False})
    outcome = wuzapi.send(draft("text", text="x"), account)
    assert summary(outcome) == (deed, code)
    if isinstance(outcome, Refused | NotSent):
        assert outcome.provider == {"code": status, "message": text}


def test_an_error_under_a_200_is_an_error(wuzapi: WuzApi, exchange: Any, account: Account) -> None:
    exchange.otherwise = httpx.Response(200, json={"code": 500, "error": "no session", "success": False})
    assert summary(wuzapi.send(draft("text", text="x"), account)) == ("lost", "account_disconnected")


@pytest.mark.parametrize(("header", "wait"), [("7", 7), ("", 30), ("later", 30)])
def test_throttling_waits_as_long_as_it_says(
    wuzapi: WuzApi, exchange: Any, account: Account, header: str, wait: int
) -> None:
    exchange.otherwise = httpx.Response(429, headers={"retry-after": header})
    outcome = wuzapi.send(draft("text", text="x"), account)
    assert isinstance(outcome, NotSent)
    assert outcome.retry_after == timedelta(seconds=wait)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (httpx.Response(200, json={"success": True}), Accepted(OUR_ID)),
        (httpx.Response(200, json={"data": {"Id": "x" * 600}, "success": True}), Accepted(OUR_ID)),
    ],
)
def test_a_success_without_a_usable_id_is_under_ours(
    wuzapi: WuzApi, exchange: Any, account: Account, answer: httpx.Response, outcome: Outcome
) -> None:
    exchange.otherwise = answer
    assert wuzapi.send(draft("text", text="x"), account) == outcome


@pytest.mark.parametrize("body", [b"<html>", b'{"code":2', b"{}", b"[]"])
def test_a_success_that_breaks_off_or_is_anothers_says_nothing(
    wuzapi: WuzApi, exchange: Any, account: Account, body: bytes
) -> None:
    exchange.otherwise = httpx.Response(200, content=body)
    assert summary(wuzapi.send(draft("text", text="x"), account))[0] == "uncertain"


@pytest.mark.parametrize(
    ("fault", "deed"),
    [
        (httpx.ConnectError("refused"), "again"),
        (httpx.ConnectTimeout("slow"), "again"),
        (httpx.ReadTimeout("silent"), "uncertain"),
        (httpx.WriteError("cut"), "uncertain"),
        (httpx.RemoteProtocolError("reset"), "uncertain"),
    ],
)
def test_each_fault_of_the_network(
    wuzapi: WuzApi, exchange: Any, account: Account, fault: Exception, deed: str
) -> None:
    exchange.otherwise = fault
    assert summary(wuzapi.send(draft("text", text="x"), account))[0] == deed


def test_a_repeated_send_carries_the_same_id(wuzapi: WuzApi, exchange: Any, account: Account) -> None:
    exchange.otherwise = httpx.ReadTimeout("silent")
    wuzapi.send(draft("text", text="x"), account)
    wuzapi.send(draft("text", text="x"), account)
    first, second = (json.loads(request.content)["Id"] for request in exchange.requests)
    assert first == second == OUR_ID
    assert WuzApi.capabilities.idempotent_send
