"""What becomes of webhooks, what follows from them, and having them processed again."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from .resources import bucket, database, inbound_queue, settings
from .work import distributor, hint_media, processor, pusher, resume_sending

if TYPE_CHECKING:
    from parley.services.process import Processed
    from parley.services.read_ledger import Ledger
    from parley.services.replay import Replaying

LEASE_SECONDS = 60


@cache
def ledger() -> Ledger:
    """The ledgers of companies."""
    from parley.services.read_ledger import Ledger

    return Ledger(database(), bucket(), inbound_queue)


def follow_up(done: Processed) -> None:
    """Tell those who should hear of it, and see to what is left to do."""
    for tenant_id in done.changed:
        pusher().wake(tenant_id)
    hint_media(done.files)
    resume_sending(done.resumed)
    for tenant_id in done.changed:
        distributor().distribute(tenant_id)


@cache
def replaying() -> Replaying:
    """Goes on with replays."""
    from parley.services.replay import Replaying

    lease = timedelta(seconds=settings().sped(LEASE_SECONDS))
    return Replaying(database(), processor(), inbound_queue(), lease)


def hint_stalled_replays() -> int:
    """Hint at replays that nobody goes on with."""
    from parley.services.replay import hint_stalled

    return hint_stalled(database(), inbound_queue())


def forget_old_replays() -> int:
    """Drop what is known of replays that ended long ago."""
    from parley.services.replay import forget_old

    return forget_old(database())


def hand_back_strays() -> int:
    """Give strays that the operator returned to the queue again."""
    from parley.services.hand_back import hand_back_strays as hand_back

    return hand_back(database(), inbound_queue())
