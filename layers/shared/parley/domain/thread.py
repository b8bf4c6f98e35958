"""A conversation's summary as a function of its messages. The one rule: positions are (provider time, provider id),
never the order of arrival, so that any permutation of messages ends in the same summary.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from .identity import Address


@dataclass(frozen=True, slots=True)
class Arrived:
    """A customer's message that was really stored, as the summary needs it."""

    message_id: UUID
    number: int
    occurred_at: datetime
    key: str
    reply_address: Address

    @property
    def position(self) -> tuple[datetime, str]:
        """Where it stands in the thread."""
        return self.occurred_at, self.key


@dataclass(frozen=True, slots=True)
class Summary:
    """What a conversation shows of its messages. A None time means: nothing yet."""

    status: str
    unread_count: int
    last_number: int
    read_at: datetime | None
    read_key: str
    last_message_id: UUID | None
    last_message_at: datetime | None
    last_message_key: str
    reply_kind: str | None
    reply_address: str | None
    reply_at: datetime | None
    reply_key: str
    window_expires_at: datetime | None

    def absorb(self, arrived: Iterable[Arrived], window: timedelta | None) -> Summary:
        """The summary with these incoming messages: counted, newest on top, reopened, the sending window moved on."""
        summary = self
        for message in arrived:
            summary = summary._with(message, window)
        return summary

    def _with(self, message: Arrived, window: timedelta | None) -> Summary:
        summary = replace(
            self,
            status="open" if self.status in ("resolved", "snoozed") else self.status,
            last_number=max(self.last_number, message.number),
            unread_count=self.unread_count + _after(message, self.read_at, self.read_key),
        )
        if _after(message, self.last_message_at, self.last_message_key):
            summary = replace(
                summary,
                last_message_id=message.message_id,
                last_message_at=message.occurred_at,
                last_message_key=message.key,
            )
        if _after(message, self.reply_at, self.reply_key):
            summary = replace(
                summary,
                reply_kind=message.reply_address.kind,
                reply_address=message.reply_address.value,
                reply_at=message.occurred_at,
                reply_key=message.key,
            )
        if window is not None:
            closes = message.occurred_at + window
            if self.window_expires_at is None or closes > self.window_expires_at:
                summary = replace(summary, window_expires_at=closes)
        return summary


def _after(message: Arrived, at: datetime | None, key: str) -> bool:
    return at is None or message.position > (at, key)
