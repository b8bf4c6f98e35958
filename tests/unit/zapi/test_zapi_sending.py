"""Every kind a company sends through Z-API, every deed, and what became of each: the very request, the very outcome."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from parley.domain.identity import Address
from parley.domain.outgoing import Accepted, Draft, NotSent, Outcome, Refused, Target, Uncertain
from parley.providers.base import Account, Checkup
from parley.providers.zapi import ZApi
from tests.unit.zapi.conftest import ACCOUNT, BASE, QUEUED, Api, upload

TO = Address("phone", "+55 31 8765-4321")
PHONE = "553187654321"
URL = "https://files.example/signed?x=1"
TARGET, OURS = Target("3EB0T", ours=False), Target("3EB0O", ours=True)
BUTTONS = {"type": "buttons", "body": "Qual?", "buttons": [{"id": "a", "title": "A"}, {"id": "b", "title": "B"}]}
ROWS = [{"id": "a", "title": "A", "description": "first"}, {"id": "b", "title": "B"}]
LIST = {"type": "list", "body": "Qual?", "button": "Abrir", "sections": [{"title": "Todos", "rows": ROWS}]}


def draft(kind: str, text: str | None = None, *, to: Address = TO, **members: Any) -> Draft:
    return Draft(UUID(int=1), to, kind, text, **members)


SENDS: list[tuple[Draft, str, dict[str, Any]]] = [
    (draft("text", "Olá"), "send-text", {"message": "Olá"}),
    (draft("image", "olha", media=upload("image/jpeg")), "send-image", {"image": URL, "caption": "olha"}),
    (draft("image", media=upload("image/jpeg")), "send-image", {"image": URL}),
    (draft("video", "olha", media=upload("video/mp4")), "send-video", {"video": URL, "caption": "olha"}),
    (draft("audio", media=upload("audio/mpeg")), "send-audio", {"audio": URL}),
    (draft("audio", media=upload("audio/ogg", voice=True)), "send-audio", {"audio": URL, "waveform": True}),
    (draft("sticker", media=upload("image/webp")), "send-sticker", {"sticker": URL}),
    (
        draft("document", "leia", media=upload("application/pdf", "Nota.Fiscal.PDF")),
        "send-document/pdf",
        {"document": URL, "fileName": "Nota.Fiscal.PDF", "caption": "leia"},
    ),
    (draft("document", media=upload("application/pdf; x=1")), "send-document/pdf", {"document": URL}),
    (
        draft("document", media=upload("x/y", "../../a?b#c")),
        "send-document/bin",
        {"document": URL, "fileName": "../../a?b#c"},
    ),
    (
        draft("location", content={"latitude": -23.5, "longitude": -46, "name": "Sé", "address": "Praça da Sé"}),
        "send-location",
        {"title": "Sé", "address": "Praça da Sé", "latitude": "-23.5", "longitude": "-46"},
    ),
    (
        draft("location", content={"latitude": 1.5, "longitude": 2.5}),
        "send-location",
        {"title": "1.5, 2.5", "address": "1.5, 2.5", "latitude": "1.5", "longitude": "2.5"},
    ),
    (
        draft("contacts", content={"contacts": [{"name": "Ana", "phones": ["+55 11 9"]}]}),
        "send-contact",
        {"contactName": "Ana", "contactPhone": "55119"},
    ),
    (
        draft(
            "contacts", content={"contacts": [{"name": "Ana", "phones": ["1", "2"]}, {"name": "Bia", "phones": ["3"]}]}
        ),
        "send-contacts",
        {"contacts": [{"name": "Ana", "phones": ["1", "2"]}, {"name": "Bia", "phones": ["3"]}]},
    ),
    (
        draft("interactive", content=BUTTONS | {"header": "Oi", "footer": "fim"}),
        "send-button-list",
        {
            "message": "Oi\n\nQual?\n\nfim",
            "buttonList": {"buttons": [{"id": "a", "label": "A"}, {"id": "b", "label": "B"}]},
        },
    ),
    (
        draft("interactive", content=LIST),
        "send-option-list",
        {
            "message": "Qual?",
            "optionList": {
                "title": "Todos",
                "buttonLabel": "Abrir",
                "options": [
                    {"id": "a", "title": "A", "description": "first"},
                    {"id": "b", "title": "B", "description": ""},
                ],
            },
        },
    ),
]


@pytest.mark.parametrize(("sent", "path", "body"), SENDS)
def test_each_kind_leaves_as_z_api_wants_it(zapi: ZApi, api: Api, sent: Draft, path: str, body: dict[str, Any]) -> None:
    api.will(200, QUEUED)
    assert zapi.send(sent, ACCOUNT) == Accepted("3EB0AA")
    assert api.asked() == ("POST", path, {"phone": PHONE, **body})


def test_every_kind_it_says_it_can_is_tried_here() -> None:
    assert {sent.kind for sent, _, _ in SENDS} == ZApi.capabilities.kinds


@pytest.mark.parametrize(
    ("to", "phone"),
    [
        (Address("lid", "146102623940014@lid"), "146102623940014@lid"),
        (Address("lid", "146102623940014"), "146102623940014@lid"),
        (Address("jid", "120363405226577317-group"), "120363405226577317-group"),
    ],
)
def test_a_customer_behind_a_lid_and_a_group_are_written_to(zapi: ZApi, api: Api, to: Address, phone: str) -> None:
    api.will(200, QUEUED)
    zapi.send(draft("text", "Olá", to=to), ACCOUNT)
    assert api.asked()[2]["phone"] == phone


def test_a_reply_names_the_message_it_answers(zapi: ZApi, api: Api) -> None:
    api.will(200, QUEUED)
    zapi.send(draft("text", "Olá", reply_to=TARGET), ACCOUNT)
    assert api.asked()[2] == {"phone": PHONE, "message": "Olá", "messageId": "3EB0T"}


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (draft("text"), "invalid_request"),
        (draft("image"), "invalid_request"),
        (draft("audio", "text", media=upload("audio/ogg")), "invalid_request"),
        (draft("sticker", "text", media=upload("image/webp")), "invalid_request"),
        (draft("location", content={"latitude": "here", "longitude": 1}), "invalid_request"),
        (draft("location", content={"latitude": float("nan"), "longitude": 1}), "invalid_request"),
        (draft("contacts"), "invalid_request"),
        (draft("contacts", content={"contacts": [{"name": "Ana", "phones": []}]}), "invalid_request"),
        (draft("contacts", content={"contacts": [{"phones": ["1"]}]}), "invalid_request"),
        (draft("interactive", content={"type": "flow", "body": "x"}), "unsupported_capability"),
        (draft("interactive", content=BUTTONS | {"body": ""}), "invalid_request"),
        (draft("interactive", content=BUTTONS | {"buttons": []}), "invalid_request"),
        (draft("interactive", content=LIST | {"sections": []}), "invalid_request"),
        (draft("interactive", content=LIST | {"button": ""}), "invalid_request"),
        (draft("template", content={"name": "x"}), "unsupported_capability"),
        (draft("text", "Olá", to=Address("bsuid", "BR.1")), "unsupported_capability"),
        (draft("text", "Olá", to=Address("jid", "a b")), "unsupported_capability"),
        (draft("text", "Olá", to=Address("phone", "+")), "invalid_request"),
    ],
)
def test_what_z_api_cannot_send_never_leaves(zapi: ZApi, api: Api, sent: Draft, code: str) -> None:
    outcome = zapi.send(sent, ACCOUNT)
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.account_lost, api.requests) == (code, False, [])


# ------------------------------------------------------------------------------------------------------------ deeds


def test_each_deed_leaves_as_z_api_wants_it(zapi: ZApi, api: Api) -> None:
    deeds: list[tuple[Outcome, str, str, dict[str, Any] | None]] = []

    def did(outcome: Outcome) -> None:
        method, path, body = api.asked()
        deeds.append((outcome, method, path, body))
        api.requests.clear()

    for answer in ((200, QUEUED), (200, QUEUED), (200, QUEUED), (204, b""), (204, b""), (204, b"")):
        api.will(*answer)
    did(zapi.react(TARGET, TO, "👍", ACCOUNT))
    did(zapi.react(TARGET, TO, None, ACCOUNT))
    did(zapi.edit(OURS, TO, "novo", ACCOUNT))
    did(zapi.delete(OURS, TO, ACCOUNT))
    did(zapi.delete(TARGET, Address("jid", "1203-group"), ACCOUNT))
    did(zapi.mark_read([TARGET], TO, ACCOUNT))
    done, taken = Accepted(""), Accepted("3EB0AA")
    assert deeds == [
        (taken, "POST", "send-reaction", {"phone": PHONE, "messageId": "3EB0T", "reaction": "👍"}),
        (taken, "POST", "send-remove-reaction", {"phone": PHONE, "messageId": "3EB0T"}),
        (taken, "POST", "send-text", {"phone": PHONE, "message": "novo", "editMessageId": "3EB0O"}),
        (done, "DELETE", f"messages?phone={PHONE}&messageId=3EB0O&owner=true", None),
        (done, "DELETE", "messages?phone=1203-group&messageId=3EB0T&owner=false", None),
        (done, "POST", "read-message", {"phone": PHONE, "messageId": "3EB0T"}),
    ]


def test_several_messages_are_read_one_by_one_and_the_newest_first(zapi: ZApi, api: Api) -> None:
    api.will(204, b"")
    api.will(429, {})
    outcome = zapi.mark_read(
        [Target("1", ours=False), Target("2", ours=False), OURS, Target("3", ours=False)], TO, ACCOUNT
    )
    assert isinstance(outcome, NotSent)
    assert [b'"3"' in request.content for request in api.requests] == [True, False]
    assert zapi.mark_read([OURS], TO, ACCOUNT) == Accepted("")


def test_typing_is_nothing_z_api_can_show(zapi: ZApi, api: Api) -> None:
    outcome = zapi.show_typing(TO, on=True, latest=TARGET, account=ACCOUNT)
    assert isinstance(outcome, Refused)
    assert (outcome.code, zapi.capabilities.typing, api.requests) == ("unsupported_capability", False, [])


def test_a_deed_to_an_address_z_api_does_not_know_never_leaves(zapi: ZApi, api: Api) -> None:
    assert isinstance(zapi.edit(OURS, Address("bsuid", "BR.1"), "x", ACCOUNT), Refused)
    assert api.requests == []


def test_every_webhook_is_pointed_to_one_address(zapi: ZApi, api: Api) -> None:
    api.will(200, {"value": True})
    assert zapi.set_up_webhook("https://parley.example/w", ACCOUNT) == Accepted("")
    expected = {"value": "https://parley.example/w", "notifySentByMe": True}
    assert api.asked() == ("PUT", "update-every-webhooks", expected)
    api.will(200, {"value": False})
    assert isinstance(zapi.set_up_webhook("https://parley.example/w", ACCOUNT), Refused)


# --------------------------------------------------------------------------------------------------------- outcomes

OUTCOMES: list[tuple[int, object, Outcome]] = [
    (200, {"messageId": "M"}, Accepted("M")),
    (200, {"id": "M"}, Accepted("M")),
    (200, {"zaapId": "Z"}, Uncertain("HTTP 200 without a message id")),
    (200, b"<html>", Uncertain("HTTP 200 without a message id")),
    (500, {"error": "boom"}, Uncertain("HTTP 500")),
    (503, b"", Uncertain("HTTP 503")),
]


@pytest.mark.parametrize(("status", "body", "outcome"), OUTCOMES)
def test_an_answer_decides_the_outcome(zapi: ZApi, api: Api, status: int, body: object, outcome: Outcome) -> None:
    api.will(status, body)
    assert zapi.send(draft("text", "Olá"), ACCOUNT) == outcome


@pytest.mark.parametrize(
    ("status", "error", "code", "lost"),
    [
        (400, {"error": "null not allowed"}, "credential_expired", True),
        (400, {"error": "127.0.0.1 not allowed"}, "credential_expired", True),
        (400, {"error": "your client-token is not configured"}, "credential_expired", True),
        (404, {"error": "Instance not found"}, "credential_expired", True),
        (401, b"", "credential_expired", True),
        (403, {"error": "who are you"}, "credential_expired", True),
        (402, b"", "payment_required", True),
        (
            400,
            {"error": "To continue sending a message, you must subscribe to this instance again"},
            "payment_required",
            True,
        ),
        (400, {"error": "You are not connected."}, "account_disconnected", True),
        (400, {"error": "You need to restore the session."}, "account_disconnected", True),
        (200, {"error": "You are not connected."}, "account_disconnected", True),
        (400, {"error": "Invalid phone"}, "recipient_unreachable", False),
        (405, {"error": "Method Not Allowed"}, "provider_rejected", False),
        (415, {"error": "Unsupported Media Type"}, "provider_rejected", False),
        (400, {"error": "something new"}, "provider_rejected", False),
        (400, {"message": "something new"}, "provider_rejected", False),
    ],
)
def test_a_refusal_is_final_and_says_whether_the_account_is_lost(
    zapi: ZApi, api: Api, status: int, error: object, code: str, lost: bool
) -> None:
    api.will(status, error)
    outcome = zapi.send(draft("text", "Olá"), ACCOUNT)
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.account_lost, outcome.provider["status"]) == (code, lost, status)
    assert outcome.message.endswith(".")


@pytest.mark.parametrize("status", [408, 425, 429])
def test_what_was_not_processed_is_tried_again_when_z_api_says(zapi: ZApi, api: Api, status: int) -> None:
    api.will(status, {"error": "slow down"}, {"retry-after": "7"})
    outcome = zapi.send(draft("text", "Olá"), ACCOUNT)
    assert outcome == NotSent("throttled", timedelta(seconds=7), {"status": status, "error": "slow down"})


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (httpx.ConnectError("no"), NotSent("not connected: ConnectError")),
        (httpx.ConnectTimeout("no"), NotSent("not connected: ConnectTimeout")),
        (httpx.ReadTimeout("no"), Uncertain("no answer: ReadTimeout")),
        (httpx.WriteError("no"), Uncertain("no answer: WriteError")),
        (httpx.RemoteProtocolError("no"), Uncertain("no answer: RemoteProtocolError")),
    ],
)
def test_only_what_never_left_is_tried_again(zapi: ZApi, api: Api, fault: Exception, outcome: Outcome) -> None:
    api.will_fail(fault)
    assert zapi.send(draft("text", "Olá"), ACCOUNT) == outcome


def test_a_deed_may_be_tried_again_after_any_fault(zapi: ZApi, api: Api) -> None:
    api.will_fail(httpx.ReadTimeout("no"))
    assert zapi.edit(OURS, TO, "novo", ACCOUNT) == NotSent("no answer: ReadTimeout")
    api.will(502, b"")
    assert zapi.react(TARGET, TO, "👍", ACCOUNT) == NotSent("HTTP 502")


def test_without_an_instance_token_nothing_leaves(zapi: ZApi, api: Api) -> None:
    outcome = zapi.send(draft("text", "Olá"), Account("3C67AB64", {"client_token": "x"}))
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.account_lost, api.requests) == ("credential_expired", True, [])


def test_the_token_in_the_address_is_in_no_outcome(zapi: ZApi, api: Api) -> None:
    api.will_fail(httpx.ConnectError(f"{BASE}/send-text"))
    api.will(400, {"error": "no"})
    assert all("instance-token" not in str(zapi.send(draft("text", "Olá"), ACCOUNT)) for _ in range(2))


def test_another_address_and_no_client_token_are_the_accounts_to_set(zapi: ZApi, api: Api) -> None:
    api.will(200, QUEUED)
    account = Account("a/b", {"instance_token": "t/../x"}, {"baseUrl": "http://127.0.0.1:8080/simulator/zapi/"})
    zapi.send(draft("text", "Olá"), account)
    [request] = api.requests
    assert str(request.url) == "http://127.0.0.1:8080/simulator/zapi/instances/a%2Fb/token/t%2F..%2Fx/send-text"
    assert "client-token" not in request.headers


# ----------------------------------------------------------------------------------------------------------- health


@pytest.mark.parametrize(
    ("status", "body", "ok", "unreachable", "word"),
    [
        (
            200,
            {"connected": True, "smartphoneConnected": True, "error": "You are already connected."},
            True,
            False,
            "Conn",
        ),
        (200, {"connected": True, "smartphoneConnected": False}, True, False, "offline"),
        (200, {"connected": False, "error": "You are not connected."}, False, False, "not connected"),
        (200, {"error": "You need to restore the session."}, False, False, "not connected"),
        (200, b"", False, False, "refused"),
        (400, {"error": "your client-token is not configured"}, False, False, "tokens"),
        (401, b"", False, False, "tokens"),
        (429, b"", False, True, "429"),
        (500, b"", False, True, "500"),
    ],
)
def test_the_account_is_as_its_status_says(
    zapi: ZApi, api: Api, status: int, body: object, ok: bool, unreachable: bool, word: str
) -> None:
    api.will(status, body)
    checkup = zapi.check(ACCOUNT)
    assert (checkup.ok, checkup.unreachable) == (ok, unreachable)
    assert word in checkup.reason
    assert api.asked() == ("GET", "status", None)


def test_nothing_is_known_of_an_account_when_nobody_answers(zapi: ZApi, api: Api) -> None:
    api.will_fail(httpx.ReadTimeout("no"))
    assert zapi.check(ACCOUNT) == Checkup(ok=False, reason="Z-API did not answer.", unreachable=True)
    assert not zapi.check(Account("3C67AB64", {})).ok
