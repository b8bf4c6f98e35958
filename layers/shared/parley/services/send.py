"""Take a message to send. The one rule: the message is its own idempotency record, so that the same key and body are
the same message, however often and however concurrently they come.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from parley.domain import events
from parley.domain.errors import (
    Conflict,
    DataRefused,
    Forbidden,
    IdempotencyMismatch,
    InvalidRequest,
    NotFound,
    StaleConversation,
    WindowClosed,
)
from parley.domain.principal import Principal
from parley.providers.base import Pacing, Provider
from parley.store import conversations as working
from parley.store import sending as store
from parley.store.database import Database, Row, Transaction
from parley.store.event_log import append_events
from parley.store.ids import new_id
from parley.store.views import View, load_messages

from .meet import NOWHERE, Partner, meet
from .note import Note, write_note
from .pace import Pace, pacing_of
from .schedule import schedule, until
from .sendable import check_file, check_kind, find_file, keep_file
from .sight import require_conversation

_LOOK_AGAIN_SECONDS = 0.1
_FINAL = frozenset({"sent", "delivered", "read", "played", "failed", "unknown"})


@dataclass(frozen=True, slots=True)
class SendRequest:
    """What a caller asks to send. `content` by kind as domain/outgoing.py says; a caption is `text`; `media_id`: an
    uploaded file, fetched from `media_url` where that is given; `reply_to`: one of our message ids; `expected_number`:
    the conversation's `lastNumber` as the caller has seen it; `resend_of`: the failed message this one takes the place
    of, with its files; `scheduled_at`: not before then. The kind `note` goes to nobody but the people it `mentions`.
    """

    kind: str
    text: str | None = None
    content: Mapping[str, Any] = field(default_factory=dict)
    reply_to: UUID | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    expected_number: int | None = None
    media_id: UUID | None = None
    media_url: str | None = None
    voice: bool = False
    resend_of: UUID | None = None
    scheduled_at: datetime | None = None
    mentions: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class SendResult:
    """The message as the API shows it; `replayed` where the key had made it before; `wait`: until its turn comes."""

    view: View
    replayed: bool
    integration_id: UUID
    wait: timedelta = timedelta(0)


def send_message(
    database: Database,
    providers: Mapping[str, Provider],
    principal: Principal,
    conversation_id: UUID,
    request: SendRequest,
    idempotency_key: str | None,
    correlation_id: UUID,
    *,
    pace: Pace | None = None,
) -> SendResult:
    """Queue a message; who calls sends the hint and wakes the pusher once this returns.

    Raises NotFound, InvalidRequest, UnsupportedCapability, UnsendableMedia, IdempotencyMismatch, Conflict (the file is
    another message's), StaleConversation, WindowClosed.
    """
    sending = _Sending(providers, principal, conversation_id, request, idempotency_key, correlation_id, pace or Pace())
    return _run(database, sending)


def write_first(
    database: Database,
    providers: Mapping[str, Provider],
    principal: Principal,
    partner: Partner,
    request: SendRequest,
    idempotency_key: str | None,
    correlation_id: UUID,
    *,
    pace: Pace | None = None,
) -> SendResult:
    """Queue a message to somebody by their address, in the conversation that they have or in a new one.

    Nothing of it stays where the message is refused. Raises what `send_message` raises.
    """
    sending = _Sending(providers, principal, NOWHERE, request, idempotency_key, correlation_id, pace or Pace())
    return _run(database, replace(sending, partner=partner))


def resend_message(
    database: Database,
    providers: Mapping[str, Provider],
    principal: Principal,
    message_id: UUID,
    idempotency_key: str | None,
    correlation_id: UUID,
    *,
    pace: Pace | None = None,
) -> SendResult:
    """Queue a new message in the place of one that failed, which stays as it is.

    Raises what `send_message` raises, and Conflict where the message did not fail or was sent again already.
    """
    with database.transaction(principal.tenant_id, viewer=principal.viewer) as tx:
        failed = store.failed_message(tx, message_id)
    if failed is None:
        raise NotFound
    request = SendRequest(
        kind=failed["kind"],
        text=failed["body"],
        content=failed["content"],
        reply_to=failed["reply_to"],
        metadata=failed["metadata"],
        resend_of=message_id,
    )
    place = (failed["conversation_id"], request, idempotency_key, correlation_id, pace or Pace())
    return _run(database, _Sending(providers, principal, *place))


def is_key_used(database: Database, principal: Principal, idempotency_key: str) -> bool:
    """Whether this caller's key made a message already."""
    with database.transaction(principal.tenant_id) as tx:
        return store.find_by_client_key(tx, principal.key, idempotency_key) is not None


def wait_for_outcome(database: Database, principal: Principal, message_id: UUID, seconds: float) -> View:
    """Look at a message every 100 ms until it is final or the time is over; answer it as it is then."""
    deadline = time.monotonic() + seconds
    while True:
        with database.transaction(principal.tenant_id) as tx:
            view = load_messages(tx, [message_id]).get(message_id)
        if view is None:
            raise NotFound  # it was erased meanwhile
        if view["status"] in _FINAL or time.monotonic() >= deadline:
            return view
        time.sleep(_LOOK_AGAIN_SECONDS)


def _run(database: Database, sending: _Sending) -> SendResult:
    try:
        return database.run(sending.principal.tenant_id, sending.run, viewer=sending.principal.viewer)
    except DataRefused as error:
        if error.constraint == "conversations_one_unresolved":
            raise Conflict("The customer has another conversation that is not resolved.") from error
        if error.constraint != "messages_client_key":
            raise
        # The same key was written into another conversation meanwhile; it can be seen now.
        return database.run(sending.principal.tenant_id, sending.run, viewer=sending.principal.viewer)


@dataclass(frozen=True, slots=True)
class _Sending:
    providers: Mapping[str, Provider]
    principal: Principal
    conversation_id: UUID
    request: SendRequest
    key: str | None
    correlation_id: UUID
    pace: Pace
    asked_for: UUID | None = None
    partner: Partner | None = None

    @property
    def _asked_for(self) -> UUID | Partner:
        """The conversation the request named, or whom it did."""
        return self.partner or self.asked_for or self.conversation_id

    def run(self, tx: Transaction) -> SendResult:
        if self.partner is not None and self.conversation_id == NOWHERE:
            earlier = store.find_by_client_key(tx, self.principal.key, self.key) if self.key else None
            if earlier is not None:
                return self._replay(tx, earlier)
            tx.widen()  # whoever has the number is found, also out of the sender's sight
            conversation_id = meet(tx, self.partner, self.principal.actor, self.correlation_id)
            return replace(self, conversation_id=conversation_id).run(tx)
        conversation = store.lock_conversation(tx, self.conversation_id)
        if conversation is None:
            raise NotFound
        if conversation["merged_into"] is not None:
            # Whoever has this one open writes into the one in which it goes on.
            asked_for = self.asked_for or self.conversation_id
            elsewhere = replace(self, conversation_id=conversation["merged_into"], asked_for=asked_for)
            return elsewhere.run(tx)
        earlier = store.find_by_client_key(tx, self.principal.key, self.key) if self.key else None
        if earlier is not None:
            return self._replay(tx, earlier)
        self._require_sight(tx)
        if self.request.kind == "note":
            return self._note(tx, conversation)
        file = self._check(tx, conversation)
        wait = until(tx, self.request.scheduled_at) or self._foresee(tx, conversation)
        message_id = self._insert(tx, conversation, wait)
        if file is not None:
            keep_file(tx, file, message_id, self.request)
        if self.request.scheduled_at is None:
            working.reopen(tx, self.conversation_id, self.principal.actor)
        append_events(tx, [events.message_new(self.conversation_id, message_id, self.correlation_id)])
        return SendResult(load_messages(tx, [message_id])[message_id], False, conversation["integration_id"], wait)

    def _require_sight(self, tx: Transaction) -> None:
        """Refuse what the sender may not see. Raises NotFound, or Forbidden where they named the customer."""
        try:
            require_conversation(tx, self.principal, self.conversation_id)
        except NotFound as error:
            if self.partner is None:
                raise
            raise Forbidden("Somebody else looks after this customer.") from error

    def _replay(self, tx: Transaction, earlier: Row) -> SendResult:
        if bytes(earlier["request_hash"]) != self._hash():
            raise IdempotencyMismatch
        return SendResult(load_messages(tx, [earlier["id"]])[earlier["id"]], True, earlier["integration_id"])

    def _note(self, tx: Transaction, conversation: Row) -> SendResult:
        if self.request.expected_number is not None:
            self._check_seen(tx, self.request.expected_number)
        request = self.request
        note = Note(request.text or "", request.mentions, request.metadata, self.key, self._hash())
        note_id = write_note(tx, self.principal, conversation, note, self.correlation_id)
        return SendResult(load_messages(tx, [note_id])[note_id], False, conversation["integration_id"])

    def _check(self, tx: Transaction, conversation: Row) -> Row | None:
        """Refuse what cannot be sent here and now; answer the file that goes along."""
        capabilities = self.providers[conversation["provider"]].capabilities
        check_kind(self.request, capabilities, conversation["provider"], is_group=conversation["is_group"])
        if conversation["blocked"]:
            raise Conflict("The contact is blocked; unblock them to write to them.")
        if conversation["reply_address"] is None:
            raise InvalidRequest("The customer's address is not known.")
        if self.request.resend_of is not None:
            self._check_failed(tx, self.request.resend_of)
        file = find_file(tx, self.request)
        if file is not None:
            check_file(file, self.request.kind, capabilities)
        if capabilities.window is not None and self.request.kind != "template" and self._is_closed(conversation):
            raise WindowClosed
        if self.request.expected_number is not None:
            self._check_seen(tx, self.request.expected_number)
        return file

    def _is_closed(self, conversation: Row) -> bool:
        """Whether the window is closed, or will be when the message's time comes."""
        later = self.request.scheduled_at
        return bool(conversation["window_closed"] or (later and later >= conversation["window_expires_at"]))

    def _check_failed(self, tx: Transaction, message_id: UUID) -> None:
        failed = store.failed_message(tx, message_id)
        if failed is None or failed["conversation_id"] != self.conversation_id:
            raise Conflict("The message has moved; try again.")
        if failed["direction"] != "outgoing" or failed["status"] != "failed":
            raise Conflict("Only a message that failed can be sent again.")
        if failed["resent"]:
            raise Conflict("The message was sent again already.")

    def _foresee(self, tx: Transaction, conversation: Row) -> timedelta:
        """How long the message will wait for its turn, as far as one can tell now."""
        capabilities = self.providers[conversation["provider"]].capabilities
        pacing = pacing_of(capabilities, conversation["settings"])
        if pacing == Pacing():
            return timedelta(0)
        ahead = store.count_ahead(tx, self.conversation_id)
        return self.pace.foresee(tx, pacing, conversation["integration_id"], conversation["owner_id"], ahead)

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

    def _insert(self, tx: Transaction, conversation: Row, wait: timedelta) -> UUID:
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
                "resend_of": self.request.resend_of,
                "wait": wait or None,
                "correlation_id": self.correlation_id,
            },
        )
        if self.request.scheduled_at is not None:
            schedule(tx, message_id, self.request.scheduled_at)
        last = (conversation["last_message_at"], conversation["last_message_key"])
        newest = self.request.scheduled_at is None and (last[0] is None or (occurred_at, str(message_id)) > last)
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
        asked = asdict(self.request)
        if self.request.media_url is not None:
            del asked["media_id"]  # each fetch gives the file another id
        for name in ("scheduled_at", "mentions"):
            if not asked[name]:
                del asked[name]  # older messages were hashed without them
        canonical = json.dumps([str(self._asked_for), asked], sort_keys=True, default=str, ensure_ascii=False)
        return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).digest()
