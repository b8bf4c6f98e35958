"""The queues keep what they are given: encrypted, with dead letters, patient, and read in partial batches."""

from collections.abc import Callable
from typing import Any

OfType = Callable[[str], dict[str, Any]]
HUNDRED_RECEIVES = 100


def main_queues(of_type: OfType) -> dict[str, Any]:
    """Queues that somebody consumes, so not the dead letters."""
    return {name: queue for name, queue in of_type("AWS::SQS::Queue").items() if not name.endswith("DeadLetters")}


def test_there_are_queues_for_inbound_outbound_push_and_media(of_type: OfType) -> None:
    assert {"InboundQueue", "OutboundQueue", "PushQueue", "MediaQueue"} <= set(main_queues(of_type))


def test_every_queue_is_encrypted(of_type: OfType) -> None:
    assert [
        name for name, queue in of_type("AWS::SQS::Queue").items() if queue.get("SqsManagedSseEnabled") is not True
    ] == []


def test_no_queue_is_fifo(of_type: OfType) -> None:
    assert [name for name, queue in of_type("AWS::SQS::Queue").items() if queue.get("FifoQueue")] == []


def test_every_queue_has_dead_letters_of_its_own_after_a_hundred_receives(of_type: OfType) -> None:
    queues = of_type("AWS::SQS::Queue")
    behind = {}
    for name, queue in main_queues(of_type).items():
        redrive = queue["RedrivePolicy"]
        assert redrive["maxReceiveCount"] == HUNDRED_RECEIVES, name
        behind[name] = redrive["deadLetterTargetArn"]["Fn::GetAtt"][0]
    assert set(behind.values()) == set(queues) - set(behind)
    assert len(set(behind.values())) == len(behind)


def test_dead_letters_are_kept_at_least_as_long_as_what_they_come_from(of_type: OfType) -> None:
    queues = of_type("AWS::SQS::Queue")
    for name, queue in main_queues(of_type).items():
        dead = queues[queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]]
        assert dead["MessageRetentionPeriod"] >= queue["MessageRetentionPeriod"], name
        assert dead.get("MaximumMessageSize") == queue.get("MaximumMessageSize"), name


def sources(of_type: OfType) -> dict[str, Any]:
    """Event source mappings by the queue they read."""
    return {
        item["EventSourceArn"]["Fn::GetAtt"][0]: item for item in of_type("AWS::Lambda::EventSourceMapping").values()
    }


def test_every_queue_is_read_by_one_function_in_partial_batches(of_type: OfType) -> None:
    mappings = of_type("AWS::Lambda::EventSourceMapping")
    assert len(sources(of_type)) == len(mappings)
    assert set(sources(of_type)) == set(main_queues(of_type))
    assert [
        name for name, item in mappings.items() if item["FunctionResponseTypes"] != ["ReportBatchItemFailures"]
    ] == []


def test_no_event_source_filters_for_what_does_not_match_is_deleted(of_type: OfType) -> None:
    mappings = of_type("AWS::Lambda::EventSourceMapping")
    assert [name for name, item in mappings.items() if "FilterCriteria" in item] == []


def test_every_event_source_has_a_bound_on_its_concurrency(of_type: OfType) -> None:
    for name, item in of_type("AWS::Lambda::EventSourceMapping").items():
        assert "Ref" in item["ScalingConfig"]["MaximumConcurrency"], name


def test_a_message_stays_hidden_for_six_timeouts_of_its_consumer(of_type: OfType) -> None:
    queues, functions = of_type("AWS::SQS::Queue"), of_type("AWS::Lambda::Function")
    for queue, item in sources(of_type).items():
        function = item["FunctionName"]["Ref"].removesuffix("Aliaslive")
        assert queues[queue]["VisibilityTimeout"] >= 6 * functions[function]["Timeout"], queue


def test_the_buckets_are_encrypted_and_private_and_never_expire_the_spool_or_a_tombstone(of_type: OfType) -> None:
    buckets = of_type("AWS::S3::Bucket")
    assert buckets
    for bucket in buckets.values():
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    rules = buckets["Bucket"]["LifecycleConfiguration"]["Rules"]
    expiring = [rule for rule in rules if "ExpirationInDays" in rule]
    assert [rule["Prefix"] for rule in expiring] == ["payloads/", "uploads/", "arriving/"]
    assert "LifecycleConfiguration" not in buckets["Tombstones"], "a tombstone holds for ever"
