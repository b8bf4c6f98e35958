"""Each function may do what it needs on what it needs, and nothing else."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

OfType = Callable[[str], dict[str, Any]]


# Reads that AWS lets nobody narrow: which event source reads a queue, and what CloudWatch counted.
UNNARROWED = {"lambda:ListEventSourceMappings", "cloudwatch:GetMetricData"}


def statements(of_type: OfType) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every statement of every role's policies, those beside the roles too."""
    for name, role in of_type("AWS::IAM::Role").items():
        for policy in role.get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                yield name, statement
    for policy in of_type("AWS::IAM::Policy").values():
        for role in policy["Roles"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                yield role["Ref"], statement


def listed(value: object) -> list[Any]:
    """A policy may say one thing or a list of things."""
    return value if isinstance(value, list) else [value]


def granted(of_type: OfType, role: str) -> set[str]:
    """Every action that a role is allowed."""
    return {action for name, item in statements(of_type) if name == role for action in listed(item["Action"])}


def test_no_statement_reaches_every_resource(of_type: OfType) -> None:
    wide = [(name, item["Action"]) for name, item in statements(of_type) if "*" in listed(item["Resource"])]
    assert [name for name, action in wide if not set(listed(action)) <= UNNARROWED] == []
    assert {name for name, _ in wide} == {"QueueProcessorRole", "AdminApiRole", "HousekeeperRole"}


def test_who_watches_over_a_queue_can_pause_its_own_event_sources_only(of_type: OfType) -> None:
    mappings = {f"${{{name}}}" for name in of_type("AWS::Lambda::EventSourceMapping")}
    changed = {
        resource["Fn::Sub"].rpartition(":")[2]
        for _, item in statements(of_type)
        if "lambda:UpdateEventSourceMapping" in listed(item["Action"])
        for resource in listed(item["Resource"])
    }
    assert changed == mappings
    (own,) = [
        item["Resource"]
        for name, item in statements(of_type)
        if name == "QueueProcessorRole" and "lambda:UpdateEventSourceMapping" in listed(item["Action"])
    ]
    assert own["Fn::Sub"].endswith(":${QueueProcessorInbound}")


def test_no_statement_allows_a_whole_service_or_says_what_is_not_allowed(of_type: OfType) -> None:
    for name, item in statements(of_type):
        assert item["Effect"] == "Allow", name
        assert not {"NotAction", "NotResource"} & set(item), name
        assert [action for action in listed(item["Action"]) if "*" in action] == [], name


def test_no_role_has_a_managed_policy(of_type: OfType, resources: dict[str, Any]) -> None:
    assert [name for name, role in of_type("AWS::IAM::Role").items() if role.get("ManagedPolicyArns")] == []
    assert [name for name, item in resources.items() if item["Type"] == "AWS::IAM::ManagedPolicy"] == []
    assert ":policy/" not in json.dumps(resources)


def test_every_function_has_a_role_of_its_own_written_here(source: dict[str, Any], of_type: OfType) -> None:
    roles = {name: item["Role"]["Fn::GetAtt"][0] for name, item in of_type("AWS::Lambda::Function").items()}
    assert {name: f"{name}Role" for name in roles} == roles
    assert set(roles.values()) <= set(source["Resources"])


def test_the_receiver_cannot_reach_the_database(of_type: OfType) -> None:
    readable = [
        item["Resource"]
        for name, item in statements(of_type)
        if name == "WebhookReceiverRole" and "secretsmanager:GetSecretValue" in listed(item["Action"])
    ]
    assert readable == [{"Ref": "DeploymentSecret"}]


def test_only_migrations_read_the_owner_of_the_schema(of_type: OfType) -> None:
    readers = {name for name, item in statements(of_type) if "MigrationSecretArn" in json.dumps(item["Resource"])}
    assert readers == {"MigrateRole"}


@pytest.mark.parametrize(
    ("role", "queues"),
    [
        ("QueueProcessorRole", {"InboundQueue"}),
        ("MessageSenderRole", {"OutboundQueue"}),
        ("RealtimePusherRole", {"PushQueue"}),
        ("MediaFetcherRole", {"MediaQueue"}),
        ("HousekeeperRole", {"InboundDeadLetters", "OutboundDeadLetters", "PushDeadLetters", "MediaDeadLetters"}),
    ],
)
def test_a_consumer_takes_from_its_own_queues_only(of_type: OfType, role: str, queues: set[str]) -> None:
    taken = {
        resource["Fn::GetAtt"][0]
        for name, item in statements(of_type)
        if name == role and "sqs:ReceiveMessage" in listed(item["Action"])
        for resource in listed(item["Resource"])
    }
    assert taken == queues
    assert {"sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"} <= granted(of_type, role)


def test_nobody_else_takes_from_a_queue(of_type: OfType) -> None:
    takers = {name for name, item in statements(of_type) if "sqs:ReceiveMessage" in listed(item["Action"])}
    consumers = {"QueueProcessorRole", "MessageSenderRole", "RealtimePusherRole", "MediaFetcherRole"}
    assert takers == consumers | {"HousekeeperRole"}


def test_only_what_is_on_its_way_past_its_term_or_erased_can_be_deleted_from_the_bucket(of_type: OfType) -> None:
    places = {
        resource["Fn::Sub"].removeprefix("${Bucket.Arn}/").partition("/")[0]
        for _, item in statements(of_type)
        if "s3:DeleteObject" in listed(item["Action"])
        for resource in listed(item["Resource"])
    }
    assert places == {"spool", "uploads", "arriving", "payloads", "*"}
    erasers = {
        name
        for name, item in statements(of_type)
        if {"Fn::Sub": "${Bucket.Arn}/*/media/*"} in listed(item["Resource"])
        and "s3:DeleteObject" in listed(item["Action"])
    }
    assert erasers == {"AdminApiRole", "HousekeeperRole", "QueueProcessorRole", "MediaFetcherRole"}


def test_tombstones_are_written_by_who_erases_in_a_versioned_bucket_and_deleted_by_nobody(of_type: OfType) -> None:
    deeds = {
        (name, action)
        for name, item in statements(of_type)
        if "Tombstones" in json.dumps(item["Resource"])
        for action in listed(item["Action"])
    }
    assert deeds == {("AdminApiRole", "s3:PutObject"), ("HousekeeperRole", "s3:PutObject")}
    bucket = of_type("AWS::S3::Bucket")["Tombstones"]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}


def test_plain_connections_to_the_buckets_are_refused(of_type: OfType) -> None:
    policies = of_type("AWS::S3::BucketPolicy").values()
    assert {policy["Bucket"]["Ref"] for policy in policies} == set(of_type("AWS::S3::Bucket"))
    for policy in policies:
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert statement["Effect"] == "Deny"
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": False}}
