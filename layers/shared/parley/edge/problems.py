"""Errors as HTTP answers: RFC 9457 `application/problem+json`. The one rule: this is the only place where an error
becomes a status, and what nobody raised on purpose says nothing of itself.
"""

from __future__ import annotations

import json
from typing import Any, Final

from parley.domain.errors import ParleyError

_OWN_MEMBERS: Final = frozenset(
    {"type", "title", "status", "code", "detail", "errors", "requestId", "retry_after", "headers"}
)


def known_error(error: Exception) -> ParleyError:
    """The error itself if it was raised on purpose, else one that says nothing."""
    return error if isinstance(error, ParleyError) else ParleyError("Something went wrong here.")


def problem(error: Exception, request_id: str, correlation_id: str | None = None) -> dict[str, Any]:
    """Shape an error as the answer of a function behind the HTTP API (payload 2.0).

    What the error carries in `extra` becomes further members; `retry_after` (seconds) the header of that name.
    """
    known = known_error(error)
    body = {
        "type": f"urn:parley:problem:{known.code}",
        "title": known.code.replace("_", " ").capitalize(),
        "status": known.status,
        "code": known.code,
        "detail": known.detail,
        "errors": known.errors,
        "requestId": request_id,
        **{name: value for name, value in known.extra.items() if name not in _OWN_MEMBERS},
    }
    return {
        "statusCode": known.status,
        "headers": problem_headers(known, "application/problem+json", correlation_id or request_id),
        "body": json.dumps(body, default=str),
        "isBase64Encoded": False,
    }


def problem_headers(error: ParleyError, content_type: str, correlation_id: str) -> dict[str, str]:
    """The headers of an error's answer, whatever its body looks like."""
    headers = {"content-type": content_type, "x-correlation-id": correlation_id, "cache-control": "no-store"}
    if error.status == 401:
        headers["www-authenticate"] = "Bearer"
    if error.retryable:
        headers["retry-after"] = str(error.extra.get("retry_after", 1))
    return headers
