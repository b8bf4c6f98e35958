"""Meta's handshake and signature, and the registry that finds the adapter."""

from __future__ import annotations

import hashlib
import hmac
import subprocess
import sys
from datetime import UTC, datetime

import httpx
import pytest

from parley.domain.errors import Rejected
from parley.providers.base import Account, Provider
from parley.providers.meta import Meta
from parley.providers.registry import HANDSHAKES, build

BODY = b'{"text":"ol\\u00e1"}'
ACCOUNT = Account("1", {"app_secret": "the app's secret"})
SIGNATURE = hmac.new(b"the app's secret", BODY, hashlib.sha256).hexdigest()


@pytest.fixture
def meta() -> Provider:
    return build(httpx.Client(), meta_api_url="https://graph.example", meta_api_version="v26.0")["meta"]


@pytest.mark.parametrize("header", [f"sha256={SIGNATURE}", f"sha256={SIGNATURE.upper()}", f" sha256={SIGNATURE} "])
def test_a_signature_over_the_raw_bytes_is_believed(meta: Provider, header: str) -> None:
    meta.verify(BODY, {"x-hub-signature-256": header}, ACCOUNT, datetime.now(UTC))


@pytest.mark.parametrize(
    ("body", "headers", "account", "reason"),
    [
        (BODY, {}, ACCOUNT, "signature_missing"),
        (BODY, {"x-hub-signature-256": ""}, ACCOUNT, "signature_missing"),
        (BODY, {"x-hub-signature-256": SIGNATURE}, ACCOUNT, "signature_malformed"),
        (BODY, {"x-hub-signature-256": "sha256=" + "g" * 64}, ACCOUNT, "signature_malformed"),
        (BODY, {"x-hub-signature-256": "sha256=é"}, ACCOUNT, "signature_malformed"),
        (BODY, {"x-hub-signature-256": f"sha256={SIGNATURE}00"}, ACCOUNT, "signature_malformed"),
        (BODY, {"x-hub-signature-256": "sha256=" + "0" * 64}, ACCOUNT, "signature_wrong"),
        ('{"text":"olá"}'.encode(), {"x-hub-signature-256": f"sha256={SIGNATURE}"}, ACCOUNT, "signature_wrong"),
        (BODY + b"\n", {"x-hub-signature-256": f"sha256={SIGNATURE}"}, ACCOUNT, "signature_wrong"),
        (BODY, {"x-hub-signature-256": f"sha256={SIGNATURE}"}, Account("1", {}), "app_secret_missing"),
        (BODY, {"x-hub-signature-256": f"sha256={SIGNATURE}"}, Account("1", {"app_secret": ""}), "app_secret_missing"),
    ],
)
def test_any_other_signature_is_rejected_for_its_own_reason(
    meta: Provider, body: bytes, headers: dict[str, str], account: Account, reason: str
) -> None:
    with pytest.raises(Rejected) as rejected:
        meta.verify(body, headers, account, datetime.now(UTC))
    assert rejected.value.detail == reason


QUERY = {"hub.mode": "subscribe", "hub.verify_token": "v-1", "hub.challenge": "1158201444"}


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({}, "1158201444"),
        ({"hub.verify_token": "v-2"}, None),
        ({"hub.verify_token": "é\ud800"}, None),
        ({"hub.verify_token": ""}, None),
        ({"hub.mode": "unsubscribe"}, None),
        ({"hub.mode": ""}, None),
    ],
)
def test_the_challenge_is_given_back_for_our_verify_token_only(changes: dict[str, str], answer: str | None) -> None:
    assert Meta.handshake(QUERY | changes, "v-1") == answer
    assert HANDSHAKES["meta"](QUERY | changes, "v-1") == answer


def test_a_handshake_without_any_of_its_parts_is_refused() -> None:
    assert Meta.handshake({}, "v-1") is None


@pytest.mark.parametrize("module", ["registry", "meta"])
def test_what_the_receiver_imports_brings_no_http_client(module: str) -> None:
    code = f"import sys, parley.providers.{module}; print(sorted({{'httpx', 'pydantic', 'boto3'}} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert out.stdout.strip() == "[]"
