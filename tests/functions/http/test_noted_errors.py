"""Every consumer writes down why a message failed, where its dead letter finds it: what it put off, and what nobody
expected, for which the invocation fails.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from parley import wiring
from parley.domain.errors import Unavailable
from parley.domain.queues import QueueName, fingerprint
from parley.domain.webhook import Webhook
from parley.services.process import Processed
from parley.store.database import Database
from parley.store.dead_letters import find_error

CONSUMERS: list[tuple[QueueName, str, str, str]] = [
    ("inbound", "queue_processor", "processor", "process"),
    ("outbound", "message_sender", "deliverer", "deliver"),
    ("media", "media_fetcher", "media_fetcher", "fetch"),
    ("push", "realtime_pusher", "announcer", "announce"),
]


class Context:
    """A function with all the time it needs."""

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


@pytest.fixture
def noted(database: Database) -> Callable[[QueueName, str], tuple[str, int] | None]:
    """Why a message failed the last time, and how often it did."""

    def read(queue: QueueName, body: str) -> tuple[str, int] | None:
        with database.unscoped() as tx:
            found = find_error(tx, queue, fingerprint(body))
        return (found.error, found.count) if found else None

    return read


def record(body: str) -> dict[str, Any]:
    return {
        "messageId": "m", "receiptHandle": "r", "body": body, "attributes": {"ApproximateReceiveCount": "1"},
    }  # fmt: skip


def body_of(queue: str, tenant: uuid.UUID, integration: uuid.UUID, meta_time: Any) -> str:
    if queue == "inbound":
        return Webhook("meta", integration, 1, meta_time, uuid.uuid4(), {}, b"{}").encode()
    hint = {"v": 1, "tenantId": str(tenant), "conversationId": str(tenant), "attachmentId": str(tenant)}
    return json.dumps({**hint, "presence": True})


@pytest.mark.parametrize(("queue", "function", "service", "verb"), CONSUMERS)
def test_what_a_consumer_puts_off_is_noted_and_what_nobody_expected_too(
    queue: QueueName, function: str, service: str, verb: str, deployed: Any, aws: Any, noted: Any,
    monkeypatch: pytest.MonkeyPatch, tenant: uuid.UUID, integration: uuid.UUID,
) -> None:  # fmt: skip
    from datetime import UTC, datetime

    monkeypatch.setenv("MEDIA_QUEUE_URL", aws.sqs.create_queue(QueueName="media")["QueueUrl"])
    wiring.settings.cache_clear()
    app = deployed(function)
    body = body_of(queue, tenant, integration, datetime.now(UTC))
    raised: list[Exception] = [Unavailable("The bucket is away.")]

    class Failing:
        """In the place of the service: the world around it fails."""

    def fail(*_: Any, **__: Any) -> Any:
        if queue == "inbound" and isinstance(raised[0], Unavailable):
            return Processed(failed={0: raised[0]})
        raise raised[0]

    setattr(Failing, verb, staticmethod(fail))
    monkeypatch.setattr(wiring, service, lambda: Failing)
    answer = app.handler({"Records": [record(body)]}, Context())
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m"}]}
    assert noted(queue, body) == ("unavailable: The bucket is away.", 1)
    raised[0] = AttributeError(f"a customer's words, {tenant}")
    with pytest.raises(AttributeError):
        app.handler({"Records": [record(body)]}, Context())
    assert noted(queue, body) == ("unexpected: AttributeError", 2)
