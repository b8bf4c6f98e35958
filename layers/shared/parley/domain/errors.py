"""Every error Parley raises on purpose, in one tree. The one rule: each has a stable `code`, an HTTP `status`, and says
whether it is worth trying again (`retryable`).

ParleyError
├── InvalidRequest 400            malformed or impossible input
│   ├── UnsupportedCapability 422 the gateway cannot do this
│   └── IdempotencyMismatch 422   the key was used with another body
├── Unauthenticated 401
├── Forbidden 403
├── NotFound 404                  also whatever belongs to another tenant
├── TooLarge 413
├── UnsupportedMedia 415          a file is not what it was said to be, or of no use here
│   └── UnsendableMedia 422       this gateway does not take such a file
├── Conflict 409
│   ├── StaleConversation 409     others wrote meanwhile
│   ├── WindowClosed 409          the customer has not written for too long
│   └── ProviderRejected 409      the gateway refused
│       └── AccountLost 502       because the account is disconnected or its credential dead
├── RateLimited 429
├── Unavailable 503               a dependency is away; come again
│   └── Contention 503            two transactions met; repeat this one
├── MediaGone 502                 a gateway no longer has a file
├── DataRefused 500               the database refused what it was given: deterministic, a repeat will not help
└── WebhookError                  what a webhook may suffer; never an HTTP answer
├── Rejected                  not believed (signature, generation, account)
└── Unreadable                believed, but not understood: parked
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar


class ParleyError(Exception):
    """Base of all. The class docstring's first line is the default message."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str | None = None, *, errors: Sequence[Mapping[str, str]] = (), **extra: Any) -> None:
        self.detail = detail or (self.__doc__ or "").strip().splitlines()[0]
        self.errors = list(errors)
        self.extra = extra
        super().__init__(self.detail)


class InvalidRequest(ParleyError):
    """The request is malformed."""

    code = "invalid_request"
    status = 400


class UnsupportedCapability(InvalidRequest):
    """This gateway cannot do that."""

    code = "unsupported_capability"
    status = 422


class IdempotencyMismatch(InvalidRequest):
    """This Idempotency-Key was already used with another body."""

    code = "idempotency_mismatch"
    status = 422


class Unauthenticated(ParleyError):
    """A valid token or API key is needed."""

    code = "unauthenticated"
    status = 401


class Forbidden(ParleyError):
    """You may not do this."""

    code = "forbidden"
    status = 403


class NotFound(ParleyError):
    """There is no such thing here."""

    code = "not_found"
    status = 404


class TooLarge(ParleyError):
    """The body is too large."""

    code = "too_large"
    status = 413


class UnsupportedMedia(ParleyError):
    """This file is not what it was said to be."""

    code = "unsupported_media"
    status = 415


class UnsendableMedia(UnsupportedMedia):
    """This gateway does not take such a file."""

    status = 422


class Conflict(ParleyError):
    """Somebody else was faster."""

    code = "conflict"
    status = 409


class StaleConversation(Conflict):
    """Others wrote in this conversation meanwhile."""

    code = "stale_conversation"


class WindowClosed(Conflict):
    """The customer has not written within the gateway's window; only a template may be sent."""

    code = "window_closed"


class ProviderRejected(Conflict):
    """The gateway refused."""

    code = "provider_rejected"


class AccountLost(ProviderRejected):
    """The number is disconnected from its gateway."""

    status = 502


class RateLimited(ParleyError):
    """Too many requests."""

    code = "rate_limited"
    status = 429
    retryable = True


class Unavailable(ParleyError):
    """A part of the system cannot be reached; try again."""

    code = "unavailable"
    status = 503
    retryable = True


class Contention(Unavailable):
    """Two transactions met; this one must be repeated."""


class DataRefused(ParleyError):
    """The database refused this data."""

    code = "data_refused"

    def __init__(self, detail: str | None = None, *, constraint: str | None = None) -> None:
        super().__init__(detail)
        self.constraint = constraint


class MediaGone(ParleyError):
    """The gateway no longer has the file."""

    code = "media_gone"
    status = 502


class WebhookError(ParleyError):
    """A webhook cannot be taken in."""

    code = "webhook"


class Rejected(WebhookError):
    """The webhook is not believed."""

    code = "rejected"


class Unreadable(WebhookError):
    """The webhook is not understood."""

    code = "unreadable"
