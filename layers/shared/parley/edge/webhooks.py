"""A gateway's POST as API Gateway hands it over. The one rule: a signature is over the bytes that were sent, so
those are restored before anything else looks at them.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from parley.domain.errors import InvalidRequest
from parley.services.accept import Post


def read_webhook(event: Mapping[str, Any], received_at: datetime, correlation_id: UUID) -> Post:
    """Read an HTTP API event (payload 2.0) of a route of webhooks.

    Raises InvalidRequest when the body is said to be base64 and is not.
    """
    provider, integration_id, token = read_address(event)
    return Post(
        provider=provider,
        integration_id=integration_id,
        token=token,
        body=raw_body(event),
        headers={name.lower(): value for name, value in (event.get("headers") or {}).items()},
        received_at=received_at,
        correlation_id=correlation_id,
    )


def read_address(event: Mapping[str, Any]) -> tuple[str, str, str]:
    """The gateway, the integration (or `app`) and the token of `/webhooks/{provider}/{integrationId}/{token}`, or of a
    route that has the first two written out; a tail is ignored.
    """
    path = event["pathParameters"]
    if "integrationId" in path:
        return path["provider"], path["integrationId"], path["token"]
    _, _, provider, integration_id, *_ = event["routeKey"].partition(" ")[2].split("/")
    return provider, integration_id, path["token"]


def raw_body(event: Mapping[str, Any]) -> bytes:
    """The bytes that were sent.

    Raises InvalidRequest when they are said to be base64 and are not.
    """
    text: str = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return text.encode("utf-8", "surrogatepass")
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest("The body is not the base64 it is said to be.") from error
