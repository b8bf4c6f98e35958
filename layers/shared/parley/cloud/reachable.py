"""Whether a queue and the bucket answer, for `/readyz`. The one rule: nothing is written, nothing stored is read."""

from __future__ import annotations

from .endpoint import Endpoint
from .s3 import Bucket

EMPTY_PREFIX = "ready/"


def ask_queue(endpoint: Endpoint, url: str) -> None:
    """Ask a queue for its own name. Raises CallFailed (an Unavailable)."""
    endpoint.call("AmazonSQS.GetQueueAttributes", "1.0", {"QueueUrl": url, "AttributeNames": ["QueueArn"]})


def ask_bucket(bucket: Bucket) -> None:
    """Ask the bucket for what lies under a prefix nobody uses. Raises CallFailed (an Unavailable)."""
    bucket.list_prefix(EMPTY_PREFIX, 1)
