"""The pump of the local stack, asked over its loopback port: what CloudWatch and Lambda's event sources are on AWS. The
one rule: it answers in the words of the ports, so that nobody above knows which of the two it was.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import urllib3

from parley.domain.errors import Unavailable
from parley.domain.queue_figures import QueueMinute, QueueState
from parley.domain.queues import QueueName


class LocalPump:
    """QueueFigures and Consumers of one stack. `queue_urls` say what its queues are called there."""

    def __init__(self, url: str, queue_urls: Mapping[QueueName, str]) -> None:
        self._url = url.rstrip("/")
        self._called = {name: address.rpartition("/")[2] for name, address in queue_urls.items()}
        self._http = urllib3.PoolManager(timeout=urllib3.Timeout(connect=1.0, read=5.0), retries=False)

    def read(self, names: Sequence[QueueName]) -> list[QueueState]:
        """These queues as the pump knows them. Raises Unavailable."""
        found = {one["queue"]: one for one in self._ask("GET", "")["data"]}
        return [_state(name, found[self._called[name]]) for name in names]

    def pause(self, queue: QueueName) -> None:
        """Take no more from a queue. Raises Unavailable."""
        self._ask("POST", f"/{self._called[queue]}/pause")

    def resume(self, queue: QueueName) -> None:
        """Take from a queue again. Raises Unavailable."""
        self._ask("POST", f"/{self._called[queue]}/resume")

    def _ask(self, method: str, path: str) -> dict[str, Any]:
        try:
            answer = self._http.request(method, self._url + path, redirect=False)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unavailable(f"The pump does not answer ({type(error).__name__}).") from error
        if answer.status != 200:
            raise Unavailable(f"The pump answered {answer.status}.")
        return dict(json.loads(answer.data))


def _state(name: QueueName, told: Mapping[str, Any]) -> QueueState:
    minutes = [
        QueueMinute(datetime.fromisoformat(one["at"]), one["completed"], one["failed"]) for one in told["series"]
    ]
    return QueueState(name, told["depth"], told["inFlight"], told["oldestAgeSeconds"], minutes)
