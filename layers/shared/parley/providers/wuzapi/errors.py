"""WuzAPI's errors in Parley's words. The one rule: the HTTP status decides, and for 400 and 500 the beginning or a
part of the text, because WuzAPI has no codes: this table is the only place that reads it.

Where the texts are from: wuzapi handlers.go; whatsmeow errors.go and send.go, whose error follows "error sending
message".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal

from parley.domain.outgoing import NotSent, Outcome, Refused, Uncertain
from parley.providers.calls import Answer
from parley.providers.reading import clean_text

LONGEST_TEXT: Final = 300


@dataclass(frozen=True, slots=True)
class Row:
    """What an error means. `deed`: refused for good; lost, and the account with it; again later; or nobody knows."""

    deed: Literal["refused", "lost", "again", "uncertain"]
    code: str
    sentence: str


_DISCONNECTED: Final = Row(
    "lost",
    "account_disconnected",
    "This number is not connected to WhatsApp. An administrator has to connect it again in WuzAPI.",
)
_TOKEN: Final = Row(
    "lost",
    "credential_expired",
    "WuzAPI does not accept this number's token. An administrator has to enter the right one.",
)
_RECIPIENT: Final = Row("refused", "recipient_unreachable", "WhatsApp does not know this recipient.")
_MEDIA: Final = Row("refused", "media_failed", "WuzAPI could not process the attached file.")
_GROUP: Final = Row("refused", "recipient_unreachable", "This number is not a member of that group.")
_LIMITED: Final = Row("again", "rate_limited", "WhatsApp is being written to too quickly.")
_AGAIN: Final = Row("again", "provider_unavailable", "WuzAPI could not send just now.")
_MISTAKE: Final = Row("refused", "provider_rejected", "WuzAPI found a mistake in the message.")
_REFUSED: Final = Row("refused", "provider_rejected", "WhatsApp refused the message.")
_ELSEWHERE: Final = Row("lost", "not_configured", "This number's WuzAPI address leads elsewhere.")
_UNKNOWN: Final = Row("uncertain", "provider_unavailable", "WuzAPI failed on the way.")

_BY_STATUS: Final = {
    401: _TOKEN,
    402: Row("lost", "payment_required", "The subscription of this WuzAPI account has ended."),
    403: Row("lost", "permission_denied", "WuzAPI does not let this token send."),
    404: Row("refused", "unsupported_capability", "This WuzAPI cannot do that, or its address is wrong."),
    405: Row("refused", "unsupported_capability", "This WuzAPI cannot do that, or its address is wrong."),
    413: Row("refused", "media_failed", "The attached file is too large for WuzAPI."),
    429: _LIMITED,
}
_BY_TEXT: Final = (
    ("no session", _DISCONNECTED),
    ("doesn't contain a device jid", _DISCONNECTED),
    ("client is nil", _DISCONNECTED),
    ("websocket not connected", _AGAIN),
    ("server returned error 429", _LIMITED),
    ("rate-overlimit", _LIMITED),
    ("server returned error", _REFUSED),
    ("not participating in that group", _GROUP),
    ("group does not exist", _GROUP),
    ("no lid found", _RECIPIENT),
    ("unknown server", _RECIPIENT),
    ("must be a user jid", _RECIPIENT),
    ("could not parse", _RECIPIENT),
    ("broadcast lists is not", _RECIPIENT),
    ("could not decode base64", _MEDIA),
    ("could not decode image", _MEDIA),
    ("data should start with", _MEDIA),
    ("failed to fetch lid mappings", _AGAIN),
    ("failed to fetch", _MEDIA),
    # What whatsmeow does before it hands the message over, so that a failure of it left nothing on the wire.
    ("failed to upload file", _AGAIN),
    ("failed to get device list", _AGAIN),
    ("failed to get group members", _AGAIN),
    ("failed to get lid", _AGAIN),
    ("failed to get user info", _AGAIN),
    ("failed to prefetch sessions", _AGAIN),
    ("no signal session established", _AGAIN),
)
"""The first whose text is a part of the error, in lower case, decides."""


def meaning(status: int, text: str) -> Row:
    """Find what an answer other than a success means."""
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    folded = text.lower()
    if status in {400, 500}:
        for part, row in _BY_TEXT:
            if part in folded:
                return row
    if 300 <= status < 400:
        return _ELSEWHERE
    return _MISTAKE if 400 <= status < 500 else _UNKNOWN


def error_of(answer: Answer) -> str:
    """What an error answer says: `{code, error, success: false}`, or nothing."""
    text = answer.object().get("error")
    return clean_text(text)[:LONGEST_TEXT] if isinstance(text, str) else ""


def outcome_of(answer: Answer) -> Outcome:
    """What became of an attempt that was not answered with a success."""
    text = error_of(answer)
    row = meaning(answer.status, text)
    said: dict[str, Any] = {"code": answer.status, "message": text}
    match row.deed:
        case "again":
            wait = answer.retry_after() if row is _LIMITED else None
            return NotSent(row.code, wait or (timedelta(seconds=30) if row is _LIMITED else None), said)
        case "uncertain":
            return Uncertain(f"HTTP {answer.status} {text}".strip())
        case deed:
            return Refused(row.code, row.sentence, said, account_lost=deed == "lost")
