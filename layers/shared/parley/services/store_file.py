"""Put a file that comes in pieces into the bucket, under the name of its content. The one rule: what is held at once
stays below 8 MB however large the file is, and what it is said to be counts only if its bytes agree.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from parley.cloud.ports import MediaBucket, PartedUpload
from parley.domain.errors import MediaGone, Unavailable
from parley.domain.media import MEGABYTE, key_of_hash, thumbnail_key
from parley.domain.sniffing import HEAD, settled_type
from parley.store.attachments import Kept

PART: Final = 6 * MEGABYTE
"""What is held before it goes to the bucket; a chunk of 1 MB may come on top."""

Thumbnail = Callable[[bytes | bytearray], bytes | None]


class BucketAway(Unavailable):
    """The bucket does not answer, which says nothing of the file."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a file is said to be, and the most bytes it may have."""

    kind: str
    mime_type: str | None
    size: int | None
    sha256: str | None
    limit: int

    @property
    def is_known(self) -> bool:
        """Whether anything but its own bytes says which file it is."""
        return self.size is not None or self.sha256 is not None


@dataclass(slots=True)
class _Arriving:
    """A file on its way: what is held, and what of it is already in the bucket."""

    temporary: str
    held: bytearray = field(default_factory=bytearray)
    head: bytes = b""
    size: int = 0
    parts: PartedUpload | None = None


def store_file(
    bucket: MediaBucket,
    tenant_id: UUID,
    chunks: Iterable[bytes],
    expected: Expected,
    *,
    temporary: str,
    thumbnail: Thumbnail,
) -> Kept:
    """Read a file to its end and keep it. `temporary`: the key for one that is larger than a part, until its name is
    known.

    Raises MediaGone (this file will never do), Unavailable (another try may), BucketAway.
    """
    file = _Arriving(temporary)
    digest = hashlib.sha256()
    try:
        for chunk in chunks:
            digest.update(chunk)
            _take(bucket, file, chunk, expected)
        mime_type = _believe(file, digest.hexdigest(), expected)
        key = key_of_hash(tenant_id, digest.hexdigest())
        known = _finish(bucket, file, key, mime_type)
    except BaseException:
        if file.parts is not None:
            file.parts.abandon()
        raise
    shown = None
    if expected.kind == "image" and file.parts is None:
        shown = _keep_thumbnail(bucket, thumbnail_key(key), file.held, thumbnail, known=known)
    return Kept(key, shown, file.size, digest.hexdigest(), mime_type)


def _take(bucket: MediaBucket, file: _Arriving, chunk: bytes, expected: Expected) -> None:
    file.size += len(chunk)
    if file.size > expected.limit:
        raise MediaGone(f"The file is larger than {expected.limit // MEGABYTE} MB.")
    if expected.size is not None and file.size > expected.size:
        raise Unavailable(_ANOTHER)
    if len(file.head) < HEAD:
        file.head += chunk[: HEAD - len(file.head)]
    file.held += chunk
    if len(file.held) < PART:
        return
    with _ours():
        if file.parts is None:
            file.parts = bucket.start_upload(file.temporary, "application/octet-stream")
        file.parts.add(file.held)
    file.held = bytearray()


def _believe(file: _Arriving, sha256: str, expected: Expected) -> str:
    """The type to keep the file under. Raises MediaGone, Unavailable."""
    if file.size == 0:
        raise Unavailable("The file is empty.")
    if expected.size not in (None, file.size) or expected.sha256 not in (None, sha256):
        raise Unavailable(_ANOTHER)
    mime_type = settled_type(expected.kind, file.head, expected.mime_type)
    if mime_type is None:
        sentence = f"The file is not {_A_KIND[expected.kind]}, though it was said to be one."
        # Without a word on its size or hash, it may be an error's page in the file's place.
        raise MediaGone(sentence) if expected.is_known else Unavailable(sentence)
    return mime_type


def _finish(bucket: MediaBucket, file: _Arriving, key: str, mime_type: str) -> bool:
    """See to it that the file lies under its name; whether it did before."""
    with _ours():
        if bucket.has(key):
            if file.parts is not None:
                file.parts.abandon()
            return True
        if file.parts is None:
            bucket.put(key, file.held, mime_type)
            return False
        if file.held:
            file.parts.add(file.held)
        file.parts.finish()
        bucket.copy(file.temporary, key, mime_type)
        bucket.delete(file.temporary)
        return False


def _keep_thumbnail(
    bucket: MediaBucket, key: str, image: bytearray, thumbnail: Thumbnail, *, known: bool
) -> str | None:
    with _ours():
        if known and bucket.has(key):
            return key
        made = thumbnail(image)
        if made is None:
            return None
        bucket.put(key, made, "image/webp")
        return key


@contextmanager
def _ours() -> Iterator[None]:
    try:
        yield
    except Unavailable as error:
        raise BucketAway(error.detail) from error


_ANOTHER: Final = "The file that came is not the one that was announced."
_A_KIND: Final = {
    "image": "a picture",
    "sticker": "a sticker",
    "audio": "a sound",
    "video": "a film",
    "document": "a document",
}
