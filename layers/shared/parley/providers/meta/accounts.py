"""A number's settings at Meta: whether it works, and where its webhooks go. The one rule: asking changes nothing."""

from __future__ import annotations

from typing import Final

from parley.domain.outgoing import Accepted, NotSent, Outcome, Refused, Uncertain
from parley.providers.base import Account, Checkup
from parley.providers.reading import short

from .graph import Graph, token_of, trouble, without_token

FIELDS: Final = "display_phone_number,verified_name,quality_rating,status"

# Meta's `status` of a number that can no longer send, or not yet.
_NOT_SENDING: Final = frozenset({"BANNED", "DELETED", "DISCONNECTED", "MIGRATED", "PENDING", "UNVERIFIED"})
_LONGEST_CALLBACK: Final = 200


class Accounts:
    """Asks and sets what belongs to a number."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def check(self, account: Account) -> Checkup:
        """GET the number with its token."""
        token = token_of(account)
        if token is None:
            return Checkup(False, without_token().message, code=without_token().code)
        answer = self._graph.call("GET", f"{self._graph.url(account.account_id)}?fields={FIELDS}", token)
        if isinstance(answer, NotSent | Uncertain):
            return Checkup(False, f"Meta did not answer ({answer.reason}).", unreachable=True)
        match trouble(answer):
            case Refused(code=code, message=message):
                return Checkup(False, message, code=code)
            case NotSent(reason=reason) | Uncertain(reason=reason):
                return Checkup(False, f"Meta did not say ({reason}).", unreachable=True)
        said = answer.object()
        status = said.get("status")
        if status in _NOT_SENDING:
            return Checkup(False, f"Meta says that this number is {str(status).lower()}.")
        return Checkup(True, f"Connected as {short(said.get('display_phone_number') or account.account_id)}.")

    def set_up_webhook(self, url: str, account: Account) -> Outcome:
        """Override the app's callback address for this number.

        Source: developers.facebook.com/docs/whatsapp/embedded-signup/webhooks, "Override the callback URL".
        """
        token, verify_token = token_of(account), account.credentials.get("verify_token")
        if token is None:
            return without_token()
        if not verify_token:
            return Refused(
                "unsupported_capability", "Enter the address and its verify token in the Meta app's settings."
            )
        if len(url) > _LONGEST_CALLBACK:
            return Refused("invalid_request", f"Meta takes an address of at most {_LONGEST_CALLBACK} characters.")
        override = {"override_callback_uri": url, "verify_token": verify_token}
        answer = self._graph.call(
            "POST", self._graph.url(account.account_id), token, json_body={"webhook_configuration": override}
        )
        if isinstance(answer, NotSent | Uncertain):
            return answer
        return trouble(answer) or Accepted("")
