"""Stories that are told again and again, each time with something else going wrong. The one rule: a story says what
people do; how the world comes to rest afterwards, and what must be true then, is the same for all.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

from .faults import Points
from .invariants import kept
from .world import World

RUI = "553187654321"
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


def spooling(world: World) -> None:
    """Customers write while SQS is away; the housekeeper finds it back."""
    world.queues["inbound"].away = True
    world.customer_writes("wamid.1", "Is anybody there?", at=3)
    world.customer_writes("wamid.2", "Good morning", at=1, phone=RUI)
    world.gateway_posts()
    world.queues["inbound"].away = False
    world.sweep()


def delivering(world: World) -> None:
    """An answer is queued; what becomes of it is the gateway's affair and the sender's, and no status helps them."""
    world.gateway.tells_late = True
    conversation_id = greeted(world)
    world.points.asleep = True
    world.agent_sends("one", "key-1", conversation_id)
    world.points.asleep = False
    world.settle()
    world.points.asleep = True
    world.gateway.catch_up()


def talking(world: World) -> None:
    """All at once: a customer writes on while the agent answers twice and the statuses come."""
    conversation_id = greeted(world)
    world.agent_listens()
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
    inbox: dict[str, Any]

    def __str__(self) -> str:
        return f"{' and '.join(self.faults) or 'without faults'}: {'; '.join(self.problems)}"


@dataclass
class Teller:
    """Tells one story with chosen faults. `make`: a world for it; `read_inbox`: a tenant's inbox as comparable data;
    `broken`: the tellings that did not end well.
    """

    story: Story
    make: Callable[[Points], World]
    read_inbox: Callable[[UUID], dict[str, Any]]
    broken: list[Telling] = field(default_factory=list)

    @cached_property
    def usual(self) -> Telling:
        """The telling without faults; its inbox is what every other one must end in."""
        return self._tell(())

    def tell(self, *chosen: int) -> Telling:
        """Tell it once, with something going wrong at the chosen places."""
        expected = self.usual.inbox
        telling = self._tell(chosen)
        if telling.inbox != expected:
            telling.problems.append("P4: the inbox is not that of a run without faults")
        if telling.problems:
            self.broken.append(telling)
        return telling

    def tell_with_every_fault(self) -> None:
        """Tell it once for each place."""
        for place in range(len(self.usual.places)):
            self.tell(place)

    def tell_with_some_pairs(self, how_many: int, chance: random.Random) -> None:
        """Tell it with pairs of faults; the second is often in what the first one leads to."""
        for _ in range(how_many):
            first = chance.randrange(len(self.usual.places))
            self.tell(first, first + 1 + chance.randrange(len(self.usual.places)))

    def tell_with_every_pair(self) -> None:
        """Tell it for each place and each one reached after it, also those that only the first fault leads to."""
        for first in range(len(self.usual.places)):
            for second in range(first + 1, len(self.tell(first).places)):
                self.tell(first, second)

    def _tell(self, chosen: Iterable[int]) -> Telling:
        points = Points(chosen)
        with closing(self.make(points)) as world:
            self.story(world)
            world.settle()
            problems = kept(world)
            inbox = _incoming(self.read_inbox(world.company.tenant_id))
        return Telling(points.names, points.fired, problems, inbox)


def _incoming(inbox: dict[str, Any]) -> dict[str, Any]:
    """The part of the inbox that faults may not change: of what we sent, the gateway's own log decides."""
    return {
        "conversations": [{**row, "last_message": None} for row in inbox["conversations"]],
        "messages": [row for row in inbox["messages"] if row["direction"] == "incoming"],
    }
