"""Telegram's door: who is believed; its files; whose token it is; where its updates go."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from parley.domain.errors import MediaGone, Rejected, Unavailable
from parley.domain.outgoing import Accepted, NotSent, Refused
from parley.providers.base import Account, Provider
from parley.providers.telegram import Telegram
from tests.unit.telegram.conftest import ACCOUNT, BASE, TOKEN, Api, draft, sent

HEADER = "x-telegram-bot-api-secret-token"
BODY = b'{"update_id": 1}'
SOURCE = {"fileId": "AgACAgEAAxkBAAPTlarge"}
FOUND = {"ok": True, "result": {"file_id": "AgAC", "file_size": 3, "file_path": "photos/file_12 (1).jpg"}}


def test_the_adapter_is_a_provider_of_its_own_channel(telegram: Telegram) -> None:
    provider: Provider = telegram
    assert (provider.name, provider.channel) == ("telegram", "telegram")
    assert provider.redact(BODY, {}) == BODY
    assert Telegram.handshake({"hub.challenge": "1", "hub.verify_token": "x"}, "x") is None


def test_an_update_with_the_secret_token_is_believed(telegram: Telegram) -> None:
    telegram.verify(BODY, {HEADER: "webhook-secret"}, ACCOUNT, datetime.now(UTC))
    telegram.verify(BODY, {}, Account("1", {"bot_token": TOKEN}), datetime.now(UTC))


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "token_missing"),
        ({HEADER: ""}, "token_wrong"),
        ({HEADER: "webhook-secre"}, "token_wrong"),
        ({HEADER: "wébhook-secret"}, "token_wrong"),
        ({HEADER: "\ud800"}, "token_wrong"),
    ],
)
def test_another_or_no_secret_token_is_rejected(telegram: Telegram, headers: dict[str, str], reason: str) -> None:
    with pytest.raises(Rejected, match=reason):
        telegram.verify(BODY, headers, ACCOUNT, datetime.now(UTC))


def test_reading_a_webhook_needs_no_http() -> None:
    code = "import sys, parley.providers.telegram; sys.exit('httpx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ------------------------------------------------------------------------------------------------------------ files


def test_a_file_is_asked_for_and_fetched_from_the_apis_own_host(telegram: Telegram, api: Api) -> None:
    api.will(200, FOUND)
    api.will(200, b"x" * 2_500_000, {"content-type": "application/octet-stream", "content-length": "2500000"})
    with telegram.fetch_media(SOURCE, ACCOUNT) as download:
        assert (download.mime_type, download.size) == (None, 2_500_000)
        chunks = list(download.chunks)
    assert (sum(map(len, chunks)), max(map(len, chunks))) == (2_500_000, 1024 * 1024)
    assert api.asked(0) == ("getFile", {"file_id": "AgACAgEAAxkBAAPTlarge"})
    assert (api.requests[1].method, str(api.requests[1].url)) == (
        "GET",
        f"{BASE}/file/bot{TOKEN}/photos/file_12%20%281%29.jpg",
    )


def test_files_never_go_through_the_client_for_other_hosts(api: Api) -> None:
    def never(request: httpx.Request) -> httpx.Response:
        raise AssertionError(f"left for {request.url}")

    api.will(200, FOUND)
    api.will(200, b"abc")
    with (
        httpx.Client(transport=httpx.MockTransport(api)) as http,
        httpx.Client(transport=httpx.MockTransport(never)) as web,
        Telegram(http, web=web).fetch_media(SOURCE, ACCOUNT) as download,
    ):
        assert b"".join(download.chunks) == b"abc"


@pytest.mark.parametrize(
    "path",
    [
        "/var/lib/telegram-bot-api/7012345678:AAH/photos/file_0.jpg",
        "../../bot7012345678:AAH/getMe",
        "photos/../../x",
        "photos/..",
        "https://evil.example/x",
        "//evil.example/x",
        "photos/a?b=c",
        "photos/a#b",
        "photos/a%2e%2e",
        "a\r\nx",
        "",
    ],
)
def test_an_address_outside_of_the_bots_folder_is_never_fetched(telegram: Telegram, api: Api, path: str) -> None:
    api.will(200, {"ok": True, "result": {"file_path": path}})
    with pytest.raises(MediaGone), telegram.fetch_media(SOURCE, ACCOUNT):
        pass
    assert len(api.requests) == 1


def test_a_file_too_large_for_bots_will_never_be_had(telegram: Telegram, api: Api) -> None:
    api.will_refuse(400, "Bad Request: file is too big")
    with pytest.raises(MediaGone, match="20 MB"), telegram.fetch_media(SOURCE, ACCOUNT):
        pass


@pytest.mark.parametrize("source", [{}, {"fileId": ""}, {"fileId": {}}, {"url": "https://x"}])
def test_a_source_without_a_file_is_final(telegram: Telegram, api: Api, source: dict[str, Any]) -> None:
    with pytest.raises(MediaGone), telegram.fetch_media(source, ACCOUNT):
        pass
    assert api.requests == []


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"ok": False, "description": "Bad Request: wrong file_id or the file is temporarily unavailable"}),
        (401, {"ok": False, "description": "Unauthorized"}),
        (429, {"ok": False, "parameters": {"retry_after": 5}}),
        (502, None),
        (200, {"ok": True, "result": {"file_id": "A"}}),
        (200, {"ok": True, "result": []}),
    ],
)
def test_a_file_whose_address_is_not_told_is_asked_for_again(
    telegram: Telegram, api: Api, status: int, body: object
) -> None:
    api.will(status, body)
    with pytest.raises(Unavailable), telegram.fetch_media(SOURCE, ACCOUNT):
        pass


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_file_that_is_not_given_is_asked_for_again_and_a_redirect_goes_nowhere(
    telegram: Telegram, api: Api, status: int
) -> None:
    api.will(200, FOUND)
    api.will(status, b"", {"location": "http://169.254.169.254/"})
    with pytest.raises(Unavailable), telegram.fetch_media(SOURCE, ACCOUNT):
        pass
    assert len(api.requests) == 2


def test_a_file_that_breaks_off_is_asked_for_again_and_its_address_is_in_no_error(telegram: Telegram, api: Api) -> None:
    class Broken(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield b"x"
            raise httpx.ReadError(f"{BASE}/file/bot{TOKEN}/photos/x gone")

    api.will(200, FOUND)
    api.answers.append(httpx.Response(200, stream=Broken()))
    with telegram.fetch_media(SOURCE, ACCOUNT) as download, pytest.raises(Unavailable) as raised:
        list(download.chunks)
    assert "AAH" not in raised.value.detail
    assert raised.value.__cause__ is None
    api.will(200, FOUND)
    api.will_fail(httpx.ConnectError(f"{BASE}/file/bot{TOKEN}/x"))
    with pytest.raises(Unavailable) as raised, telegram.fetch_media(SOURCE, ACCOUNT):
        pass
    assert "AAH" not in raised.value.detail


# ---------------------------------------------------------------------------------------------------- the account


def test_the_token_of_this_bot_is_in_order(telegram: Telegram, api: Api) -> None:
    bot = {"id": 7012345678, "is_bot": True, "username": "loja_demo_bot", "can_read_all_group_messages": True}
    api.will(200, {"ok": True, "result": bot})
    checkup = telegram.check(ACCOUNT)
    assert (checkup.ok, checkup.reason) == (True, "Connected as @loja_demo_bot.")
    assert api.asked() == ("getMe", {})
    api.will(200, {"ok": True, "result": {**bot, "can_read_all_group_messages": False}})
    assert "only commands" in telegram.check(ACCOUNT).reason


def test_another_bots_token_or_a_dead_one_is_not(telegram: Telegram, api: Api) -> None:
    api.will(200, {"ok": True, "result": {"id": 5, "is_bot": True}})
    assert telegram.check(ACCOUNT).reason == "The token is that of another bot."
    api.will_refuse(401, "Unauthorized")
    checkup = telegram.check(ACCOUNT)
    assert (checkup.ok, checkup.unreachable) == (False, False)
    api.will(200, b"<html>")
    assert telegram.check(ACCOUNT).unreachable


def test_updates_are_asked_for_by_name_with_the_secret_token(telegram: Telegram, api: Api) -> None:
    api.will(200, {"ok": True, "result": True, "description": "Webhook was set"})
    assert telegram.set_up_webhook("https://parley.example/webhooks/telegram/x/y", ACCOUNT) == Accepted("")
    wanted = ["message", "edited_message", "message_reaction", "callback_query", "my_chat_member"]
    assert api.asked() == (
        "setWebhook",
        {
            "url": "https://parley.example/webhooks/telegram/x/y",
            "allowed_updates": wanted,
            "secret_token": "webhook-secret",
        },
    )


def test_a_webhook_that_cannot_be_set_is_told(telegram: Telegram, api: Api) -> None:
    api.will_refuse(400, "Bad Request: bad webhook: HTTPS url must be provided for webhook")
    assert isinstance(telegram.set_up_webhook("http://x", ACCOUNT), Refused)
    api.will_fail(httpx.ReadTimeout("silence"))
    assert isinstance(telegram.set_up_webhook("https://x", ACCOUNT), NotSent)
    odd = Account(ACCOUNT.account_id, {"bot_token": TOKEN, "secret_token": "with spaces"})
    assert isinstance(telegram.set_up_webhook("https://x", odd), Refused)
    assert len(api.requests) == 2


def test_what_our_functions_log_never_has_the_token(caplog: pytest.LogCaptureFixture, api: Api) -> None:
    """httpx tells of every request, with its address, on INFO: libraries are heard from WARNING on (edge/logs.py)."""
    from parley.edge.logs import start_logging

    root = logging.getLogger()
    before, handlers = root.level, root.handlers[:]
    try:
        start_logging("message_sender", "DEBUG")
        root.addHandler(caplog.handler)
        api.will(200, sent())
        with httpx.Client(transport=httpx.MockTransport(api)) as http:
            Telegram(http).send(draft(text="Oi"), ACCOUNT)
    finally:
        root.setLevel(before)
        root.handlers[:] = handlers
    assert json.dumps([record.getMessage() for record in caplog.records]).count("AAH-a_token") == 0
    assert len(api.requests) == 1
