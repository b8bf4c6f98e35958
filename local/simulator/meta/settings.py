"""What Meta says of a phone number, and the webhook of its own that one can be given."""

import re
from collections.abc import Mapping

from local.simulator.integrations import SimulatedIntegration
from local.simulator.meta.errors import MetaError

_DEFAULT_FIELDS = "verified_name,code_verification_status,display_phone_number,quality_rating"


def phone_number(integration: SimulatedIntegration, fields: str | None) -> dict[str, object]:
    """The fields asked for, as GET /{phone_number_id} answers them; raises MetaError for one there is not."""
    known: dict[str, object] = {
        "verified_name": integration.name,
        "code_verification_status": "VERIFIED",
        "display_phone_number": integration.phone,
        "quality_rating": "GREEN",
        "platform_type": "CLOUD_API",
        "throughput": {"level": "STANDARD"},
        "status": "CONNECTED",
        "account_mode": "LIVE",
        "name_status": "APPROVED",
        "id": integration.account_id,
    }
    wanted = [name for name in (fields or _DEFAULT_FIELDS).split(",") if name]
    for name in wanted:
        if name not in known:
            raise MetaError(100, f"Tried accessing nonexisting field ({name})")
    return {name: known[name] for name in [*wanted, "id"]}


def checked_override(body: object) -> tuple[str, str]:
    """The address and verify token of a number's own webhook; raises MetaError."""
    configuration = body.get("webhook_configuration") if isinstance(body, Mapping) else None
    if not isinstance(configuration, Mapping):
        raise MetaError(100, "The parameter webhook_configuration is required.")
    url, token = configuration.get("override_callback_uri"), configuration.get("verify_token")
    if not isinstance(url, str) or not re.match(r"https?://\S+$", url) or len(url) > 200:
        raise MetaError(100, "override_callback_uri must be a URL of at most 200 characters.")
    if not isinstance(token, str) or not token:
        raise MetaError(100, "verify_token is required with override_callback_uri.")
    return url, token
