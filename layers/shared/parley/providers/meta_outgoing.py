"""Sending through Meta's Cloud API. The one rule: a request that may have reached Meta is never called "not sent".

Source: developers.facebook.com/docs/whatsapp/cloud-api/reference/messages; the errors are a table in meta_errors.py.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import quote

import httpx

from parley.domain.outgoing import Accepted, Draft, NotSent, Outcome, Refused, Uncertain

from .base import Account
from .meta_errors import RETRY_AFTER, TEMPORARY, THROTTLED, described, error_code, refusal
from .meta_incoming import LONGEST_ID, clean

LONGEST_ANSWER: Final = 64 * 1024
LONGEST_RETRY_AFTER: Final = timedelta(days=1)

_NOT_PROCESSED: Final = frozenset({408, 425, 429})

# What fails before the request is on the wire was not sent; after that nobody knows.
_BEFORE_SENDING: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.LocalProtocolError,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)


class Sender:
    """Sends one text at a time over a shared client."""

    def __init__(self, http: httpx.Client, base: str, timeout: httpx.Timeout) -> None:
        self._http, self._base, self._timeout = http, base, timeout
        self._longest = sum(seconds for seconds in timeout.as_dict().values() if seconds)

    def send(self, draft: Draft, account: Account) -> Outcome:
        """POST to `/{phone_number_id}/messages`, once. HTTP 200 means accepted; a failure may follow by webhook."""
        token = account.credentials.get("access_token")
        if not token:
            meaning = refusal(190)
            return Refused(meaning.code, meaning.sentence)
        if draft.kind != "text" or draft.to.kind not in {"phone", "bsuid"}:
            return Refused("unsupported_capability", "This number cannot send this kind of message.")
        if not draft.text:
            return Refused("invalid_request", "There is no text to send.")
        url = f"{self._base}/{quote(account.account_id, safe='')}/messages"
        headers = {
            "authorization": f"Bearer {token}",
            "content-type": "application/json",
            "accept-encoding": "identity",  # so that the bound on the answer is a bound
        }
        body = json.dumps(_envelope(draft)).encode()
        deadline = time.monotonic() + self._longest
        try:
            with self._http.stream("POST", url, content=body, headers=headers, timeout=self._timeout) as response:
                return _outcome(response.status_code, response.headers, _read(response, deadline))
        except (*_BEFORE_SENDING, httpx.InvalidURL) as error:
            return NotSent(f"not connected: {type(error).__name__}")
        except httpx.HTTPError as error:
            return Uncertain(f"no answer: {type(error).__name__}")


def _read(response: httpx.Response, deadline: float) -> bytes:
    """Read the answer as far as it comes in time and size: its status counts even if its body breaks off."""
    received = bytearray()
    try:
        for chunk in response.iter_raw():
            received += chunk
            if len(received) > LONGEST_ANSWER or time.monotonic() > deadline:
                break
    except httpx.HTTPError:
        pass  # what came so far is judged like a whole answer
    return bytes(received[:LONGEST_ANSWER])


def _envelope(draft: Draft) -> dict[str, Any]:
    to = draft.to.value
    envelope: dict[str, Any] = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        **({"to": re.sub(r"\D", "", to)} if draft.to.kind == "phone" else {"recipient": to}),
        "type": "text",
        "text": {"body": draft.text},
        "biz_opaque_callback_data": str(draft.reference),
    }
    if draft.reply_to:
        envelope["context"] = {"message_id": draft.reply_to}
    return envelope


def _outcome(status: int, headers: Mapping[str, str], body: bytes) -> Outcome:
    answer = _json_object(body)
    if status >= 500:
        return Uncertain(f"HTTP {status}")
    if 200 <= status < 300:
        message_id = _message_id(answer)
        return Accepted(message_id) if message_id else Uncertain(f"HTTP {status} without a message id")
    found = answer.get("error")
    error: dict[str, Any] = found if isinstance(found, dict) else {}
    code = error_code(error)
    provider = {"status": status, **clean(described(error))}
    if status in _NOT_PROCESSED or code in THROTTLED:
        wait = _retry_after(headers)
        return NotSent("throttled", RETRY_AFTER.get(code or 0) if wait is None else wait, provider)
    if code in TEMPORARY or error.get("is_transient") is True:
        return NotSent("temporary", _retry_after(headers), provider)
    meaning = refusal(code, status)
    return Refused(meaning.code, meaning.sentence, provider)


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _message_id(answer: Mapping[str, Any]) -> str | None:
    messages = answer.get("messages")
    first = messages[0] if isinstance(messages, list) and messages else None
    message_id = first.get("id") if isinstance(first, dict) else None
    return clean(message_id) if isinstance(message_id, str) and 0 < len(message_id) <= LONGEST_ID else None


def _retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """RFC 9110's Retry-After: seconds, or a date, which is read against the answer's own date so that no clock need
    agree.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit() and len(value) < 10:
        return min(timedelta(seconds=int(value)), LONGEST_RETRY_AFTER)
    try:
        wait = parsedate_to_datetime(value) - parsedate_to_datetime(headers.get("date", ""))
    except (TypeError, ValueError):
        return None
    return min(max(wait, timedelta()), LONGEST_RETRY_AFTER)
