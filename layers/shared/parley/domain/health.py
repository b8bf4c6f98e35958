"""What an integration's figures mean for the people who depend on it: one state and one sentence. The one rule: the
sentence is true now and stays true, so it names its times and its numbers.

decisions/0023 says why the thresholds are what they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, get_args

HealthState = Literal[
    "credential_expired",
    "credential_refused",
    "restricted",
    "disconnected",
    "silent",
    "receiving_fails",
    "not_delivered",
    "media_failing",
    "paused",
    "ok",
]
STATES: Final[tuple[HealthState, ...]] = get_args(HealthState)
"""The worst first: of what is wrong the first is said."""
HEALTHY: Final[frozenset[HealthState]] = frozenset({"paused", "ok"})
"""`paused` is what a person wanted."""

_BY_CODE: Final[dict[str, HealthState]] = {
    "credential_expired": "credential_expired",
    "permission_denied": "credential_refused",
    "payment_required": "credential_refused",
    "sender_restricted": "restricted",
}
_GATEWAY_SAYS: Final[dict[HealthState, str]] = {
    "credential_expired": "The gateway no longer accepts this account's credential",
    "credential_refused": "The gateway does not let this account's credential do its work",
    "restricted": "This account has been restricted",
    "disconnected": "The gateway says that this account is not connected",
}

SILENT_WEEKS: Final = 2
"""Fewer weeks of history say nothing about what is usual."""
SILENT_WEBHOOKS: Final = 8
"""Where fewer than these came in the same time of any earlier week, silence is nothing unusual."""
FEWEST_FAILED: Final = 3
FEWEST_UNDELIVERED: Final = 5
_FAILING_SHARE: Final = 0.1
_MEDIA_SHARE: Final = 0.2
_UNDELIVERED_SHARE: Final = 0.5
_USUAL_SENDS: Final = 20


@dataclass(frozen=True, slots=True)
class Usual:
    """What came in the same hours of each of the last `weeks` weeks, from the quietest to the busiest."""

    weeks: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of what came in and of what was sent. `delivered`, `undelivered`, `failed`: of the sends that have
    had time enough.
    """

    received: int = 0
    processed: int = 0
    ignored: int = 0
    rejected: int = 0
    parked: int = 0
    delivered: int = 0
    undelivered: int = 0
    failed: int = 0
    media_stored: int = 0
    media_failed: int = 0

    @property
    def sent(self) -> int:
        """What was tried, and has had time enough."""
        return self.delivered + self.undelivered + self.failed


@dataclass(frozen=True, slots=True)
class Figures:
    """What is known of an account. `state`, `code`, `reason`, `since`: as the gateway told it last. `hour`: what was
    counted from `hour_from` on. `usual`: where nothing has come for a while, what came in the same time of earlier
    weeks. `usually_delivered`, `usually_undelivered`: of earlier sends; `receipts`: the gateway tells what was
    delivered. `caught_up`: everything received by `counted_to` was looked at.
    """

    now: datetime
    hour_from: datetime
    counted_to: datetime
    state: str = "connected"
    code: str | None = None
    reason: str | None = None
    since: datetime | None = None
    held: bool = False
    caught_up: bool = True
    receipts: bool = True
    last_received_at: datetime | None = None
    hour: Counts = Counts()
    usual: Usual | None = None
    usually_delivered: int = 0
    usually_undelivered: int = 0


@dataclass(frozen=True, slots=True)
class Health:
    """The worst that is wrong, why in one sentence, and since when where that is known."""

    state: HealthState
    reason: str | None = None
    since: datetime | None = None


OK: Final = Health("ok")


def judge(figures: Figures) -> Health:
    """Say what is wrong with an account, the worst first."""
    return next((found for question in _QUESTIONS if (found := question(figures)) is not None), OK)


def _lost(figures: Figures) -> Health | None:
    if figures.state == "connected":
        return None
    state = _BY_CODE.get(figures.code or "", "disconnected")
    said = (figures.reason or "").strip()
    told = _GATEWAY_SAYS[state]
    sentence = said if said.endswith((".", "!")) else f"{told} ({said})." if said else f"{told}."
    unsent = f" Nothing has been sent since {_at(figures.since, figures.now)}." if figures.since else ""
    return Health(state, sentence + unsent, figures.since)


def _silent(figures: Figures) -> Health | None:
    usual, last = figures.usual, figures.last_received_at
    if usual is None or last is None or not figures.caught_up:
        return None
    if usual.weeks < SILENT_WEEKS or usual.low < SILENT_WEBHOOKS:
        return None
    came = f"{usual.low}" if usual.low == usual.high else f"{usual.low} to {usual.high}"
    until = _at(figures.counted_to, figures.now)
    sentence = (
        f"No webhook came from {_at(last, figures.now)} to {until}; "
        f"in the same hours of the last {usual.weeks} weeks {came} came."
    )
    return Health("silent", sentence, last)


def _receiving_fails(figures: Figures) -> Health | None:
    hour = figures.hour
    failing = hour.parked + hour.rejected
    if failing < FEWEST_FAILED or failing < _FAILING_SHARE * hour.received:
        return None
    parts = [(hour.parked, "could not be processed"), (hour.rejected, "were rejected")]
    said = " and ".join(f"{count} {words}" for count, words in parts if count)
    return Health("receiving_fails", f"Of {hour.received} webhooks received {_span(figures)} {said}.")


def _not_delivered(figures: Figures) -> Health | None:
    hour = figures.hour
    missing = hour.undelivered + hour.failed
    if not figures.receipts or missing < FEWEST_UNDELIVERED or missing < _UNDELIVERED_SHARE * hour.sent:
        return None
    before = figures.usually_delivered + figures.usually_undelivered
    share = figures.usually_undelivered / before if before else 0.0
    if before >= _USUAL_SENDS and missing < 2 * share * hour.sent:
        return None
    parts = [(hour.undelivered, "were not delivered in time"), (hour.failed, "failed")]
    said = " and ".join(f"{count} {words}" for count, words in parts if count)
    usually = f"; before that it was {round(100 * share)} of 100" if before >= _USUAL_SENDS else ""
    return Health("not_delivered", f"Of {hour.sent} messages sent {_span(figures)} {said}{usually}.")


def _media_failing(figures: Figures) -> Health | None:
    hour = figures.hour
    files = hour.media_stored + hour.media_failed
    if hour.media_failed < FEWEST_FAILED or hour.media_failed < _MEDIA_SHARE * files:
        return None
    sentence = f"Of {files} files received {_span(figures)} {hour.media_failed} could not be fetched from the gateway."
    return Health("media_failing", sentence)


def _paused(figures: Figures) -> Health | None:
    return Health("paused", "A person has paused sending through this account.") if figures.held else None


_QUESTIONS: Final[tuple[Callable[[Figures], Health | None], ...]] = (
    _lost,
    _silent,
    _receiving_fails,
    _not_delivered,
    _media_failing,
    _paused,
)


def _span(figures: Figures) -> str:
    return f"between {_at(figures.hour_from, figures.now)} and {_at(figures.now, figures.now)}"


def _at(moment: datetime, now: datetime) -> str:
    """A time as a person reads it, with as much of the date as it takes."""
    moment, now = moment.astimezone(UTC), now.astimezone(UTC)
    clock = f"{moment:%H:%M} UTC"
    if moment.date() == now.date():
        return clock
    return f"{_DAYS[moment.weekday()]} {clock}" if now - moment < timedelta(days=6) else f"{moment:%Y-%m-%d} {clock}"


_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
