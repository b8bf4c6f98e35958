"""Sending through Z-API. The one rule: a message is asked for once; what may be asked for again (an edit, a deletion, a
reaction, a read receipt) is called "not sent" where a message would be called uncertain.

Source: Z-API/z-api-docs, docs/message. An answer of 200 means queued: Z-API sends in its own time, and at once after a
reconnection what it kept meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

from parley.domain.identity import Address
from parley.domain.outgoing import Accepted, Draft, NotSent, Outcome, Refused, Target, Uncertain
from parley.providers.base import Account, Checkup
from parley.providers.calls import Answer, Caller
from parley.providers.reading import optional_id

from .bodies import Impossible, addressed, request_of
from .errors import CREDENTIALS, DISCONNECTED, refusal, said

DEFAULT_BASE: Final = "https://api.z-api.io"
MOST_READ_AT_ONCE: Final = 20

_NOT_PROCESSED: Final = frozenset({408, 425, 429})


class Sender:
    """Asks one instance's API for one thing at a time."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def send(self, draft: Draft, account: Account) -> Outcome:
        """POST the message to the path of its kind."""
        try:
            path, body = request_of(draft)
        except Impossible as impossible:
            return impossible.refusal
        return self._post(path, body, account)

    def react(self, target: Target, to: Address, emoji: str | None, account: Account) -> Outcome:
        """Set or take back a reaction; each has its own path."""
        body = {"messageId": target.provider_message_id, **({"reaction": emoji} if emoji else {})}
        return self._deed("POST", "send-reaction" if emoji else "send-remove-reaction", to, body, account)

    def edit(self, target: Target, to: Address, text: str, account: Account) -> Outcome:
        """Send the text anew, naming the message it replaces."""
        body = {"message": text, "editMessageId": target.provider_message_id}
        return self._deed("POST", "send-text", to, body, account)

    def delete(self, target: Target, to: Address, account: Account) -> Outcome:
        """Delete a message for everyone; the query says which."""
        query = {"messageId": target.provider_message_id, "owner": "true" if target.ours else "false"}
        return self._deed("DELETE", "messages", to, query, account)

    def mark_read(self, targets: Sequence[Target], to: Address, account: Account) -> Outcome:
        """Mark each message as read, for Z-API takes one at a time; the newest first, for it matters most."""
        theirs = [target for target in targets if not target.ours]
        for target in reversed(theirs[-MOST_READ_AT_ONCE:]):
            outcome = self._deed("POST", "read-message", to, {"messageId": target.provider_message_id}, account)
            if not isinstance(outcome, Accepted):
                return outcome
        return Accepted("")

    def check(self, account: Account) -> Checkup:
        """GET the instance's status."""
        answer = self._call("GET", "status", account)
        if isinstance(answer, Refused):
            return Checkup(ok=False, reason=answer.message, code=answer.code)
        if not isinstance(answer, Answer):
            return Checkup(ok=False, reason="Z-API did not answer.", unreachable=True)
        if answer.status in _NOT_PROCESSED or answer.status >= 500:
            return Checkup(ok=False, reason=f"Z-API answered with HTTP {answer.status}.", unreachable=True)
        return _checked(answer.status, answer.object())

    def set_up_webhook(self, url: str, account: Account) -> Outcome:
        """PUT every webhook to `url`, with the messages typed on the company's own phone."""
        body = {"value": url, "notifySentByMe": True}
        outcome = self._judged(self._call("PUT", "update-every-webhooks", account, body), repeatable=True)
        if isinstance(outcome, Answer):
            refused = outcome.object().get("value") is False
            return (
                Refused("provider_rejected", "Z-API did not take the webhook's address.") if refused else Accepted("")
            )
        return outcome

    def _post(self, path: str, body: Mapping[str, Any], account: Account) -> Outcome:
        outcome = self._judged(self._call("POST", path, account, body))
        if not isinstance(outcome, Answer):
            return outcome
        answer = outcome.object()
        message_id = optional_id(answer.get("messageId")) or optional_id(answer.get("id"))
        return Accepted(message_id) if message_id else Uncertain(f"HTTP {outcome.status} without a message id")

    def _deed(self, method: str, path: str, to: Address, body: Mapping[str, Any], account: Account) -> Outcome:
        """Something that is the same when it is done twice."""
        try:
            body = {"phone": addressed(to), **body}
        except Impossible as impossible:
            return impossible.refusal
        called = (
            self._call(method, f"{path}?{urlencode(body)}", account)
            if method == "DELETE"
            else self._call(method, path, account, body)
        )
        outcome = self._judged(called, repeatable=True)
        if not isinstance(outcome, Answer):
            return outcome
        return Accepted(optional_id(outcome.object().get("messageId")) or "")

    def _call(
        self, method: str, path: str, account: Account, body: Mapping[str, Any] | None = None
    ) -> Answer | NotSent | Uncertain | Refused:
        """The instance's token is part of the path, so no address of a request is ever put into a reason."""
        token, client_token = account.credentials.get("instance_token"), account.credentials.get("client_token")
        if not token:
            return Refused(CREDENTIALS.code, CREDENTIALS.sentence, account_lost=True)
        base = str(account.settings.get("baseUrl") or DEFAULT_BASE).rstrip("/")
        url = f"{base}/instances/{quote(account.account_id, safe='')}/token/{quote(token, safe='')}/{path}"
        headers = {"client-token": client_token} if client_token else {}
        return self._caller.call(method, url, headers=headers, json_body=body)

    def _judged(
        self, answer: Answer | NotSent | Uncertain | Refused, *, repeatable: bool = False
    ) -> Answer | NotSent | Uncertain | Refused:
        """The answer itself if it is a yes, else what became of the attempt."""
        outcome = _trouble(answer) or answer if isinstance(answer, Answer) else answer
        return NotSent(outcome.reason) if repeatable and isinstance(outcome, Uncertain) else outcome


def _trouble(answer: Answer) -> NotSent | Uncertain | Refused | None:
    status, body = answer.status, answer.object()
    error = body.get("error") or body.get("message")
    if 200 <= status < 300 and not body.get("error"):
        return None
    provider = {"status": status, "error": said(error)}
    if status in _NOT_PROCESSED:
        return NotSent("throttled", answer.retry_after(), provider)
    if status >= 500:
        return Uncertain(f"HTTP {status}")
    meaning = refusal(error, body.get("errorCode"), status)
    return Refused(meaning.code, meaning.sentence, provider, account_lost=meaning.account_lost)


def _checked(http_status: int, status: Mapping[str, Any]) -> Checkup:
    """`error` is there in every state ("You are already connected."), so it only counts where `connected` is not."""
    if not 200 <= http_status < 300 or "connected" not in status:
        meaning = refusal(status.get("error"), None, http_status)
        return Checkup(ok=False, reason=meaning.sentence, code=meaning.code)
    if status["connected"] is not True:
        return Checkup(ok=False, reason=DISCONNECTED.sentence)
    offline = status.get("smartphoneConnected") is False
    return Checkup(ok=True, reason="Connected; the phone itself is offline." if offline else "Connected.")
