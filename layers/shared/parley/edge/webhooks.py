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
    """Read an HTTP API event (payload 2.0) of the route `/webhooks/{provider}/{integrationId}/{token}`; a tail is
    ignored.

    Raises InvalidRequest when the body is said to be base64 and is not.
    """
    path = event["pathParameters"]
    return Post(
        provider=path["provider"],
        integration_id=path["integrationId"],
        token=path["token"],
        body=raw_body(event),
        headers={name.lower(): value for name, value in (event.get("headers") or {}).items()},
        received_at=received_at,
        correlation_id=correlation_id,
    )


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
