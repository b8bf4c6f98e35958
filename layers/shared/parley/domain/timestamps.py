"""Times as they are written and believed. The one rule: all are UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

LATEST_AHEAD = timedelta(minutes=5)


def rfc3339(moment: datetime) -> str:
    """A time as RFC 3339 in UTC, with milliseconds."""
    text = moment.isoformat(timespec="milliseconds")
    if not text.endswith("+00:00"):
        text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return f"{text[:-6]}Z"


def believable(occurred_at: datetime | None, received_at: datetime) -> datetime:
    """The gateway's time, however old; one it lacks, or that lies more than 5 minutes ahead, is the receive time."""
    if occurred_at is None or occurred_at > received_at + LATEST_AHEAD:
        return received_at
    return occurred_at
