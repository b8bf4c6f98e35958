"""Whether a webhook is believed, and what of it may be stored."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from parley.domain.errors import Rejected
from parley.providers.base import Account
from parley.providers.evolution import LEEWAY_SECONDS, Evolution

Token = Callable[..., str]
Serving = Callable[..., Evolution]


def claims(expires_in: float = 600) -> dict[str, Any]:
    now = time.time()
    return {"iat": int(now), "exp": int(now + expires_in), "app": "evolution", "action": "webhook"}


def test_a_webhook_with_the_accounts_token_is_believed(serving: Serving, account: Account, token: Token) -> None:
    adapter = serving((200, {}))
    adapter.verify(b"{}", {"authorization": token(claims())}, account, datetime.now(UTC))
    adapter.verify(b"{}", {"authorization": token(claims()).replace("Bearer", "bearer")}, account, datetime.now(UTC))


def test_a_repeated_webhook_comes_with_an_old_token_and_is_believed(
    serving: Serving, account: Account, token: Token
) -> None:
    serving((200, {})).verify(b"{}", {"authorization": token(claims(-1700))}, account, datetime.now(UTC))


def test_a_token_is_judged_as_of_when_its_webhook_came_however_long_that_waited(
    serving: Serving, account: Account, token: Token
) -> None:
    adapter, came = serving((200, {})), datetime.now(UTC) - timedelta(days=3)
    said = {"exp": came.timestamp() + 60}
    adapter.verify(b"{}", {"authorization": token(said)}, account, came)
    with pytest.raises(Rejected, match="signature_expired"):
        adapter.verify(b"{}", {"authorization": token(said)}, account, came + timedelta(hours=1))


def test_without_a_key_the_urls_token_is_the_check(serving: Serving) -> None:
    serving((200, {})).verify(b"{}", {}, Account("one", {"api_key": "key-1"}), datetime.now(UTC))


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("", "signature_missing"),
        ("Basic YTpi", "signature_malformed"),
        ("Bearer x", "signature_malformed"),
        ("Bearer ..", "signature_malformed"),
        ("Bearer é.é.é", "signature_malformed"),
        ("Bearer a.b.c", "signature_malformed"),
    ],
)
def test_what_is_no_token_is_not_believed(serving: Serving, account: Account, header: str, reason: str) -> None:
    with pytest.raises(Rejected, match=reason):
        serving((200, {})).verify(b"{}", {"authorization": header} if header else {}, account, datetime.now(UTC))


def test_a_token_of_another_key_is_not_believed(serving: Serving, account: Account, token: Token) -> None:
    with pytest.raises(Rejected, match="signature_wrong"):
        serving((200, {})).verify(b"{}", {"authorization": token(claims(), key="another")}, account, datetime.now(UTC))


@pytest.mark.parametrize("algorithm", ["none", "HS512", "RS256"])
def test_a_token_cannot_choose_its_algorithm(serving: Serving, account: Account, token: Token, algorithm: str) -> None:
    with pytest.raises(Rejected, match="signature_wrong"):
        serving((200, {})).verify(b"{}", {"authorization": token(claims(), alg=algorithm)}, account, datetime.now(UTC))


@pytest.mark.parametrize("said", [{}, [], {"exp": None}, {"exp": "soon"}, {"exp": []}, 7])
def test_a_token_without_an_end_is_not_believed(serving: Serving, account: Account, token: Token, said: object) -> None:
    with pytest.raises(Rejected, match="signature_malformed"):
        serving((200, {})).verify(b"{}", {"authorization": token(said)}, account, datetime.now(UTC))


@pytest.mark.parametrize("expires", [-LEEWAY_SECONDS - 60, float("-inf"), float("nan")])
def test_a_token_that_has_long_ended_is_not_believed(
    serving: Serving, account: Account, token: Token, expires: float
) -> None:
    said = claims(expires) if expires > float("-inf") else {"exp": expires}
    with pytest.raises(Rejected, match="signature_expired"):
        serving((200, {})).verify(b"{}", {"authorization": token(said)}, account, datetime.now(UTC))


@pytest.mark.parametrize("text", ["canary", 'ca\\"nary', "canary\\\\", ""])
def test_the_api_key_and_our_address_are_blanked_and_every_other_byte_is_kept(serving: Serving, text: str) -> None:
    body = f'{{"event" : "x","apikey":"{text}" ,"destination": "https://h/{text}","data":{{"a":"\\"apikey\\":\\"kept\\""}}}}'
    redacted = serving((200, {})).redact(body.encode(), {})
    assert redacted == b'{"event" : "x","apikey":"" ,"destination": "","data":{"a":"\\"apikey\\":\\"kept\\""}}'
    assert json.loads(redacted)["data"] == {"a": '"apikey":"kept"'}


def test_a_body_that_was_cut_in_its_key_is_blanked_too(serving: Serving) -> None:
    assert serving((200, {})).redact(b'{"event":"x","apikey":"cana', {}) == b'{"event":"x","apikey":"'
    assert serving((200, {})).redact(b"\xff\x00 not json", {}) == b"\xff\x00 not json"
    assert serving((200, {})).redact(b'{"apikey":null}', {}) == b'{"apikey":null}'


def test_a_pairing_code_is_blanked_and_a_file_is_not(serving: Serving, sample: Callable[[str], bytes]) -> None:
    adapter = serving((200, {}))
    shown = json.loads(adapter.redact(sample("qrcode_updated"), {}))["data"]["qrcode"]
    assert (shown["pairingCode"], shown["code"], shown["base64"]) == ("", "", "")
    body = sample("messages_upsert__image_in_base64_v1")
    assert json.loads(adapter.redact(body, {}))["data"] == json.loads(body)["data"]


def test_redacting_a_large_body_takes_no_long_time(serving: Serving) -> None:
    body = b'{"apikey":"k","data":"' + b'\\"apikey' * 500_000 + b'"}'
    started = time.perf_counter()
    serving((200, {})).redact(body, {})
    assert time.perf_counter() - started < 2


def test_evolution_asks_no_handshake() -> None:
    assert Evolution.handshake({"hub.mode": "subscribe", "hub.challenge": "1"}, "t") is None


def test_reading_a_webhook_needs_no_http_client() -> None:
    code = "import sys; import parley.providers.evolution; sys.exit('httpx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
