"""Files that a company sends: put into the bucket by a browser, or fetched from an address; and any stored file, to
read. The one rule: what is sent is what lies under the name of its content; a browser's own object may be written
again for as long as its form lives, so it is looked at once, copied, and never used itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

from parley.cloud.ports import MediaBucket, UploadForm
from parley.domain.errors import Conflict, InvalidRequest, MediaGone, NotFound, TooLarge, Unavailable, UnsupportedMedia
from parley.domain.media import (
    LARGEST,
    MEGABYTE,
    arriving_key,
    bare_type,
    kind_of_type,
    shown_as,
    upload_key,
)
from parley.domain.outgoing import Upload
from parley.domain.principal import Principal
from parley.domain.sniffing import HEAD, settled_type, sniff
from parley.providers.base import Download
from parley.store import attachments as store
from parley.store.attachments import Kept
from parley.store.database import Database, Row
from parley.store.ids import new_id

from .store_file import BucketAway, Expected, Thumbnail, store_file

FORM_SECONDS: Final = 3600
LINK_SECONDS: Final = 300
GATEWAY_LINK_SECONDS: Final = 1800
"""A gateway that fetches for itself may take its time."""


class Web(Protocol):
    """The public web, guarded."""

    def open(self, url: str) -> AbstractContextManager[Download]:
        """Open a file of the public web.

        Raises MediaGone (there is none, or the address is not public), Unavailable, both also while it is read.
        """


@dataclass(frozen=True, slots=True)
class NewUpload:
    """A file as whoever brings it describes it."""

    file_name: str
    mime_type: str
    size: int
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A URL that reads a file until it expires."""

    url: str
    expires_at: datetime


class Uploads:
    """A company's files."""

    def __init__(
        self,
        database: Database,
        bucket: MediaBucket,
        web: Callable[[], Web],
        thumbnail: Thumbnail,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._bucket = bucket
        self._web = web
        self._thumbnail = thumbnail
        self._now = now

    def announce(self, principal: Principal, new: NewUpload) -> tuple[UUID, UploadForm]:
        """Take note of a file to come; answer its id and the form a browser posts it with within the hour.

        Raises TooLarge.
        """
        kind = kind_of_type(new.mime_type)
        if new.size > LARGEST[kind]:
            raise TooLarge(f"A file of this type may have {LARGEST[kind] // MEGABYTE} MB.")
        media_id = new_id()
        sha256 = new.sha256.lower() if new.sha256 else None
        with self._database.transaction(principal.tenant_id) as tx:
            store.insert_upload(tx, media_id, kind, new.mime_type, new.file_name, new.size, sha256)
        key = upload_key(principal.tenant_id, media_id)
        return media_id, self._bucket.upload_form(key, content_type=new.mime_type, size=new.size, seconds=FORM_SECONDS)

    def fetch_url(self, principal: Principal, url: str) -> UUID:
        """Fetch a file from the public web, now; answer its id.

        Raises InvalidRequest (there is no such file, its host does not answer, the address is not public), Unavailable
        (it is ours that does not).
        """
        media_id = new_id()
        try:
            with self._web().open(url) as download:
                head, chunks = _peeked(download.chunks)
                mime_type = sniff(head) or bare_type(download.mime_type) or "application/octet-stream"
                kind = kind_of_type(mime_type)
                expected = Expected(kind, mime_type, download.size, None, LARGEST[kind])
                temporary = arriving_key(principal.tenant_id, media_id, 0)
                kept = store_file(
                    self._bucket, principal.tenant_id, chunks, expected, temporary=temporary, thumbnail=self._thumbnail
                )
        except BucketAway:
            raise
        except (MediaGone, Unavailable) as error:
            raise InvalidRequest(errors=[{"path": "url", "message": error.detail}]) from error
        with self._database.transaction(principal.tenant_id) as tx:
            store.insert_fetched(tx, media_id, kind, _name_in(url), kept)
        return media_id

    def settle(self, principal: Principal, media_id: UUID) -> None:
        """See to it that a file can be sent: at its first use, what a browser uploaded is looked at and kept under the
        name of its content.

        Whether another message has it already is for `store.attachments.claim_upload` to say, after the send's own
        replay was recognised. Raises NotFound, Conflict (not uploaded yet), UnsupportedMedia (not what it was said to
        be), Unavailable.
        """
        row = self._row(principal, media_id)
        if row["state"] == "failed":
            raise UnsupportedMedia(row["reason"])
        if row["state"] == "stored":
            return
        key = upload_key(principal.tenant_id, media_id)
        try:
            kept = self._kept(principal.tenant_id, row, key)
        except MediaGone as error:
            with self._database.transaction(principal.tenant_id) as tx:
                store.fail(tx, media_id, error.detail)
            raise UnsupportedMedia(error.detail) from error
        except Conflict:
            if self._row(principal, media_id)["state"] == "stored":
                return  # by somebody else, just now
            raise
        with self._database.transaction(principal.tenant_id) as tx:
            store.store(tx, media_id, kept)
        self._bucket.delete(key)

    def link(self, principal: Principal, media_id: UUID, *, thumbnail: bool = False) -> Link:
        """A URL of five minutes that reads a file; reading is a use, so an upload is looked at here too.

        Raises NotFound, Conflict (it is not there yet), UnsupportedMedia (not what it was said to be), Unavailable.
        """
        row = self._row(principal, media_id)
        if row["state"] == "pending" and row["message_id"] is None:
            self.settle(principal, media_id)
            row = self._row(principal, media_id)
        if row["state"] == "pending":
            raise Conflict("The file is not there yet.")
        if row["state"] == "failed":
            raise NotFound(f"There is no such file: {row['reason']}")
        key = row["thumbnail_key"] if thumbnail else row["object_key"]
        if key is None:
            raise NotFound("The file has no thumbnail.")
        mime_type, disposition = shown_as("image/webp" if thumbnail else row["mime_type"], row["file_name"])
        expires_at = self._now() + timedelta(seconds=LINK_SECONDS)
        url = self._bucket.link(key, seconds=LINK_SECONDS, content_type=mime_type, disposition=disposition)
        return Link(url, expires_at)

    def _row(self, principal: Principal, media_id: UUID) -> Row:
        with self._database.transaction(principal.tenant_id, viewer=principal.viewer) as tx:
            row = store.find(tx, media_id)
        if row is None:
            raise NotFound
        return row

    def _kept(self, tenant_id: UUID, row: Row, key: str) -> Kept:
        try:
            with self._bucket.open(key) as stored:
                if stored.size != row["size"]:
                    raise MediaGone(f"The file has {stored.size} bytes, not {row['size']} as was said.")
                head, chunks = _peeked(stored.chunks)
                if not _is_as_declared(row["kind"], head, row["mime_type"]):
                    raise MediaGone(f"The file is not {row['mime_type']}, as was said.")
                expected = Expected(row["kind"], row["mime_type"], row["size"], None, LARGEST[row["kind"]])
                temporary = arriving_key(tenant_id, row["id"], 0)
                kept = store_file(
                    self._bucket, tenant_id, chunks, expected, temporary=temporary, thumbnail=self._thumbnail
                )
        except NotFound as error:
            raise Conflict("The file has not been uploaded yet.") from error
        if row["sha256"] not in (None, kept.sha256):
            raise MediaGone("The file's SHA-256 is not what was said.")
        return kept


def open_upload(bucket: MediaBucket, row: Mapping[str, object]) -> Upload:
    """A stored file as an adapter sends it. `row`: of `store.attachments.of_message` or `claim_upload`."""
    key, mime_type, name = str(row["object_key"]), str(row["mime_type"]), row["file_name"]
    _, disposition = shown_as(mime_type, str(name) if name else None)

    @contextmanager
    def read() -> Iterator[Iterator[bytes]]:
        with bucket.open(key) as stored:
            yield stored.chunks

    return Upload(
        mime_type=mime_type,
        size=int(str(row["size"])),
        file_name=str(name) if name else None,
        voice=bool(row["voice"]),
        url=bucket.link(key, seconds=GATEWAY_LINK_SECONDS, content_type=mime_type, disposition=disposition),
        read=read,
    )


def _is_as_declared(kind: str, head: bytes, declared: str) -> bool:
    """Whether the bytes are of the declared type, as far as bytes can say."""
    return bare_type(settled_type(kind, head, declared)) == bare_type(declared)


def _peeked(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes, and all chunks."""
    first: list[bytes] = []
    for chunk in chunks:
        first.append(chunk)
        if sum(map(len, first)) >= HEAD:
            break

    def again() -> Iterator[bytes]:
        yield from first
        yield from chunks

    return b"".join(first)[:HEAD], again()


def _name_in(url: str) -> str | None:
    """The file's name, if the address ends in one."""
    name = url.partition("?")[0].partition("#")[0].rpartition("/")[2]
    return name if "." in name and len(name) <= 200 else None
