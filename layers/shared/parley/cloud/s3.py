"""The private bucket. The one rule: nothing is read without a bound.

boto3 is imported on first use: the webhook receiver needs the bucket only for what is large or when the queue is away.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from parley.domain.errors import NotFound, TooLarge

from .endpoint import CallFailed

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


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

    def put(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        """Store an object, replacing what was there, durably once this returns.

        Raises CallFailed (an Unavailable).
        """
        with _wrapped("PutObject"):
            self._client.put_object(Bucket=self._name, Key=key, Body=data, ContentType=content_type)

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
