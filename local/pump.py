"""Event source mappings: what brings a queue's messages to its function; one rule: SQS decides, the pump only carries.

What a function does not answer for stays in the queue until its visibility timeout ends, is counted there, and is moved
to the dead letter queue there. Messages are read ahead and handed out one group after the other, as fair queues do: a
group's flood waits behind itself, never before another group's first message.
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

import asyncio
import json
import os
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from local.bundle import QueueReader
from local.intrinsics import ACCOUNT, REGION
from local.read_ahead import Message, ReadAhead
from local.runtime import FunctionPool, Outcome
from local.sqs import Sqs, SqsError
from local.tally import Tally

READ_AHEAD = 10_000
READS_AT_ONCE = 100  # a third of a second
SWEEP_SECONDS = 1.0  # the net below the wake-ups: visibility that ran out, messages of an earlier run
GROW_AFTER = 2.0
MOST_AT_ONCE = max(4, 2 * (os.cpu_count() or 1))  # starting one costs half a second of a core
# A worker killed on this machine is somebody's test or somebody's save; AWS would wait the whole visibility timeout.
CRASH_SECONDS = 5
ASK_AGAIN = 20
WAITING, TAKEN = "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"


class Pump:
    """One queue's reader and its calls of the function. `minute`: how many seconds the figures' minutes have."""

    def __init__(
        self, reader: QueueReader, pool: FunctionPool, sqs: Sqs, visibility: int, minute: float = 60.0
    ) -> None:
        self._reader = reader
        self._pool = pool
        self._sqs = sqs
        self._visibility = visibility
        self._most = min(reader.concurrency or MOST_AT_ONCE, MOST_AT_ONCE)
        self._ahead = ReadAhead()
        self._wake = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()
        self._full_since: float | None = None
        self._window_ends: float | None = None
        self._stopping = False
        self._paused = False
        self._tally = Tally(minute)
        self._moves = 0
        self._undone: OrderedDict[str, float] = OrderedDict()  # sent when, the one read last at the end
        self._unread_since: float | None = None

    def wake(self, delay: float = 0.0) -> None:
        """Look into the queue, now or once a delay is over."""
        if self._unread_since is None:
            self._unread_since = time.time() + delay
        if delay:
            asyncio.get_running_loop().call_later(delay + 0.01, self._wake.set)
        else:
            self._wake.set()

    async def pause(self) -> None:
        """Take no more from the queue, and give back what was not begun. Batches under way end."""
        self._paused = True
        await self._give_back()

    def resume(self) -> None:
        """Take from the queue again."""
        self._paused = False
        self._wake.set()

    async def figures(self) -> dict[str, Any]:
        """Tell of the queue: what waits, what is under way or put off, the oldest's age, an hour's minutes."""
        for _ in range(ASK_AGAIN):
            before = self._moves
            answer = await self._sqs.call("GetQueueAttributes", self._reader.queue, AttributeNames=[WAITING, TAKEN])
            if before == self._moves:
                break
        waiting, taken = (int(answer["Attributes"][name]) for name in (WAITING, TAKEN))
        ahead = self._ahead.read_since(time.monotonic() - self._visibility)
        return {
            "queue": self._reader.queue,
            "depth": waiting + ahead,
            "inFlight": taken - ahead,
            "oldestAgeSeconds": self._oldest_age(waiting + taken),
            "paused": self._paused,
            "series": self._tally.series(),
        }

    def _oldest_age(self, left: int) -> float | None:
        """How long ago the oldest of so many messages was sent."""
        # What SQS has no more of and was not deleted here went to the dead letters: what was read longest ago.
        for _ in range(len(self._undone) - left):
            self._undone.popitem(last=False)
        if not left:
            return None
        known = [*self._undone.values(), *([self._unread_since] if self._unread_since is not None else [])]
        return max(0.0, round(time.time() - min(known, default=time.time()), 3))

    async def run(self) -> None:
        """Carry messages until cancelled; then let go of what was read and not begun."""
        try:
            while True:
                self._wake.clear()
                try:
                    await self._read()
                except SqsError as error:
                    print(f"parley: {self._reader.queue}: {error}", flush=True)
                    await asyncio.sleep(SWEEP_SECONDS)
                await self._pause()
        finally:
            self._stopping = True
            await asyncio.shield(self._let_go())

    async def _pause(self) -> None:
        timeout = SWEEP_SECONDS
        if self._window_ends is not None:
            timeout = max(min(timeout, self._window_ends - time.monotonic()), 0)
        try:
            async with asyncio.timeout(timeout):
                await self._wake.wait()
        except TimeoutError:
            self._dispatch()

    async def _read(self) -> None:
        """Read ahead until the queue is empty; hand out then, or on the way where it is long: only what was read can
        take its turn.
        """
        reads = 0
        while len(self._ahead) < READ_AHEAD and not self._paused:
            self._moves += 1
            answer = await self._sqs.call(
                "ReceiveMessage",
                self._reader.queue,
                MaxNumberOfMessages=10,
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
            self._moves += 1
            messages = [Message(fields) for fields in answer.get("Messages", [])]
            for message in messages:
                self._ahead.add(message)
                self._undone[message.id] = message.sent_at
                self._undone.move_to_end(message.id)
            if len(messages) < 10:
                self._unread_since = None
                break
            reads += 1
            if reads % READS_AT_ONCE == 0:
                self._dispatch()
        await self._dispatch_or_give_back()

    async def _dispatch_or_give_back(self) -> None:
        """What a pause that came meanwhile means for what was just read."""
        if self._paused:
            await self._give_back()
        else:
            self._dispatch()

    def _dispatch(self) -> None:
        """Hand batches to free workers; ask for more workers when a backlog lasts."""
        if self._paused or not self._window_over():
            return
        limit = min(self._pool.size, self._most)
        while self._ahead and len(self._running) < limit:
            task = asyncio.get_running_loop().create_task(self._carry(self._ahead.take(self._reader.batch_size)))
            self._running.add(task)
            task.add_done_callback(self._carried)
        now = time.monotonic()
        if not self._ahead:
            self._full_since = None
        elif self._full_since is None:
            self._full_since = now
        elif now - self._full_since > GROW_AFTER and limit < min(
            self._reader.concurrency or MOST_AT_ONCE, MOST_AT_ONCE
        ):
            self._full_since = None
            self._pool.grow()

    def _window_over(self) -> bool:
        """Answer whether a batch may go: it is full, or has waited as long as the mapping lets it."""
        if not self._reader.window or len(self._ahead) >= self._reader.batch_size:
            self._window_ends = None
            return True
        if not self._ahead:
            return False
        now = time.monotonic()
        if self._window_ends is None:
            self._window_ends = now + self._reader.window
        if now < self._window_ends:
            return False
        self._window_ends = None
        return True

    def _carried(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        error = None if task.cancelled() else task.exception()
        if self._stopping:
            return
        if error:
            print(f"parley: {self._reader.queue}: {error}", flush=True)
        self._dispatch()

    async def _carry(self, messages: list[Message]) -> None:
        messages = await self._renewed(messages)
        if not messages:
            return
        event = {"Records": [_record(message, self._reader.queue) for message in messages]}
        outcome = await self._pool.invoke(json.dumps(event).encode())
        if outcome.crashed:
            self._tally.add(0, len(messages))
            await self._batch("ChangeMessageVisibility", messages, min(self._visibility, CRASH_SECONDS))
            self.wake(min(self._visibility, CRASH_SECONDS))
            return
        failed = failed_ids(outcome, [message.id for message in messages], self._reader.reports_failures)
        done = [message for message in messages if message.id not in failed]
        await self._batch("DeleteMessage", done)
        for message in done:
            self._undone.pop(message.id, None)
        self._tally.add(len(done), len(failed))

    async def _renewed(self, messages: list[Message]) -> list[Message]:
        """Give messages that waited here their whole visibility again; leave out those SQS has given up to others."""
        oldest = min(message.read_at for message in messages)
        if time.monotonic() - oldest < self._visibility / 4:
            return messages
        lost = await self._batch("ChangeMessageVisibility", messages, self._visibility)
        return [message for message in messages if message.id not in lost]

    async def _batch(self, action: str, messages: Sequence[Message], visibility: int | None = None) -> set[str]:
        """Delete messages or change their visibility, and answer the ids SQS refused."""
        lost: set[str] = set()
        for start in range(0, len(messages), 10):
            part = messages[start : start + 10]
            extra = {} if visibility is None else {"VisibilityTimeout": visibility}
            self._moves += 1
            entries = [{"Id": str(i), "ReceiptHandle": m.receipt, **extra} for i, m in enumerate(part)]
            answer = await self._sqs.call(f"{action}Batch", self._reader.queue, Entries=entries)
            self._moves += 1
            lost |= {part[int(entry["Id"])].id for entry in answer.get("Failed", [])}
        return lost

    async def _let_go(self) -> None:
        """Give back what was not begun, for the next run; see running batches out for a moment."""
        if self._running:
            await asyncio.wait(self._running, timeout=2)
        await self._give_back()

    async def _give_back(self) -> None:
        """Make what was read and not begun readable at once."""
        with suppress(SqsError):  # then it is readable once its visibility timeout is over
            await self._batch("ChangeMessageVisibility", self._ahead.take(len(self._ahead)), 0)


def failed_ids(outcome: Outcome, sent: Iterable[str], reports_failures: bool) -> set[str]:
    """Answer which messages stay in the queue, by Lambda's rules for batch item failures.

    An error fails the whole batch, and so does a report that names no message of it; an empty report fails none.
    """
    every = set(sent)
    if outcome.error:
        return every
    if not reports_failures:
        return set()
    try:
        answer = json.loads(outcome.payload or b"null")
        failures = (answer or {}).get("batchItemFailures") or []
        named = {failure["itemIdentifier"] for failure in failures}
    except (ValueError, TypeError, KeyError, AttributeError):
        return every
    return named if named.issubset(every) else every


def _record(message: Message, queue: str) -> dict[str, Any]:
    fields = message.fields
    attributes = {
        name: {
            "dataType": value["DataType"],
            "stringListValues": [],
            "binaryListValues": [],
            **({"stringValue": value["StringValue"]} if "StringValue" in value else {}),
            **({"binaryValue": value["BinaryValue"]} if "BinaryValue" in value else {}),
        }
        for name, value in fields.get("MessageAttributes", {}).items()
    }
    return {
        "messageId": message.id,
        "receiptHandle": message.receipt,
        "body": fields["Body"],
        "attributes": fields.get("Attributes", {}),
        "messageAttributes": attributes,
        "md5OfBody": fields.get("MD5OfBody", ""),
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}",
        "awsRegion": REGION,
    }
