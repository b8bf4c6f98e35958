"""Empty the dead letter queues into rows of the tenants that the payloads name. The one rule: a message leaves its
queue only once its row is committed, and one that is met twice, or by two at once, is the same row.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final, Protocol
from uuid import UUID

from parley.cloud.ports import Bucket, DeadLetterQueue, QueuedMessage
from parley.domain.errors import DataRefused, NotFound, ParleyError, TooLarge, Unreadable
from parley.domain.metrics import Meter, unmeasured
from parley.domain.queues import Payload, QueueName, fingerprint, read_payload
from parley.domain.webhook import Webhook
from parley.providers.base import Provider
from parley.store import dead_letters
from parley.store.database import Database, Transaction
from parley.store.dead_letters import Failure, Letter
from parley.store.integrations import find_integrations
from parley.store.ledger import Entry, record_dead, record_stray

from .accept import LARGEST_BODY
from .take_apart import Share

LOG = logging.getLogger("parley.drain")

UNTOLD: Final = "unavailable: What was in the way could not be noted: the database was away, or the function was ended."
_ROUNDS: Final = 10
"""Of ten messages each, a queue and run."""
_HIDDEN_SECONDS: Final = 60
_OF_INTEREST: Final = timedelta(days=14)
_FORGOTTEN_AT_ONCE: Final = 5000


class TakesApart(Protocol):
    """Takes the webhook of a whole app apart."""

    def take_apart(self, webhook: Webhook) -> Sequence[Share] | None:
        """Each tenant's share; what is nobody's is kept as a stray. Raises Unavailable."""


class Drain:
    """Empties dead letter queues, given by the names of the queues whose messages die there."""

    def __init__(
        self,
        database: Database,
        queues: Mapping[QueueName, DeadLetterQueue],
        splitter: TakesApart,
        bucket: Bucket,
        providers: Mapping[str, Provider],
        meter: Meter = unmeasured,
    ) -> None:
        self._database = database
        self._queues = queues
        self._splitter = splitter
        self._bucket = bucket
        self._providers = providers
        self._meter = meter

    def drain(self) -> int:
        """Move what died into rows, a bounded number; how many messages. Raises what was in the way of one queue, after
        the others.
        """
        moved = 0
        failed: list[ParleyError] = []
        for name, queue in self._queues.items():
            try:
                moved += self._empty(name, queue)
            except ParleyError as error:
                failed.append(error)
        with self._database.unscoped() as tx:
            dead_letters.forget_errors(tx, _OF_INTEREST, _FORGOTTEN_AT_ONCE)
            lying = dead_letters.count_all(tx)
        # What is nobody's lies in no row that a tenant could clear away, but somebody should hear of it once.
        self._meter("queue.dead", max(sum(lying.values()), moved))
        if failed:
            raise failed[0]
        return moved

    def _empty(self, name: QueueName, queue: DeadLetterQueue) -> int:
        moved = 0
        for _ in range(_ROUNDS):
            messages = queue.receive(_HIDDEN_SECONDS)
            if not messages:
                break
            moved += self._move(name, queue, messages)
        if moved:
            LOG.warning("dead letters", extra={"queue": name, "letters": moved})
        return moved

    def _move(self, name: QueueName, queue: DeadLetterQueue, messages: Sequence[QueuedMessage]) -> int:
        kept: list[str] = []
        try:
            for message in messages:
                self._keep(name, message)
                kept.append(message.receipt)
        finally:
            if kept:
                queue.delete(kept)
        return len(kept)

    def _keep(self, name: QueueName, message: QueuedMessage) -> None:
        """Keep one message as rows of those it names, or as a stray. Raises Unavailable."""
        mark = fingerprint(message.body)
        failure = self._failure(name, mark, message)
        try:
            payload = read_payload(name, message.body)
            if payload.webhook is None:
                self._keep_hint(name, mark, payload, failure)
            else:
                self._keep_webhook(payload.webhook, mark, payload, failure)
        except (Unreadable, DataRefused) as error:
            # What it says is of nobody here, or is nothing that a row could hold.
            why = error.detail if isinstance(error, Unreadable) else "It names no tenant there is."
            with self._database.unscoped() as tx:
                dead_letters.keep_stray(tx, name, mark, message.body, why, message.sent_at)

    def _failure(self, name: QueueName, mark: bytes, message: QueuedMessage) -> Failure:
        with self._database.unscoped() as tx:
            return dead_letters.find_error(tx, name, mark) or Failure(UNTOLD, 1, message.sent_at)

    def _keep_hint(self, name: QueueName, mark: bytes, payload: Payload, failure: Failure) -> None:
        if payload.tenant_id is None:
            raise Unreadable
        letter = Letter(name, mark, payload.value, payload.correlation_id, failure)
        self._database.run(payload.tenant_id, lambda tx: dead_letters.keep(tx, letter))

    def _keep_webhook(self, webhook: Webhook, mark: bytes, payload: Payload, failure: Failure) -> None:
        if webhook.is_app_wide:
            for share in self._splitter.take_apart(webhook) or ():
                text = share.webhook.encode()
                part = read_payload("inbound", text)
                self._keep_own(share.integration.tenant_id, share.webhook, fingerprint(text), part, failure)
            return
        with self._database.unscoped() as tx:
            integration = find_integrations(tx, {webhook.integration_id}).get(webhook.integration_id)
            if integration is None:
                record_stray(tx, webhook, "unknown_integration")
        if integration is not None:
            self._keep_own(integration.tenant_id, webhook, mark, payload, failure)

    def _keep_own(self, tenant_id: UUID, webhook: Webhook, mark: bytes, payload: Payload, failure: Failure) -> None:
        letter = Letter("inbound", mark, payload.value, webhook.correlation_id, failure)
        entry = self._entry(webhook, f"dead_letter: {failure.error}")

        def keep(tx: Transaction) -> None:
            dead_letters.keep(tx, letter)
            if entry is not None:
                record_dead(tx, entry)

        self._database.run(tenant_id, keep)

    def _entry(self, webhook: Webhook, reason: str) -> Entry | None:
        """The webhook's row in the ledger; None where its bytes are gone, so that nobody knows what it was."""
        try:
            body = webhook.body
            if body is None and webhook.pointer is not None:
                body = self._bucket.get(webhook.pointer, LARGEST_BODY)
                webhook = webhook.with_body(body)
        except (NotFound, TooLarge):
            return None
        kept = None
        if webhook.pointer is None and webhook.provider in self._providers:
            kept = self._providers[webhook.provider].redact(body or b"", webhook.headers)
        return Entry(webhook, kept, "parked", reason)
