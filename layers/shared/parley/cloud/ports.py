"""What services ask of the cloud, and the errors they may meet. The one rule: services know these, never the classes
behind them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from parley.domain.errors import ParleyError, Unavailable
from parley.domain.queue_figures import QueueState
from parley.domain.queues import QueueName


class Gone(ParleyError):
    """This connection is closed; it will never come back."""

    code = "gone"
    status = 410


class Throttled(Unavailable):
    """Too many requests at once; the same request may succeed in a moment."""

    code = "throttled"


class PostFailed(Unavailable):
    """The frame could not be handed over; whether the connection lives is not known."""

    code = "post_failed"


class NotSealedHere(ParleyError):
    """These credentials were not sealed for this integration, or were changed since."""

    code = "not_sealed_here"


class Queue(Protocol):
    """One standard queue."""

    def send(self, body: str, group_id: str, delay_seconds: int = 0) -> None:
        """Queue one message, durably once this returns; `delay_seconds` is at most 900.

        Raises Unavailable (sent or not is then unknown; repeating is harmless).
        """

    def change_visibility(self, receipt: str, seconds: int) -> None:
        """Show a received message again after `seconds` (0 to 43200).

        Raises Unavailable.
        """


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """A message received from a queue: `receipt` deletes it, `sent_at` is when it came into its first queue."""

    body: str
    receipt: str
    sent_at: datetime


class DeadLetterQueue(Protocol):
    """Where a queue's messages go that were received too often."""

    def receive(self, hidden_seconds: int) -> Sequence[QueuedMessage]:
        """Take up to ten messages, which nobody else sees for so long; none does not prove that there is none.

        Raises Unavailable.
        """

    def delete(self, receipts: Sequence[str]) -> None:
        """Delete up to ten received messages. Raises Unavailable (deleted or not is then unknown)."""


class Bucket(Protocol):
    """The deployment's private bucket."""

    def put(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        """Store an object, replacing what was there.

        Raises Unavailable.
        """

    def get(self, key: str, limit: int) -> bytes:
        """Read an object of at most `limit` bytes.

        Raises NotFound, TooLarge, Unavailable.
        """

    def delete(self, key: str) -> None:
        """Delete an object; one that is not there is no error.

        Raises Unavailable.
        """

    def list_prefix(self, prefix: str, limit: int = 1000) -> list[str]:
        """Name at most `limit` objects below `prefix`, in the order of their names.

        Raises Unavailable.
        """


class Keep(Protocol):
    """A bucket in which objects are kept for good."""

    def put(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        """Store an object.

        Raises Unavailable.
        """

    def get(self, key: str, limit: int) -> bytes:
        """Read an object of at most `limit` bytes.

        Raises NotFound, TooLarge, Unavailable.
        """

    def list_after(self, prefix: str, after: str, limit: int = 1000) -> list[str]:
        """Name at most `limit` objects below `prefix` whose names come after this one, in their order.

        Raises Unavailable.
        """


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object being read: `chunks` of at most 1 MB."""

    size: int
    chunks: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class UploadForm:
    """What a browser posts a file with: the fields first, as they are, and the file last."""

    url: str
    fields: Mapping[str, str]


class PartedUpload(Protocol):
    """An object that is written piece by piece and is there once it is finished."""

    def add(self, part: bytes | bytearray) -> None:
        """Write the next piece; all but the last have 5 MB at least.

        Raises Unavailable.
        """

    def finish(self) -> None:
        """Make the object of its pieces.

        Raises Unavailable.
        """

    def abandon(self) -> None:
        """Drop the pieces; what cannot be dropped now, the bucket's own rule drops. Raises nothing."""


class MediaBucket(Protocol):
    """The deployment's private bucket, as files use it."""

    def put(self, key: str, data: bytes | bytearray, content_type: str = "application/octet-stream") -> None:
        """Store an object, replacing what was there.

        Raises Unavailable.
        """

    def delete(self, key: str) -> None:
        """Delete an object; one that is not there is no error.

        Raises Unavailable.
        """

    def has(self, key: str) -> bool:
        """Whether there is such an object.

        Raises Unavailable.
        """

    def start_upload(self, key: str, content_type: str) -> PartedUpload:
        """Begin to write an object in pieces.

        Raises Unavailable.
        """

    def copy(self, source: str, target: str, content_type: str) -> None:
        """Copy an object within the bucket.

        Raises NotFound, Unavailable.
        """

    def open(self, key: str) -> AbstractContextManager[StoredObject]:
        """Open an object for reading piece by piece.

        Raises NotFound, Unavailable, the latter also while it is read.
        """

    def link(self, key: str, *, seconds: int, content_type: str, disposition: str) -> str:
        """A URL that reads an object for so long without any credential, served with these two headers."""

    def upload_form(self, key: str, *, content_type: str, size: int, seconds: int) -> UploadForm:
        """A form that writes this object for so long, with exactly this type and size."""


class Secrets(Protocol):
    """The deployment's secrets, each a flat JSON object."""

    def read(self, arn: str) -> Mapping[str, str]:
        """Return a secret, at most five minutes old; the same object as long as nothing was read anew.

        Raises Unavailable.
        """


class Connections(Protocol):
    """The WebSocket connections of the API's `@connections` endpoint."""

    def post(self, connection_id: str, data: bytes) -> None:
        """Hand one frame over; that it arrived is not promised.

        Raises Gone, Throttled, PostFailed.
        """

    def close(self, connection_id: str) -> None:
        """Close a connection; one that is already gone is no error.

        Raises Throttled, PostFailed.
        """


class Sealer(Protocol):
    """Seals credentials so that only their own integration's row opens them."""

    def seal(self, plain: Mapping[str, str], tenant_id: object, integration_id: object, purpose: str) -> bytes:
        """Encrypt under the current key."""

    def open(self, sealed: bytes, tenant_id: object, integration_id: object, purpose: str) -> dict[str, str]:
        """Decrypt what was sealed for exactly this tenant, integration and purpose, under any live key.

        Raises NotSealedHere.
        """


class QueueFigures(Protocol):
    """What is known of the deployment's queues: CloudWatch on AWS, the pump's own counters on the local stack."""

    def read(self, names: Sequence[QueueName]) -> list[QueueState]:
        """These queues as they are now, with an hour's minutes, in this order.

        Raises Unavailable.
        """


class Consumers(Protocol):
    """What takes from the queues and calls functions: event sources on AWS, the pump on the local stack."""

    def pause(self, queue: QueueName) -> None:
        """Take no more from a queue; one that is paused stays so. Batches under way end.

        Raises Unavailable (also while an earlier change is under way).
        """

    def resume(self, queue: QueueName) -> None:
        """Take from a queue again; one that is taken from stays so.

        Raises Unavailable (also while an earlier change is under way).
        """
