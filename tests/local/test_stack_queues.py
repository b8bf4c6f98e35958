"""The queue pump on a real MiniStack with real workers, its function a toy that does as each message says."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from local.aws import MiniStack
from local.bundle import Function, QueueReader
from local.http_wire import Client
from local.options import HOST, Options
from local.pump import Pump, failed_ids
from local.read_ahead import Message, ReadAhead
from local.runtime import FunctionPool, Outcome
from local.sandbox import Sandboxes
from local.sqs import Sqs

QUEUE, DEAD = "toys", "dead-toys"
TOY = """
import json, os, pathlib, signal

SEEN = pathlib.Path(os.environ["SEEN"])

def handler(event, context):
    failures = []
    for record in event["Records"]:
        order = json.loads(record["body"])
        attempt = int(record["attributes"]["ApproximateReceiveCount"])
        with SEEN.open("a") as seen:
            seen.write(json.dumps({"name": order["name"], "attempt": attempt, "batch": context.aws_request_id}) + "\\n")
        if order["wish"] == "die once" and attempt == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if order["wish"] == "raise once" and attempt == 1:
            raise ValueError(order["name"])
        if order["wish"] == "fail":
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}
"""


class Toys:
    """A queue with a dead letter queue, and what its function saw."""

    def __init__(self, sqs: Sqs, pump: Pump, seen: Path) -> None:
        self._sqs = sqs
        self._pump = pump
        self._seen = seen

    async def send(self, name: str, wish: str = "", group: str = "a") -> None:
        body = json.dumps({"name": name, "wish": wish})
        await self._sqs.call("SendMessage", QUEUE, MessageBody=body, MessageGroupId=group)
        self._pump.wake()

    def seen(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._seen.read_text().splitlines()]

    def attempts(self, name: str) -> list[int]:
        return [each["attempt"] for each in self.seen() if each["name"] == name]

    async def left(self, queue: str = QUEUE) -> int:
        answer = await self._sqs.call("GetQueueAttributes", queue, AttributeNames=["All"])
        counts = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        return sum(int(answer["Attributes"][name]) for name in counts)


@pytest.fixture
async def toys(tmp_path: Path) -> AsyncIterator[Toys]:
    (tmp_path / "logs").mkdir()
    options = Options(port=1, directory=tmp_path)
    seen = tmp_path / "seen"
    seen.touch()
    code = tmp_path / "toy"
    code.mkdir()
    (code / "app.py").write_text(TOY)
    function = Function("toy", "arn:toy", code, "app.handler", 5, 128, (), {"SEEN": str(seen)})
    ministack = MiniStack(options)
    await ministack.start()
    client = Client(HOST, ministack.port)
    sqs = Sqs(client)
    pool = FunctionPool(function, Sandboxes(options, ministack.url).spawn)
    pump = Pump(QueueReader(QUEUE, "toy", 10, 0, True, None), pool, sqs, visibility=1)
    await sqs.call("CreateQueue", DEAD, QueueName=DEAD)
    redrive = {"deadLetterTargetArn": f"arn:aws:sqs:us-east-1:000000000000:{DEAD}", "maxReceiveCount": 2}
    attributes = {"VisibilityTimeout": "1", "RedrivePolicy": json.dumps(redrive)}
    await sqs.call("CreateQueue", QUEUE, QueueName=QUEUE, Attributes=attributes)
    running = asyncio.create_task(pump.run())
    yield Toys(sqs, pump, seen)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    await pool.stop()
    client.close()
    await ministack.stop()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await condition():  # noqa: ASYNC110 - another process's state
            await asyncio.sleep(0.05)


async def test_a_message_whose_worker_is_killed_comes_again(toys: Toys) -> None:
    await toys.send("victim", "die once")

    async def done() -> bool:
        return toys.attempts("victim") == [1, 2] and await toys.left() == 0

    await until(done)
    assert await toys.left(DEAD) == 0


async def test_a_message_whose_batch_raises_comes_again_when_its_visibility_ends(toys: Toys) -> None:
    await toys.send("raiser", "raise once")

    async def done() -> bool:
        return toys.attempts("raiser") == [1, 2] and await toys.left() == 0

    await until(done)


async def test_of_a_batch_only_the_reported_message_stays_and_ends_in_the_dead_letter_queue(toys: Toys) -> None:
    await asyncio.gather(toys.send("bad", "fail"), *(toys.send(f"good {n}") for n in range(5)))

    async def done() -> bool:
        return await toys.left(DEAD) == 1 and await toys.left() == 0

    await until(done)
    assert toys.attempts("bad") == [1, 2], "as often as maxReceiveCount says"
    assert [toys.attempts(f"good {n}") for n in range(5)] == [[1]] * 5


async def test_a_quiet_group_waits_behind_no_more_than_two_batches_of_a_flood(toys: Toys) -> None:
    await asyncio.gather(*(toys.send(f"flood {n}", group="loud") for n in range(150)))
    await toys.send("quiet", group="quiet")

    async def done() -> bool:
        return await toys.left() == 0

    before = len({each["batch"] for each in toys.seen()})
    await until(done)
    batches = list(dict.fromkeys(each["batch"] for each in toys.seen()))
    mine = next(each["batch"] for each in toys.seen() if each["name"] == "quiet")
    assert batches.index(mine) - before <= 2
    assert len(toys.seen()) == 151


def message(id_: str, group: str, receipt: str = "r") -> Message:
    return Message({"MessageId": id_, "ReceiptHandle": receipt, "Attributes": {"MessageGroupId": group}})


def test_groups_take_turns_and_keep_their_order() -> None:
    ahead = ReadAhead()
    for id_, group in [("a1", "a"), ("a2", "a"), ("a3", "a"), ("b1", "b"), ("c1", "c"), ("b2", "b")]:
        ahead.add(message(id_, group))
    assert [each.id for each in ahead.take(4)] == ["a1", "b1", "c1", "a2"]
    assert [each.id for each in ahead.take(10)] == ["b2", "a3"]
    assert not ahead


def test_a_message_that_comes_again_while_it_waits_is_handed_out_once_with_its_last_receipt() -> None:
    ahead = ReadAhead()
    ahead.add(message("a1", "a", "old"))
    ahead.add(message("a1", "a", "new"))
    assert [each.receipt for each in ahead.take(10)] == ["new"]


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        (b'{"batchItemFailures": []}', set()),
        (b"null", set()),
        (b"{}", set()),
        (b'{"batchItemFailures": [{"itemIdentifier": "1"}]}', {"1"}),
        (b'{"batchItemFailures": [{"itemIdentifier": "stranger"}]}', {"1", "2"}),
        (b'{"batchItemFailures": [{"itemIdentifier": ""}]}', {"1", "2"}),
        (b'{"batchItemFailures": [{"wrong": "1"}]}', {"1", "2"}),
        (b"not json", {"1", "2"}),
    ],
)
def test_a_report_fails_what_lambda_says_it_fails(answer: bytes, failed: set[str]) -> None:
    assert failed_ids(Outcome(answer), ["1", "2"], reports_failures=True) == failed


def test_without_reports_a_batch_fails_or_succeeds_whole() -> None:
    assert failed_ids(Outcome(b"", "ValueError: no"), ["1", "2"], reports_failures=False) == {"1", "2"}
    assert (
        failed_ids(Outcome(b'{"batchItemFailures": [{"itemIdentifier": "1"}]}'), ["1"], reports_failures=False) == set()
    )
