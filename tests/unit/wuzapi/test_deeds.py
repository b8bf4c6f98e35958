"""What WuzAPI is asked besides sending, and for an account's set-up."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from parley.domain.identity import Address
from parley.domain.outgoing import Accepted, NotSent, Refused, Target
from parley.providers.base import Account, Checkup
from parley.providers.wuzapi import WuzApi

TO = Address("phone", "5511999990026")
GROUP = Address("jid", "1203630@g.us")
ANA, BIA = Address("phone", "551101"), Address("lid", "7@lid")
KEY = "k" * 32


def asked(exchange: Any) -> list[tuple[str, Any]]:
    return [
        (request.url.path.removeprefix("/base"), json.loads(request.content))
        for request in exchange.requests
        if request.method == "POST"
    ]


@pytest.mark.parametrize(
    ("target", "to", "emoji", "body"),
    [
        (Target("A", ours=False), TO, "👍", {"Phone": "5511999990026", "Body": "👍", "Id": "A"}),
        (Target("A", ours=True), TO, None, {"Phone": "5511999990026", "Body": "remove", "Id": "me:A"}),
        (
            Target("A", ours=False, author=ANA),
            GROUP,
            "👍",
            {"Phone": "1203630@g.us", "Body": "👍", "Id": "A", "Participant": "551101@s.whatsapp.net"},
        ),
    ],
)
def test_a_reaction(
    wuzapi: WuzApi, exchange: Any, account: Account, target: Target, to: Address, emoji: str | None, body: Any
) -> None:
    assert wuzapi.react(target, to, emoji, account) == Accepted("WUZ1")
    assert asked(exchange) == [("/chat/react", body)]


def test_an_edit_and_a_deletion(wuzapi: WuzApi, exchange: Any, account: Account) -> None:
    assert wuzapi.edit(Target("A", ours=True), TO, "novo", account) == Accepted("WUZ1")
    assert wuzapi.delete(Target("A", ours=True), TO, account) == Accepted("WUZ1")
    assert asked(exchange) == [
        ("/chat/send/edit", {"Phone": "5511999990026", "Body": "novo", "Id": "A"}),
        ("/chat/delete", {"Phone": "5511999990026", "Id": "A"}),
    ]


def test_reading_is_told_in_both_spellings(wuzapi: WuzApi, exchange: Any, account: Account) -> None:
    exchange.otherwise = httpx.Response(200, json={"data": {"Details": "Message(s) marked as read"}, "success": True})
    assert wuzapi.mark_read([Target("A", ours=False), Target("B", ours=False)], TO, account) == Accepted("")
    jid = "5511999990026@s.whatsapp.net"
    body = {"Id": ["A", "B"], "ChatPhone": jid, "SenderPhone": jid, "Chat": jid, "Sender": jid}
    assert asked(exchange) == [("/chat/markread", body)]


def test_reading_in_a_group_is_told_each_author(wuzapi: WuzApi, exchange: Any, account: Account) -> None:
    targets = [Target(id_, ours=False, author=author) for id_, author in (("A", ANA), ("B", BIA), ("C", ANA))]
    wuzapi.mark_read(targets, GROUP, account)
    assert [(body["Id"], body["SenderPhone"], body["ChatPhone"]) for _, body in asked(exchange)] == [
        (["A", "C"], "551101@s.whatsapp.net", "1203630@g.us"),
        (["B"], "7@lid", "1203630@g.us"),
    ]


@pytest.mark.parametrize(("on", "state"), [(True, "composing"), (False, "paused")])
def test_typing_is_shown(wuzapi: WuzApi, exchange: Any, account: Account, on: bool, state: str) -> None:
    wuzapi.show_typing(TO, on, None, account)
    assert asked(exchange) == [("/chat/presence", {"Phone": "5511999990026", "State": state, "Media": ""})]


def test_a_deed_fails_as_a_message_does(wuzapi: WuzApi, exchange: Any, account: Account) -> None:
    exchange.otherwise = httpx.Response(500, json={"error": "no session", "success": False})
    refused = wuzapi.mark_read([Target("A", ours=False)], TO, account)
    assert isinstance(refused, Refused)
    assert refused.account_lost
    exchange.otherwise = httpx.ConnectError("away")
    assert isinstance(wuzapi.react(Target("A", ours=True), TO, None, account), NotSent)


@pytest.mark.parametrize(
    ("answer", "checkup"),
    [
        ({"data": {"connected": True, "loggedIn": True}}, Checkup(ok=True, reason="Connected.")),
        ({"data": {"Connected": True, "LoggedIn": True}}, Checkup(ok=True, reason="Connected.")),
        (
            {"data": {"Connected": False, "LoggedIn": True}},
            Checkup(ok=False, reason="WuzAPI has lost its connection to WhatsApp."),
        ),
        (
            {"data": {"Connected": True, "LoggedIn": False}},
            Checkup(ok=False, reason="No phone is linked. Scan the code in WuzAPI."),
        ),
        ({}, Checkup(ok=False, reason="What answers at this address is not WuzAPI.", unreachable=True)),
    ],
)
def test_a_session_is_asked_after(
    wuzapi: WuzApi, exchange: Any, account: Account, answer: dict[str, Any], checkup: Checkup
) -> None:
    exchange.otherwise = httpx.Response(200, json=answer)
    assert wuzapi.check(account) == checkup
    assert exchange.requests[-1].url.path == "/base/session/status"


@pytest.mark.parametrize(
    ("answer", "unreachable"),
    [
        (httpx.Response(401, json={"error": "unauthorized"}), False),
        (httpx.Response(500, json={"error": "no session"}), False),
        (httpx.Response(500, json={"error": "oops"}), True),
        (httpx.Response(502), True),
        (httpx.ConnectError("away"), True),
        (httpx.ReadTimeout("silent"), True),
    ],
)
def test_a_checkup_tells_a_dead_account_from_a_dead_gateway(
    wuzapi: WuzApi, exchange: Any, account: Account, answer: Any, unreachable: bool
) -> None:
    exchange.otherwise = answer
    checkup = wuzapi.check(account)
    assert (checkup.ok, checkup.unreachable) == (False, unreachable)


def test_an_account_without_an_address_is_told_so(wuzapi: WuzApi) -> None:
    assert wuzapi.check(Account("a", {"token": "t"})) == Checkup(
        ok=False, reason="This number's WuzAPI address is not set.", code="not_configured"
    )


def test_setting_up_sets_the_key_leaves_files_out_and_then_the_address(
    wuzapi: WuzApi, exchange: Any, account: Account
) -> None:
    exchange.otherwise = httpx.Response(200, json={"Details": "saved"})
    exchange.answers["/base/session/s3/config"] = httpx.Response(
        200, json={"data": {"enabled": False, "media_delivery": "base64"}, "success": True}
    )
    signing = Account(account.account_id, {**account.credentials, "hmac_key": KEY}, account.settings)
    assert wuzapi.set_up_webhook("https://parley.example/w", signing) == Accepted("")
    key, files, webhook = asked(exchange)
    assert key == ("/session/hmac/config", {"hmac_key": KEY})
    assert files == ("/session/s3/config", {"enabled": False, "media_delivery": "s3"})
    assert webhook[0] == "/webhook"
    assert webhook[1]["webhookurl"] == "https://parley.example/w"
    assert {"Message", "ReadReceipt", "ChatPresence", "LoggedOut"} <= set(webhook[1]["events"])
    assert "All" not in webhook[1]["events"]


@pytest.mark.parametrize(
    "files",
    [
        httpx.Response(404, text="404 page not found"),
        httpx.Response(200, json={"data": {"enabled": True, "media_delivery": "base64"}, "success": True}),
        httpx.Response(200, json={"data": {"enabled": False, "media_delivery": "s3"}, "success": True}),
    ],
)
def test_a_bucket_of_its_owners_and_an_old_build_are_left_as_they_are(
    wuzapi: WuzApi, exchange: Any, account: Account, files: httpx.Response
) -> None:
    exchange.answers["/base/session/s3/config"] = files
    assert isinstance(wuzapi.set_up_webhook("https://parley.example/w", account), Accepted)
    assert [path for path, _ in asked(exchange)] == ["/webhook"]


def test_a_bucket_of_ours_is_set(wuzapi: WuzApi, exchange: Any, account: Account) -> None:
    bucket = {"endpoint": "https://s3.example", "region": "r", "bucket": "b", "accessKey": "a", "pathStyle": True}
    configured = Account("a", {"token": "t", "s3_secret_key": "s"}, {**account.settings, "s3": bucket})
    wuzapi.set_up_webhook("https://parley.example/w", configured)
    assert asked(exchange)[0] == (
        "/session/s3/config",
        {
            "enabled": True,
            "media_delivery": "s3",
            "secret_key": "s",
            "endpoint": "https://s3.example",
            "region": "r",
            "bucket": "b",
            "access_key": "a",
            "path_style": True,
        },
    )


def test_a_key_wuzapi_would_refuse_and_a_step_that_fails_end_the_set_up(
    wuzapi: WuzApi, exchange: Any, account: Account
) -> None:
    short = Account("a", {"token": "t", "hmac_key": "k" * 31}, account.settings)
    assert isinstance(wuzapi.set_up_webhook("https://parley.example/w", short), Refused)
    assert exchange.requests == []
    exchange.answers["/base/session/hmac/config"] = httpx.Response(404)
    signing = Account("a", {"token": "t", "hmac_key": KEY}, account.settings)
    assert isinstance(wuzapi.set_up_webhook("https://parley.example/w", signing), Refused)
    assert "/webhook" not in [path for path, _ in asked(exchange)]
