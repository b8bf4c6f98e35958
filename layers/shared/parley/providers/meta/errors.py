"""Meta's error codes as a table of classes. The one rule: the code decides, then the HTTP status, never the text.

Where the codes are from: developers.facebook.com, "WhatsApp Business Platform error codes"; pywa's `errors.py`. In
every class but the last a person must act, so each row carries the sentence that person reads.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Refusal:
    """A class of errors that no repetition helps: Parley's code, and what it means to a person."""

    code: str
    sentence: str

    @property
    def account_lost(self) -> bool:
        """Whether nothing else this account sends would go through either."""
        return self.code in _ACCOUNT_LOST


_ACCOUNT_LOST: Final = frozenset({"credential_expired", "sender_restricted"})
_CLASSES: Final[tuple[tuple[Collection[int], str, str], ...]] = (
    (
        {0, 190},
        "credential_expired",
        "WhatsApp no longer accepts this number's access token. An administrator has to connect the number again.",
    ),
    (
        {3, 10, *range(200, 300)},
        "permission_denied",
        "This number's access token may not send messages. An administrator has to grant that in Meta's settings.",
    ),
    (
        {131047},
        "window_closed",
        "More than 24 hours have passed since the customer last wrote. Only a template may be sent now.",
    ),
    (
        {131026},
        "recipient_unreachable",
        "WhatsApp cannot deliver to this number: it may not be on WhatsApp, be out of date, or have blocked you.",
    ),
    (
        {131049},
        "recipient_limit",
        "WhatsApp held this back so as not to crowd the customer. Wait at least 24 hours before trying again.",
    ),
    ({131050}, "recipient_opted_out", "The customer has chosen not to get marketing messages from you."),
    ({130472}, "recipient_in_experiment", "The customer is in a WhatsApp experiment and cannot get this message."),
    ({130497}, "country_restricted", "Your business may not write to customers in this country."),
    ({131021}, "recipient_is_sender", "A number cannot write to itself."),
    ({131030}, "recipient_not_allowed", "This is a test number, and the customer is not on its list of recipients."),
    ({131062, 131063}, "recipient_without_number", "This message needs the customer's phone number; it is not known."),
    (
        {131048, 368, 131031},
        "sender_restricted",
        "WhatsApp has restricted this number. An administrator can see why in Meta's settings.",
    ),
    ({131042}, "payment_required", "There is a problem with the payment method of this WhatsApp account."),
    (
        {131005, 131037, 131045, 133010, 134011},
        "sender_not_ready",
        "This number is not fully set up at Meta. An administrator has to finish its registration.",
    ),
    ({131052, 131053}, "media_failed", "WhatsApp could not process the attached file."),
    (
        {132000, 132001, 132005, 132007, 132008, 132012, 132068, 132069},
        "template_invalid",
        "The template does not exist in this form, or its parameters do not fit.",
    ),
    ({132015, 132016}, "template_paused", "WhatsApp has paused or disabled this template."),
    ({131051}, "unsupported_capability", "WhatsApp does not support this kind of message."),
    ({100, 33, 131008, 131009, 137000}, "provider_rejected", "WhatsApp found a mistake in the message."),
)

_REFUSALS: Final[Mapping[int, Refusal]] = {
    number: Refusal(code, sentence) for numbers, code, sentence in _CLASSES for number in numbers
}
_OTHERWISE: Final = Refusal("provider_rejected", "WhatsApp refused the message.")
_BY_STATUS: Final[Mapping[int, Refusal]] = {401: _REFUSALS[190], 403: _REFUSALS[10]}

THROTTLED: Final = frozenset({4, 80007, 130429, 131056, 131064, 133016})
"""Too much at once: sent later, the same message goes through."""

TEMPORARY: Final = frozenset({1, 2, 131000, 131016, 131057, 133004})
"""Meta's own trouble. Answered with a 4xx, the message was certainly not taken."""

RETRY_AFTER: Final[Mapping[int, timedelta]] = {131056: timedelta(seconds=6)}
"""What Meta documents but does not send as a header: one message in six seconds to the same person."""


def refusal(code: int | None, http_status: int = 0) -> Refusal:
    """Find what an error means; an unknown code with a telling HTTP status is what the status says."""
    known = None if code is None else _REFUSALS.get(code)
    return known or _BY_STATUS.get(http_status, _OTHERWISE)


def described(error: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what matters of one of Meta's error objects, in a flat form, whichever of its places it came from."""
    data = error.get("error_data")
    return {
        "code": error.get("code"),
        "title": error.get("title"),
        "message": error.get("message"),
        "details": data.get("details") if isinstance(data, Mapping) else None,
    }


def error_code(error: Mapping[str, Any]) -> int | None:
    """The number that decides; Meta writes it as one, proxies of Meta at times as text."""
    code = error.get("code")
    if isinstance(code, str) and code.isascii() and code.isdigit() and len(code) < 10:
        return int(code)
    return code if isinstance(code, int) and not isinstance(code, bool) else None
