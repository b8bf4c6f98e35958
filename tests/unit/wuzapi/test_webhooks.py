"""The three forms of WuzAPI's webhooks, their signatures, and what of them is never stored."""

from __future__ import annotations

import hashlib
import hmac
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from parley.domain.errors import Rejected, Unreadable
from parley.domain.incoming import MessageReceived
from parley.providers.base import Account
from parley.providers.wuzapi import WuzApi

Make = Callable[..., bytes]
KEY = "a key of at least thirty-two characters"
SIGNED = Account("u1", {"token": "t0ken", "hmac_key": KEY})
OPEN = Account("u1", {"token": "t0ken"})
JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
PARTS = {"content-type": "multipart/form-data; boundary=b0und"}


def signature(signed: bytes) -> dict[str, str]:
    return {"x-hmac-signature": hmac.new(KEY.encode(), signed, hashlib.sha256).hexdigest()}


def form(event: bytes, **fields: str) -> bytes:
    return urlencode(
        sorted({"jsonData": event.decode(), "userID": "u2", "instanceName": "i2", **fields}.items())
    ).encode()


def multipart(fields: dict[str, str], file: bytes) -> bytes:
    head = 'Content-Disposition: form-data; name="{}"'
    parts = [f"--b0und\r\n{head.format(name)}\r\n\r\n{text}\r\n".encode() for name, text in fields.items()]
    named = head.format("file") + '; filename="/tmp/user_1/3EB0AA.jpg"\r\nContent-Type: application/octet-stream'
    return b"".join([f"--b0und\r\n{named}\r\n\r\n".encode() + file + b"\r\n", *parts, b"--b0und--\r\n"])


def text_of(wuzapi: WuzApi, body: bytes, headers: dict[str, str]) -> tuple[str | None, str]:
    (fact,) = wuzapi.normalise(body, headers)
    assert isinstance(fact, MessageReceived)
    return fact.text, fact.account


def test_a_form_a_json_body_and_an_unnamed_one_say_the_same(wuzapi: WuzApi, message: Make) -> None:
    event = message({"conversation": "é & <b>\n"})
    assert text_of(wuzapi, event, JSON) == ("é & <b>\n", "u1")
    assert text_of(wuzapi, event, {}) == ("é & <b>\n", "u1")
    assert text_of(wuzapi, form(event), FORM) == ("é & <b>\n", "u2\ni2")
    with_charset = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    assert text_of(wuzapi, form(event), with_charset)[1] == "u2\ni2"
    assert text_of(wuzapi, form(event), {})[1] == "u2\ni2"


def test_a_multipart_body_brings_its_file(wuzapi: WuzApi, message: Make) -> None:
    content = b"\x89PNG\r\n\r\n--b0un\r\n\x00\xff"
    event = message({"imageMessage": {"mimetype": "image/png", "caption": "olha"}})
    body = multipart({"jsonData": event.decode(), "userID": "u3", "file": "/tmp/user_1/3EB0AA.jpg"}, content)
    (fact,) = wuzapi.normalise(body, PARTS)
    assert isinstance(fact, MessageReceived)
    assert (fact.account, fact.text, fact.media[0].inline) == ("u3", "olha", content)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"userID=1", FORM),
        (b"jsonData=%7B", FORM),
        (b"jsonData=\xff", FORM),
        (b"&".join([b"a=1"] * 200), FORM),
        (b"--b0und\r\n\r\nx\r\n--b0und--", PARTS),
        (b'--b0und\r\nContent-Disposition: form-data; name="jsonData"\r\n\r\n{}', PARTS),
        (b"{}", {"content-type": "multipart/form-data"}),
        (b"\x00\x01", {}),
    ],
)
def test_a_form_that_is_none_is_unreadable(wuzapi: WuzApi, body: bytes, headers: dict[str, str]) -> None:
    with pytest.raises(Unreadable):
        wuzapi.normalise(body, headers)


def test_a_signature_over_the_raw_body_is_believed(wuzapi: WuzApi, message: Make) -> None:
    event = message({"conversation": "oi"})
    for body, headers in ((event, JSON), (form(event), FORM)):
        given = signature(body)
        wuzapi.verify(body, {**headers, **given}, SIGNED, datetime.now(UTC))
        wuzapi.verify(body + b"\n", {**headers, **given}, SIGNED, datetime.now(UTC))
        upper = {**headers, "x-hmac-signature": given["x-hmac-signature"].upper()}
        wuzapi.verify(body, upper, SIGNED, datetime.now(UTC))


@pytest.mark.parametrize("old", [False, True])
def test_a_multipart_signature_is_over_the_json_of_its_text_fields_as_go_writes_it(wuzapi: WuzApi, old: bool) -> None:
    fields = {"userID": "u1", "jsonData": '{"a":"é <b> & \\"c\\" \u2028"}\b', "file": "/tmp/f.jpg"}
    go = (
        '{"file":"/tmp/f.jpg","jsonData":"{\\"a\\":\\"é \\u003cb\\u003e \\u0026 \\\\\\"c\\\\\\" \\u2028\\"}'
        + ("\\u0008" if old else "\\b")
        + '","userID":"u1"}'
    )
    wuzapi.verify(multipart(fields, b"content"), {**PARTS, **signature(go.encode())}, SIGNED, datetime.now(UTC))
    changed = multipart({**fields, "userID": "u2"}, b"content")
    with pytest.raises(Rejected, match="signature_wrong"):
        wuzapi.verify(changed, {**PARTS, **signature(go.encode())}, SIGNED, datetime.now(UTC))


BODY = b'{"type":"Connected","event":{}}'
GIVEN = signature(BODY)["x-hmac-signature"]


@pytest.mark.parametrize(
    ("body", "header", "reason"),
    [
        (BODY, None, "signature_missing"),
        (BODY, " ", "signature_missing"),
        (BODY, "sha256=" + GIVEN, "signature_malformed"),
        (BODY, "é" * 64, "signature_malformed"),
        (BODY, "0" * 64, "signature_wrong"),
        (BODY + b" ", GIVEN, "signature_wrong"),
        (BODY + b"\n\n", GIVEN, "signature_wrong"),
        (b"", GIVEN, "signature_wrong"),
    ],
)
def test_any_other_signature_is_rejected_for_its_own_reason(
    wuzapi: WuzApi, body: bytes, header: str | None, reason: str
) -> None:
    headers = {**JSON, **({"x-hmac-signature": header} if header else {})}
    with pytest.raises(Rejected) as rejected:
        wuzapi.verify(body, headers, SIGNED, datetime.now(UTC))
    assert rejected.value.detail == reason


@pytest.mark.parametrize("token", ["t0ken", "REDACTED", None])
def test_without_a_key_the_right_token_or_none_is_believed(wuzapi: WuzApi, token: str | None) -> None:
    wuzapi.verify(json.dumps({"type": "Connected", "token": token}).encode(), JSON, OPEN, datetime.now(UTC))
    wuzapi.verify(b"no JSON at all", JSON, OPEN, datetime.now(UTC))


def test_without_a_key_another_instances_token_is_rejected(wuzapi: WuzApi) -> None:
    for body, headers in ((b'{"token": "other"}', JSON), (form(b"{}", token="other"), FORM)):
        with pytest.raises(Rejected, match="token_wrong"):
            wuzapi.verify(body, headers, OPEN, datetime.now(UTC))


EVENT = {"type": "QR", "event": "code", "token": "s3cret", "qrCodeBase64": "data:image/png;base64,AA=="}


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (json.dumps(EVENT).encode(), JSON),
        (json.dumps(EVENT, separators=(",", ":")).encode(), {}),
        (form(json.dumps(EVENT).encode(), token="s3cret"), FORM),
        (form(json.dumps(EVENT, separators=(",", ":")).encode(), token="s3cret"), FORM),
        (multipart({"token": "s3cret", "jsonData": json.dumps(EVENT)}, b"x"), PARTS),
    ],
)
def test_a_token_and_a_pairing_code_are_never_stored(wuzapi: WuzApi, body: bytes, headers: dict[str, str]) -> None:
    stored = wuzapi.redact(body, headers)
    assert b"s3cret" not in stored
    assert b"AA==" not in stored
    assert b"AA%3D" not in stored
    assert len(wuzapi.normalise(stored, headers)) == 1


@pytest.mark.parametrize("text", ["see &token=1&x", '{"token":"mine"}', 'name="token"\r\n\r\nx', "%22token%22%3A%22x"])
def test_redacting_leaves_what_people_write_alone(wuzapi: WuzApi, message: Make, text: str) -> None:
    event = message({"conversation": text})
    for body, headers in (
        (event, JSON),
        (form(event), FORM),
        (multipart({"jsonData": event.decode()}, b"x"), PARTS),
    ):
        assert wuzapi.redact(body, headers) == body


def test_wuzapi_shakes_no_hands() -> None:
    assert WuzApi.handshake({"hub.challenge": "1"}, "v") is None


def test_the_adapters_module_needs_no_http_client() -> None:
    code = "import sys, parley.providers.wuzapi; sys.exit('httpx' in sys.modules)"
    path: Any = {"PYTHONPATH": ":".join(entry for entry in sys.path if entry)}
    assert subprocess.run([sys.executable, "-c", code], env=path, check=False).returncode == 0
