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
    """A message that was really stored, as the summary needs it. `reply_address`: where an answer to it goes; None for
    one that was typed on the company's own phone.
    """

    message_id: UUID
    number: int
    occurred_at: datetime
    key: str
    reply_address: Address | None

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

    def absorb(self, arrived: Iterable[Arrived], window: timedelta | None, *, muted: bool = False) -> Summary:
        """The summary with these messages: newest on top, reopened; a customer's counts as unread and moves the sending
        window on, one of the company's own phone means that what came before it was read. `muted`: the customer is
        blocked, so theirs neither reopen nor count.
        """
        summary = self
        for message in arrived:
            after = summary._with(message, window)
            if muted and message.reply_address is not None:
                after = replace(after, status=summary.status, unread_count=summary.unread_count)
            summary = after
        return summary

    def _with(self, message: Arrived, window: timedelta | None) -> Summary:
        summary = replace(
            self,
            status="open" if self.status in {"resolved", "snoozed"} else self.status,
            last_number=max(self.last_number, message.number),
        )
        if _after(message, self.last_message_at, self.last_message_key):
            summary = replace(
                summary,
                last_message_id=message.message_id,
                last_message_at=message.occurred_at,
                last_message_key=message.key,
            )
        if message.reply_address is None:
            return summary.read_up_to(message)
        return summary.heard(message, message.reply_address, window)

    def read_up_to(self, message: Arrived) -> Summary:
        """What came before it was read; the store counts the rest anew."""
        if not _after(message, self.read_at, self.read_key):
            return self
        return replace(self, read_at=message.occurred_at, read_key=message.key)

    def heard(self, message: Arrived, address: Address, window: timedelta | None) -> Summary:
        """A customer wrote: unread, the address to answer to, and the window."""
        unread = self.unread_count + _after(message, self.read_at, self.read_key)
        summary = replace(self, unread_count=unread)
        if _after(message, self.reply_at, self.reply_key):
            summary = replace(
                summary,
                reply_kind=address.kind,
                reply_address=address.value,
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
