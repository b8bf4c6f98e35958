"""What WuzAPI can do besides sending: reactions, edits, deletions, receipts, typing, and an account's set-up. The one
rule: each is one request that may be repeated.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from parley.domain.identity import Address
from parley.domain.outgoing import Accepted, NotSent, Outcome, Refused, Target, Uncertain
from parley.providers.base import Account, Checkup
from parley.providers.calls import Answer

from .errors import error_of, meaning
from .outgoing import Api, jid, judge, phone
from .proto import Fields

SHORTEST_KEY: Final = 32
EVENTS: Final = (
    "Message",
    "UndecryptableMessage",
    "ReadReceipt",
    "ChatPresence",
    "Connected",
    "Disconnected",
    "ConnectFailure",
    "LoggedOut",
    "StreamReplaced",
    "ClientOutdated",
    "TemporaryBan",
)
"""What the adapter reads; a build discards the names it does not know. Not `All`: it would bring whole histories."""

_S3: Final[Mapping[str, str]] = {
    "endpoint": "endpoint",
    "region": "region",
    "bucket": "bucket",
    "accessKey": "access_key",
    "pathStyle": "path_style",
    "publicUrl": "public_url",
    "retentionDays": "retention_days",
}


class Deeds:
    """Does what is not a message."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def react(self, target: Target, to: Address, emoji: str | None, account: Account) -> Outcome:
        """Set or take back our reaction."""
        body = {
            "Phone": phone(to),
            "Body": emoji or "remove",
            "Id": ("me:" if target.ours else "") + target.provider_message_id,
        }
        if target.author is not None and not target.ours:
            body["Participant"] = jid(target.author)
        return judge(self._api.post(account, "/chat/react", body))

    def edit(self, target: Target, to: Address, text: str, account: Account) -> Outcome:
        """Replace a text of ours."""
        body = {"Phone": phone(to), "Body": text, "Id": target.provider_message_id}
        return judge(self._api.post(account, "/chat/send/edit", body))

    def delete(self, target: Target, to: Address, account: Account) -> Outcome:
        """Take a message of ours back."""
        return judge(self._api.post(account, "/chat/delete", {"Phone": phone(to), "Id": target.provider_message_id}))

    def mark_read(self, targets: Sequence[Target], to: Address, account: Account) -> Outcome:
        """Tell that messages were read: in a group one request for each author. Builds differ in the names of the chat
        and the sender, so both are given.
        """
        by_author: dict[str, list[str]] = defaultdict(list)
        for target in targets:
            by_author[jid(target.author or to)].append(target.provider_message_id)
        outcome: Outcome = Accepted("")
        for sender, ids in by_author.items():
            body = {"Id": ids, "ChatPhone": jid(to), "SenderPhone": sender, "Chat": jid(to), "Sender": sender}
            outcome = judge(self._api.post(account, "/chat/markread", body))
            if not isinstance(outcome, Accepted):
                return outcome
        return outcome

    def show_typing(self, to: Address, on: bool, account: Account) -> Outcome:
        """Show or end "typing…"."""
        body = {"Phone": phone(to), "State": "composing" if on else "paused", "Media": ""}
        return judge(self._api.post(account, "/chat/presence", body))

    def check(self, account: Account) -> Checkup:
        """Ask for the session's state."""
        answer = self._api.get(account, "/session/status")
        match answer:
            case Answer(status=200):
                return _checkup(Fields(answer.object()).object("data"))
            case Answer(status=status) if status in {401, 402, 403, 404, 405, 500}:
                row = meaning(status, error_of(answer))
                unreachable = row.deed not in {"lost", "refused"}
                return Checkup(ok=False, reason=row.sentence, unreachable=unreachable, code=row.code)
            case Answer(status=status):
                return Checkup(ok=False, reason=f"WuzAPI answered with {status}.", unreachable=True)
            case Refused(code=code, message=message):
                return Checkup(ok=False, reason=message, code=code)
            case NotSent(reason=reason) | Uncertain(reason=reason):
                return Checkup(ok=False, reason=f"WuzAPI did not answer ({reason}).", unreachable=True)
        return Checkup(ok=False, reason="WuzAPI did not answer.", unreachable=True)

    def set_up_webhook(self, url: str, account: Account) -> Outcome:
        """Set the address and the events, the signing key, and where files go."""
        key = account.credentials.get("hmac_key", "")
        if key and len(key) < SHORTEST_KEY:
            return Refused("provider_rejected", f"WuzAPI wants an HMAC key of at least {SHORTEST_KEY} characters.")
        steps: list[tuple[str, Any]] = [("/session/hmac/config", {"hmac_key": key})] if key else []
        bucket = account.settings.get("s3")
        if isinstance(bucket, Mapping):
            steps.append(("/session/s3/config", _bucket(bucket, account)))
        elif self._files_come_along(account):
            # Without a bucket this leaves files out of the bodies: they are then downloaded one by one.
            steps.append(("/session/s3/config", {"enabled": False, "media_delivery": "s3"}))
        steps.append(("/webhook", {"webhookurl": url, "events": list(EVENTS)}))
        outcome: Outcome = Accepted("")
        for path, body in steps:
            outcome = judge(self._api.post(account, path, body))
            if not isinstance(outcome, Accepted):
                return outcome
        return outcome

    def _files_come_along(self, account: Account) -> bool:
        """Whether WuzAPI puts files into webhooks and has no bucket of its owner's; a build that cannot choose has not
        this route.
        """
        answer = self._api.get(account, "/session/s3/config")
        if not isinstance(answer, Answer) or answer.status != 200:
            return False
        said = Fields(answer.object())
        said = said.object("data") or said
        return bool(said) and not said.flag("enabled") and said.text("media_delivery") != "s3"


def _checkup(session: Fields) -> Checkup:
    if session.get("connected") is None:
        return Checkup(ok=False, reason="What answers at this address is not WuzAPI.", unreachable=True)
    if not session.flag("loggedin"):
        return Checkup(ok=False, reason="No phone is linked. Scan the code in WuzAPI.")
    if not session.flag("connected"):
        return Checkup(ok=False, reason="WuzAPI has lost its connection to WhatsApp.")
    return Checkup(ok=True, reason="Connected.")


def _bucket(settings: Mapping[str, Any], account: Account) -> dict[str, Any]:
    given = {name: settings[key] for key, name in _S3.items() if key in settings}
    secret = account.credentials.get("s3_secret_key", "")
    return {"enabled": True, "media_delivery": "s3", "secret_key": secret, **given}
