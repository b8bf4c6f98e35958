"""Deliver a conversation's queued messages to its gateway, one after the other, oldest first.

The one rule: a message is claimed in a committed transaction before its first byte leaves, and what may have left is
never sent again. The hint that calls this may be lost, late or repeated.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from parley.cloud.ports import NotSealedHere, Queue, Sealer
from parley.domain import events
from parley.domain.errors import DataRefused
from parley.domain.identity import Address
from parley.domain.outgoing import Accepted, Draft, NotSent, Outcome, Refused, Uncertain
from parley.providers.base import Account, Provider
from parley.store import sending as store
from parley.store.database import Database, Row, Transaction
from parley.store.event_log import append_events
from parley.store.ids import new_id
from parley.store.receiving import lock_provider_ids
from parley.store.views import timestamp

from .project import project

LONGEST_HINT = timedelta(minutes=15)
MOST_ATTEMPTS = 12


def hint(
    queue: Queue,
    tenant_id: UUID,
    conversation_id: UUID,
    integration_id: UUID,
    *,
    delay: timedelta = timedelta(0),
    correlation_id: UUID | None = None,
) -> None:
    """Say that a conversation has something to send, now or after a delay (15 minutes at most, then look again)."""
    body = {
        "v": 1,
        "tenantId": str(tenant_id),
        "conversationId": str(conversation_id),
        "correlationId": str(correlation_id) if correlation_id else None,
    }
    seconds = math.ceil(min(delay, LONGEST_HINT).total_seconds())
    queue.send(json.dumps(body), str(integration_id), seconds)


@dataclass(frozen=True, slots=True)
class Claim:
    """A message taken for sending."""

    attempt_id: UUID
    message: Row

    @property
    def message_id(self) -> UUID:
        """Ours."""
        id_: UUID = self.message["id"]
        return id_


@dataclass(frozen=True, slots=True)
class NotDue:
    """The oldest queued message must wait; nothing overtakes it."""

    integration_id: UUID
    delay: timedelta
    correlation_id: UUID | None


class Deliverer:
    """Delivers; `lease` must outlast the adapter's slowest call, `backoff` is the first pause before a retry."""

    def __init__(
        self,
        database: Database,
        providers: Mapping[str, Provider],
        sealer: Callable[[], Sealer],
        queue: Queue,
        wake: Callable[[UUID], None],
        *,
        lease: timedelta,
        backoff: timedelta,
    ) -> None:
        self._database = database
        self._providers = providers
        self._sealer = sealer
        self._queue = queue
        self._wake = wake
        self._lease = lease
        self._backoff = backoff

    def deliver(self, tenant_id: UUID, conversation_id: UUID, *, may_go_on: Callable[[], bool]) -> int:
        """Send what is due, in order, while `may_go_on`; answer how many attempts were made.

        Raises Unavailable where the database or the queue is away: the hint must come again.
        """
        attempts = 0
        while True:
            claimed = self._claim(tenant_id, conversation_id)
            if claimed is None:
                return attempts
            if isinstance(claimed, NotDue):
                hint(
                    self._queue,
                    tenant_id,
                    conversation_id,
                    claimed.integration_id,
                    delay=claimed.delay,
                    correlation_id=claimed.correlation_id,
                )
                return attempts
            outcome = self._send(tenant_id, claimed)
            attempts += 1
            self._database.run(tenant_id, lambda tx, c=claimed, o=outcome: self._record(tx, c, o))  # type: ignore[misc]
            self._wake(tenant_id)
            if not may_go_on():
                hint(self._queue, tenant_id, conversation_id, claimed.message["integration_id"])
                return attempts

    def _claim(self, tenant_id: UUID, conversation_id: UUID) -> Claim | NotDue | None:
        """Commit a claim on the conversation's head; None where there is nothing to do or another one is at it."""
        try:
            claimed, lapsed = self._database.run(tenant_id, lambda tx: self._claim_in(tx, conversation_id))
        except DataRefused as error:
            if error.constraint != "messages_one_sending":
                raise
            return None
        if lapsed:
            self._wake(tenant_id)
        return claimed

    def _claim_in(self, tx: Transaction, conversation_id: UUID) -> tuple[Claim | NotDue | None, bool]:
        lapsed = store.lapsed_claims(tx, conversation_id)
        for row in lapsed:
            self._lapse(tx, row)
        head = store.lock_head(tx, conversation_id)
        if head is None or head["busy"]:
            return None, bool(lapsed)
        if head["due_in"] > 0:
            wait = timedelta(seconds=head["due_in"])
            return NotDue(head["integration_id"], wait, head["correlation_id"]), bool(lapsed)
        attempt_id = new_id()
        store.claim(tx, head["id"], attempt_id, self._lease)
        _tell(tx, store.shown(tx, head["id"]), head["correlation_id"])
        return Claim(attempt_id, head), bool(lapsed)

    def _lapse(self, tx: Transaction, row: Row) -> None:
        """A sender died with this claim: the message may have left, so only evidence can say what became of it."""
        store.end_attempt(tx, row["attempt_id"], "lapsed", {})
        settled = store.settle(tx, row["id"], row["attempt_id"], "unknown")
        if settled is not None:
            _tell(tx, settled, None)

    def _send(self, tenant_id: UUID, claim: Claim) -> Outcome:
        message = claim.message
        try:
            credentials = self._sealer().open(message["credentials"], tenant_id, message["integration_id"], "provider")
        except NotSealedHere as error:
            return Refused("credentials", "The integration's credentials cannot be opened.", {"reason": error.detail})
        draft = Draft(
            reference=message["id"],
            to=Address(message["reply_kind"], message["reply_address"]),
            kind=message["kind"],
            text=message["body"],
            content=message["content"],
            reply_to=message["reply_to"],
        )
        return self._providers[message["provider"]].send(draft, Account(message["account_id"], credentials))

    def _record(self, tx: Transaction, claim: Claim, outcome: Outcome) -> None:
        message_id, attempt_id = claim.message_id, claim.attempt_id
        error: dict[str, Any] | None = None
        delay: timedelta | None = None
        if isinstance(outcome, Accepted):
            self._record_accepted(tx, claim, outcome)
            return
        if isinstance(outcome, Refused):
            status, ended = "failed", "refused"
            error = {"code": outcome.code, "message": outcome.message, "provider": dict(outcome.provider)}
            detail: Mapping[str, Any] = error
        elif isinstance(outcome, Uncertain):
            status, ended, detail = "unknown", "uncertain", {"reason": outcome.reason}
        else:
            ended, detail = "not_sent", {"reason": outcome.reason, "provider": dict(outcome.provider)}
            if claim.message["attempts"] + 1 >= MOST_ATTEMPTS:
                status = "failed"
                error = {
                    "code": "gateway_unreachable",
                    "message": "The gateway did not take the message in many tries.",
                    "provider": dict(outcome.provider),
                }
            else:
                status, delay = "queued", self._pause(claim, outcome)
        store.end_attempt(tx, attempt_id, ended, detail)
        settled = store.settle(tx, message_id, attempt_id, status, error=error, delay=delay)
        if settled is not None:
            _tell(tx, settled, claim.message["correlation_id"])

    def _record_accepted(self, tx: Transaction, claim: Claim, outcome: Accepted) -> None:
        key = (claim.message["integration_id"], outcome.provider_message_id)
        correlation_id = claim.message["correlation_id"]
        lock_provider_ids(tx, [key])
        store.end_attempt(tx, claim.attempt_id, "accepted", {"providerMessageId": outcome.provider_message_id})
        store.learn_provider_id(tx, claim.message_id, claim.attempt_id, outcome.provider_message_id)
        settled = store.settle(tx, claim.message_id, claim.attempt_id, "sent")
        if settled is not None:
            _tell(tx, settled, correlation_id)
        append_events(tx, project(tx, {key: correlation_id}))

    def _pause(self, claim: Claim, outcome: NotSent) -> timedelta:
        """The gateway's hint, else twice as long each time, 15 minutes at most."""
        doubled: timedelta = self._backoff * (2 ** min(claim.message["attempts"], 10))
        return max(min(doubled, LONGEST_HINT), outcome.retry_after or timedelta())


def _tell(tx: Transaction, row: Row, correlation_id: UUID | None) -> None:
    event = events.message_status(
        row["conversation_id"],
        row["id"],
        status=row["status"],
        version=row["version"],
        occurred_at=timestamp(row["updated_at"]),
        error=row["error"],
        is_last=bool(row["is_last"]),
        correlation_id=correlation_id,
    )
    append_events(tx, [event])
