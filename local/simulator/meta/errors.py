"""Meta's error JSON: one table from code to HTTP status and title, so that a refusal looks as it does in production.

Codes, titles and statuses are those of Meta's page on error codes.
"""

import secrets

from local.simulator.answers import Json

_AUTHENTICATION = (401, "Invalid OAuth access token - Cannot parse access token")
_TITLES: dict[int, tuple[int, str]] = {
    0: (401, "AuthException"),
    1: (400, "API Unknown"),
    2: (503, "API Service"),
    3: (500, "API Method"),
    4: (429, "API Too Many Calls"),
    10: (403, "Permission Denied"),
    33: (400, "Parameter value is not valid"),
    100: (400, "Invalid parameter"),
    190: _AUTHENTICATION,
    200: (403, "API Permission"),
    368: (403, "Temporarily blocked for policies violations"),
    2500: (400, "Unknown path components"),
    80007: (429, "Rate limit issues"),
    130429: (429, "Rate limit hit"),
    130472: (400, "User's number is part of an experiment"),
    130497: (403, "Business account is restricted from messaging users in this country"),
    131000: (500, "Something went wrong"),
    131005: (403, "Access denied"),
    131008: (400, "Required parameter is missing"),
    131009: (400, "Parameter value is not valid"),
    131016: (500, "Service unavailable"),
    131021: (400, "Recipient cannot be sender"),
    131026: (400, "Message undeliverable"),
    131030: (400, "Recipient phone number not in allowed list"),
    131031: (403, "Account has been locked"),
    131037: (400, "Display name approval is needed before messages can be sent"),
    131042: (400, "Business eligibility payment issue"),
    131045: (500, "Incorrect certificate"),
    131047: (400, "Re-engagement message"),
    131048: (400, "Spam rate limit hit"),
    131049: (400, "This message was not delivered to maintain healthy ecosystem engagement"),
    131050: (400, "User has stopped marketing messages"),
    131051: (400, "Unsupported message type"),
    131052: (400, "Media download error"),
    131053: (400, "Media upload error"),
    131056: (400, "(Business Account, Consumer Account) pair rate limit hit"),
    131057: (500, "Account in maintenance mode"),
    132000: (400, "Number of parameters does not match the expected number of params"),
    132001: (404, "Template name does not exist in the translation"),
    132012: (400, "Parameter format does not match format in the created template"),
    132015: (400, "Template is paused"),
    132016: (400, "Template is disabled"),
    133004: (503, "Server temporarily unavailable"),
    133010: (400, "Phone number not registered"),
}


class MetaError(Exception):
    """A request Meta refuses; `details` is what `error_data.details` says."""

    def __init__(self, code: int, details: str, *, subcode: int | None = None) -> None:
        super().__init__(details)
        self.code = code
        self.details = details
        self.subcode = subcode

    @property
    def status(self) -> int:
        """The HTTP status Meta gives this code."""
        return _TITLES.get(self.code, (400, ""))[0]

    def answer(self) -> Json:
        """The refusal as Meta words it."""
        title = _TITLES.get(self.code, (400, "Request refused"))[1]
        error: dict[str, object] = {
            "message": title if self.code in (0, 190) else f"(#{self.code}) {title}",
            "type": "OAuthException",
            "code": self.code,
        }
        if self.subcode is not None:
            # The one refusal that still has a subcode: Graph's own, from before the request reaches WhatsApp.
            error |= {"message": self.details, "type": "GraphMethodException", "error_subcode": self.subcode}
        elif self.code not in (0, 190):
            error["error_data"] = {"messaging_product": "whatsapp", "details": self.details}
        error["fbtrace_id"] = secrets.token_urlsafe(17)[:23]
        return Json({"error": error}, status_code=self.status)
