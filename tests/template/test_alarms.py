"""Alarms: each watches a metric that is written, says where its page is, and tells somebody; and each page helps."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from parley.domain.metrics import UNITS

ROOT = Path(__file__).parents[2]
RUNBOOK = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
AWS = {
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
    ("AWS/Lambda", "Errors"),
    ("AWS/Lambda", "Invocations"),
    ("AWS/ApiGateway", "5xx"),
    ("AWS/ApiGateway", "Count"),
}
PROMISED = {
    "webhook.oldest.age",
    "queue.dead",
    "webhook.rejected",
    "webhook.parked",
    "send.failure",
    "api.latency",
    "webhook.ack.latency",
    "realtime.latency",
    "media.failure",
    "integration.unhealthy",
    "realtime.push.failure",
    "database.unreachable",
    "housekeeper.run",
    "realtime.connections",
}
"""The metrics of the alarms that the product promises; functions' errors are AWS's own."""


def read() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml_parse((ROOT / "infra/observability.yaml").read_text(encoding="utf-8"))
    return loaded


TEMPLATE = read()
ALARMS = {
    name: item["Properties"] for name, item in TEMPLATE["Resources"].items() if item["Type"] == "AWS::CloudWatch::Alarm"
}


def watched(alarm: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """The metrics of an alarm: namespace, name, dimensions."""
    if "MetricName" in alarm:
        return [(alarm["Namespace"], alarm["MetricName"], alarm["Dimensions"])]
    metrics = [part["MetricStat"]["Metric"] for part in alarm["Metrics"] if "MetricStat" in part]
    return [(metric["Namespace"], metric["MetricName"], metric["Dimensions"]) for metric in metrics]


def anchors() -> dict[str, str]:
    """The sections of the runbook by their anchors."""
    parts = re.split(r"^#{2,3} (.+)\n", RUNBOOK, flags=re.MULTILINE)[1:]
    names = [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in parts[::2]]
    assert len(names) == len(set(names)), "an anchor that is there twice leads to the first"
    return dict(zip(names, parts[1::2], strict=True))


def page_of(alarm: dict[str, Any]) -> str:
    found = re.search(r" docs/operations\.md#([\w-]+)$", alarm["AlarmDescription"])
    assert found, alarm["AlarmDescription"]
    return found[1]


def test_every_alarm_that_is_promised_is_there() -> None:
    metrics = {(space, name) for alarm in ALARMS.values() for space, name, _ in watched(alarm)}
    assert {name for space, name in metrics if space == "Parley"} >= PROMISED
    assert metrics >= AWS


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_watches_a_metric_that_is_written_and_of_this_deployment(name: str) -> None:
    for space, metric, dimensions in watched(ALARMS[name]):
        if space == "Parley":
            assert metric in UNITS
            assert dimensions == [{"Name": "stage", "Value": {"Ref": "Stage"}}]
        else:
            assert (space, metric) in AWS
            (dimension,) = dimensions
            assert dimension["Value"]["Ref"] in TEMPLATE["Parameters"]


@pytest.mark.parametrize("name", ALARMS)
def test_the_page_of_an_alarm_says_what_it_means_where_to_look_and_what_to_do(name: str) -> None:
    sections = anchors()
    page = sections[page_of(ALARMS[name])]
    said = [re.search(rf"^\*\*{word}\*\*: (.+)", page, re.MULTILINE) for word in ("Means", "Look", "Do")]
    assert all(said), page
    assert f"(#{page_of(ALARMS[name])})" in sections["alarms"], "the table of alarms leads there"
    for _, metric, _ in watched(ALARMS[name]):
        assert metric not in UNITS or f"`{metric}`" in sections["alarms"]


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_tells_somebody_that_it_rings_and_that_it_is_over(name: str) -> None:
    somebody = [{"Fn::If": ["MakesTopic", {"Ref": "Topic"}, {"Ref": "TopicArn"}]}]
    assert (ALARMS[name]["AlarmActions"], ALARMS[name]["OKActions"]) == (somebody, somebody)
    assert ALARMS[name].get("ActionsEnabled", True) is True


def test_every_section_of_alarms_belongs_to_one() -> None:
    between = RUNBOOK.partition("## Alarms\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^### (.+)$", between, re.MULTILINE)) == {page_of(alarm) for alarm in ALARMS.values()}


def test_silence_of_the_housekeeper_rings_and_silence_of_all_else_does_not() -> None:
    breaching = {name for name, alarm in ALARMS.items() if alarm["TreatMissingData"] == "breaching"}
    assert breaching == {"HousekeeperSilent", "FewConnections"}
    assert ALARMS["HousekeeperSilent"]["Period"] == 300
    resources = TEMPLATE["Resources"]
    assert resources["FewConnections"]["Condition"] == "WatchesConnections"


def test_an_alarm_of_a_share_asks_for_the_same_time_of_all_its_parts() -> None:
    for name, alarm in ALARMS.items():
        periods = {part["MetricStat"]["Period"] for part in alarm.get("Metrics", []) if "MetricStat" in part}
        assert len(periods) <= 1, name
        assert len(alarm.get("Metrics", [])) <= 10, "CloudWatch takes ten"
        ids = {part["Id"] for part in alarm.get("Metrics", []) if "MetricStat" in part}
        shown = next((part["Expression"] for part in alarm.get("Metrics", []) if "Expression" in part), "")
        assert set(re.findall(r"[a-z]\w*", shown)) == ids, name


def test_the_limits_are_those_of_the_product(source: dict[str, Any]) -> None:
    limits = {
        "AlarmOldestWebhookSeconds": 300,
        "AlarmErrorPercent": 1,
        "AlarmRejectedPercent": 5,
        "AlarmFailedSendPercent": 5,
        "AlarmPushFailures": 5,
        "AlarmApiMilliseconds": 500,
        "AlarmAckMilliseconds": 100,
        "AlarmRealtimeMilliseconds": 500,
        "AlarmMinimumConnections": 0,
    }
    assert {name: source["Parameters"][name]["Default"] for name in limits} == limits


def test_the_template_gives_the_alarms_everything_they_ask_for(source: dict[str, Any]) -> None:
    nested = source["Resources"]["Observability"]["Properties"]
    assert nested["TemplateURL"] == "infra/observability.yaml"
    assert nested["Parameters"].keys() == TEMPLATE["Parameters"].keys()
    for name, given in nested["Parameters"].items():
        wanted = given.get("Ref", "")
        if wanted in source["Parameters"]:
            assert source["Parameters"][wanted]["Type"] == TEMPLATE["Parameters"][name]["Type"]


def test_every_function_is_watched(source: dict[str, Any]) -> None:
    functions = {n for n, item in source["Resources"].items() if item["Type"] == "AWS::Serverless::Function"}
    seen = {
        dimension["Value"]["Ref"]
        for alarm in ALARMS.values()
        for space, _, dimensions in watched(alarm)
        if space == "AWS/Lambda"
        for dimension in dimensions
    }
    assert seen == functions - {"Migrate"}, "migrations run within a deployment, which fails with them"


def test_every_dead_letter_queue_is_watched(source: dict[str, Any]) -> None:
    queues = {n for n, item in source["Resources"].items() if item["Type"] == "AWS::SQS::Queue" and "Dead" in n}
    seen = {dimensions[0]["Value"]["Ref"] for _, _, dimensions in watched(ALARMS["DeadLettersLeft"])}
    assert seen == queues
