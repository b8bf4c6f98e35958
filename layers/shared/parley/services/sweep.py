"""The net under the hints: the steps that find what a lost hint, a dead worker or a failed queue left behind. The one
rule: each step is bounded, harmless to repeat and harmless when two run at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from parley.cloud.ports import Bucket, Queue
from parley.domain.metrics import Meter, unmeasured
from parley.store.database import Database
from parley.store.retention import Terms

from .change import wake_snoozed
from .farewell import Reason
from .housekeep import Step
from .move_messages import carry_on
from .retain import Retaining
from .schedule import hint_due
from .sweep_connections import announce_due, count_open, drop_silent, push_lagging
from .sweep_files import forget_unused, hint_unfetched
from .sweep_sends import hint_stuck
from .sweep_spool import empty_spool
from .sweep_storage import forget_spent, make_partitions, sum_up_counts
from .sweep_unknown import SHOWN_AFTER, show_unknown

USUAL_TERMS: Final = Terms()
_AT_MOST: Final = 500


def nobody_there(*_: object) -> None:
    """Tell nobody, where nobody listens."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """What the net reaches for. `silent_for`: a connection unheard for so long is dead. `stuck_for`: a message queued
    or claimed for so long has lost its hint or its sender. `dismiss` closes a connection with a reason; `announce`
    tells a company who is here; `distribute` gives waiting conversations of all tenants to people; answers how many.
    `terms`: for how long things are kept as usual. `shown_after`: a send has been unknown so long that people are told.
    """

    database: Database
    inbound: Queue
    outbound: Queue
    media: Queue
    bucket: Bucket
    wake: Callable[[UUID], None]
    silent_for: timedelta
    stuck_for: timedelta
    dismiss: Callable[[str, Reason], object] = nobody_there
    announce: Callable[[UUID], object] = nobody_there
    distribute: Callable[[], int] = int
    terms: Terms = USUAL_TERMS
    shown_after: timedelta = SHOWN_AFTER
    meter: Meter = unmeasured


def net(to: Reach) -> list[Step]:
    """The steps of the net."""
    db = to.database
    retaining = Retaining(db, to.bucket, to.terms)
    return [
        Step("partitions", lambda: make_partitions(db)),
        Step("stuck_sends", lambda: hint_stuck(db, to.outbound, to.stuck_for)),
        Step("unknown_sends", lambda: show_unknown(db, to.wake, to.shown_after)),
        Step("spool", lambda: empty_spool(to.bucket, to.inbound)),
        Step("silent_connections", lambda: drop_silent(db, to.silent_for, to.dismiss, to.announce)),
        Step("lagging_listeners", lambda: push_lagging(db, to.wake)),
        Step("presence", lambda: announce_due(db, to.announce)),
        Step("unfetched_files", lambda: hint_unfetched(db, to.media, to.stuck_for)),
        Step("unused_uploads", lambda: forget_unused(db)),
        Step("snoozes", lambda: wake_snoozed(db, to.wake, _AT_MOST)),
        Step("scheduled_messages", lambda: hint_due(db, to.outbound, to.stuck_for, _AT_MOST)),
        Step("distribution", to.distribute),
        Step("moved_messages", lambda: carry_on(db)),
        Step("spent_signals", lambda: forget_spent(db)),
        Step("expired_partitions", retaining.drop_partitions),
        Step("expired_rows", retaining.let_go),
        Step("counters", lambda: sum_up_counts(db)),
        Step("open_connections", lambda: count_open(db, to.meter)),
    ]
