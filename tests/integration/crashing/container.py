"""One running process: the functions' own handlers over a composition root of its own. The one rule: whatever a process
remembers is gone with it; the next one is made from nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any
from uuid import UUID

import httpx

import parley.wiring
from parley.cloud.ports import Bucket, Sealer
from parley.domain.metrics import unmeasured
from parley.domain.queues import QueueName
from parley.domain.terms import Terms
from parley.domain.tokens import DeploymentKeys
from parley.edge.metrics import Meter
from parley.providers.base import Provider
from parley.providers.meta import Meta
from parley.providers.patience import USUAL
from parley.providers.registry import PROOFS
from parley.services.accept import Intake
from parley.services.breaker import Breaker, Limits
from parley.services.deliver import AROUND_A_SEND, Deliverer
from parley.services.distribute import Distributor
from parley.services.fetch_media import PendingFile, hint_all
from parley.services.housekeep import Housekeeper
from parley.services.lost_accounts import resume
from parley.services.note_errors import ErrorNotes
from parley.services.outbox import Outbox
from parley.services.process import Processed, Processor
from parley.services.push import Pusher
from parley.services.replay import Replaying
from parley.services.sweep import Reach, net
from parley.services.take_apart import no_apps
from parley.services.watch_queue import Watch
from parley.store.database import Database
from parley.store.ids import new_id
from parley.store.push_leases import Chunk

from .faults import Life, Points
from .ports import Desk, FragileBucket, FragileConnections, FragileDatabase, FragileQueue, FragileWire
from .queues import ModelQueue

FUNCTIONS = Path(__file__).parents[3] / "functions"
LEASE = USUAL.longest + AROUND_A_SEND
BACKOFF = timedelta(seconds=2)
SILENCE = timedelta(seconds=75)
STEPS = (
    *("partitions", "stuck_sends", "unknown_sends", "spool"),
    *("silent_connections", "lagging_listeners", "scheduled_messages"),
)
"""Of the housekeeper's steps those that concern the stories: texts in, and answers out. Each of them is a few more
places where something can go wrong, and every place is tried."""

MakeDeliverer = Callable[..., Any]


@dataclass
class Outside:
    """What outlives a process. `deliverer`: who sends, the naive variant too; `pushes`: whether anybody is told."""

    conninfo: str
    nowhere: str
    points: Points
    queues: Mapping[str, ModelQueue]
    bucket: Bucket
    gateway: Callable[[httpx.Request], httpx.Response]
    desk: Desk
    sealer: Sealer
    keys: DeploymentKeys
    deliverer: MakeDeliverer = Deliverer
    milliseconds_left: int = 180_000
    pushes: bool = True
    database_answers: bool = True


class Silence:
    """In the pusher's place, where a story is not about being told."""

    def wake(self, tenant_id: UUID) -> None:
        """Tell nobody."""


class Unwatched:
    """Consumers that nobody pauses: what these stories park is less than trips the breaker."""

    def pause(self, queue: QueueName) -> None:
        """Nothing is paused."""

    def resume(self, queue: QueueName) -> None:
        """Nothing was paused."""


class Container:
    """A warm process with all functions in it. It is also its handlers' composition root: it has what they ask
    `parley.wiring` for.
    """

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self.life = Life(outside.points)
        self.new_id = new_id
        self._database = FragileDatabase(outside.conninfo, outside.nowhere, self.life, lambda: outside.database_answers)
        self._queues = {name: FragileQueue(self.life, name, queue) for name, queue in outside.queues.items()}
        self._bucket = FragileBucket(self.life, outside.bucket)
        self._http = httpx.Client(transport=FragileWire(self.life, outside.gateway), trust_env=False)
        meta = Meta(self._http, api_url="http://gateway.test", version="v26.0")
        self._providers: dict[str, Provider] = {"meta": meta}
        self.connections = FragileConnections(self.life, outside.desk)
        pusher = Pusher(
            self._database, self.connections, self._queues["push"], pause=lambda _seconds: None, hold=timedelta(0)
        )
        self._pusher = pusher if outside.pushes else Silence()
        self._deliverer = outside.deliverer(
            self._database,
            self._providers,
            lambda: outside.sealer,
            self._queues["outbound"],
            self._pusher.wake,
            lease=LEASE,
            backoff=BACKOFF,
        )
        self._notes = ErrorNotes(self._database)
        self._watch = Watch(self._database, Unwatched(), Breaker(Limits()), "inbound")
        self._handlers: dict[str, ModuleType] = {}

    @property
    def database(self) -> Database:
        """The database through this process."""
        return self._database

    @property
    def outbox(self) -> Outbox:
        """What send_message calls."""
        return Outbox(self._database, self._providers, self._queues["outbound"], self._pusher.wake)

    def invoke(self, function: str, event: Mapping[str, Any]) -> dict[str, Any]:
        """Run a function's handler on an event, as Lambda does."""
        self.life.doing = function
        if function not in self._handlers:
            self._handlers[function] = self._load(function)
        answer: dict[str, Any] = self._handlers[function].handler(event, self)
        return answer

    def close(self) -> None:
        """Let go of sockets, as the end of a process does."""
        self.life.dead = True
        self._database.close()
        self._http.close()

    def get_remaining_time_in_millis(self) -> int:
        """Lambda's own clock of an invocation."""
        return 55_000 if self.life.doing == "housekeeper" else self._outside.milliseconds_left

    def start_logging(self, function: str) -> logging.Logger:
        """Nobody's standard output is changed here."""
        return logging.getLogger(f"parley.{function}")

    def meter(self) -> Meter:
        """Nobody reads what is measured here."""
        return Meter("test", lambda _line: None)

    def load_for_webhooks(self) -> None:
        """It is all imported."""

    def intake(self) -> Intake:
        return Intake(
            {"meta": Meta.handshake},
            lambda: self._outside.keys,
            self._queues["inbound"],
            self._bucket,
            self.new_id,
            no_apps,
            no_apps,
            PROOFS,
        )

    def processor(self) -> Processor:
        return Processor(self._database, self._bucket, self._providers, lambda: self._outside.sealer)

    def deliverer(self) -> Any:
        return self._deliverer

    def pusher(self) -> Pusher | Silence:
        return self._pusher

    def patient_pusher(self) -> Pusher | Silence:
        return self._pusher

    def push_chunk(self, tenant_id: UUID, after: str | None, up_to: str | None) -> None:
        """Push to all connections or a chunk of them."""
        if isinstance(self._pusher, Pusher):
            self._pusher.push(tenant_id, Chunk(after or "", up_to))

    def distributor(self) -> Distributor:
        return Distributor(self._database, self._pusher.wake, Terms(), Terms().idle)

    def inbound_queue(self) -> FragileQueue:
        return self._queues["inbound"]

    def outbound_queue(self) -> FragileQueue:
        return self._queues["outbound"]

    def push_queue(self) -> FragileQueue:
        return self._queues["push"]

    def hint_media(self, files: Sequence[PendingFile]) -> None:
        """Say that files wait; the stories told here are about texts (test_media_fetching.py is about files)."""
        hint_all(self._queues["media"], files)

    def resume_sending(self, accounts: Collection[tuple[UUID, UUID]]) -> None:
        """Hint at what waits for accounts that are back."""
        resume(self._database, self._queues["outbound"], accounts)

    def follow_up(self, done: Processed) -> None:
        """Do what follows from webhooks."""
        for tenant_id in done.changed:
            self._pusher.wake(tenant_id)
        self.hint_media(done.files)
        self.resume_sending(done.resumed)
        for tenant_id in done.changed:
            self.distributor().distribute(tenant_id)

    def replaying(self) -> Replaying:
        return Replaying(self._database, self.processor(), self._queues["inbound"], LEASE)

    def note_error(self, queue: QueueName, message: str, error: Exception) -> None:
        """Note why a message was put off, as far as this process can."""
        self._notes.note(queue, message, error)

    def inbound_watch(self) -> Watch:
        return self._watch

    def housekeeper(self) -> Housekeeper:
        reach = Reach(
            database=self._database,
            inbound=self._queues["inbound"],
            outbound=self._queues["outbound"],
            media=self._queues["media"],
            bucket=self._bucket,
            wake=self._pusher.wake,
            silent_for=SILENCE,
            stuck_for=LEASE,
        )
        steps = [step for step in net(reach) if step.name in STEPS]
        return Housekeeper(self._database, unmeasured, steps)

    def _load(self, function: str) -> ModuleType:
        module = module_from_spec(_spec(function))
        deployed, parley.wiring = parley.wiring, self  # type: ignore[assignment]
        try:
            exec(_code(function), vars(module))  # noqa: S102 - our own handler, with this process as its composition root
        finally:
            parley.wiring = deployed
        return module


def _spec(function: str) -> Any:
    return spec_from_file_location(f"crashing_{function}", FUNCTIONS / function / "app.py")


@cache
def _code(function: str) -> CodeType:
    path = FUNCTIONS / function / "app.py"
    return compile(path.read_text(), str(path), "exec")
