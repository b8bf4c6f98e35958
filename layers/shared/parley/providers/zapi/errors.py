"""Z-API's errors as a table. The one rule: Z-API has no numbers, so its words decide, here and nowhere else; where they
are unknown the HTTP status does.

Where the words are from: Z-API/z-api-docs, docs/security and docs/instance/status.md; developer.z-api.io, "On Send
callback examples". Answers and DeliveryCallback share them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from parley.providers.reading import clean_text

LONGEST_TEXT: Final = 500


@dataclass(frozen=True, slots=True)
class Refusal:
    """A class of errors that no repetition helps: Parley's code, what it means to a person, and whether nothing else
    this account sends would go through either.
    """

    code: str
    sentence: str
    account_lost: bool = False


CREDENTIALS: Final = Refusal(
    "credential_expired",
    "Z-API does not accept this number's tokens. An administrator has to enter them again.",
    account_lost=True,
)
DISCONNECTED: Final = Refusal(
    "account_disconnected",
    "This number is not connected to WhatsApp. An administrator has to connect it again at Z-API.",
    account_lost=True,
)
_SUBSCRIPTION: Final = Refusal(
    "payment_required", "The Z-API subscription of this number has ended.", account_lost=True
)
_RESTRICTED: Final = Refusal(
    "sender_restricted", "WhatsApp is holding back what this number sends. Wait before sending more."
)
_NO_PERMISSION: Final = Refusal("permission_denied", "WhatsApp did not let this number send that message.")
_UNREACHABLE: Final = Refusal("recipient_unreachable", "This number is not on WhatsApp.")
_FILE: Final = Refusal("media_failed", "Z-API could not get or use the attached file.")
_BUTTONS: Final = Refusal(
    "sender_not_ready", "An administrator has to accept the terms for buttons in Z-API's panel first."
)
_NOT_HERE: Final = Refusal("unsupported_capability", "This kind of message can only be sent in groups.")
_TIMEOUT: Final = Refusal("provider_unavailable", "Z-API could not hand the message to WhatsApp in time.")
OTHERWISE: Final = Refusal("provider_rejected", "Z-API refused the message.")

# The first row with a phrase that occurs decides; lower case.
_PHRASES: Final[tuple[tuple[Collection[str], Refusal], ...]] = (
    (("client-token", "unauthorized", "instance not found", "instance does not exist"), CREDENTIALS),
    (("must subscribe", "subscription", "trial has expired"), _SUBSCRIPTION),
    (("not connected", "disconnected", "restore the session", "need to be connected"), DISCONNECTED),
    (("accept buttons message terms",), _BUTTONS),
    (("can only be sent in groups",), _NOT_HERE),
    (("permission to send", "rejected sending", "did not allow sending", "don't have permission"), _NO_PERMISSION),
    (("phone number does not exist", "invalid phone", "phone not exists"), _UNREACHABLE),
    (("media url", "media format", "unsupported sticker", "got a 404 error"), _FILE),
    (("timeout on send", "error on send"), _TIMEOUT),
    (("method not allowed",), OTHERWISE),
    # Z-API puts what it got in front: a wrong Client-Token, "null" for none, an address that may not call.
    ((" not allowed",), CREDENTIALS),
)
_CODES: Final[Mapping[str, Refusal]] = {"SHADOW_BAN": _RESTRICTED}
_BY_STATUS: Final[Mapping[int, Refusal]] = {401: CREDENTIALS, 402: _SUBSCRIPTION, 403: CREDENTIALS}


def refusal(error: object, code: object = None, http_status: int = 0) -> Refusal:
    """Find what an error means."""
    known = _CODES.get(code) if isinstance(code, str) else None
    return known or _by_words(error) or _BY_STATUS.get(http_status, OTHERWISE)


def _by_words(error: object) -> Refusal | None:
    words = said(error).lower()
    return next((meaning for phrases, meaning in _PHRASES if any(phrase in words for phrase in phrases)), None)


def said(error: object) -> str:
    """What Z-API said, as far as a person would read it."""
    return clean_text(error if isinstance(error, str) else str(error or ""))[:LONGEST_TEXT]


def described(error: object, code: object = None) -> dict[str, Any]:
    """What Parley calls the error, what a person reads, and the error as it came."""
    meaning = refusal(error, code)
    provider = {"error": said(error), **({"errorCode": said(code)} if code else {})}
    return {"code": meaning.code, "message": meaning.sentence, "provider": provider}
