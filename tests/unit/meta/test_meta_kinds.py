"""Every kind a company sends through Meta, and every deed: the very request that leaves."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx
import pytest

from parley.domain.errors import Unavailable
from parley.domain.identity import Address
from parley.domain.outgoing import Accepted, Draft, NotSent, Refused, Target, Uncertain, Upload
from parley.providers.base import Account
from parley.providers.meta import Meta
from tests.unit.meta.conftest import ACCEPTED, ACCOUNT, API, Graph, upload

REFERENCE = UUID("01920000-0000-7000-8000-000000000001")
TO = Address("phone", "+55 31 8765-4321")
MESSAGES = f"{API}/1122334455667/messages"
MEDIA = f"{API}/1122334455667/media"
BUTTONS: dict[str, Any] = {
    "type": "buttons",
    "body": "Which?",
    "buttons": [{"id": "a", "title": "A"}, {"id": "b", "title": "B"}],
}
ROWS = [{"id": "a", "title": "A", "description": "first"}, {"id": "b", "title": "B"}]
LIST: dict[str, Any] = {
    "type": "list",
    "body": "Which?",
    "button": "Open",
    "sections": [{"title": "All", "rows": ROWS}],
}


def draft(kind: str, text: str | None = None, media: Upload | None = None, **content: Any) -> Draft:
    return Draft(REFERENCE, TO, kind, text, content, media=media)


@pytest.mark.parametrize(
    ("sent", "part"),
    [
        (draft("text", "Olá"), {"body": "Olá"}),
        (draft("location", latitude=-23.5, longitude=-46.6), {"latitude": -23.5, "longitude": -46.6}),
        (
            draft("location", latitude=1, longitude=2, name="Sé", address="Praça"),
            {"latitude": 1, "longitude": 2, "name": "Sé", "address": "Praça"},
        ),
        (
            draft("contacts", contacts=[{"name": "Ana Dias", "phones": ["+55 11 98765-4321"]}]),
            [
                {
                    "name": {"formatted_name": "Ana Dias", "first_name": "Ana"},
                    "phones": [{"phone": "+5511987654321", "type": "CELL", "wa_id": "5511987654321"}],
                }
            ],
        ),
        (draft("template", name="hello", language="pt_BR"), {"name": "hello", "language": {"code": "pt_BR"}}),
        (
            draft("template", name="hello", language="pt_BR", components=[{"type": "body", "parameters": []}]),
            {"name": "hello", "language": {"code": "pt_BR"}, "components": [{"type": "body", "parameters": []}]},
        ),
        (
            draft("interactive", header="Shop", footer="Bye", **BUTTONS),
            {
                "type": "button",
                "header": {"type": "text", "text": "Shop"},
                "body": {"text": "Which?"},
                "footer": {"text": "Bye"},
                "action": {
                    "buttons": [
                        {"type": "reply", "reply": {"id": "a", "title": "A"}},
                        {"type": "reply", "reply": {"id": "b", "title": "B"}},
                    ]
                },
            },
        ),
        (
            draft("interactive", **LIST),
            {
                "type": "list",
                "body": {"text": "Which?"},
                "action": {"button": "Open", "sections": [{"title": "All", "rows": ROWS}]},
            },
        ),
    ],
)
def test_a_kind_without_a_file_is_one_request(graph: Graph, meta: Meta, sent: Draft, part: object) -> None:
    graph.will(200, ACCEPTED)
    assert meta.send(sent, ACCOUNT) == Accepted("wamid.out", Address("phone", "5531"))
    assert graph.asked() == [("POST", MESSAGES)]
    assert graph.sent() == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "553187654321",
        "type": sent.kind,
        sent.kind: part,
        "biz_opaque_callback_data": str(REFERENCE),
    }


@pytest.mark.parametrize(
    ("sent", "part"),
    [
        (draft("image", media=upload()), {"id": "77"}),
        (draft("image", "caption", upload()), {"id": "77", "caption": "caption"}),
        (draft("video", "caption", upload(mime_type="video/mp4")), {"id": "77", "caption": "caption"}),
        (draft("audio", media=upload(mime_type="audio/mpeg")), {"id": "77"}),
        (draft("audio", media=upload(mime_type="audio/ogg; codecs=opus", voice=True)), {"id": "77", "voice": True}),
        (
            draft("document", "caption", upload(mime_type="application/pdf", name="a.pdf")),
            {"id": "77", "caption": "caption", "filename": "a.pdf"},
        ),
        (draft("sticker", media=upload(mime_type="image/webp")), {"id": "77"}),
    ],
)
def test_a_file_is_uploaded_and_then_sent_by_its_id(graph: Graph, meta: Meta, sent: Draft, part: object) -> None:
    graph.will(200, {"id": "77"})
    graph.will(200, ACCEPTED)
    assert isinstance(meta.send(sent, ACCOUNT), Accepted)
    assert graph.asked() == [("POST", MEDIA), ("POST", MESSAGES)]
    assert (graph.sent()["type"], graph.sent()[sent.kind]) == (sent.kind, part)


def test_an_upload_streams_the_file_in_a_form_of_known_length(graph: Graph, meta: Meta) -> None:
    graph.will(200, {"id": "77"})
    graph.will(200, ACCEPTED)
    file = upload(b"\x00binary\r\n--", name='a"\r\nx.png')
    meta.send(draft("image", media=file), ACCOUNT)
    form = graph.requests[0]
    boundary = form.headers["content-type"].removeprefix("multipart/form-data; boundary=")
    assert form.headers["authorization"] == "Bearer token-1"
    assert int(form.headers["content-length"]) == len(form.content)
    assert "transfer-encoding" not in form.headers
    product, kind, sent_file = form.content.split(b"--" + boundary.encode() + b"\r\n")[1:]
    assert product == b'content-disposition: form-data; name="messaging_product"\r\n\r\nwhatsapp\r\n'
    assert kind == b'content-disposition: form-data; name="type"\r\n\r\nimage/png\r\n'
    head, _, content = sent_file.partition(b"\r\n\r\n")
    assert head.splitlines() == [
        b'content-disposition: form-data; name="file"; filename="ax.png"',
        b"content-type: image/png",
    ]
    assert content == b"\x00binary\r\n--\r\n--" + boundary.encode() + b"--\r\n"


@pytest.mark.parametrize(
    "failure", [httpx.ConnectError("no"), httpx.ReadTimeout("no"), httpx.RemoteProtocolError("no"), 500, 503, 429]
)
def test_an_upload_that_fails_in_passing_was_never_a_message(
    graph: Graph, meta: Meta, failure: Exception | int
) -> None:
    if isinstance(failure, int):
        graph.will(failure, {})
    else:
        graph.will_fail(failure)
    assert isinstance(meta.send(draft("image", media=upload()), ACCOUNT), NotSent)
    assert graph.asked() == [("POST", MEDIA)]


def test_a_file_meta_does_not_take_is_refused_and_one_that_cannot_be_read_waits(graph: Graph, meta: Meta) -> None:
    graph.will(400, {"error": {"code": 131053}})
    refused = meta.send(draft("image", media=upload()), ACCOUNT)
    assert isinstance(refused, Refused)
    assert refused.code == "media_failed"

    def unreadable() -> Any:
        raise Unavailable("The bucket does not answer.")

    waiting = meta.send(draft("image", media=Upload("image/png", 5, None, False, "https://x", unreadable)), ACCOUNT)
    assert isinstance(waiting, NotSent)


def test_an_upload_without_an_id_is_tried_again(graph: Graph, meta: Meta) -> None:
    graph.will(200, {})
    assert isinstance(meta.send(draft("image", media=upload()), ACCOUNT), NotSent)


@pytest.mark.parametrize(
    "sent",
    [
        draft("audio", "caption", upload(mime_type="audio/mpeg")),
        draft("sticker", "caption", upload(mime_type="image/webp")),
        draft("document"),
        draft("location", latitude="1", longitude=2),
        draft("location"),
        draft("contacts"),
        draft("contacts", contacts=[{"phones": []}]),
        draft("template", name="x"),
        draft("interactive", type="poll"),
        draft("interactive", type="buttons", body="?", buttons=[]),
        draft("interactive", type="buttons", body="?", buttons=[{"id": str(n), "title": "x"} for n in range(4)]),
        draft("interactive", type="list", body="?", button="Open", sections=[{"rows": [{"id": "a"}] * 11}]),
        draft("interactive", **(LIST | {"body": None})),
        draft("reaction", "x"),
    ],
)
def test_what_meta_cannot_send_is_refused_before_anything_leaves(graph: Graph, meta: Meta, sent: Draft) -> None:
    assert isinstance(meta.send(sent, ACCOUNT), Refused)
    assert graph.requests == []


def test_a_group_is_written_to_by_its_id(graph: Graph, meta: Meta) -> None:
    graph.will(200, {"messages": [{"id": "wamid.g"}]})
    assert meta.send(Draft(REFERENCE, Address("jid", "Y2FwaV9ncm91"), "text", "Oi"), ACCOUNT) == Accepted("wamid.g")
    assert (graph.sent()["recipient_type"], graph.sent()["to"]) == ("group", "Y2FwaV9ncm91")


@pytest.mark.parametrize(("emoji", "written"), [("👍", "👍"), (None, "")])
def test_a_reaction_is_set_and_taken_back(graph: Graph, meta: Meta, emoji: str | None, written: str) -> None:
    graph.will(200, ACCEPTED)
    assert isinstance(meta.react(Target("wamid.in", ours=False), TO, emoji, ACCOUNT), Accepted)
    assert (graph.sent()["type"], graph.sent()["reaction"]) == (
        "reaction",
        {"message_id": "wamid.in", "emoji": written},
    )
    assert "context" not in graph.sent()


def test_reading_marks_the_customers_newest_message(graph: Graph, meta: Meta) -> None:
    graph.will(200, {"success": True})
    targets = [Target("wamid.1", ours=False), Target("wamid.2", ours=False), Target("wamid.3", ours=True)]
    assert meta.mark_read(targets, TO, ACCOUNT) == Accepted("")
    assert graph.sent() == {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.2"}
    assert meta.mark_read([], TO, ACCOUNT) == Accepted("")
    assert len(graph.requests) == 1


def test_typing_is_shown_under_the_customers_newest_message_and_ends_by_itself(graph: Graph, meta: Meta) -> None:
    latest = Target("wamid.2", ours=False)
    graph.will(200, {"success": True})
    assert meta.show_typing(TO, True, latest, ACCOUNT) == Accepted("")
    assert graph.sent()["typing_indicator"] == {"type": "text"}
    assert meta.show_typing(TO, False, latest, ACCOUNT) == Accepted("")
    assert isinstance(meta.show_typing(TO, True, None, ACCOUNT), Refused)
    assert len(graph.requests) == 1


def test_a_message_that_was_sent_cannot_be_changed_or_taken_back(graph: Graph, meta: Meta) -> None:
    target = Target("wamid.out", ours=True)
    for outcome in (meta.edit(target, TO, "new", ACCOUNT), meta.delete(target, TO, ACCOUNT)):
        assert isinstance(outcome, Refused)
        assert outcome.code == "unsupported_capability"
    assert graph.requests == []


@pytest.mark.parametrize(
    ("status", "body", "ok", "unreachable", "words"),
    [
        (200, {"display_phone_number": "+55 11 90000-0001", "status": "CONNECTED"}, True, False, "+55 11 90000-0001"),
        (200, {"display_phone_number": "+55 11 90000-0001"}, True, False, "Connected"),
        (200, {"status": "BANNED"}, False, False, "banned"),
        (401, {"error": {"code": 190}}, False, False, "access token"),
        (400, {"error": {"code": 100, "error_subcode": 33}}, False, False, "WhatsApp"),
        (503, {}, False, True, "503"),
        (429, {}, False, True, "throttled"),
    ],
)
def test_a_checkup_says_whether_the_number_works(
    graph: Graph, meta: Meta, status: int, body: object, ok: bool, unreachable: bool, words: str
) -> None:
    graph.will(status, body)
    checkup = meta.check(ACCOUNT)
    assert (checkup.ok, checkup.unreachable) == (ok, unreachable)
    assert words in checkup.reason
    assert graph.asked()[0][1].startswith(f"{API}/1122334455667?fields=display_phone_number,")


def test_a_checkup_that_nobody_answers_says_nothing_of_the_number(graph: Graph, meta: Meta) -> None:
    graph.will_fail(httpx.ConnectError("no"))
    assert meta.check(ACCOUNT).unreachable
    assert not meta.check(Account("1", {})).ok


def test_a_number_gets_a_callback_address_of_its_own(graph: Graph, meta: Meta) -> None:
    graph.will(200, {"success": True})
    assert meta.set_up_webhook("https://parley.example/w", ACCOUNT) == Accepted("")
    assert graph.asked() == [("POST", f"{API}/1122334455667")]
    assert graph.sent() == {
        "webhook_configuration": {"override_callback_uri": "https://parley.example/w", "verify_token": "v-1"}
    }
    graph.will_fail(httpx.ReadTimeout("no"))
    assert isinstance(meta.set_up_webhook("https://parley.example/w", ACCOUNT), Uncertain)


def test_without_a_verify_token_the_address_is_entered_by_hand(graph: Graph, meta: Meta) -> None:
    outcome = meta.set_up_webhook("https://parley.example/w", Account("1", {"access_token": "t"}))
    assert isinstance(outcome, Refused)
    assert outcome.code == "unsupported_capability"
    assert graph.requests == []
