"""SQS, the few calls Parley makes itself: sending, putting off what failed, and emptying dead letter queues. The one
rule: `send` returns only once SQS confirmed.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from .endpoint import CallFailed, Endpoint, service_url
from .ports import QueuedMessage

MOST_AT_ONCE: Final = 10
LONGEST_DELAY: Final = 900
LONGEST_VISIBILITY: Final = 43_200


class Queue:
    """One standard queue. `endpoint` is shared by the queues of a container; `speed`, the local stack's fast clock,
    shortens how long what failed is put off.
    """

    def __init__(self, url: str, endpoint: Endpoint | None = None, speed: float = 1.0) -> None:
        self._url = url
        self._endpoint = endpoint or sqs_endpoint(url)
        self._speed = speed

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
        timeout = max(0, min(math.ceil(seconds / self._speed), LONGEST_VISIBILITY))
        self._endpoint.call("AmazonSQS.ChangeMessageVisibility", "1.0", payload | {"VisibilityTimeout": timeout})

    def receive(self, hidden_seconds: int) -> Sequence[QueuedMessage]:
        """Take up to ten messages, which nobody else sees for so long; none does not prove that there is none, for
        SQS asks only some of its servers.

        Raises CallFailed (an Unavailable).
        """
        payload: dict[str, object] = {
            "QueueUrl": self._url,
            "MaxNumberOfMessages": MOST_AT_ONCE,
            "VisibilityTimeout": hidden_seconds,
            "MessageSystemAttributeNames": ["SentTimestamp"],
        }
        answer = self._endpoint.call("AmazonSQS.ReceiveMessage", "1.0", payload)
        return [_received(message) for message in answer.get("Messages") or ()]

    def delete(self, receipts: Sequence[str]) -> None:
        """Delete up to ten received messages. Raises CallFailed (an Unavailable)."""
        entries = [{"Id": str(place), "ReceiptHandle": receipt} for place, receipt in enumerate(receipts)]
        payload: dict[str, object] = {"QueueUrl": self._url, "Entries": entries}
        answer = self._endpoint.call("AmazonSQS.DeleteMessageBatch", "1.0", payload)
        if failed := answer.get("Failed"):
            raise CallFailed("AmazonSQS.DeleteMessageBatch", 200, str(failed[0].get("Code", "refused")))


def _received(message: dict[str, Any]) -> QueuedMessage:
    sent_at = datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC)
    return QueuedMessage(message["Body"], message["ReceiptHandle"], sent_at)


def sqs_endpoint(queue_url: str, connections: int = 1) -> Endpoint:
    """The endpoint a queue's URL lies on, unless the environment names another."""
    parts = urlsplit(queue_url)
    return Endpoint(service_url("sqs", f"{parts.scheme}://{parts.netloc}"), "sqs", read=2.0, connections=connections)
