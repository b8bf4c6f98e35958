"""The private bucket. The one rule: nothing is read without a bound.

boto3 is imported on first use: the webhook receiver needs the bucket only for what is large or when the queue is away.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, cast

from parley.domain.errors import NotFound, TooLarge

from .endpoint import CallFailed
from .ports import StoredObject, UploadForm
from .presigning import BucketAddress, presigned_form, presigned_link
from .signing import ambient_credentials

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

CHUNK: Final = 1024 * 1024
SMALLEST_PART: Final = 5 * 1024 * 1024
"""S3's own bound on all parts but the last."""


class Bucket:
    """One bucket."""

    def __init__(self, name: str) -> None:
        self._name = name

    @cached_property
    def _client(self) -> S3Client:
        import boto3
        from botocore.config import Config

        retries: Any = {"mode": "standard", "total_max_attempts": 3}
        return boto3.client("s3", config=Config(connect_timeout=2, read_timeout=8, retries=retries))

    def put(self, key: str, data: bytes | bytearray, content_type: str = "application/octet-stream") -> None:
        """Store an object, replacing what was there, durably once this returns.

        Raises CallFailed (an Unavailable).
        """
        with _wrapped("PutObject"):
            self._client.put_object(Bucket=self._name, Key=key, Body=cast("bytes", data), ContentType=content_type)

    def get(self, key: str, limit: int) -> bytes:
        """Read an object of at most `limit` bytes.

        Raises NotFound, TooLarge, CallFailed (an Unavailable).
        """
        with _wrapped("GetObject"):
            body = self._client.get_object(Bucket=self._name, Key=key)["Body"]
            try:
                data = body.read(limit + 1)
            finally:
                body.close()
        if len(data) > limit:
            raise TooLarge(f"The object is larger than {limit} bytes.")
        return data

    def delete(self, key: str) -> None:
        """Delete an object; one that is not there is no error.

        Raises CallFailed (an Unavailable).
        """
        with _wrapped("DeleteObject"):
            self._client.delete_object(Bucket=self._name, Key=key)

    def list_prefix(self, prefix: str, limit: int = 1000) -> list[str]:
        """Name at most `limit` objects (1,000 at most) below `prefix`, in the order of their names.

        Raises CallFailed (an Unavailable).
        """
        with _wrapped("ListObjectsV2"):
            page = self._client.list_objects_v2(Bucket=self._name, Prefix=prefix, MaxKeys=limit)
        return [found["Key"] for found in page.get("Contents", [])]

    def list_after(self, prefix: str, after: str, limit: int = 1000) -> list[str]:
        """Name at most `limit` objects (1,000 at most) below `prefix` whose names come after this one, in their order.

        Raises CallFailed (an Unavailable).
        """
        with _wrapped("ListObjectsV2"):
            page = self._client.list_objects_v2(Bucket=self._name, Prefix=prefix, StartAfter=after, MaxKeys=limit)
        return [found["Key"] for found in page.get("Contents", [])]

    def has(self, key: str) -> bool:
        """Whether there is such an object.

        Raises CallFailed (an Unavailable).
        """
        try:
            with _wrapped("HeadObject"):
                self._client.head_object(Bucket=self._name, Key=key)
        except NotFound:
            return False
        return True

    def start_upload(self, key: str, content_type: str) -> PartedUpload:
        """Begin to write an object in pieces.

        Raises CallFailed (an Unavailable).
        """
        with _wrapped("CreateMultipartUpload"):
            begun = self._client.create_multipart_upload(Bucket=self._name, Key=key, ContentType=content_type)
        return PartedUpload(self._client, self._name, key, begun["UploadId"])

    def copy(self, source: str, target: str, content_type: str) -> None:
        """Copy an object within the bucket.

        Raises NotFound, CallFailed (an Unavailable).
        """
        with _wrapped("CopyObject"):
            self._client.copy_object(
                Bucket=self._name,
                Key=target,
                CopySource={"Bucket": self._name, "Key": source},
                MetadataDirective="REPLACE",
                ContentType=content_type,
            )

    @contextmanager
    def open(self, key: str) -> Iterator[StoredObject]:
        """Open an object for reading piece by piece.

        Raises NotFound, CallFailed (an Unavailable), the latter also while it is read.
        """
        with _wrapped("GetObject"):
            found = self._client.get_object(Bucket=self._name, Key=key)
        body = found["Body"]
        try:
            yield StoredObject(found["ContentLength"], _chunks(body))
        finally:
            body.close()

    def link(self, key: str, *, seconds: int, content_type: str, disposition: str) -> str:
        """A URL that reads an object for so long without any credential, served with these two headers."""
        headers = {"response-content-type": content_type, "response-content-disposition": disposition}
        return presigned_link(self._address, ambient_credentials(), key, seconds, headers, datetime.now(UTC))

    def upload_form(self, key: str, *, content_type: str, size: int, seconds: int) -> UploadForm:
        """A form that writes this object for so long, with exactly this type and size."""
        return presigned_form(self._address, ambient_credentials(), key, content_type, size, seconds, datetime.now(UTC))

    @cached_property
    def _address(self) -> BucketAddress:
        return BucketAddress.of(self._name)


class PartedUpload:
    """A multipart upload; S3 drops one that nobody finishes after a day (the bucket's rule)."""

    def __init__(self, client: S3Client, bucket: str, key: str, upload_id: str) -> None:
        self._client = client
        self._bucket = bucket
        self._key = key
        self._id = upload_id
        self._parts: list[CompletedPartTypeDef] = []

    def add(self, part: bytes | bytearray) -> None:
        """Write the next piece; all but the last have SMALLEST_PART bytes at least.

        Raises CallFailed (an Unavailable).
        """
        number = len(self._parts) + 1
        with _wrapped("UploadPart"):
            answer = self._client.upload_part(
                Bucket=self._bucket, Key=self._key, UploadId=self._id, PartNumber=number, Body=cast("bytes", part)
            )
        self._parts.append({"PartNumber": number, "ETag": answer["ETag"]})

    def finish(self) -> None:
        """Make the object of its pieces.

        Raises CallFailed (an Unavailable).
        """
        with _wrapped("CompleteMultipartUpload"):
            self._client.complete_multipart_upload(
                Bucket=self._bucket, Key=self._key, UploadId=self._id, MultipartUpload={"Parts": self._parts}
            )

    def abandon(self) -> None:
        """Drop the pieces, now if S3 answers, else after a day."""
        with suppress(CallFailed, NotFound), _wrapped("AbortMultipartUpload"):
            self._client.abort_multipart_upload(Bucket=self._bucket, Key=self._key, UploadId=self._id)


def _chunks(body: Any) -> Iterator[bytes]:  # noqa: ANN401 - botocore's stream
    with _wrapped("GetObject"):
        while chunk := body.read(CHUNK):
            yield chunk


@contextmanager
def _wrapped(operation: str) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in {"NoSuchKey", "404"}:
            raise NotFound("There is no such object.") from error
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        raise CallFailed(operation, status, code) from error
    except (BotoCoreError, HTTPClientError) as error:
        raise CallFailed(operation, error=type(error).__name__) from error
