"""CloudWatch, SQS and Lambda's event sources as Parley asks them about its queues, against moto."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from parley.cloud.cloudwatch import CloudWatch
from parley.cloud.endpoint import CallFailed
from parley.cloud.event_sources import EventSources, queue_arn
from parley.cloud.ports import Consumers, QueueFigures
from parley.cloud.sqs import sqs_endpoint
from parley.domain.queues import QUEUES, QueueName

NOW = datetime.now(UTC).replace(second=20, microsecond=0)


@pytest.fixture
def urls(aws: Any) -> dict[QueueName, str]:
    return {name: aws.sqs.create_queue(QueueName=f"parley-{name}")["QueueUrl"] for name in QUEUES}


@pytest.fixture
def figures(aws: Any, urls: dict[QueueName, str]) -> QueueFigures:
    return CloudWatch(urls, sqs_endpoint(urls["inbound"]), clock=lambda: NOW)


def measure(aws: Any, metric: str, value: float, minutes_ago: int, queue: str = "parley-inbound") -> None:
    at = NOW.replace(second=0) - timedelta(minutes=minutes_ago)
    data = {
        "MetricName": metric,
        "Value": value,
        "Timestamp": at,
        "Dimensions": [{"Name": "QueueName", "Value": queue}],
    }
    boto3.client("cloudwatch").put_metric_data(Namespace="AWS/SQS", MetricData=[data])


def test_a_queue_is_what_sqs_counts_and_cloudwatch_measured(
    aws: Any, urls: dict[QueueName, str], figures: QueueFigures
) -> None:
    for number in range(5):
        aws.sqs.send_message(QueueUrl=urls["inbound"], MessageBody=str(number))
    aws.sqs.receive_message(QueueUrl=urls["inbound"], MaxNumberOfMessages=2)
    measure(aws, "ApproximateAgeOfOldestMessage", 90, 2)
    measure(aws, "NumberOfMessagesReceived", 10, 2)
    measure(aws, "NumberOfMessagesDeleted", 7, 2)
    measure(aws, "NumberOfMessagesReceived", 4, 30)
    measure(aws, "NumberOfMessagesDeleted", 4, 30)
    measure(aws, "NumberOfMessagesDeleted", 99, 2, queue="somebody-elses")
    (inbound,) = figures.read(["inbound"])
    assert (inbound.depth, inbound.in_flight, inbound.oldest_age_seconds) == (3, 2, 90)
    assert (inbound.rate_per_minute, inbound.error_rate) == (7 / 5, 0.3)
    told = {minute.at: (minute.completed, minute.failed) for minute in inbound.minutes if minute.completed}
    this_minute = NOW.replace(second=0)
    assert told == {this_minute - timedelta(minutes=2): (7, 3), this_minute - timedelta(minutes=30): (4, 0)}
    assert (len(inbound.minutes), inbound.minutes[-1].at) == (60, this_minute)


def test_an_empty_queue_has_no_oldest_and_all_queues_are_one_call_of_cloudwatch(
    aws: Any, figures: QueueFigures
) -> None:
    measure(aws, "ApproximateAgeOfOldestMessage", 90, 1)
    states = figures.read(QUEUES)
    assert [state.name for state in states] == list(QUEUES)
    assert [(state.depth, state.in_flight, state.oldest_age_seconds) for state in states] == [(0, 0, None)] * 4
    assert [service for service, _ in aws.relayed].count("monitoring") == 1


@pytest.fixture
def mappings(aws: Any, urls: dict[QueueName, str]) -> None:
    """An event source that reads the inbound queue, and another one that reads the push queue."""
    iam, functions = boto3.client("iam"), boto3.client("lambda")
    role = iam.create_role(RoleName="consumer", AssumeRolePolicyDocument=json.dumps({"Statement": []}))["Role"]["Arn"]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", "def handler(event, context): ...")
    names: tuple[QueueName, ...] = ("inbound", "push")
    for name in names:
        functions.create_function(
            FunctionName=name, Runtime="python3.13", Role=role, Handler="app.handler", Code={"ZipFile": code.getvalue()}
        )
        functions.create_event_source_mapping(EventSourceArn=queue_arn(urls[name]), FunctionName=name)


def states() -> dict[str, str]:
    found = boto3.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    return {one["FunctionArn"].rpartition(":")[2]: one["State"] for one in found}


@pytest.mark.usefixtures("mappings")
def test_a_paused_queues_event_source_is_disabled_and_nobody_elses(urls: dict[QueueName, str]) -> None:
    consumers: Consumers = EventSources(urls)
    consumers.pause("inbound")
    consumers.pause("inbound")
    assert states() == {"inbound": "Disabled", "push": "Enabled"}
    consumers.resume("inbound")
    assert states() == {"inbound": "Enabled", "push": "Enabled"}


@pytest.mark.usefixtures("mappings")
def test_what_lambda_refuses_is_unavailable(aws: Any, urls: dict[QueueName, str]) -> None:
    aws.down.add("lambda")
    with pytest.raises(CallFailed, match="event source"):
        EventSources(urls).pause("inbound")


def test_the_arn_is_the_one_the_url_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "cn-north-1")
    url = "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/parley-inbound"
    assert queue_arn(url) == "arn:aws-cn:sqs:cn-north-1:123456789012:parley-inbound"
