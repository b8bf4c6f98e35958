"""The queues as such: what takes from them, and the watch over it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from .resources import bucket, database, settings, sqs
from .work import meter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parley.cloud.ports import Consumers, QueueFigures
    from parley.domain.queues import QueueName
    from parley.services.operate_queues import Queues
    from parley.services.read_housekeeping import HousekeepingReport
    from parley.services.watch_queue import Watch


def _urls() -> Mapping[QueueName, str]:
    ours = settings()
    return {
        "inbound": ours.required("inbound_queue_url"),
        "outbound": ours.required("outbound_queue_url"),
        "media": ours.required("media_queue_url"),
        "push": ours.required("push_queue_url"),
    }


@cache
def consumers() -> Consumers:
    """What takes from the queues: the pump, where one is named, else Lambda's event sources."""
    from parley.cloud.event_sources import EventSources
    from parley.cloud.local_pump import LocalPump

    pump = settings().queue_figures_url
    return LocalPump(pump, _urls()) if pump else EventSources(_urls())


@cache
def queue_figures() -> QueueFigures:
    """What is known of the queues: by the pump, where one is named, else by CloudWatch."""
    from parley.cloud.cloudwatch import CloudWatch
    from parley.cloud.local_pump import LocalPump

    pump = settings().queue_figures_url
    return LocalPump(pump, _urls()) if pump else CloudWatch(_urls(), sqs())


@cache
def housekeeping_report() -> HousekeepingReport:
    """Says how the housekeeper's steps went and what waits for them."""
    from parley.services.read_housekeeping import HousekeepingReport

    return HousekeepingReport(database(), bucket(), stuck_for())


def stuck_for() -> timedelta:
    """A message queued or claimed for so long has lost its hint or its sender."""
    return timedelta(seconds=settings().sped(settings().send_lease_seconds))


@cache
def queues() -> Queues:
    """The queues, for those who operate them."""
    from parley.services.operate_queues import Queues

    admins_operate = settings().admins_operate == "true"
    beside = housekeeping_report().beside_queues
    return Queues(database(), queue_figures(), consumers(), admins_operate=admins_operate, beside=beside)


def follow_pauses() -> int:
    """Let consumers do what the rows say."""
    from parley.services.operate_queues import follow

    ours = settings()
    paused_for = timedelta(seconds=ours.sped(ours.breaker_pause_seconds))
    tried_for = timedelta(seconds=ours.sped(ours.breaker_window_seconds))
    return follow(database(), consumers(), paused_for=paused_for, tried_for=tried_for)


def oldest_waiting_webhook() -> timedelta:
    """For how long the oldest webhook has waited that could be taken."""
    from parley.services.operate_queues import backlog

    return backlog(queue_figures())


def measure_oldest_webhook() -> int:
    """Measure how long the oldest webhook has been waiting."""
    from parley.services.operate_queues import measure_oldest
    from parley.services.sweep_spool import oldest_spooled

    return measure_oldest(queue_figures(), meter(), lambda: oldest_spooled(bucket(), datetime.now(UTC)))


@cache
def inbound_watch() -> Watch:
    """The watch over what is parked of the inbound queue."""
    from parley.services.breaker import Breaker, Limits
    from parley.services.watch_queue import Watch

    ours = settings()
    window = timedelta(seconds=ours.sped(ours.breaker_window_seconds))
    breaker = Breaker(Limits(ours.breaker_minimum, ours.breaker_share, window))
    return Watch(database(), consumers(), breaker, "inbound")
