"""Metrics: the lines that CloudWatch reads as metrics, and their names."""

from __future__ import annotations

import json
from typing import Any

import pytest

from parley.domain.metrics import UNITS
from parley.edge.metrics import MOST_VALUES, Meter


def lines(*values: float) -> list[dict[str, Any]]:
    written: list[str] = []
    Meter("prod", written.append, lambda: 1700000000.5)("realtime.latency", *values)
    assert all("\n" not in line for line in written)
    return [json.loads(line) for line in written]


def test_a_value_is_a_line_of_the_embedded_metric_format() -> None:
    (line,) = lines(12.5)

    assert line == {
        "_aws": {
            "Timestamp": 1700000000500,
            "CloudWatchMetrics": [
                {
                    "Namespace": "Parley",
                    "Dimensions": [["stage"]],
                    "Metrics": [{"Name": "realtime.latency", "Unit": "Milliseconds"}],
                }
            ],
        },
        "stage": "prod",
        "realtime.latency": 12.5,
    }


@pytest.mark.parametrize(("count", "sizes"), [(0, []), (2, [2]), (MOST_VALUES, [100]), (250, [100, 100, 50])])
def test_many_values_share_lines_up_to_what_cloudwatch_takes(count: int, sizes: list[int]) -> None:
    assert [len(line["realtime.latency"]) for line in lines(*range(count))] == sizes


def test_a_meter_writes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    Meter("dev")("realtime.reconnects", 1)

    assert json.loads(capsys.readouterr().out)["realtime.reconnects"] == 1


def test_what_happened_together_is_one_line() -> None:
    written: list[str] = []
    Meter("prod", written.append).together({"api.requests": 1, "api.latency": 12.5})

    (line,) = map(json.loads, written)
    (described,) = line["_aws"]["CloudWatchMetrics"]
    assert [metric["Name"] for metric in described["Metrics"]] == ["api.requests", "api.latency"]
    assert (line["api.requests"], line["api.latency"], line["stage"]) == (1, 12.5, "prod")


def test_the_names_are_those_that_dashboards_and_alarms_know() -> None:
    assert set(UNITS) == {
        "webhook.received",
        "webhook.rejected",
        "webhook.ack.latency",
        "inbound.latency",
        "realtime.latency",
        "realtime.connections",
        "realtime.reconnects",
        "realtime.push.success",
        "realtime.push.failure",
        "send.success",
        "send.failure",
        "send.latency",
        "media.failure",
        "api.requests",
        "api.latency",
        "queue.processing",
        "queue.dead",
        "webhook.parked",
        "webhook.oldest.age",
        "integration.unhealthy",
        "housekeeper.run",
        "database.unreachable",
    }
    assert {UNITS[name] for name in UNITS if name.endswith("latency")} == {"Milliseconds"}
