"""What became of a claim, written down. The one rule: each ends once, and only the claim's own outcome is written,
unless evidence of the gateway said more already.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from parley.domain import events
from parley.domain.outgoing import Accepted, NotSent, Outcome, Refused, Uncertain
from parley.store import sending as store
from parley.store.database import Row, Transaction
from parley.store.event_log import append_events
from parley.store.receiving import lock_provider_ids
from parley.store.views import timestamp

from .hints import LONGEST_HINT
from .lost_accounts import pause
from .one_message import settle_id
from .project import project

MOST_ATTEMPTS = 12


@dataclass(frozen=True, slots=True)
class Claim:
    """A message taken for sending, with its file if its kind has one. `repeatable`: its gateway sends nothing twice
    under one id. `claimed_at`: seconds of this process's own clock.
    """

    attempt_id: UUID
    message: Row
    file: Row | None
    repeatable: bool = False
    claimed_at: float = 0.0

    @property
    def message_id(self) -> UUID:
        """Ours."""
        id_: UUID = self.message["id"]
        return id_


def lapse(tx: Transaction, row: Row, *, repeatable: bool) -> str:
    """A sender died with this claim: the message may have left, so only evidence can say what became of it, or
    (`repeatable`) the gateway, asked again. Answers what the message is now.
    """
    status = "queued" if repeatable and row["attempts"] < MOST_ATTEMPTS else "unknown"
    store.end_attempt(tx, row["attempt_id"], "lapsed", {})
    tell_status(tx, store.settle(tx, row["id"], row["attempt_id"], status, may_have_left=True), None)
    return status


def record(tx: Transaction, claim: Claim, outcome: Outcome, backoff: timedelta) -> str:
    """Write how a claim ended, and tell it; `backoff` is the first pause before a retry. Answer the status it ended in,
    whether or not evidence said more already.
    """
    match outcome:
        case Accepted():
            return _accepted(tx, claim, outcome)
        case Refused(account_lost=True):
            return _lost(tx, claim, outcome)
        case Refused():
            error = {"code": outcome.code, "message": outcome.message, "provider": dict(outcome.provider)}
            return _end(tx, claim, "failed", "refused", error, error=error)
        case Uncertain() if claim.repeatable and not _is_last(claim):
            delay = _pause(claim, backoff)
            return _end(tx, claim, "queued", "uncertain", {"reason": outcome.reason}, delay=delay, may_have_left=True)
        case Uncertain():
            return _end(tx, claim, "unknown", "uncertain", {"reason": outcome.reason}, may_have_left=True)
        case NotSent():
            return _not_sent(tx, claim, outcome, backoff)


def tell_status(tx: Transaction, row: Row | None, correlation_id: UUID | None) -> None:
    """Tell a message's status; None: evidence did already."""
    if row is None:
        return
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


def tell_waiting(tx: Transaction, row: Row | None, correlation_id: UUID | None) -> None:
    """Tell that a message waits for its turn."""
    if row is not None:
        event = events.message_updated(
            row["conversation_id"], row["id"], is_last=bool(row["is_last"]), correlation_id=correlation_id
        )
        append_events(tx, [event])


def _end(
    tx: Transaction,
    claim: Claim,
    status: str,
    ended: str,
    detail: Mapping[str, Any],
    *,
    error: Mapping[str, Any] | None = None,
    delay: timedelta | None = None,
    may_have_left: bool = False,
) -> str:
    store.end_attempt(tx, claim.attempt_id, ended, detail)
    ids = (claim.message_id, claim.attempt_id)
    settled = store.settle(tx, *ids, status, error=error, delay=delay, may_have_left=may_have_left)
    tell_status(tx, settled, claim.message["correlation_id"])
    return status


def _accepted(tx: Transaction, claim: Claim, outcome: Accepted) -> str:
    key = (claim.message["integration_id"], outcome.provider_message_id)
    lock_provider_ids(tx, [key])
    if outcome.provider_message_id:
        append_events(tx, settle_id(tx, claim.message_id, key, claim.message["correlation_id"]))
    _end(tx, claim, "sent", "accepted", {"providerMessageId": outcome.provider_message_id})
    append_events(tx, project(tx, {key: claim.message["correlation_id"]}))
    return "sent"


def _not_sent(tx: Transaction, claim: Claim, outcome: NotSent, backoff: timedelta) -> str:
    """Try again: at the gateway's hint, else twice as late each time, 15 minutes at most; but not for ever. Where an
    earlier try may have left, nobody can say in the end that it was not sent.
    """
    detail = {"reason": outcome.reason, "provider": dict(outcome.provider)}
    if _is_last(claim) and claim.message["may_have_left"]:
        return _end(tx, claim, "unknown", "not_sent", detail)
    if _is_last(claim):
        error = {
            "code": "gateway_unreachable",
            "message": "The gateway did not take the message in many tries.",
            "provider": dict(outcome.provider),
        }
        return _end(tx, claim, "failed", "not_sent", detail, error=error)
    delay = max(_pause(claim, backoff), outcome.retry_after or timedelta())
    return _end(tx, claim, "queued", "not_sent", detail, delay=delay)


def _is_last(claim: Claim) -> bool:
    return bool(claim.message["attempts"] + 1 >= MOST_ATTEMPTS)


def _pause(claim: Claim, backoff: timedelta) -> timedelta:
    doubled: timedelta = backoff * (2 ** min(claim.message["attempts"], 10))
    return min(doubled, LONGEST_HINT)


def _lost(tx: Transaction, claim: Claim, outcome: Refused) -> str:
    """The account is lost: the message waits as if it had not been tried, and so does all else of the account."""
    detail = {"reason": outcome.code, "message": outcome.message, "provider": dict(outcome.provider)}
    store.end_attempt(tx, claim.attempt_id, "not_sent", detail)
    tell_status(tx, store.hand_back(tx, claim.message_id, claim.attempt_id), claim.message["correlation_id"])
    append_events(tx, pause(tx, claim.message["integration_id"], outcome, claim.message["correlation_id"]))
    return "queued"
