"""What a client knows is what the database holds: `apply(snapshot(k), events(k+1..n)) == snapshot(n)`, for random
histories of every type of event, whenever its readers begin and however they page.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from parley.domain import events
from parley.domain.errors import Conflict
from parley.domain.principal import Principal
from parley.services.act import Acting
from parley.services.assign import Assigning
from parley.services.catch_up import events_after, snapshot
from parley.services.change import Changing
from parley.services.note import Note, write_note
from parley.store.database import Database
from parley.store.event_log import append_events
from parley.store.views import load_conversations, load_messages

from .reader import Reader, told_of

STEPS = 40
PHONES = ["5511987654321", "5521912345678", "5531912345678"]
EVERY_TYPE = {
    "message.new",
    "message.updated",
    "message.deleted",
    "message.status",
    "message.reaction",
    "conversation.new",
    "conversation.updated",
    "conversation.assigned",
    "user.mentioned",
    "contact.updated",
    "integration.updated",
    "bulk.updated",
}


class History:
    """A company at work: each step is something that happens in its inbox."""

    def __init__(self, desk: Any, door: Any, meta: Any, processor: Any, sealer: Any, other: Principal) -> None:
        self.desk = desk
        self.database: Database = desk.database
        self.agent: Principal = desk.agent
        self.other = other
        self._door = door
        self._meta = meta
        self._processor = processor
        self._told = 0
        self._acting = Acting(self.database, {"meta": desk.gateway}, lambda: sealer, lambda _tenant: None)
        self._assigning = Assigning(self.database, lambda _tenant: None)
        self._changing = Changing(self.database, lambda _tenant: None)
        self.steps: list[Callable[[random.Random], None]] = [
            self.customer_writes, self.customer_writes, self.agent_answers, self.agent_answers, self.status_comes,
            self.customer_reacts, self.agent_reacts, self.agent_edits, self.agent_takes_back, self.agent_reads,
            self.somebody_is_assigned, self.conversation_changes, self.note_is_written, self.account_changes,
            self.many_change,
        ]  # fmt: skip

    def _receive(self, *messages: Any, statuses: Any = (), names: Any = None) -> None:
        body = self._meta.body(messages=list(messages), statuses=list(statuses), names=names)
        done = self._processor.process([self._door(body, received_at=datetime.now(UTC))])
        assert not done.failed
        assert done.parked == 0

    def _at(self) -> int:
        self._told += 1
        return int((datetime.now(UTC) - self._meta.start).total_seconds()) - 3600 + self._told

    def rows(self, query: str, **parameters: Any) -> list[dict[str, Any]]:
        with self.database.transaction(self.agent.tenant_id) as tx:
            return tx.rows(query, **parameters)

    def _pick(self, chance: random.Random, query: str) -> dict[str, Any] | None:
        rows = self.rows(query)
        return chance.choice(rows) if rows else None

    def _conversation(self, chance: random.Random) -> UUID:
        found = self._pick(chance, "select id from conversations where merged_into is null order by created_at, id")
        assert found is not None
        id_: UUID = found["id"]
        return id_

    def customer_writes(self, chance: random.Random) -> None:
        phone = chance.choice(PHONES)
        name = chance.choice(["Bia", "Beatriz", "Caio"])
        at = self._at()
        self._receive(self._meta.text(f"wamid.c{at}", phone, f"text {at}", at), names={phone: name})

    def agent_answers(self, chance: random.Random) -> None:
        self.desk.conversation_id = self._conversation(chance)
        try:
            self.desk.send(f"answer {self._at()}")
        except Conflict:
            return  # that customer's window is closed
        if chance.random() < 0.8:
            self.desk.deliver()

    def _ours(self, chance: random.Random) -> dict[str, Any] | None:
        query = "select id, provider_message_id from messages where direction = 'outgoing' and deleted_at is null"
        return self._pick(chance, f"{query} and provider_message_id is not null order by id")

    def status_comes(self, chance: random.Random) -> None:
        if ours := self._ours(chance):
            status = chance.choice(["sent", "delivered", "read"])
            self._receive(statuses=[self._meta.status(ours["provider_message_id"], status, self._at())])

    def customer_reacts(self, chance: random.Random) -> None:
        if ours := self._ours(chance):
            at = self._at()
            reaction = {"message_id": ours["provider_message_id"], "emoji": chance.choice(["👍", "🎉", ""])}
            about = {**self._meta.text(f"wamid.r{at}", PHONES[0], "", at), "type": "reaction", "reaction": reaction}
            about.pop("text")
            self._receive(about)

    def _act(self, deed: Callable[[], object]) -> None:
        with suppress(Conflict):  # the message was taken back meanwhile, or is not the gateway's yet
            deed()

    def agent_reacts(self, chance: random.Random) -> None:
        if ours := self._ours(chance):
            emoji = chance.choice(["❤", None])
            self._act(lambda: self._acting.react(self.agent, ours["id"], emoji, uuid4()))

    def agent_edits(self, chance: random.Random) -> None:
        if ours := self._ours(chance):
            self._act(lambda: self._acting.edit(self.agent, ours["id"], f"edited {self._at()}", uuid4()))

    def agent_takes_back(self, chance: random.Random) -> None:
        if chance.random() < 0.4 and (ours := self._ours(chance)):
            self._act(lambda: self._acting.delete(self.agent, ours["id"], uuid4()))

    def agent_reads(self, chance: random.Random) -> None:
        conversation_id = self._conversation(chance)
        last = self.rows(
            "select id from messages where conversation_id = %(id)s order by number desc limit 1", id=conversation_id
        )
        self._acting.mark_read(self.agent, conversation_id, last[0]["id"], uuid4())

    def somebody_is_assigned(self, chance: random.Random) -> None:
        to = chance.choice([self.agent.id, self.other.id, None])
        note = chance.choice([None, "please"])
        conversation_id = self._conversation(chance)
        self._act(lambda: self._assigning.assign(self.other, conversation_id, to, uuid4(), note=note))

    def conversation_changes(self, chance: random.Random) -> None:
        asked: dict[str, Any] = chance.choice(
            [{"status": "resolved"}, {"status": "open"}, {"priority": "high"}, {"labels": ["vip"]}, {"labels": []}]
        )
        conversation_id, followed = self._conversation(chance), chance.choice([True, False, None])
        if followed is not None:
            self._act(lambda: self._changing.follow(self.agent, conversation_id, self.other.id, followed, uuid4()))
        self._act(lambda: self._changing.change(self.agent, conversation_id, asked, uuid4()))

    def note_is_written(self, chance: random.Random) -> None:
        conversation_id = self._conversation(chance)
        mentions = chance.choice([[], [self.agent.id]])
        with self.database.transaction(self.agent.tenant_id) as tx:
            row = tx.row("select * from conversations where id = %(id)s for update", id=conversation_id)
            assert row is not None
            write_note(tx, self.other, row, Note(f"note {self._at()}", mentions), uuid4())

    def account_changes(self, chance: random.Random) -> None:
        state = chance.choice(["connected", "disconnected"])
        with self.database.transaction(self.agent.tenant_id) as tx:
            changed = tx.row(
                "update integrations set state = %(state)s, version = version + 1 returning id, state, version",
                state=state,
            )
            assert changed is not None
            append_events(tx, [events.integration_updated({**changed, "id": str(changed["id"])}, None)])

    def many_change(self, chance: random.Random) -> None:
        with self.database.transaction(self.agent.tenant_id) as tx:
            changed = tx.rows(
                "update conversations set priority = %(priority)s, version = version + 1, updated_at = now()"
                " where merged_into is null returning id",
                priority=chance.choice(["low", "none"]),
            )
            ids = [row["id"] for row in changed]
            append_events(tx, [events.bulk_updated("conversation", {"priority": "low"}, ids, None)])


class Client:
    """Somebody who took a snapshot at some moment and pages through what happened since. `deaf_to`: a type of event it
    does not hear.
    """

    def __init__(self, history: History, *, deaf_to: str | None = None) -> None:
        self._history = history
        self._deaf_to = deaf_to
        database, agent = history.database, history.agent
        with database.transaction(agent.tenant_id) as tx:
            ids = [row["id"] for row in tx.rows("select id from messages")]
        first = snapshot(database, agent)["data"]
        others = self._all_but_open(first["conversations"])
        # Threads are loaded after the snapshot: what is newer in them comes again as an event, and does no harm.
        with database.transaction(agent.tenant_id) as tx:
            messages = load_messages(tx, ids)
        self.reader = Reader([*first["conversations"], *others], list(messages.values()))
        self.cursor: str = first["cursor"]

    def _all_but_open(self, shown: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Conversations that are not open were loaded by their own pages."""
        known = {view["id"] for view in shown}
        with self._history.database.transaction(self._history.agent.tenant_id) as tx:
            views = load_conversations(tx, [row["id"] for row in tx.rows("select id from conversations")])
        return [view for view in views.values() if view["id"] not in known]

    def page(self, limit: int) -> bool:
        """Read and apply one page; whether there is more."""
        database, agent = self._history.database, self._history.agent
        page = events_after(database, agent, self.cursor, limit)
        assert page["reset"] is False
        for event in page["data"]:
            if event["type"] != self._deaf_to:
                self.reader.apply(event)
        self.cursor = page["cursor"]
        if self.reader.stale:
            with database.transaction(agent.tenant_id) as tx:
                views = load_conversations(tx, [UUID(id_) for id_ in self.reader.stale])
            for view in views.values():
                self.reader.apply({"type": "conversation.updated", "data": view})
            self.reader.stale.clear()
        more: bool = page["hasMore"]
        return more


@pytest.fixture
def history(desk: Any, door: Any, meta: Any, processor: Any, sealer: Any, make_user: Callable[..., Any]) -> History:
    return History(desk, door, meta, processor, sealer, make_user(desk.agent.tenant_id, "Otto", role="admin"))


def live_through(history: History, chance: random.Random, *, deaf_to: str | None = None) -> list[Client]:
    """Let a company work, with clients that come at random moments and page as they like; all have read to the end."""
    clients = [Client(history, deaf_to=deaf_to)]
    for number in range(STEPS):
        step = history.steps[number % len(history.steps)] if number < len(history.steps) else None
        (step or chance.choice(history.steps))(chance)
        if chance.random() < 0.1:
            clients.append(Client(history, deaf_to=deaf_to))
        for client in clients[1:]:
            if chance.random() < 0.3:
                client.page(chance.randint(1, 20))
    for client in clients:
        while client.page(chance.choice([1, 7, 500])):
            pass
    return clients


def check(history: History, client: Client) -> None:
    """A client knows what one that begins now is told."""
    now = snapshot(history.database, history.agent)["data"]
    assert client.cursor == now["cursor"]
    told = client.reader.inbox(str(history.agent.id))
    assert told == {"conversations": now["conversations"], "counts": now["counts"]}
    ids = [row["id"] for row in history.rows("select id from messages")]
    with history.database.transaction(history.agent.tenant_id) as tx:
        messages = load_messages(tx, ids)
    assert client.reader.thread() == {str(id_): told_of(view) for id_, view in messages.items()}
    for row in history.rows("select id, state from integrations"):
        if known := client.reader.integrations.get(str(row["id"])):
            assert known["state"] == row["state"]


@pytest.mark.parametrize("run", range(4))
def test_a_snapshot_and_the_events_after_it_are_the_next_snapshot(
    run: int, history: History, chance: random.Random, full_proof: bool
) -> None:
    for _ in range(10 if full_proof else 1):
        clients = live_through(history, chance)
        for client in clients:
            check(history, client)


def test_the_histories_hold_every_type_of_event(history: History, chance: random.Random) -> None:
    seen: set[str] = set()
    for _ in range(4):
        seen |= live_through(history, chance)[0].reader.seen

    assert seen == EVERY_TYPE


def agrees(history: History, client: Client) -> bool:
    try:
        check(history, client)
    except AssertionError:
        return False
    return True


@pytest.mark.parametrize(
    "deaf_to", ["message.new", "message.updated", "message.status", "message.reaction", "contact.updated"]
)
def test_a_client_that_misses_a_type_of_event_ends_elsewhere(
    deaf_to: str, history: History, chance: random.Random
) -> None:
    def astray() -> bool:
        clients = live_through(history, chance, deaf_to=deaf_to)
        return any(not agrees(history, client) for client in clients)

    assert any(astray() for _ in range(6))


def test_a_client_that_asks_for_the_position_after_the_snapshot_misses_what_happened_between(
    history: History, chance: random.Random
) -> None:
    client = Client(history)
    history.customer_writes(chance)
    client.cursor = events_after(history.database, history.agent, None)["cursor"]
    while client.page(500):
        pass

    assert not agrees(history, client)
