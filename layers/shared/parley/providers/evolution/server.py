"""One Evolution server, spoken to. The one rule: whatever goes wrong is one of the four outcomes, and an account is
called lost only when the server itself says so.

Source: evolution-api 2.3.7, `src/api/routes` and `src/api/dto`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from parley.domain.outgoing import NotSent, Refused, Uncertain
from parley.providers.base import Account, Checkup
from parley.providers.calls import Answer, Caller

from .errors import LOGGED_OUT, NOT_SET_UP, Meaning, Verdict, meaning, outcome

_STATES_LOST: Final = frozenset({"close", "closed", "refused"})


def refused(found: Meaning) -> Refused:
    """A refusal of our own, before anything was asked."""
    return Refused(found.code, found.sentence, account_lost=found.verdict is Verdict.LOST)


def address(account: Account, path: str) -> tuple[str, dict[str, str]] | None:
    """The URL of a route and the headers it wants; None where the account is not set up."""
    base, key = account.settings.get("baseUrl"), account.credentials.get("api_key")
    if not isinstance(base, str) or not base.startswith(("http://", "https://")) or not key:
        return None
    return f"{base.rstrip('/')}/{path}/{quote(account.account_id, safe='')}", {"apikey": key}


class Server:
    """Calls an account's server. What answers at once gets the usual time; a send with a file gets longer, because
    Evolution first fetches, converts and uploads it; the connection's state is asked for in a hurry.
    """

    def __init__(self, usual: Caller, patient: Caller, quick: Caller) -> None:
        self._usual, self._patient, self._quick = usual, patient, quick

    def ask(
        self, account: Account, method: str, path: str, body: object = None, *, patient: bool = False, **more: Any
    ) -> Answer | Refused | NotSent | Uncertain:
        """Make one request; an answer comes back only if it says yes."""
        found = address(account, path)
        if found is None:
            return refused(NOT_SET_UP)
        url, headers = found
        headers = {**headers, **more.pop("headers", {})}
        caller = self._patient if patient else self._usual
        answer = caller.call(method, url, headers=headers, json_body=body, **more)
        if not isinstance(answer, Answer) or 200 <= answer.status < 300:
            return answer
        return self.judged(account, answer)

    def judged(self, account: Account, answer: Answer) -> Refused | NotSent | Uncertain:
        """An error as an outcome; for a lost connection the server is asked whether it is coming back."""
        found = meaning(answer.status, answer.object())
        if found.verdict is Verdict.DISCONNECTED and self.state(account) in _STATES_LOST:
            found = LOGGED_OUT
        return outcome(answer, found)

    def state(self, account: Account) -> str | None:
        """The connection's state: open, connecting, close; None where nobody knows."""
        state = self.ask_state(account)
        return state if isinstance(state, str) else None

    def ask_state(self, account: Account) -> str | Refused | NotSent | Uncertain:
        """The connection's state, or why it is not known."""
        found = address(account, "instance/connectionState")
        if found is None:
            return refused(NOT_SET_UP)
        answer = self._quick.call("GET", found[0], headers=found[1])
        if not isinstance(answer, Answer):
            return answer
        if not 200 <= answer.status < 300:
            return outcome(answer, meaning(answer.status, answer.object()))
        instance = answer.object().get("instance")
        state = instance.get("state") if isinstance(instance, Mapping) else None
        return state if isinstance(state, str) else Uncertain("an answer without a state")

    def check(self, account: Account) -> Checkup:
        """Whether the account can send."""
        state = self.ask_state(account)
        if isinstance(state, Refused):
            return Checkup(ok=False, reason=state.message, code=state.code)
        if not isinstance(state, str):
            return Checkup(ok=False, reason="The Evolution server does not answer.", unreachable=True)
        if state == "open":
            return Checkup(ok=True, reason="The number is connected.")
        if state == "connecting":
            return Checkup(ok=False, reason="The number is connecting; it may need its QR code scanned.")
        return Checkup(ok=False, reason=LOGGED_OUT.sentence)
