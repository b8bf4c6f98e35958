"""Deliver a conversation's queued messages to its gateway, one after the other, oldest first.

The one rule: a message is claimed in a committed transaction before its first byte leaves, and what may have left is
never sent again, unless its gateway sends nothing twice under one id. The hint that calls this may be lost, late or
repeated.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeAlias
from uuid import UUID

from parley.cloud.ports import NotSealedHere, Queue, Sealer
from parley.domain.errors import DataRefused, NotFound, ParleyError
from parley.domain.identity import Address
from parley.domain.metrics import Meter, unmeasured
from parley.domain.outgoing import Draft, NotSent, Outcome, Refused, Target, Upload
from parley.providers.base import Account, Capabilities, Provider
from parley.store import attachments
from parley.store import sending as store
from parley.store.database import Database, Row, Transaction
from parley.store.ids import new_id

from .hints import hint
from .lost_accounts import CHECK_EVERY, Recovery
from .outcomes import Claim, lapse, record, tell_status, tell_waiting
from .pace import Pace, pacing_of
from .schedule import release_due
from .sendable import MEDIA_KINDS

AROUND_A_SEND: Final = timedelta(seconds=10)
"""What a claim holds beyond the adapter's own waits: opening the file, and writing down what became of it."""

OpenUpload: TypeAlias = Callable[[Row], Upload]
"""Makes a stored file (a row of store/attachments.py) ready to send. Raises NotFound (gone), Unavailable."""


def no_files(row: Row) -> Upload:
    """Open no file: for a deployment without a place for them. Raises NotFound."""
    raise NotFound(f"The file {row['id']} cannot be opened here.")


@dataclass(frozen=True, slots=True)
class NotDue:
    """The oldest queued message must wait; nothing overtakes it. `hinted`: somebody was told to come then. `changed`:
    listeners should hear of it.
    """

    integration_id: UUID
    delay: timedelta
    correlation_id: UUID | None
    hinted: bool = False
    changed: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """The account is lost; everything waits for it."""

    integration_id: UUID


Taken: TypeAlias = Claim | NotDue | Held | None


class Deliverer:
    """Delivers. A claim holds for `lease`, and for longer where the adapter says that a send of its kind may take
    longer; `backoff` is the first pause before a retry; `speed` divides the waits of gateways and of their paces.
    """

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
        open_upload: OpenUpload = no_files,
        speed: float = 1.0,
        meter: Meter = unmeasured,
    ) -> None:
        self._database = database
        self._providers = providers
        self._sealer = sealer
        self._queue = queue
        self._wake = wake
        self._lease = lease
        self._backoff = backoff
        self._open_upload = open_upload
        self._pace = Pace(speed)
        self._speed = speed
        self._meter = meter
        self._recovery = Recovery(database, providers, sealer, queue, every=CHECK_EVERY / speed)

    def deliver(self, tenant_id: UUID, conversation_id: UUID, *, may_go_on: Callable[[], bool]) -> int:
        """Send what is due, in order, while `may_go_on`; answer how many attempts were made.

        Raises Unavailable where the database or the queue is away: the hint must come again.
        """
        attempts = 0
        while True:
            claimed = self._claim(tenant_id, conversation_id)
            if isinstance(claimed, Held) and self._recovery.is_back(tenant_id, claimed.integration_id):
                self._wake(tenant_id)
                continue
            if isinstance(claimed, NotDue):
                self._come_again(tenant_id, conversation_id, claimed)
            if not isinstance(claimed, Claim):
                return attempts
            outcome = self._send(tenant_id, claimed)
            attempts += 1
            self._record(tenant_id, claimed, outcome)
            self._wake(tenant_id)
            if isinstance(outcome, Refused) and outcome.account_lost:
                return attempts
            if not may_go_on():
                hint(self._queue, tenant_id, conversation_id, claimed.message["integration_id"])
                return attempts

    def _come_again(self, tenant_id: UUID, conversation_id: UUID, later: NotDue) -> None:
        """Hint for the time the head is due, unless somebody did; a clock may be a little ahead of the database's."""
        if later.changed:
            self._wake(tenant_id)
        if later.hinted and later.delay > _CLOCKS_DIFFER:
            return
        hint(
            self._queue,
            tenant_id,
            conversation_id,
            later.integration_id,
            delay=later.delay,
            correlation_id=later.correlation_id,
        )

    def _claim(self, tenant_id: UUID, conversation_id: UUID) -> Taken:
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

    def _claim_in(self, tx: Transaction, conversation_id: UUID) -> tuple[Taken, bool]:
        release_due(tx, conversation_id)
        lapsed = store.lapsed_claims(tx, conversation_id)
        for row in lapsed:
            repeatable = self._providers[row["provider"]].capabilities.idempotent_send
            if lapse(tx, row, repeatable=repeatable) == "unknown":
                self._meter("send.failure", 1)
        head = store.lock_head(tx, conversation_id)
        if head is None or head["busy"]:
            return None, bool(lapsed)
        return self._take(tx, head), bool(lapsed)

    def _take(self, tx: Transaction, head: Row) -> Taken:
        """Claim the head, if its account works, its time has come and it is its turn."""
        if not head["connected"]:
            return Held(head["integration_id"])
        if head["due_in"] > 0:
            if not head["hinted"]:
                store.note_hint(tx, head["id"])
            wait = timedelta(seconds=head["due_in"])
            return NotDue(head["integration_id"], wait, head["correlation_id"], hinted=head["hinted"])
        capabilities = self._providers[head["provider"]].capabilities
        pacing = pacing_of(capabilities, head["settings"])
        if not head["has_turn"]:
            turn = self._pace.take(tx, pacing, head["integration_id"], head["owner_id"])
            if turn.wait > timedelta(0):
                put_off = store.put_off(tx, head["id"], turn.wait, has_turn=turn.kept)
                tell_waiting(tx, put_off, head["correlation_id"])
                return NotDue(head["integration_id"], turn.wait, head["correlation_id"], changed=True)
        attempt_id = new_id()
        counted_for = head["integration_id"] if pacing.per_day is not None else None
        store.claim(tx, head["id"], attempt_id, self._lease_of(head["kind"], capabilities), counted_for)
        tell_status(tx, store.shown(tx, head["id"]), head["correlation_id"])
        files = attachments.of_message(tx, head["id"]) if head["kind"] in MEDIA_KINDS else []
        file = files[0] if files else None
        return Claim(attempt_id, head, file, capabilities.idempotent_send, time.monotonic())

    def _lease_of(self, kind: str, capabilities: Capabilities) -> timedelta:
        longest = capabilities.longest_file_send if kind in MEDIA_KINDS else capabilities.longest_send
        return max(self._lease, (longest + AROUND_A_SEND) / self._speed)

    def _send(self, tenant_id: UUID, claim: Claim) -> Outcome:
        message = claim.message
        try:
            credentials = self._sealer().open(message["credentials"], tenant_id, message["integration_id"], "provider")
        except NotSealedHere as error:
            return Refused("credentials", "The integration's credentials cannot be opened.", {"reason": error.detail})
        upload: Upload | None = None
        if message["kind"] in MEDIA_KINDS:
            opened = self._opened(claim.file)
            if not isinstance(opened, Upload):
                return opened
            upload = opened
        account = Account(message["account_id"], credentials, message["settings"])
        return self._providers[message["provider"]].send(_draft(message, upload), account)

    def _record(self, tenant_id: UUID, claim: Claim, outcome: Outcome) -> None:
        status = self._database.run(tenant_id, lambda tx: record(tx, claim, outcome, self._backoff))
        if status == "sent":
            self._meter("send.success", 1)
            self._meter("send.latency", round((time.monotonic() - claim.claimed_at + claim.message["waited"]) * 1000))
        elif status in {"failed", "unknown"}:
            self._meter("send.failure", 1)

    def _opened(self, file: Row | None) -> Upload | Outcome:
        if file is None:
            return Refused("media_failed", "The message has no file.")
        try:
            return self._open_upload(file)
        except ParleyError as error:
            if error.retryable:
                return NotSent(f"the file could not be opened: {error.code}")
            return Refused("media_failed", "The attached file is no longer there.", {"code": error.code})


def _draft(message: Row, upload: Upload | None) -> Draft:
    reply_to: Target | None = None
    if message["reply_to"]:
        author = Address(message["author_kind"], message["author_address"]) if message["author_address"] else None
        reply_to = Target(message["reply_to"], bool(message["reply_to_ours"]), author)
    return Draft(
        reference=message["id"],
        to=Address(message["reply_kind"], message["reply_address"]),
        kind=message["kind"],
        text=message["body"],
        content=message["content"],
        reply_to=reply_to,
        media=upload,
    )


_CLOCKS_DIFFER = timedelta(seconds=2)
