"""One request to Meta's Graph API and what its answer means. The one rule: a request that may have been acted on is
never called "not sent".

What the codes mean is the table in errors.py.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from parley.domain.outgoing import NotSent, Outcome, Refused, Uncertain
from parley.providers.base import Account
from parley.providers.calls import Answer, Caller
from parley.providers.reading import Json, clean, object_of

from .errors import RETRY_AFTER, TEMPORARY, THROTTLED, described, error_code, refusal

_NOT_PROCESSED: Final = frozenset({408, 425, 429})


class Graph:
    """The API below one version, for whichever account asks."""

    def __init__(self, caller: Caller, base: str) -> None:
        self.caller, self._base = caller, base

    def url(self, *parts: str) -> str:
        """The address of an object, or of what belongs to one."""
        return "/".join([self._base, *(quote(part, safe="") for part in parts)])

    def call(self, method: str, url: str, token: str, **body: Any) -> Answer | NotSent | Uncertain:
        """Make one request with the account's token; `body` as Caller.call takes it."""
        headers = {"authorization": f"Bearer {token}", **body.pop("headers", {})}
        return self.caller.call(method, url, headers=headers, **body)


def token_of(account: Account) -> str | None:
    """The account's access token, if it has one that can stand in a header."""
    token = account.credentials.get("access_token", "").strip()
    return token if token and token.isascii() and token.isprintable() else None


def without_token() -> Refused:
    """What an account without a token is told."""
    meaning = refusal(190)
    return Refused(meaning.code, meaning.sentence, account_lost=True)


def trouble(answer: Answer) -> Outcome | None:
    """What an answer that is no success means; None for a success."""
    if answer.status >= 500:
        return Uncertain(f"HTTP {answer.status}")
    if 200 <= answer.status < 300:
        return None
    error = error_of(answer)
    code = error_code(error)
    provider = {"status": answer.status, **clean(described(error))}
    wait = answer.retry_after()
    if answer.status in _NOT_PROCESSED or code in THROTTLED:
        return NotSent("throttled", RETRY_AFTER.get(code or 0) if wait is None else wait, provider)
    if code in TEMPORARY or error.get("is_transient") is True:
        return NotSent("temporary", wait, provider)
    meaning = refusal(code, answer.status)
    return Refused(meaning.code, meaning.sentence, provider, account_lost=meaning.account_lost)


def error_of(answer: Answer) -> Json:
    """The answer's error object; empty where it has none."""
    return object_of(answer.object().get("error"))
