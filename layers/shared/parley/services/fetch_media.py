"""Fetch the file of a received message from its gateway into the bucket. The one rule: the message never waits for its
file, and every file ends stored or failed with a sentence that says why.

A try is counted before the gateway is asked, so that whoever dies on the way has used it up: Meta blocks a number's
media after a handful of failures. The hint that calls this may be lost, late or repeated.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal
from uuid import UUID

from parley.cloud.ports import MediaBucket, NotSealedHere, Queue, Sealer
from parley.domain import events
from parley.domain.errors import MediaGone, Unavailable
from parley.domain.media import arriving_key, largest
from parley.providers.base import Account, Provider
from parley.store import attachments as store
from parley.store.attachments import Kept
from parley.store.database import Database, Row, Transaction
from parley.store.event_log import append_events

from .forget_files import forget_file
from .store_file import BucketAway, Expected, Thumbnail, store_file

LOG = logging.getLogger(__name__)
MOST_TRIES: Final = 3
LONGEST_HINT: Final = timedelta(minutes=15)
LONGEST_SECONDS: Final = 240.0
"""How long one file may take, whatever its gateway does."""

Outcome = Literal["stored", "failed", "again", "waiting", "nothing"]


@dataclass(frozen=True, slots=True)
class PendingFile:
    """A file that waits to be fetched."""

    tenant_id: UUID
    integration_id: UUID
    attachment_id: UUID


def hint(queue: Queue, file: PendingFile, delay: timedelta = timedelta(0)) -> None:
    """Say that a file waits to be fetched, now or after a delay. Raises Unavailable."""
    body = {"v": 1, "tenantId": str(file.tenant_id), "attachmentId": str(file.attachment_id)}
    seconds = math.ceil(min(max(delay, timedelta(0)), LONGEST_HINT).total_seconds())
    queue.send(json.dumps(body), str(file.integration_id), seconds)


def hint_all(queue: Queue, files: Iterable[PendingFile]) -> None:
    """Say of each file that it waits; of whatever cannot be said the housekeeper will hear. Raises nothing."""
    for file in files:
        try:
            hint(queue, file)
        except Unavailable as error:
            LOG.warning("media hint lost", extra={"tenant_id": file.tenant_id, "code": error.code})


class _TakenOverError(Exception):
    """This try took so long that another one has begun."""


class MediaFetcher:
    """Fetches files. `lease`: how long a claim holds without a sign of life, and longer where the adapter says that its
    gateway may be silent for longer. `pauses`: before the second and the third try. `speed` divides an adapter's waits.
    """

    def __init__(
        self,
        database: Database,
        providers: Mapping[str, Provider],
        sealer: Callable[[], Sealer],
        bucket: MediaBucket,
        queue: Queue,
        wake: Callable[[UUID], None],
        thumbnail: Thumbnail,
        *,
        lease: timedelta,
        pauses: tuple[timedelta, timedelta],
        speed: float = 1.0,
    ) -> None:
        self._database = database
        self._providers = providers
        self._sealer = sealer
        self._bucket = bucket
        self._queue = queue
        self._wake = wake
        self._thumbnail = thumbnail
        self._lease = lease
        self._pauses = pauses
        self._speed = speed

    def fetch(self, tenant_id: UUID, attachment_id: UUID) -> Outcome:
        """Try once to fetch a file, if it is due.

        Raises Unavailable where the database or the queue is away: the hint must come again.
        """
        claimed = self._database.run(tenant_id, lambda tx: store.claim(tx, attachment_id, self._lease, MOST_TRIES))
        if claimed is None:
            return self._look(tenant_id, attachment_id)
        kept = self._attempt(tenant_id, claimed)
        if not isinstance(kept, Kept):
            return kept
        settled = self._database.run(
            tenant_id, lambda tx: _settle(tx, store.store(tx, attachment_id, kept, claimed["tries"]))
        )
        if settled:
            self._wake(tenant_id)
            return "stored"
        forget_file(self._database, self._bucket, tenant_id, kept.object_key)
        return "nothing"

    def _attempt(self, tenant_id: UUID, claimed: Row) -> Kept | Outcome:
        """The file, or what became of this try."""
        try:
            return self._fetched(tenant_id, claimed)
        except _TakenOverError:
            return "nothing"
        except MediaGone as error:
            return self._fail(tenant_id, claimed, error.detail)
        except BucketAway:
            return self._put_off(tenant_id, claimed, self._pauses[0], counts=False)
        except (Unavailable, NotSealedHere) as error:
            if claimed["tries"] >= MOST_TRIES:
                return self._fail(tenant_id, claimed, f"It could not be fetched in {MOST_TRIES} tries: {error.detail}")
            return self._put_off(tenant_id, claimed, self._pauses[claimed["tries"] - 1], counts=True)

    def _fetched(self, tenant_id: UUID, claimed: Row) -> Kept:
        """Stream the file from its gateway into the bucket. Raises what `store_file` raises, and NotSealedHere."""
        provider = self._providers[claimed["provider"]]
        credentials = self._sealer().open(claimed["credentials"], tenant_id, claimed["integration_id"], "provider")
        account = Account(claimed["account_id"], credentials, claimed["settings"])
        lease = max(self._lease, provider.capabilities.longest_silence / self._speed)
        if lease > self._lease:
            self._keep_claim(tenant_id, claimed, lease)
        with provider.fetch_media(claimed["source"], account) as download:
            expected = Expected(
                kind=claimed["kind"],
                mime_type=claimed["mime_type"] or download.mime_type,
                size=claimed["size"] or download.size,
                sha256=claimed["sha256"],
                limit=largest(claimed["kind"], provider.capabilities.media_limits),
            )
            if expected.size is not None and expected.size > expected.limit:
                raise MediaGone(f"The file is larger than {expected.limit // (1024 * 1024)} MB.")
            return store_file(
                self._bucket,
                tenant_id,
                self._alive(tenant_id, claimed, download.chunks, lease),
                expected,
                temporary=arriving_key(tenant_id, claimed["id"], claimed["tries"]),
                thumbnail=self._thumbnail,
            )

    def _alive(self, tenant_id: UUID, claimed: Row, chunks: Iterable[bytes], lease: timedelta) -> Iterator[bytes]:
        """The chunks; while they come, the claim is kept."""
        began = said = time.monotonic()
        for chunk in chunks:
            now = time.monotonic()
            if now - began > LONGEST_SECONDS:
                raise Unavailable("The file took too long.")
            if now - said > self._lease.total_seconds() / 4:
                said = now
                self._keep_claim(tenant_id, claimed, lease)
            yield chunk

    def _keep_claim(self, tenant_id: UUID, claimed: Row, lease: timedelta) -> None:
        with self._database.transaction(tenant_id) as tx:
            if not store.keep_claim(tx, claimed["id"], claimed["tries"], lease):
                raise _TakenOverError

    def _look(self, tenant_id: UUID, attachment_id: UUID) -> Outcome:
        """Why a file cannot be claimed, and what is to be done about it."""
        with self._database.transaction(tenant_id) as tx:
            found = store.find_waiting(tx, attachment_id)
        if found is None or found["state"] != "pending" or found["integration_id"] is None:
            return "nothing"
        if found["waits"]:
            hint(self._queue, PendingFile(tenant_id, found["integration_id"], attachment_id), found["wait"])
            return "waiting"
        if found["tries"] >= MOST_TRIES:
            return self._fail(tenant_id, found, f"It could not be fetched in {MOST_TRIES} tries.")
        return "nothing"

    def _put_off(self, tenant_id: UUID, claimed: Row, pause: timedelta, *, counts: bool) -> Outcome:
        with self._database.transaction(tenant_id) as tx:
            if not store.put_off(tx, claimed["id"], claimed["tries"], pause, counts=counts):
                return "nothing"
        hint(self._queue, PendingFile(tenant_id, claimed["integration_id"], claimed["id"]), pause)
        return "again"

    def _fail(self, tenant_id: UUID, claimed: Row, reason: str) -> Outcome:
        settled = self._database.run(
            tenant_id, lambda tx: _settle(tx, store.fail(tx, claimed["id"], reason, claimed["tries"]))
        )
        if settled:
            self._wake(tenant_id)
        return "failed" if settled else "nothing"


def _settle(tx: Transaction, changed: Row | None) -> bool:
    """Tell that a message's file changed; whether it did."""
    if changed is None:
        return False
    message = store.touch_message(tx, changed["message_id"]) if changed["message_id"] else None
    if message is not None:
        event = events.message_updated(
            message["conversation_id"],
            message["id"],
            is_last=bool(message["is_last"]),
            correlation_id=message["correlation_id"],
        )
        append_events(tx, [event])
    return True
