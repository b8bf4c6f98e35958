"""What goes to an Evolution server for each kind, and what becomes of it: a table of its errors, and the network's."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from parley.domain.identity import Address
from parley.domain.outgoing import Accepted, Draft, NotSent, Outcome, Refused, Target, Uncertain, Upload
from parley.providers.base import Account, Checkup
from parley.providers.evolution import Evolution
from parley.providers.evolution.outgoing import EVENTS, LONGEST_URL

Serving = Callable[..., Evolution]

REFERENCE = UUID("01920000-0000-7000-8000-000000000001")
TO = Address("phone", "+55 31 98765-4321")
JID = "5531987654321@s.whatsapp.net"
GROUP = Address("jid", "120363@g.us")
LID = Address("lid", "42@lid")
SENT = (201, {"key": {"remoteJid": "553187654321@s.whatsapp.net", "fromMe": True, "id": "3EB0"}, "status": "PENDING"})
CONTENT = bytes(range(256)) * 5


@contextmanager
def reading() -> Iterator[Iterator[bytes]]:
    yield iter([CONTENT[:100], CONTENT[100:1001], CONTENT[1001:]])


def upload(mime_type: str, name: str | None = None, *, voice: bool = False, url: str = "https://s3/f") -> Upload:
    return Upload(mime_type, len(CONTENT), name, voice, url, reading)


def draft(kind: str = "text", text: str | None = None, **more: Any) -> Draft:
    return Draft(REFERENCE, more.pop("to", TO), kind, text, **more)


BUTTONS = {"type": "buttons", "body": "Certo?", "footer": "Loja", "buttons": [{"id": "y", "title": "Sim"}]}
LIST = {
    "type": "list",
    "header": "Horários",
    "body": "Quando?",
    "button": "Ver",
    "sections": [
        {"title": "Hoje", "rows": [{"id": "9", "title": "9 h", "description": "cedo"}, {"id": "10", "title": "10 h"}]}
    ],
}

KINDS: dict[str, tuple[Draft, str, dict[str, Any]]] = {
    "text": (draft(text="Olá"), "message/sendText", {"text": "Olá"}),
    "reply": (
        draft(text="Olá", reply_to=Target("Q1", ours=False)),
        "message/sendText",
        {"text": "Olá", "quoted": {"key": {"remoteJid": JID, "fromMe": False, "id": "Q1"}}},
    ),
    "image": (
        draft("image", "veja", media=upload("image/png", "a.png")),
        "message/sendMedia",
        {
            "mediatype": "image",
            "mimetype": "image/png",
            "fileName": "a.png",
            "caption": "veja",
            "media": "https://s3/f",
        },
    ),
    "video": (
        draft("video", media=upload("video/mp4")),
        "message/sendMedia",
        {"mediatype": "video", "mimetype": "video/mp4", "fileName": f"video-{REFERENCE}", "media": "https://s3/f"},
    ),
    "document": (
        draft("document", media=upload("application/pdf", "nota.pdf")),
        "message/sendMedia",
        {"mediatype": "document", "mimetype": "application/pdf", "fileName": "nota.pdf", "media": "https://s3/f"},
    ),
    "audio": (
        draft("audio", media=upload("audio/mpeg", "a.mp3")),
        "message/sendMedia",
        {"mediatype": "audio", "mimetype": "audio/mpeg", "fileName": "a.mp3", "media": "https://s3/f"},
    ),
    "voice": (
        draft("audio", media=upload("audio/ogg", voice=True)),
        "message/sendWhatsAppAudio",
        {"audio": "https://s3/f"},
    ),
    "sticker": (draft("sticker", media=upload("image/webp")), "message/sendSticker", {"sticker": "https://s3/f"}),
    "location": (
        draft("location", content={"latitude": -23.5, "longitude": -46, "name": "Sé"}),
        "message/sendLocation",
        {"latitude": -23.5, "longitude": -46, "name": "Sé", "address": ""},
    ),
    "contacts": (
        draft("contacts", content={"contacts": [{"name": "Ana", "phones": ["+55 11 99999-0000", "190"]}]}),
        "message/sendContact",
        {
            "contact": [
                {"fullName": "Ana", "phoneNumber": "+55 11 99999-0000", "wuid": "5511999990000"},
                {"fullName": "Ana", "phoneNumber": "190"},
            ]
        },
    ),
    "buttons": (
        draft("interactive", content=BUTTONS),
        "message/sendButtons",
        {"title": "Certo?", "footer": "Loja", "buttons": [{"type": "reply", "displayText": "Sim", "id": "y"}]},
    ),
    "list": (
        draft("interactive", content=LIST),
        "message/sendList",
        {
            "title": "Horários",
            "description": "Quando?",
            "footerText": "",
            "buttonText": "Ver",
            "sections": [
                {
                    "title": "Hoje",
                    "rows": [{"title": "9 h", "rowId": "9", "description": "cedo"}, {"title": "10 h", "rowId": "10"}],
                }
            ],
        },
    ),
}


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_goes_out_as_evolution_wants_it(
    name: str, serving: Serving, asked: list[httpx.Request], account: Account
) -> None:
    message, path, body = KINDS[name]
    assert serving(SENT).send(message, account) == Accepted("3EB0", Address("phone", "553187654321"))
    (request,) = asked
    assert (request.method, str(request.url)) == ("POST", f"https://evolution.example/api/{path}/my%20instance")
    assert request.headers["apikey"] == "key-1"
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.content) == {"number": "5531987654321", **body}


@pytest.mark.parametrize(("to", "number"), [(TO, "5531987654321"), (LID, "42@lid"), (GROUP, "120363@g.us")])
def test_everybody_is_addressed_by_the_address_they_have(
    to: Address, number: str, serving: Serving, asked: list[httpx.Request], account: Account
) -> None:
    serving(SENT).send(draft(text="Olá", to=to), account)
    assert json.loads(asked[0].content)["number"] == number


def test_a_reply_in_a_group_names_its_author(serving: Serving, asked: list[httpx.Request], account: Account) -> None:
    for target in (Target("Q1", ours=False, author=LID), Target("Q1", ours=True, author=LID)):
        serving(SENT).send(draft(text="Olá", to=GROUP, reply_to=target), account)
    theirs, ours = (json.loads(request.content)["quoted"]["key"] for request in asked)
    assert theirs == {"remoteJid": "120363@g.us", "fromMe": False, "id": "Q1", "participant": "42@lid"}
    assert ours == {"remoteJid": "120363@g.us", "fromMe": True, "id": "Q1"}


def test_a_file_whose_address_is_too_long_for_evolution_goes_in_the_body(
    serving: Serving, asked: list[httpx.Request], account: Account
) -> None:
    message = draft("image", 'a "quoted" caption', media=upload("image/png", url="https://s3/" + "x" * LONGEST_URL))
    assert isinstance(serving(SENT).send(message, account), Accepted)
    (request,) = asked
    assert int(request.headers["content-length"]) == len(request.content)
    body = json.loads(request.content)
    assert base64.b64decode(body["media"]) == CONTENT
    assert (body["caption"], body["mediatype"]) == ('a "quoted" caption', "image")


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (draft("template", content={"name": "x"}), "unsupported_capability"),
        (draft("system"), "unsupported_capability"),
        (draft(text=""), "provider_rejected"),
        (draft("image"), "provider_rejected"),
        (draft("location", content={"latitude": "1"}), "provider_rejected"),
        (draft("location", content={"latitude": float("nan"), "longitude": 1}), "provider_rejected"),
        (draft("contacts", content={"contacts": [{"phones": 7}, 7]}), "provider_rejected"),
        (draft("contacts", content={"contacts": [{"name": "Ana"}]}), "provider_rejected"),
        (draft("interactive", content={"type": "flow"}), "provider_rejected"),
    ],
)
def test_what_cannot_be_sent_asks_nobody(
    message: Draft, code: str, serving: Serving, asked: list[httpx.Request], account: Account
) -> None:
    outcome = serving(SENT).send(message, account)
    assert isinstance(outcome, Refused)
    assert (outcome.code, asked) == (code, [])


@pytest.mark.parametrize(
    "account",
    [
        Account("one", {"api_key": "k"}),
        Account("one", {"api_key": "k"}, {"baseUrl": "ftp://x"}),
        Account("one", {}, {"baseUrl": "https://x"}),
    ],
)
def test_an_account_that_is_not_set_up_is_lost_and_says_so(
    account: Account, serving: Serving, asked: list[httpx.Request]
) -> None:
    outcome = serving(SENT).send(draft(text="Olá"), account)
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.account_lost, asked) == ("account_not_set_up", True, [])
    assert serving(SENT).check(account).ok is False


def error(status: int, *message: object) -> tuple[int, object]:
    return status, {"status": status, "error": "Bad Request", "response": {"message": list(message)}}


ERRORS: list[tuple[tuple[int, object], str, bool]] = [
    (error(400, {"jid": JID, "exists": False, "number": "5531987654321"}), "recipient_unreachable", False),
    (error(400, ['requires property "number"']), "provider_rejected", False),
    (error(400, ["instance.number is not of a type(s) string", "Invalid format"]), "provider_rejected", False),
    (error(400, "Owned media must be a url or base64"), "media_failed", False),
    (error(400, "AxiosError: Request failed with status code 403"), "media_failed", False),
    (error(500, "Failed to convert audio"), "media_failed", False),
    (error(500, "Error: Input buffer contains unsupported image format"), "media_failed", False),
    (error(413), "media_too_large", False),
    (error(400, "Maximum of 3 reply buttons allowed"), "provider_rejected", False),
    (error(400, "Error: not-acceptable"), "group_forbidden", False),
    (error(400, "Error: Method not available on WhatsApp Baileys"), "unsupported_capability", False),
    (error(404, "Cannot POST /message/sendText/one"), "unsupported_capability", False),
    (error(404, 'The "my instance" instance does not exist'), "account_gone", True),
    (
        (401, {"status": 401, "error": "Unauthorized", "response": {"message": "Unauthorized"}}),
        "credential_expired",
        True,
    ),
    (error(403, "Missing global api key"), "credential_expired", True),
    (error(400, "Error: Intentional Logout"), "account_disconnected", True),
]


@pytest.mark.parametrize(("answer", "code", "lost"), ERRORS)
def test_a_refusal_says_why_and_whether_the_account_is_lost(
    answer: tuple[int, object], code: str, lost: bool, serving: Serving, account: Account
) -> None:
    outcome = serving(answer).send(draft(text="Olá"), account)
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.account_lost) == (code, lost)
    assert outcome.message.endswith(".")
    assert outcome.provider["status"] == answer[0]


@pytest.mark.parametrize(
    "answer",
    [
        error(400, "Error: Timed Out"),
        error(400, "Error: rate-overlimit"),
        error(400, "SessionError: No sessions"),
        error(500, "Error: getaddrinfo ENOTFOUND s3"),
        error(429),
        error(408),
        (404, b"<html>nginx</html>"),
    ],
)
def test_what_passes_was_not_sent(answer: tuple[int, object], serving: Serving, account: Account) -> None:
    outcome = serving(answer, headers={"retry-after": "7"}).send(draft(text="Olá"), account)
    assert isinstance(outcome, NotSent)
    assert outcome.retry_after == timedelta(seconds=7)


@pytest.mark.parametrize(
    "answer",
    [
        error(400, "Invalid `this.prismaRepository.message.create()` invocation: Timed out"),
        error(400, "TypeError: Cannot read properties of undefined (reading 'key')"),
        error(400, "[object Object]"),
        error(500, "Internal Server Error"),
        (502, b"<html>bad gateway</html>"),
        (400, b"[" * 5000),
        (400, {"response": {"message": {"a": [[[[["deep"]]]]]}}}),
        (201, {}),
        (201, b"not json"),
        (200, {"key": {"id": "x" * 600}}),
    ],
)
def test_what_no_row_knows_may_have_been_sent(
    answer: tuple[int, object], serving: Serving, asked: list[httpx.Request], account: Account
) -> None:
    assert isinstance(serving(answer).send(draft(text="Olá"), account), Uncertain)
    assert len(asked) == 1


CLOSED = error(400, "Error: Connection Closed")
NO_CLIENT = error(500, "Cannot read properties of undefined (reading 'onWhatsApp')")


def state(name: str) -> tuple[int, object]:
    return 200, {"instance": {"instanceName": "my instance", "state": name}}


@pytest.mark.parametrize("answer", [CLOSED, NO_CLIENT])
@pytest.mark.parametrize(
    ("then", "kind"),
    [
        (state("close"), Refused),
        (state("open"), NotSent),
        (state("connecting"), NotSent),
        (error(401, "Unauthorized"), NotSent),
        ((200, {}), NotSent),
        (httpx.ConnectError("no"), NotSent),
        (httpx.ReadTimeout("no"), NotSent),
    ],
)
def test_after_a_closed_connection_the_state_decides_whether_the_account_is_lost(
    answer: tuple[int, object],
    then: tuple[int, object] | Exception,
    kind: type[Outcome],
    serving: Serving,
    asked: list[httpx.Request],
    account: Account,
) -> None:
    outcome = serving(answer, then).send(draft(text="Olá"), account)
    assert isinstance(outcome, kind)
    assert (asked[1].method, asked[1].url.path) == ("GET", "/api/instance/connectionState/my instance")
    if isinstance(outcome, Refused):
        assert (outcome.code, outcome.account_lost) == ("account_disconnected", True)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (httpx.ConnectError("refused"), NotSent),
        (httpx.ConnectTimeout("slow"), NotSent),
        (httpx.PoolTimeout("busy"), NotSent),
        (httpx.ReadTimeout("slow"), Uncertain),
        (httpx.WriteError("gone"), Uncertain),
        (httpx.ReadError("reset"), Uncertain),
        (httpx.RemoteProtocolError("cut"), Uncertain),
    ],
)
def test_a_request_that_may_have_left_is_never_called_not_sent(
    fault: Exception, kind: type[Outcome], serving: Serving, account: Account
) -> None:
    for message in (draft(text="Olá"), draft("image", media=upload("image/png"))):
        assert isinstance(serving(fault).send(message, account), kind)


def test_an_outcome_never_holds_the_api_key(serving: Serving, account: Account) -> None:
    for answer in (error(400, "x"), error(401, "y"), httpx.ConnectError("key-1 refused")):
        assert "key-1" not in repr(serving(answer).send(draft(text="Olá"), account))


OURS, THEIRS = Target("M1", ours=True), Target("M2", ours=False, author=LID)
DEEDS: dict[str, tuple[Callable[[Evolution, Account], Outcome], str, str, dict[str, Any]]] = {
    "react": (
        lambda adapter, account: adapter.react(THEIRS, TO, "👍", account),
        "POST",
        "message/sendReaction",
        {"key": {"remoteJid": JID, "fromMe": False, "id": "M2"}, "reaction": "👍"},
    ),
    "react in a group": (
        lambda adapter, account: adapter.react(THEIRS, GROUP, "👍", account),
        "POST",
        "message/sendReaction",
        {"key": {"remoteJid": "120363@g.us", "fromMe": False, "id": "M2", "participant": "42@lid"}, "reaction": "👍"},
    ),
    "take a reaction back": (
        lambda adapter, account: adapter.react(OURS, LID, None, account),
        "POST",
        "message/sendReaction",
        {"key": {"remoteJid": "42@lid", "fromMe": True, "id": "M1"}, "reaction": ""},
    ),
    "edit": (
        lambda adapter, account: adapter.edit(OURS, TO, "novo", account),
        "POST",
        "chat/updateMessage",
        {"number": JID, "key": {"remoteJid": JID, "fromMe": True, "id": "M1"}, "text": "novo"},
    ),
    "delete": (
        lambda adapter, account: adapter.delete(OURS, TO, account),
        "DELETE",
        "chat/deleteMessageForEveryone",
        {"remoteJid": JID, "fromMe": True, "id": "M1"},
    ),
    "mark read": (
        lambda adapter, account: adapter.mark_read([THEIRS], GROUP, account),
        "POST",
        "chat/markMessageAsRead",
        {"readMessages": [{"remoteJid": "120363@g.us", "fromMe": False, "id": "M2"}]},
    ),
    "typing": (
        lambda adapter, account: adapter.show_typing(TO, True, None, account),
        "POST",
        "chat/sendPresence",
        {"number": "5531987654321", "presence": "composing", "delay": 3000},
    ),
    "typing no more": (
        lambda adapter, account: adapter.show_typing(TO, False, None, account),
        "POST",
        "chat/sendPresence",
        {"number": "5531987654321", "presence": "paused", "delay": 0},
    ),
    "set up": (
        lambda adapter, account: adapter.set_up_webhook("https://inbox.example/hook", account),
        "POST",
        "webhook/set",
        {
            "webhook": {
                "enabled": True,
                "url": "https://inbox.example/hook",
                "headers": {"jwt_key": "a jwt key of the account"},
                "byEvents": False,
                "base64": False,
                "events": list(EVENTS),
            }
        },
    ),
}


@pytest.mark.parametrize("name", DEEDS)
def test_each_deed_is_asked_for_as_evolution_wants_it(
    name: str, serving: Serving, asked: list[httpx.Request], account: Account
) -> None:
    deed, method, path, body = DEEDS[name]
    assert deed(serving((201, {"key": {"id": "R1"}})), account) == Accepted("R1")
    (request,) = asked
    assert (request.method, request.url.path) == (method, f"/api/{path}/my instance")
    assert json.loads(request.content) == body
    assert deed(serving((200, {"read": "success"})), account) == Accepted("")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Message not found", "message_not_found"),
        ("Message is older than 15 minutes", "edit_window_closed"),
        ("Message not compatible", "not_editable"),
        ("RemoteJid does not match", "not_editable"),
    ],
)
def test_an_edit_that_is_refused_says_why(text: str, code: str, serving: Serving, account: Account) -> None:
    outcome = serving(error(400, text)).edit(OURS, TO, "novo", account)
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.account_lost) == (code, False)


@pytest.mark.parametrize(
    ("answer", "ok", "unreachable"),
    [
        (state("open"), True, False),
        (state("connecting"), False, False),
        (state("close"), False, False),
        (error(401, "Unauthorized"), False, False),
        (error(404, 'The "x" instance does not exist'), False, False),
        ((502, b""), False, True),
        ((200, {"instance": 7}), False, True),
        (httpx.ConnectError("no"), False, True),
    ],
)
def test_a_check_tells_an_account_that_works_from_one_that_does_not(
    answer: tuple[int, object] | Exception, ok: bool, unreachable: bool, serving: Serving, account: Account
) -> None:
    checkup = serving(answer).check(account)
    assert isinstance(checkup, Checkup)
    assert (checkup.ok, checkup.unreachable) == (ok, unreachable)
    assert checkup.reason.endswith(".")


def test_without_a_key_of_its_own_a_webhook_is_set_up_unsigned(serving: Serving, asked: list[httpx.Request]) -> None:
    account = Account("one", {"api_key": "k"}, {"baseUrl": "https://e.example"})
    serving((201, {})).set_up_webhook("https://inbox.example/hook", account)
    assert json.loads(asked[0].content)["webhook"]["headers"] == {}
