"""Sending through Meta's Cloud API. The one rule: the message goes in one request, and what went before it (a file's
upload) can always be repeated.

Source: developers.facebook.com/docs/whatsapp/cloud-api/reference/messages.
"""

from __future__ import annotations

from collections.abc import Sequence

from parley.domain.identity import Address
from parley.domain.outgoing import Accepted, Draft, NotSent, Outcome, Refused, Target, Uncertain
from parley.providers.base import Account
from parley.providers.reading import Json, object_of, only_objects, optional_id

from .envelopes import Impossible, addressed, kind_of
from .graph import Graph, token_of, trouble, without_token
from .media import Files


class Sender:
    """Sends one message at a time."""

    def __init__(self, graph: Graph, files: Files) -> None:
        self._graph, self._files = graph, files

    def send(self, draft: Draft, account: Account) -> Outcome:
        """POST to `/{phone_number_id}/messages`, once. HTTP 200 means accepted; a failure may follow by webhook."""
        token = token_of(account)
        if token is None:
            return without_token()
        try:
            # Made once with no file, so that nothing is uploaded for a message that cannot be sent.
            envelope = addressed(draft.to) | kind_of(draft, None)
        except Impossible as impossible:
            return impossible.refusal
        if draft.media is not None:
            uploaded = self._files.upload(draft.media, account)
            if not isinstance(uploaded, str):
                return uploaded
            envelope |= kind_of(draft, uploaded)
        envelope["biz_opaque_callback_data"] = str(draft.reference)
        if draft.reply_to is not None:
            envelope["context"] = {"message_id": draft.reply_to.provider_message_id}
        return self._post(envelope, account, token)

    def react(self, target: Target, to: Address, emoji: str | None, account: Account) -> Outcome:
        """Send a reaction; an empty one takes it back."""
        token = token_of(account)
        if token is None:
            return without_token()
        try:
            envelope = addressed(to)
        except Impossible as impossible:
            return impossible.refusal
        reaction = {"message_id": target.provider_message_id, "emoji": emoji or ""}
        return self._post(envelope | {"type": "reaction", "reaction": reaction}, account, token)

    def mark_read(self, targets: Sequence[Target], account: Account) -> Outcome:
        """Mark the newest message of the customer's as read."""
        theirs = [target for target in targets if not target.ours]
        return self._read(theirs[-1], account) if theirs else Accepted("")

    def show_typing(self, on: bool, latest: Target | None, account: Account) -> Outcome:
        """Show "typing…" under the customer's newest message; there is no way to end it early."""
        if not on:
            return Accepted("")
        if latest is None or latest.ours:
            return Refused("unsupported_capability", "WhatsApp shows typing only as an answer to a customer's message.")
        return self._read(latest, account, typing_indicator={"type": "text"})

    def _read(self, target: Target, account: Account, **also: Json) -> Outcome:
        envelope = {"messaging_product": "whatsapp", "status": "read", "message_id": target.provider_message_id}
        token = token_of(account)
        if token is None:
            return without_token()
        answer = self._graph.call("POST", self._messages(account), token, json_body=envelope | also)
        if isinstance(answer, NotSent | Uncertain):
            return answer
        return trouble(answer) or Accepted("")

    def _post(self, envelope: Json, account: Account, token: str) -> Outcome:
        answer = self._graph.call("POST", self._messages(account), token, json_body=envelope)
        if isinstance(answer, NotSent | Uncertain):
            return answer
        return trouble(answer) or _accepted(answer.status, answer.object())

    def _messages(self, account: Account) -> str:
        return self._graph.url(account.account_id, "messages")


def _accepted(status: int, answer: Json) -> Outcome:
    messages, contacts = only_objects(answer.get("messages")), only_objects(answer.get("contacts"))
    message_id = optional_id(messages[0].get("id")) if messages else None
    if message_id is None:
        return Uncertain(f"HTTP {status} without a message id")
    contact = object_of(contacts[0]) if contacts else {}
    phone, bsuid = optional_id(contact.get("wa_id")), optional_id(contact.get("user_id"))
    return Accepted(message_id, Address("phone", phone) if phone else Address("bsuid", bsuid) if bsuid else None)
