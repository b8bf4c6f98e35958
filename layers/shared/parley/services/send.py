"""Take a message to send. The one rule: the message is its own idempotency record, so that the same key and body are
the same message, however often and however concurrently they come.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

from parley.domain import events
from parley.domain.errors import (
    DataRefused,
    IdempotencyMismatch,
    InvalidRequest,
    NotFound,
    StaleConversation,
    UnsupportedCapability,
    WindowClosed,
)
from parley.domain.principal import Principal
from parley.providers.base import Provider
from parley.store import sending as store
from parley.store.database import Database, Row, Transaction
from parley.store.event_log import append_events
from parley.store.ids import new_id
from parley.store.views import View, load_messages

_LOOK_AGAIN_SECONDS = 0.1
_FINAL = frozenset({"sent", "delivered", "read", "played", "failed", "unknown"})


@dataclass(frozen=True, slots=True)
class SendRequest:
    """What a caller asks to send. `reply_to`: one of our message ids; `expected_number`: the conversation's
    `lastNumber` as the caller has seen it.
    """

    kind: str
    text: str | None = None
    content: Mapping[str, Any] = field(default_factory=dict)
    reply_to: UUID | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    expected_number: int | None = None


@dataclass(frozen=True, slots=True)
class SendResult:
    """The message as the API shows it; `replayed` where the key had made it before."""

    view: View
    replayed: bool
    integration_id: UUID


def send_message(
    database: Database,
    providers: Mapping[str, Provider],
    principal: Principal,
    conversation_id: UUID,
    request: SendRequest,
    idempotency_key: str | None,
    correlation_id: UUID,
) -> SendResult:
    """Queue a message; who calls sends the hint and wakes the pusher once this returns.

    Raises NotFound, InvalidRequest, UnsupportedCapability, IdempotencyMismatch, StaleConversation, WindowClosed.
    """
    sending = _Sending(providers, principal, conversation_id, request, idempotency_key, correlation_id)
    try:
        return database.run(principal.tenant_id, sending.run)
    except DataRefused as error:
        if error.constraint != "messages_client_key":
            raise
        # The same key was written into another conversation meanwhile; it can be seen now.
        return database.run(principal.tenant_id, sending.run)


def wait_for_outcome(database: Database, principal: Principal, message_id: UUID, seconds: float) -> View:
    """Look at a message every 100 ms until it is final or the time is over; answer it as it is then."""
    deadline = time.monotonic() + seconds
    while True:
        with database.transaction(principal.tenant_id) as tx:
            view = load_messages(tx, [message_id])[message_id]
        if view["status"] in _FINAL or time.monotonic() >= deadline:
            return view
        time.sleep(_LOOK_AGAIN_SECONDS)


@dataclass(frozen=True, slots=True)
class _Sending:
    providers: Mapping[str, Provider]
    principal: Principal
    conversation_id: UUID
    request: SendRequest
    key: str | None
    correlation_id: UUID

    def run(self, tx: Transaction) -> SendResult:
        conversation = store.lock_conversation(tx, self.conversation_id)
        if conversation is None:
            raise NotFound
        earlier = store.find_by_client_key(tx, self.principal.key, self.key) if self.key else None
        if earlier is not None:
            return self._replay(tx, earlier)
        self._check(tx, conversation)
        message_id = self._insert(tx, conversation)
        append_events(tx, [events.message_new(self.conversation_id, message_id, self.correlation_id)])
        return SendResult(load_messages(tx, [message_id])[message_id], False, conversation["integration_id"])

    def _replay(self, tx: Transaction, earlier: Row) -> SendResult:
        if bytes(earlier["request_hash"]) != self._hash():
            raise IdempotencyMismatch
        return SendResult(load_messages(tx, [earlier["id"]])[earlier["id"]], True, earlier["integration_id"])

    def _check(self, tx: Transaction, conversation: Row) -> None:
        capabilities = self.providers[conversation["provider"]].capabilities
        if self.request.kind not in capabilities.kinds:
            raise UnsupportedCapability(f"{conversation['provider']} cannot send {self.request.kind}.")
        if conversation["reply_address"] is None:
            raise InvalidRequest("The customer's address is not known.")
        if capabilities.window is not None and conversation["window_closed"] and self.request.kind != "template":
            raise WindowClosed
        if self.request.expected_number is not None:
            self._check_seen(tx, self.request.expected_number)

    def _check_seen(self, tx: Transaction, expected_number: int) -> None:
        """Refuse where others wrote what the sender has not seen: a person's own and the customer's messages are no
        surprise to a person, but anything unseen is to a machine.
        """
        missed = store.unseen(tx, self.conversation_id, expected_number)
        surprising = [
            row
            for row in missed
            if self.principal.kind == "api_key"
            or (row["direction"] == "outgoing" and row["sender_id"] != self.principal.id)
        ]
        if surprising:
            views = load_messages(tx, [row["id"] for row in missed])
            raise StaleConversation(messages=[views[row["id"]] for row in missed])

    def _insert(self, tx: Transaction, conversation: Row) -> UUID:
        message_id = new_id()
        number = conversation["last_number"] + 1
        occurred_at = store.insert_outgoing(
            tx,
            {
                "id": message_id,
                "integration_id": conversation["integration_id"],
                "conversation_id": self.conversation_id,
                "number": number,
                "kind": self.request.kind,
                "body": self.request.text,
                "content": dict(self.request.content),
                "metadata": dict(self.request.metadata),
                "reply_to": self._reply_to(tx),
                "sender_kind": self.principal.sender_kind,
                "sender_id": self.principal.id,
                "principal": self.principal.key,
                "client_key": self.key,
                "request_hash": self._hash(),
                "correlation_id": self.correlation_id,
            },
        )
        last = (conversation["last_message_at"], conversation["last_message_key"])
        newest = last[0] is None or (occurred_at, str(message_id)) > last
        store.append_to_conversation(
            tx, self.conversation_id, number=number, message_id=message_id, occurred_at=occurred_at, newest=newest
        )
        return message_id

    def _reply_to(self, tx: Transaction) -> str | None:
        if self.request.reply_to is None:
            return None
        provider_id = store.provider_id_of(tx, self.conversation_id, self.request.reply_to)
        if provider_id is None:
            problem = {"path": "replyTo", "message": "no message of this conversation that the gateway knows"}
            raise InvalidRequest("The message to reply to was not found.", errors=[problem])
        return provider_id

    def _hash(self) -> bytes:
        canonical = json.dumps(
            [str(self.conversation_id), asdict(self.request)], sort_keys=True, default=str, ensure_ascii=False
        )
        return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).digest()
