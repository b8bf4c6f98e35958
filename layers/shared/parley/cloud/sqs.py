"""SQS, the two calls Parley makes itself: sending, and putting off what failed. The one rule: `send` returns only
once SQS confirmed.
"""

from __future__ import annotations

import hashlib
from typing import Final
from urllib.parse import urlsplit

from .endpoint import CallFailed, Endpoint, service_url

LONGEST_DELAY: Final = 900
LONGEST_VISIBILITY: Final = 43_200


class Queue:
    """One standard queue. `endpoint` is shared by the queues of a container."""

    def __init__(self, url: str, endpoint: Endpoint | None = None) -> None:
        self._url = url
        self._endpoint = endpoint or sqs_endpoint(url)

    def send(self, body: str, group_id: str, delay_seconds: int = 0) -> None:
        """Queue one message under its fairness group, durably once this returns; `delay_seconds` is capped at 900.

        Raises CallFailed (an Unavailable); it may have been queued all the same, and repeating is harmless.
        """
        payload: dict[str, object] = {"QueueUrl": self._url, "MessageBody": body, "MessageGroupId": group_id}
        if delay_seconds > 0:
            payload["DelaySeconds"] = min(delay_seconds, LONGEST_DELAY)
        answer = self._endpoint.call("AmazonSQS.SendMessage", "1.0", payload)
        if answer.get("MD5OfMessageBody") != hashlib.md5(body.encode(), usedforsecurity=False).hexdigest():
            raise CallFailed("AmazonSQS.SendMessage", 200, "another body was confirmed")

    def change_visibility(self, receipt: str, seconds: int) -> None:
        """Show a received message again after `seconds`, capped at twelve hours.

        Raises CallFailed (an Unavailable).
        """
        payload = {"QueueUrl": self._url, "ReceiptHandle": receipt}
        timeout = max(0, min(seconds, LONGEST_VISIBILITY))
        self._endpoint.call("AmazonSQS.ChangeMessageVisibility", "1.0", payload | {"VisibilityTimeout": timeout})


def sqs_endpoint(queue_url: str, connections: int = 1) -> Endpoint:
    """The endpoint a queue's URL lies on, unless the environment names another."""
    parts = urlsplit(queue_url)
    return Endpoint(service_url("sqs", f"{parts.scheme}://{parts.netloc}"), "sqs", read=2.0, connections=connections)
