"""Lambda's event sources: what takes from the queues on AWS. The one rule: which one it is is found by its queue, for a
function whose own event source were named in its environment could not be deployed.

https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from parley.domain.queues import QueueName

from .endpoint import CallFailed, Endpoint, ambient_region, service_url

_PATH: Final = "/2015-03-31/event-source-mappings"
_IS: Final = {True: ("Enabled", "Enabling", "Creating"), False: ("Disabled", "Disabling")}


class EventSources:
    """Enables and disables the event sources of these queues, which are named by their URLs."""

    def __init__(self, queue_urls: Mapping[QueueName, str], endpoint: Endpoint | None = None) -> None:
        self._urls = queue_urls
        self._endpoint = endpoint or Endpoint(service_url("lambda"), "lambda", read=5.0)

    def pause(self, queue: QueueName) -> None:
        """Disable what takes from a queue. Raises CallFailed (an Unavailable)."""
        self._set(queue, enabled=False)

    def resume(self, queue: QueueName) -> None:
        """Enable what takes from a queue. Raises CallFailed (an Unavailable)."""
        self._set(queue, enabled=True)

    def _set(self, queue: QueueName, *, enabled: bool) -> None:
        found = self._ask("GET", _PATH, query={"EventSourceArn": queue_arn(self._urls[queue])})
        for mapping in found.get("EventSourceMappings", []):
            if mapping.get("State") not in _IS[enabled]:
                self._ask("PUT", f"{_PATH}/{mapping['UUID']}", {"Enabled": enabled})

    def _ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        sent = b"" if body is None else json.dumps(body).encode()
        answer = self._endpoint.request(method, path, sent, {"content-type": "application/json"}, query)
        if answer.status not in (200, 202):
            raise CallFailed("event source", answer.status, answer.body[:200].decode(errors="replace"))
        return dict(json.loads(answer.body or b"{}"))


def queue_arn(url: str) -> str:
    """The ARN of the queue at a URL (`https://sqs.eu-west-1.amazonaws.com/123456789012/name`)."""
    account, name = urlsplit(url).path.strip("/").split("/")[-2:]
    region = ambient_region()
    partition = "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"
    return f"arn:{partition}:sqs:{region}:{account}:{name}"
