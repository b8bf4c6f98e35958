"""What CloudWatch and SQS know of the queues. The one rule: one call of CloudWatch, however many queues are asked for.

SQS itself knows how much there is just now; the age of the oldest message and what happened each minute only CloudWatch
does, a minute or two late. A try that failed is a message that was received and not deleted: Lambda's own errors leave
out the parts of batches that come again.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from parley.domain.queue_figures import QueueMinute, QueueState
from parley.domain.queues import QueueName

from .endpoint import Endpoint, service_url

_MINUTE: Final = timedelta(minutes=1)
_MINUTES: Final = 60
_RECENT: Final = 5
_METRICS: Final[Mapping[str, tuple[str, str]]] = {
    "age": ("ApproximateAgeOfOldestMessage", "Maximum"),
    "taken": ("NumberOfMessagesReceived", "Sum"),
    "done": ("NumberOfMessagesDeleted", "Sum"),
}
_WAITING, _TAKEN = "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"

Values = Mapping[str, Mapping[int, float]]


class CloudWatch:
    """QueueFigures of these queues, which are named by their URLs. `sqs`: the endpoint they lie on."""

    def __init__(
        self,
        queue_urls: Mapping[QueueName, str],
        sqs: Endpoint,
        endpoint: Endpoint | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._urls = queue_urls
        self._sqs = sqs
        self._endpoint = endpoint or Endpoint(service_url("monitoring"), "monitoring", read=5.0)
        self._clock = clock

    def read(self, names: Sequence[QueueName]) -> list[QueueState]:
        """These queues as they are now. Raises CallFailed (an Unavailable)."""
        until = self._clock().replace(second=0, microsecond=0) + _MINUTE
        minutes = [until - _MINUTE * (_MINUTES - place) for place in range(_MINUTES)]
        values = self._ask(names, minutes[0], until)
        return [self._state(name, minutes, values) for name in names]

    def _ask(self, names: Sequence[QueueName], since: datetime, until: datetime) -> Values:
        queries = [
            {
                "Id": f"{kind}_{name}",
                "MetricStat": {
                    "Metric": {
                        "Namespace": "AWS/SQS",
                        "MetricName": metric,
                        "Dimensions": [{"Name": "QueueName", "Value": self._urls[name].rpartition("/")[2]}],
                    },
                    "Period": int(_MINUTE.total_seconds()),
                    "Stat": statistic,
                },
            }
            for name in names
            for kind, (metric, statistic) in _METRICS.items()
        ]
        asked = {"MetricDataQueries": queries, "StartTime": since.timestamp(), "EndTime": until.timestamp()}
        answer = self._endpoint.call("GraniteServiceVersion20100801.GetMetricData", "1.0", asked)
        return {found["Id"]: _by_minute(found) for found in answer.get("MetricDataResults", [])}

    def _state(self, name: QueueName, minutes: Sequence[datetime], values: Values) -> QueueState:
        taken, done, age = (values.get(f"{kind}_{name}", {}) for kind in ("taken", "done", "age"))
        attributes = self._attributes(name)
        depth, in_flight = int(attributes[_WAITING]), int(attributes[_TAKEN])
        # The latest that is known; a queue that nobody used for long tells nothing at all.
        ages = [age[at] for minute in minutes[-_RECENT:] if (at := _key(minute)) in age]
        return QueueState(
            name,
            depth,
            in_flight,
            (ages[-1] if ages else 0.0) if depth + in_flight else None,
            [_minute(at, taken.get(_key(at), 0), done.get(_key(at), 0)) for at in minutes],
        )

    def _attributes(self, name: QueueName) -> Mapping[str, str]:
        asked = {"QueueUrl": self._urls[name], "AttributeNames": [_WAITING, _TAKEN]}
        return dict(self._sqs.call("AmazonSQS.GetQueueAttributes", "1.0", asked)["Attributes"])


def _minute(at: datetime, taken: float, done: float) -> QueueMinute:
    return QueueMinute(at, int(done), max(0, int(taken - done)))


def _by_minute(found: Mapping[str, Any]) -> dict[int, float]:
    return dict(zip((int(at) for at in found.get("Timestamps", [])), found.get("Values", []), strict=True))


def _key(minute: datetime) -> int:
    return int(minute.timestamp())
