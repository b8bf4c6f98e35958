"""What runs behind the queues and by the clock."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from parley.store.ids import new_id

from .resources import (
    bucket,
    connections,
    conninfo,
    database,
    gateways_and_web,
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

    from parley.domain.queues import QueueName
    from parley.domain.terms import Terms
    from parley.edge.metrics import Meter
    from parley.services.announce import Announcer
    from parley.services.deliver import Deliverer
    from parley.services.distribute import Distributor
    from parley.services.fetch_media import MediaFetcher, PendingFile
    from parley.services.note_errors import ErrorNotes
    from parley.services.notice import Notices
    from parley.services.process import Processor
    from parley.services.push import Pusher
    from parley.services.show_typing import Typists
    from parley.services.whisper import Whisper


@cache
def processor() -> Processor:
    """Takes webhooks from the queue into the inbox."""
    from parley.providers.registry import app_of
    from parley.services.process import Processor

    from .privacy import suppression

    return Processor(database(), bucket(), providers(), sealer, app_of, suppression())


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
        meter=meter(),
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
        speed=ours.fast_clock,
    )


def hint_media(files: Sequence[PendingFile]) -> None:
    """Say that files wait to be fetched."""
    from parley.services.fetch_media import hint_all

    if files:
        hint_all(media_queue(), files)


@cache
def error_notes() -> ErrorNotes:
    """Notes why messages failed."""
    from parley.services.note_errors import ErrorNotes

    return ErrorNotes(database())


def note_error(queue: QueueName, message: str, error: Exception) -> None:
    """Note why a queue's message was put off, for its dead letter; never raises."""
    error_notes().note(queue, message, error)


@cache
def distributor() -> Distributor:
    """Gives conversations to people by turns; somebody away for as long as it takes to look idle loses them."""
    from parley.services.distribute import Distributor

    return Distributor(database(), pusher().wake, terms(), terms().idle)


@cache
def terms() -> Terms:
    """What the socket promises."""
    from parley.domain.terms import Limits, Terms

    ours = settings()
    limits = Limits(
        silence_seconds=ours.connection_silence_seconds,
        per_user=ours.max_connections_per_user,
        per_tenant=ours.max_connections_per_tenant,
        frames_per_second=ours.max_frames_per_second,
        typing_per_second=ours.max_typing_per_second,
    )
    return Terms.sped(ours.fast_clock, limits)


@cache
def meter() -> Meter:
    """Takes measurements."""
    from parley.edge.metrics import Meter

    return Meter(settings().stage)


@cache
def notices() -> Notices:
    """Asks for looks at presence."""
    from parley.services.notice import Notices

    return Notices(database(), push_queue(), terms())


@cache
def whisper() -> Whisper:
    """Tells what is never stored."""
    from parley.services.whisper import Whisper

    return Whisper(database(), connections(), notices().presence_changed)


@cache
def announcer() -> Announcer:
    """Tells who is here."""
    from parley.services.announce import Announcer

    return Announcer(database(), whisper(), notices(), terms())


@cache
def typists() -> Typists:
    """Tells who types."""
    from parley.services.show_typing import Typists

    return Typists(database(), whisper(), outbound_queue(), terms(), lambda: datetime.now(UTC))


def pass_typing_on(tenant_id: UUID, conversation_id: UUID, on: bool, at: str) -> bool:
    """Show a customer that somebody types, unless that was too long ago; whether it was shown."""
    from parley.services.act import Acting
    from parley.services.show_typing import is_stale

    if is_stale(at, datetime.now(UTC)):
        return False
    acting = Acting(database(), providers(), sealer, pusher().wake)
    return acting.pass_typing_on(tenant_id, conversation_id, on, new_id())


@cache
def pusher() -> Pusher:
    """Pushes what this function committed, as far as that is quickly done."""
    return _pusher(settings().push_audience_limit)


@cache
def patient_pusher() -> Pusher:
    """Pushes to audiences of any size, to large ones in chunks."""
    from parley.services.push import CHUNK

    return _pusher(CHUNK)


def push_chunk(tenant_id: UUID, after: str | None, up_to: str | None) -> None:
    """Push to a chunk of a tenant's connections; to all of them, where none is named."""
    from parley.store.push_leases import Chunk

    patient_pusher().push(tenant_id, Chunk(after or "", up_to))


def _pusher(audience_limit: int) -> Pusher:
    from parley.services.push import Pusher

    return Pusher(
        database(),
        connections(),
        push_queue(),
        audience_limit=audience_limit,
        meter=meter(),
        presence_changed=notices().presence_changed,
    )


def migrate() -> list[str]:
    """Apply the missing migrations as the migration role, and give the functions' role its password."""
    from parley.store.migrate import migrate as apply

    ours = settings()
    app = secrets().read(ours.required("database_secret_arn"))
    return apply(conninfo(ours.required("migration_secret_arn")), app["username"], app["password"])
