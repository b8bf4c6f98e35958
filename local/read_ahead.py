"""What was read ahead of a queue and waits for a worker; one rule: groups take turns, as in fair queues, so a
group's flood waits behind itself, never before another group's first message.
"""

import time
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(eq=False)
class Message:
    """One message read ahead."""

    fields: Mapping[str, Any]
    read_at: float = field(default_factory=time.monotonic)

    @property
    def id(self) -> str:
        """SQS's id of the message."""
        return str(self.fields["MessageId"])

    @property
    def receipt(self) -> str:
        """The handle of this reading of the message."""
        return str(self.fields["ReceiptHandle"])

    @property
    def sent_at(self) -> float:
        """When it was sent, in seconds since 1970."""
        return int(self.fields.get("Attributes", {}).get("SentTimestamp", time.time() * 1000)) / 1000

    @property
    def group(self) -> str:
        """The message group, which fair queues take turns by; a message without one is its own."""
        return str(self.fields.get("Attributes", {}).get("MessageGroupId") or self.id)


class ReadAhead:
    """Messages waiting for a worker, handed out group by group."""

    def __init__(self) -> None:
        self._groups: OrderedDict[str, deque[Message]] = OrderedDict()
        self._by_id: dict[str, Message] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def add(self, message: Message) -> None:
        """Keep a message; one that came again replaces itself where it waits, since only the last receipt counts."""
        if waiting := self._by_id.get(message.id):
            waiting.fields, waiting.read_at = message.fields, message.read_at
            return
        self._by_id[message.id] = message
        self._groups.setdefault(message.group, deque()).append(message)

    def take(self, most: int) -> list[Message]:
        """Take up to `most` messages, one of each group in turn."""
        taken: list[Message] = []
        while self._groups and len(taken) < most:
            group, waiting = self._groups.popitem(last=False)
            message = waiting.popleft()
            taken.append(message)
            del self._by_id[message.id]
            if waiting:
                self._groups[group] = waiting
        return taken

    def read_since(self, moment: float) -> int:
        """Answer how many were read after a moment, so that SQS still holds them back for us."""
        return sum(message.read_at > moment for message in self._by_id.values())
