"""What runs behind the queues and by the clock."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from .resources import (
    bucket,
    connections,
    conninfo,
    database,
    gateways_and_web,
    inbound_queue,
    media_queue,
    outbound_queue,
    providers,
    push_queue,
    sealer,
    secrets,
    settings,
)

if TYPE_CHECKING:
    from uuid import UUID

    from parley.services.deliver import Deliverer
    from parley.services.fetch_media import MediaFetcher, PendingFile
    from parley.services.housekeep import Housekeeper
    from parley.services.process import Processor
    from parley.services.push import Pusher


@cache
def processor() -> Processor:
    """Takes webhooks from the queue into the inbox."""
    from parley.services.process import Processor

    return Processor(database(), bucket(), providers(), sealer)


@cache
def deliverer() -> Deliverer:
    """Sends what is queued."""
    from parley.services.deliver import Deliverer
    from parley.services.upload_media import open_upload

    ours = settings()
    return Deliverer(
        database(),
        providers(),
        sealer,
        outbound_queue(),
        pusher().wake,
        lease=timedelta(seconds=ours.sped(ours.send_lease_seconds)),
        backoff=timedelta(seconds=ours.sped(ours.send_backoff_seconds)),
        open_upload=lambda row: open_upload(bucket(), row),
        speed=ours.fast_clock,
    )


def resume_sending(accounts: Collection[tuple[UUID, UUID]]) -> None:
    """These accounts (tenant, integration) are back: hint at what waits for them."""
    from parley.services.lost_accounts import resume

    if accounts:
        resume(database(), outbound_queue(), accounts)


@cache
def media_fetcher() -> MediaFetcher:
    """Fetches files of received messages."""
    from parley.services.fetch_media import MediaFetcher
    from parley.services.shrink import thumbnail

    ours = settings()
    return MediaFetcher(
        database(),
        gateways_and_web(),
        sealer,
        bucket(),
        media_queue(),
        pusher().wake,
        thumbnail,
        lease=timedelta(seconds=ours.sped(ours.media_lease_seconds)),
        pauses=(
            timedelta(seconds=ours.sped(ours.media_first_pause_seconds)),
            timedelta(seconds=ours.sped(ours.media_second_pause_seconds)),
        ),
    )


def hint_media(files: Sequence[PendingFile]) -> None:
    """Say that files wait to be fetched."""
    from parley.services.fetch_media import hint_all

    if files:
        hint_all(media_queue(), files)


@cache
def housekeeper() -> Housekeeper:
    """The net under the hints."""
    from parley.services.housekeep import Housekeeper

    ours = settings()
    return Housekeeper(
        database(),
        inbound=inbound_queue(),
        outbound=outbound_queue(),
        media=media_queue(),
        bucket=bucket(),
        wake=pusher().wake,
        silent_for=timedelta(seconds=ours.sped(ours.connection_silence_seconds)),
        stuck_for=timedelta(seconds=ours.sped(ours.send_lease_seconds)),
    )


@cache
def pusher() -> Pusher:
    """Pushes what this function committed, as far as that is quickly done."""
    from parley.services.push import Pusher

    return Pusher(database(), connections(), push_queue())


@cache
def patient_pusher() -> Pusher:
    """Pushes to audiences of any size."""
    from parley.services.push import Pusher

    return Pusher(database(), connections(), push_queue(), audience_limit=None)


def migrate() -> list[str]:
    """Apply the missing migrations as the migration role, and give the functions' role its password."""
    from parley.store.migrate import migrate as apply

    ours = settings()
    app = secrets().read(ours.required("database_secret_arn"))
    return apply(conninfo(ours.required("migration_secret_arn")), app["username"], app["password"])
