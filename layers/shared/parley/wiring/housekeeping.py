"""What runs every minute."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from .ledger import forget_old_replays, hand_back_strays, hint_stalled_replays
from .privacy import erasing
from .queues import follow_pauses, measure_oldest_webhook, oldest_waiting_webhook, stuck_for
from .resources import (
    bucket,
    connections,
    database,
    dead_letter_queues,
    inbound_queue,
    media_queue,
    outbound_queue,
    providers,
    settings,
)
from .work import announcer, distributor, meter, pusher

if TYPE_CHECKING:
    from parley.services.drain import Drain
    from parley.services.housekeep import Housekeeper, Step


@cache
def housekeeper() -> Housekeeper:
    """Runs every step once a minute."""
    from parley.services.housekeep import Housekeeper

    return Housekeeper(database(), meter(), _steps())


def _drain() -> Drain:
    """Empties the dead letter queues."""
    from parley.providers.registry import app_of
    from parley.services.drain import Drain
    from parley.services.take_apart import Splitter

    splitter = Splitter(database(), bucket(), app_of)
    return Drain(database(), dead_letter_queues(), splitter, bucket(), providers(), meter())


def _health() -> list[Step]:
    """Watches over the health of integrations."""
    from parley.services.housekeep import Step
    from parley.services.watch_health import HealthWatch, Tempo

    tempo = Tempo.sped(settings().fast_clock)
    watch = HealthWatch(
        database(), providers(), pusher().wake, tempo=tempo, meter=meter(), backlog=oldest_waiting_webhook
    )
    return [
        Step("health_figures", watch.count),
        Step("health", watch.look),
        Step("old_figures", watch.forget),
    ]


def _steps() -> list[Step]:
    """All there is to look at, in this order where nothing was left over by the last run."""
    from parley.services.farewell import say_bye
    from parley.services.housekeep import Step
    from parley.services.sweep import Reach, net
    from parley.services.sweep_unknown import SHOWN_AFTER
    from parley.store.retention import Terms

    ours = settings()
    reach = Reach(
        database=database(),
        inbound=inbound_queue(),
        outbound=outbound_queue(),
        media=media_queue(),
        bucket=bucket(),
        wake=pusher().wake,
        silent_for=timedelta(seconds=ours.sped(ours.connection_silence_seconds)),
        stuck_for=stuck_for(),
        dismiss=lambda connection_id, reason: say_bye(connections(), connection_id, reason),
        announce=announcer().announce,
        distribute=distributor().distribute_all,
        terms=Terms(ours.event_days, ours.ledger_days, ours.attempt_days),
        shown_after=SHOWN_AFTER / ours.fast_clock,
        meter=meter(),
    )
    return [
        *net(reach),
        Step("dead_letters", _drain().drain),
        Step("pauses", follow_pauses),
        Step("oldest_webhook", measure_oldest_webhook),
        *_health(),
        Step("stalled_replays", hint_stalled_replays),
        Step("old_replays", forget_old_replays),
        Step("returned_strays", hand_back_strays),
        Step("erasures", lambda: erasing().carry_on()),
        # One line a step: Step("name", lambda: …); what is in a function of its own room stays there.
    ]
