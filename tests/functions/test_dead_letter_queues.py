"""Dead letter queues by the SQS protocol: what is received is hidden until it is deleted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from parley.cloud.endpoint import CallFailed
from parley.cloud.sqs import Queue


def test_what_is_received_is_nobody_elses_until_it_is_deleted(aws: Any) -> None:
    url = aws.sqs.create_queue(QueueName="dead")["QueueUrl"]
    bodies = {f'{{"n": {n}, "text": "ação"}}' for n in range(12)}
    for body in bodies:
        aws.sqs.send_message(QueueUrl=url, MessageBody=body)
    queue = Queue(url)
    first, second, third = queue.receive(60), queue.receive(60), queue.receive(60)
    assert (len(first), len(second), len(third)) == (10, 2, 0)
    assert {message.body for message in (*first, *second)} == bodies
    assert all(abs(datetime.now(UTC) - message.sent_at) < timedelta(minutes=5) for message in first)
    queue.delete([message.receipt for message in first])
    for message in second:
        queue.change_visibility(message.receipt, 0)
    assert {message.body for message in queue.receive(60)} == {message.body for message in second}


def test_an_answer_that_some_were_not_deleted_is_an_error(aws: Any) -> None:
    url = aws.sqs.create_queue(QueueName="dead")["QueueUrl"]
    aws.sqs.send_message(QueueUrl=url, MessageBody="{}")
    queue = Queue(url)
    (message,) = queue.receive(60)
    with pytest.raises(CallFailed):
        queue.delete([message.receipt, "no receipt"])
    aws.down.add("sqs")
    with pytest.raises(CallFailed):
        queue.receive(60)
