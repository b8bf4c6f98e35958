"""Evolution's errors as a table of texts. The one rule: the text decides, for Evolution answers nearly everything that
goes wrong with 400; what no row knows may have been sent.

Where the texts are from: evolution-api 2.3.7 (`whatsapp.baileys.service.ts`, `auth.guard.ts`, `instance.guard.ts`,
`sendMessage.controller.ts`) and Baileys 7 (`Defaults`, `socket.ts`). A row's texts are looked for in lower case.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from parley.domain.outgoing import NotSent, Refused, Uncertain
from parley.providers.reading import clean, clean_text

if TYPE_CHECKING:
    from parley.providers.calls import Answer


class Verdict(Enum):
    """What an error means for the message."""

    REFUSED = "it will never go"
    LOST = "the account is lost"
    AGAIN = "it did not go, this time"
    DISCONNECTED = "it did not go; whether the account is lost, its state tells"
    UNKNOWN = "it may have gone"


@dataclass(frozen=True, slots=True)
class Meaning:
    """One row: what an error means, as a verdict, Parley's code and the sentence a person reads."""

    verdict: Verdict
    code: str
    sentence: str


DISCONNECTED: Final = Meaning(
    Verdict.DISCONNECTED, "account_disconnected", "The number is disconnected. Somebody has to scan its QR code again."
)
LOGGED_OUT: Final = Meaning(Verdict.LOST, DISCONNECTED.code, DISCONNECTED.sentence)
CREDENTIAL: Final = Meaning(
    Verdict.LOST, "credential_expired", "The Evolution server does not accept this number's API key any more."
)
NO_INSTANCE: Final = Meaning(
    Verdict.LOST, "account_gone", "The Evolution server has no instance of this name. Connect the number again."
)
NOT_SET_UP: Final = Meaning(
    Verdict.LOST, "account_not_set_up", "The address of the Evolution server or its API key is missing."
)
NO_WHATSAPP: Final = Meaning(Verdict.REFUSED, "recipient_unreachable", "This number is not on WhatsApp.")
INVALID: Final = Meaning(Verdict.REFUSED, "provider_rejected", "Evolution found a mistake in the message.")
TOO_LARGE: Final = Meaning(Verdict.REFUSED, "media_too_large", "The file is larger than the Evolution server takes.")
CANNOT: Final = Meaning(Verdict.REFUSED, "unsupported_capability", "This version of Evolution cannot do that.")
MEDIA: Final = Meaning(Verdict.REFUSED, "media_failed", "WhatsApp could not process the attached file.")
GROUP: Final = Meaning(Verdict.REFUSED, "group_forbidden", "This number may not write in that group.")
TARGET: Final = Meaning(Verdict.REFUSED, "message_not_found", "Evolution does not have the message this is about.")
TOO_LATE: Final = Meaning(Verdict.REFUSED, "edit_window_closed", "A message can be changed for 15 minutes only.")
NOT_EDITABLE: Final = Meaning(Verdict.REFUSED, "not_editable", "This message cannot be changed.")
THROTTLED: Final = Meaning(Verdict.AGAIN, "throttled", "WhatsApp asks for a slower pace.")
TEMPORARY: Final = Meaning(Verdict.AGAIN, "temporary", "The Evolution server had a passing trouble.")
UNKNOWN: Final = Meaning(Verdict.UNKNOWN, "unknown", "Nobody can tell whether it was sent.")

TEXTS: Final[tuple[tuple[tuple[str, ...], Meaning], ...]] = (
    # Written after the message has left: whatever else the text says.
    (("prisma", "unique constraint", "can't reach database", "error on upload file to minio"), UNKNOWN),
    (("rate-overlimit", "too many requests"), THROTTLED),
    (("log out instance", "intentional logout", "device_removed", "logged out"), LOGGED_OUT),
    (
        ("connection closed", "connection terminated", "connection was lost", "connection failure", "stream errored"),
        DISCONNECTED,
    ),
    (("(reading 'onwhatsapp')", "(reading 'sendmessage')", "(reading 'ws')", "(reading 'user')"), DISCONNECTED),
    (("(reading 'sendpresenceupdate')", "(reading 'presencesubscribe')", "(reading 'readmessages')"), DISCONNECTED),
    (("timed out", "timeout", "service unavailable", "no sessions", "media upload failed on all hosts"), TEMPORARY),
    (("enotfound", "econnrefused", "econnreset", "eai_again", "etimedout", "socket hang up"), TEMPORARY),
    (("request failed with status code",), MEDIA),
    (("must be a url", "file name must be informed", "base64 audio is required", "invalid media type"), MEDIA),
    (("failed to convert", "ffmpeg", "unsupported image format", "input buffer", "vipsjpeg", "corrupt"), MEDIA),
    (("group not found", "not-authorized", "not-acceptable", "item-not-found", "forbidden"), GROUP),
    (("message is older than 15 minutes",), TOO_LATE),
    (("message not compatible", "you cannot edit", "remotejid does not match"), NOT_EDITABLE),
    (("message not found", "messages not found"), TARGET),
    (("method not available", "not implemented"), CANNOT),
    (("reply buttons", "at least one button", "pix button", "reaction must be", "text is required"), INVALID),
)

NOT_DELIVERED: Final[Mapping[str, Any]] = {
    "code": "provider_rejected",
    "message": "WhatsApp did not take the message.",
    "provider": {"status": "ERROR"},
}
"""An update with the status ERROR: Evolution says no more than that."""

_NOT_TAKEN: Final = frozenset({408, 425, 429})
_LONGEST_TEXT: Final = 500


def meaning(status: int, body: Mapping[str, Any]) -> Meaning:
    """Find what an error means: its shape, then its text, then its status."""
    said = body.get("response")
    message = said.get("message") if isinstance(said, Mapping) else body.get("message")
    if any(one.get("exists") is False for one in _objects(message)):
        return NO_WHATSAPP
    text = " ".join(_texts(message)).lower()
    if status == 404 and "instance does not exist" in text:
        return NO_INSTANCE
    known = next((row for texts, row in TEXTS if any(part in text for part in texts)), None)
    return known or _by_status(status, message, text)


def _by_status(status: int, message: object, text: str) -> Meaning:
    if status in {401, 403}:
        return CREDENTIAL
    if status in _NOT_TAKEN:
        return THROTTLED
    if status == 413:
        return TOO_LARGE
    if status == 404:
        return CANNOT if text.startswith("cannot ") else TEMPORARY
    # The body did not fit its schema: Evolution puts the list of mistakes into a list, and only then.
    schema = status == 400 and isinstance(message, list) and bool(message) and isinstance(message[0], list)
    return INVALID if schema else UNKNOWN


def outcome(answer: Answer, found: Meaning) -> Refused | NotSent | Uncertain:
    """An error as the outcome of an attempt."""
    provider = described(answer)
    if found.verdict is Verdict.UNKNOWN:
        return Uncertain(f"HTTP {answer.status}")
    if found.verdict in {Verdict.AGAIN, Verdict.DISCONNECTED}:
        return NotSent(found.code, answer.retry_after(), provider)
    return Refused(found.code, found.sentence, provider, account_lost=found.verdict is Verdict.LOST)


def described(answer: Answer) -> dict[str, Any]:
    """Keep of an error what is worth keeping."""
    body = answer.object()
    said = body.get("response")
    message = said.get("message") if isinstance(said, Mapping) else body.get("message")
    text = " ".join(_texts(message))[:_LONGEST_TEXT]
    return clean({"status": answer.status, "error": str(body.get("error", ""))[:100], "message": text})  # type: ignore[no-any-return]


def _texts(message: object, depth: int = 0) -> Iterator[str]:
    if isinstance(message, str):
        yield clean_text(message)[: 4 * _LONGEST_TEXT]
    elif isinstance(message, list) and depth < 4:
        for one in message[:50]:
            yield from _texts(one, depth + 1)
    elif isinstance(message, Mapping) and depth < 4:
        for one in list(message.values())[:50]:
            yield from _texts(one, depth + 1)


def _objects(message: object) -> list[Mapping[str, Any]]:
    many = message if isinstance(message, list) else [message]
    return [one for one in many if isinstance(one, Mapping)]
