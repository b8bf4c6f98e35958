"""Z-API's door: who is believed; and its files."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest

from parley.domain.errors import MediaGone, Rejected, Unavailable
from parley.domain.incoming import MessageReceived
from parley.providers.base import Account, Provider
from parley.providers.public_web import AddressRefused
from parley.providers.zapi import ZApi
from tests.unit.zapi.conftest import ACCOUNT, Api

BODY = b'{"type":"ReceivedCallback","instanceId":"I","messageId":"M","phone":"5511999990018","text":{"message":"oi"}}'
SOURCE = {"url": "https://files.example/1"}


def test_the_adapter_is_a_provider(zapi: ZApi) -> None:
    provider: Provider = zapi
    assert (provider.name, provider.channel) == ("zapi", "whatsapp")
    [fact] = provider.normalise(provider.redact(BODY, {}), {})
    assert isinstance(fact, MessageReceived)


def test_a_handshake_is_never_answered() -> None:
    assert ZApi.handshake({"hub.challenge": "1", "hub.verify_token": "x"}, "x") is None


@pytest.mark.parametrize("headers", [{}, {"z-api-token": "webhook-token"}])
def test_a_webhook_with_the_right_token_or_none_is_believed(zapi: ZApi, headers: dict[str, str]) -> None:
    zapi.verify(BODY, headers, ACCOUNT, datetime.now(UTC))


def test_a_token_is_not_compared_where_none_is_known(zapi: ZApi) -> None:
    zapi.verify(BODY, {"z-api-token": "whatever"}, Account("I", {"instance_token": "t"}), datetime.now(UTC))


@pytest.mark.parametrize("token", ["", "webhook-toke", "webhook-token ", "wébhook-token", "\ud800"])
def test_a_wrong_token_is_rejected(zapi: ZApi, token: str) -> None:
    with pytest.raises(Rejected, match="token_wrong"):
        zapi.verify(BODY, {"z-api-token": token}, ACCOUNT, datetime.now(UTC))


def test_reading_a_webhook_needs_no_http() -> None:
    code = "import sys, parley.providers.zapi; sys.exit('httpx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ------------------------------------------------------------------------------------------------------------ files


def test_a_file_is_fetched_without_any_credential(zapi: ZApi, api: Api) -> None:
    api.will(200, b"x" * 2_500_000, {"content-type": "image/jpeg", "content-length": "2500000"})
    with zapi.fetch_media(SOURCE, ACCOUNT) as download:
        assert (download.mime_type, download.size) == ("image/jpeg", 2_500_000)
        chunks = list(download.chunks)
    assert (sum(map(len, chunks)), max(map(len, chunks))) == (2_500_000, 1024 * 1024)
    [request] = api.requests
    assert (request.method, str(request.url)) == ("GET", "https://files.example/1")
    assert not {"client-token", "authorization", "cookie"} & set(request.headers)


@pytest.mark.parametrize("status", [301, 302, 204, 400, 401, 403, 404, 410])
def test_a_file_that_is_not_there_will_never_be(zapi: ZApi, api: Api, status: int) -> None:
    api.will(status, b"", {"location": "http://169.254.169.254/"})
    with pytest.raises(MediaGone), zapi.fetch_media(SOURCE, ACCOUNT):
        pass
    assert len(api.requests) == 1


@pytest.mark.parametrize(
    "source", [{}, {"url": ""}, {"url": 7}, {"error": "timeout"}, {"url": "https://"}, {"url": "x"}]
)
def test_a_file_without_an_address_will_never_be_there(zapi: ZApi, source: dict[str, object]) -> None:
    with pytest.raises(MediaGone), zapi.fetch_media(source, ACCOUNT):
        pass


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_storage_in_trouble_is_asked_again(zapi: ZApi, api: Api, status: int) -> None:
    api.will(status, b"")
    with pytest.raises(Unavailable), zapi.fetch_media(SOURCE, ACCOUNT):
        pass


def test_an_address_that_may_not_be_asked_is_final(zapi: ZApi, api: Api) -> None:
    api.will_fail(AddressRefused("private"))
    with pytest.raises(MediaGone), zapi.fetch_media(SOURCE, ACCOUNT):
        pass


def test_files_are_fetched_through_the_guarded_client_alone(api: Api) -> None:
    def never(request: httpx.Request) -> httpx.Response:
        raise AssertionError(f"left for {request.url}")

    api.will(200, b"file")
    with (
        httpx.Client(transport=httpx.MockTransport(never)) as http,
        httpx.Client(transport=httpx.MockTransport(api)) as web,
        ZApi(http, web=web).fetch_media(SOURCE, ACCOUNT) as download,
    ):
        assert b"".join(download.chunks) == b"file"


def test_a_file_that_cannot_be_reached_is_asked_for_again(zapi: ZApi, api: Api) -> None:
    api.will_fail(httpx.ConnectTimeout("no"))
    with pytest.raises(Unavailable), zapi.fetch_media(SOURCE, ACCOUNT):
        pass


def test_a_file_that_breaks_off_is_asked_for_again(zapi: ZApi, api: Api) -> None:
    class Broken(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield b"x"
            raise httpx.ReadError("gone")

    api.answers.append(httpx.Response(200, stream=Broken()))
    with zapi.fetch_media(SOURCE, ACCOUNT) as download, pytest.raises(Unavailable):
        list(download.chunks)
