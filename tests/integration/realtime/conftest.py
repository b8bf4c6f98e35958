"""What the tests of realtime share: sockets in memory behind the real services, and a customer who writes."""

from __future__ import annotations

import json
import random
import secrets
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest

from parley.cloud.ports import Gone
from parley.domain.events import TENANT_TOPIC, NewEvent
from parley.domain.principal import Principal
from parley.domain.terms import Rate, Terms
from parley.edge.frames import Socket
from parley.services.announce import Announcer
from parley.services.connect import connect
from parley.services.farewell import say_bye
from parley.services.listen import Listening
from parley.services.notice import Notices
from parley.services.process import Processor
from parley.services.push import Pusher
from parley.services.show_typing import Typists
from parley.services.whisper import Whisper
from parley.store.database import Database, Transaction
from parley.store.event_log import append_events


class Wires:
    """`@connections` in memory. `troubles`: what the next posts to a connection raise; `gone`: who never answers."""

    def __init__(self) -> None:
        self.frames: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.bytes: dict[str, list[bytes]] = defaultdict(list)
        self.closed: list[str] = []
        self.troubles: dict[str, list[Exception]] = defaultdict(list)
        self.gone: set[str] = set()
        self.before_post: Callable[[str], None] = lambda _connection_id: None
        self._lock = Lock()

    def post(self, connection_id: str, data: bytes) -> None:
        self.before_post(connection_id)
        with self._lock:
            if connection_id in self.gone:
                raise Gone
            if self.troubles[connection_id]:
                raise self.troubles[connection_id].pop(0)
            self.bytes[connection_id].append(data)
            self.frames[connection_id].append(json.loads(data))

    def close(self, connection_id: str) -> None:
        self.closed.append(connection_id)

    def batches(self, connection_id: str) -> list[dict[str, Any]]:
        """The ranges posted to a connection."""
        return [frame for frame in self.frames[connection_id] if frame["type"] == "batch"]

    def seqs(self, connection_id: str) -> list[int]:
        """The numbers of the events posted to a connection, in order."""
        return [event["seq"] for frame in self.batches(connection_id) for event in frame["events"]]


class PushHints:
    """A queue in memory. `delays`: in seconds, of the messages in `sent`."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.delays: list[int] = []

    def send(self, body: str, group_id: str, delay_seconds: int = 0) -> None:
        self.sent.append(json.loads(body))
        self.delays.append(delay_seconds)

    def change_visibility(self, receipt: str, seconds: int) -> None:
        raise AssertionError("nobody should ask")


@dataclass(frozen=True)
class Queues:
    """The queues that sockets write to."""

    push: PushHints
    outbound: PushHints


class Office:
    """A tenant's agents at their sockets."""

    def __init__(self, database: Database, wires: Wires, terms: Terms, queues: Queues) -> None:
        self.database = database
        self.wires = wires
        self.terms = terms
        self.queues = queues
        self.measured: list[tuple[str, tuple[float, ...]]] = []
        self.notices = Notices(database, queues.push, terms)
        self.whisper = Whisper(database, wires, self.notices.presence_changed)
        self.announcer = Announcer(database, self.whisper, self.notices, terms)
        self.typists = Typists(database, self.whisper, queues.outbound, terms, lambda: datetime.now(UTC))
        listening = Listening(
            database,
            terms,
            lambda: datetime(2026, 1, 1, tzinfo=UTC),
            self.typists,
            self.notices,
            lambda metric, *values: self.measured.append((metric, values)),
        )
        self.socket = Socket(lambda: listening, self.say_bye)

    def say_bye(self, connection_id: str, reason: Any) -> None:
        """Tell a connection why it ends, and close it."""
        say_bye(self.wires, connection_id, reason)

    def connect(self, agent: Principal, connection_id: str | None = None) -> str:
        """Open a socket for an agent; answer its id."""
        connection_id = connection_id or secrets.token_urlsafe(9)
        connect(self.database, self.wires, agent, connection_id, self.terms)
        return connection_id

    def say(self, connection_id: str, action: str, **body: Any) -> dict[str, Any]:
        """Send a frame; answer the one that comes back, {} if none does."""
        answer = self.socket.answer(connection_id, json.dumps({"action": action, "id": "1", **body}))
        return json.loads(answer) if answer else {}

    def listen(self, agent: Principal, topics: Sequence[str] = ("tenant", "user"), cursor: str | None = None) -> str:
        """Open a socket and say hello; answer its id."""
        connection_id = self.connect(agent)
        welcome = self.say(connection_id, "hello", v=1, cursor=cursor, topics=list(topics))
        assert welcome["type"] == "welcome", welcome
        return connection_id


class Customer:
    """A customer who writes to the tenant's number."""

    def __init__(self, processor: Processor, door: Any, meta: Any) -> None:
        self._processor = processor
        self._door = door
        self._meta = meta
        self._told = 0

    def writes(self, text: str, phone: str = "5511987654321", name: str = "Bia") -> str:
        """Write a text; answer the gateway's id for it."""
        self._told += 1
        id_ = f"wamid.{self._told}"
        message = self._meta.text(id_, phone, text, at=self._told)
        body = self._meta.body(messages=[message], names={phone: name})
        done = self._processor.process([self._door(body)])
        assert not done.failed
        return id_


class Raw:
    """Bare events in a tenant's log, for what does not care what they tell."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(self, tenant_id: UUID, *, topics: Sequence[str] = (TENANT_TOPIC,), **delta: Any) -> None:
        """Commit one event of a type that is told as it is."""
        with self._database.transaction(tenant_id) as tx:
            self.write_in(tx, topics=topics, **delta)

    @staticmethod
    def write_in(tx: Transaction, *, topics: Sequence[str] = (TENANT_TOPIC,), **delta: Any) -> None:
        """Write one event into an open transaction."""
        append_events(tx, [NewEvent("bulk.updated", tuple(topics), delta=delta)])


@pytest.fixture
def wires() -> Wires:
    """Sockets in memory."""
    return Wires()


@pytest.fixture
def hints() -> PushHints:
    """The push queue in memory."""
    return PushHints()


@pytest.fixture
def terms() -> Terms:
    """The usual terms, three connections a person; a test says more a second than a person does."""
    return Terms(per_user=3, per_tenant=20, frames=Rate(timedelta(seconds=0.1), 1000))


@pytest.fixture
def queues() -> Queues:
    """What sockets write to, apart from what pushers do."""
    return Queues(PushHints(), PushHints())


@pytest.fixture
def office(database: Database, wires: Wires, terms: Terms, queues: Queues) -> Office:
    """Agents at their sockets."""
    return Office(database, wires, terms, queues)


@pytest.fixture
def pusher(database: Database, wires: Wires, hints: PushHints) -> Pusher:
    """A pusher that does not really pause, and forgets at once that somebody could not be reached."""
    return Pusher(database, wires, hints, pause=lambda _seconds: None, hold=timedelta(0))


@pytest.fixture
def customer(processor: Processor, door: Any, meta: Any) -> Customer:
    """Somebody who writes."""
    return Customer(processor, door, meta)


@pytest.fixture
def raw(database: Database) -> Raw:
    """Bare events."""
    return Raw(database)


@pytest.fixture
def naive() -> Callable[[str], ModuleType]:
    """Load a naive variant: `naive("numbering")`."""

    def load(name: str) -> ModuleType:
        spec = spec_from_file_location(f"naive_{name}", Path(__file__).parents[1] / "naive" / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def chance() -> random.Random:
    """Chance with a seed that a failing test prints."""
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    return random.Random(seed)


@pytest.fixture
def expire(database: Database) -> Callable[[UUID, timedelta], None]:
    """Let time pass for a tenant's connections and tickets."""

    def pass_time(tenant_id: UUID, span: timedelta) -> None:
        with database.transaction(tenant_id) as tx:
            tx.execute("update connections set seen_at = seen_at - %(s)s, expires_at = expires_at - %(s)s", s=span)
            tx.execute("update tickets set expires_at = expires_at - %(s)s", s=span)

    return pass_time
