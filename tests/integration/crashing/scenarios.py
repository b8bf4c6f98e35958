"""Stories that are told again and again, each time with something else going wrong. The one rule: a story says what
people do; how the world comes to rest afterwards, and what must be true then, is the same for all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from .faults import Points
from .invariants import kept
from .world import World

MARTA, RUI = "5511987654321", "553187654321"
Story = Callable[[World], None]


def receiving(world: World) -> None:
    """Customers write, one at length; what was taken comes twice, and out of order."""
    world.agent_listens()
    first = world.customer_writes("wamid.1", "Is anybody there?", at=3)
    world.customer_writes("wamid.2", "Good morning", at=1, phone=RUI)
    world.gateway_posts()
    world.work("inbound")
    world.customer_writes("wamid.3", "at length", at=2, pad=800_000)
    world.to_post.append(first)
    world.gateway_posts()


def delivering(world: World) -> None:
    """An answer is queued; what becomes of it is the gateway's affair and the sender's."""
    conversation_id = greeted(world)
    world.points.asleep = True
    world.agent_sends("one", "key-1", conversation_id)
    world.points.asleep = False


def talking(world: World) -> None:
    """All at once: a customer writes on while the agent answers twice and the statuses come."""
    conversation_id = greeted(world)
    world.agent_sends("one", "key-1", conversation_id)
    world.customer_writes("wamid.1", "and another thing", at=9)
    world.gateway_posts()
    world.work("outbound")
    world.work("inbound")
    world.agent_sends("two", "key-2", conversation_id)
    world.gateway_posts()


def greeted(world: World) -> UUID:
    """A conversation that was there before the story began."""
    world.points.asleep = True
    world.customer_writes("wamid.0", "Hello")
    world.gateway_posts()
    world.work("inbound")
    world.points.asleep = False
    with world.company.database.transaction(world.company.tenant_id) as tx:
        found: UUID = tx.value("select id from conversations")
    return found


@dataclass
class Telling:
    """One run of a story: which places it reached, what went wrong there, what was found broken afterwards."""

    places: list[str]
    faults: list[str]
    problems: list[str]
    inbox: Any = None

    def __str__(self) -> str:
        return f"{' and '.join(self.faults) or 'without faults'}: {'; '.join(self.problems)}"


@dataclass
class Teller:
    """Tells one story with chosen faults. `make`: a world for it; `read_inbox`: a tenant's inbox as comparable data."""

    story: Story
    make: Callable[[Points], World]
    read_inbox: Callable[[UUID], dict[str, Any]]
    expected: Any = None
    broken: list[Telling] = field(default_factory=list)
    told: int = 0

    def tell(self, chosen: Iterable[int] = ()) -> Telling:
        """Tell it once, with something going wrong at the chosen places; what is broken afterwards is kept."""
        points = Points(chosen)
        with closing(self.make(points)) as world:
            self.story(world)
            world.settle()
            problems = kept(world)
            inbox = _incoming(self.read_inbox(world.company.tenant_id))
        if self.expected is not None and inbox != self.expected:
            problems.append("P4: the inbox is not that of a run without faults")
        telling = Telling(points.names, points.fired, problems, inbox)
        self.told += 1
        if problems:
            self.broken.append(telling)
        return telling

    def without_faults(self) -> Telling:
        """Tell it as it should be; that inbox is what every other telling must end in."""
        telling = self.tell()
        self.expected = telling.inbox
        return telling

    def every_single_fault(self) -> None:
        """Tell it once for each place."""
        for place in range(len(self.without_faults().places)):
            self.tell({place})

    def pairs(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Tell it with these pairs of faults."""
        if self.expected is None:
            self.without_faults()
        for pair in pairs:
            self.tell(pair)

    def every_pair(self) -> None:
        """Tell it for each place and each place reached after it, also those that only the first fault leads to."""
        for first in range(len(self.without_faults().places)):
            for second in self._places_after(first):
                self.tell({first, second})

    def _places_after(self, first: int) -> Iterator[int]:
        yield from range(first + 1, len(self.tell({first}).places))


def _incoming(inbox: dict[str, Any]) -> dict[str, Any]:
    """The part of the inbox that faults may not change: of what we sent, the gateway's own log decides."""
    return {
        "conversations": [{**row, "last_message": None} for row in inbox["conversations"]],
        "messages": [row for row in inbox["messages"] if row["direction"] == "incoming"],
    }
