"""What must hold, whatever happened. The one rule: `consistent` holds after every COMMIT, also in the middle of all
trouble; `kept` holds once the world is quiet. Both answer sentences about what is wrong; none means nothing is.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

from parley.domain.status import RANK
from parley.store.database import Database, Row, Transaction
from parley.store.event_log import number_events

from .world import World

_MESSAGES = """
select id, conversation_id, number, direction, body, status, version, provider_message_id, occurred_at, lease_until,
  client_key
from messages order by conversation_id, number
"""
_CONVERSATIONS = """
select id, unread_count, last_number, last_message_id, read_at, read_key from conversations
"""
_EVENTS = """
select seq, type, conversation_id, message_id, topics, delta from events order by ordinal
"""
_LEDGER = "select state, reason, message_ids, body_hash from ledger"


class Stored:
    """A tenant's rows, read in one snapshot."""

    def __init__(self, tx: Transaction) -> None:
        self.messages = tx.rows(_MESSAGES)
        self.conversations = tx.rows(_CONVERSATIONS)
        self.events = tx.rows(_EVENTS)
        self.ledger = tx.rows(_LEDGER)

    @classmethod
    def of(cls, database: Database, tenant_id: UUID) -> Stored:
        """Read everything there is of a tenant."""
        with database.transaction(tenant_id, repeatable_read=True) as tx:
            return cls(tx)

    def thread(self, conversation_id: UUID) -> list[Row]:
        """A conversation's messages in the order of storing."""
        return [message for message in self.messages if message["conversation_id"] == conversation_id]


def consistent(world: World) -> list[str]:
    """P2 and P3 at any moment: what is stored is stored with all its effects, once."""
    stored = Stored.of(world.company.database, world.company.tenant_id)
    return [*_once(stored), *_summaries(stored), *_told(stored), *_accounted_for(stored)]


def kept(world: World) -> list[str]:
    """All promises, once the world is quiet."""
    company = world.company
    number_events(company.database, company.tenant_id)
    stored = Stored.of(company.database, company.tenant_id)
    return [
        *world.problems,
        *consistent(world),
        *_nothing_lost(world, stored),
        *world.gateway.problems(),
        *_final(world, stored),
        *_same_key_same_message(world, stored),
        *_dense(stored),
        *_agent_saw_everything(world, stored),
        *_nothing_left(world, stored),
    ]


def _once(stored: Stored) -> Iterator[str]:
    for id_, times in Counter(m["provider_message_id"] for m in stored.messages).items():
        if id_ is not None and times > 1:
            yield f"P2: {id_} is stored {times} times"
    for type_, rows, name in (
        ("message.new", stored.messages, "message_id"),
        ("conversation.new", stored.conversations, "conversation_id"),
    ):
        told = Counter(event[name] for event in stored.events if event["type"] == type_)
        for row in rows:
            if told[row["id"]] != 1:
                yield f"P2: {told.pop(row['id'], 0)} {type_} for one row"
        if sum(told.values()) > len(rows):
            yield f"P3: a {type_} without its row"


def _summaries(stored: Stored) -> Iterator[str]:
    for conversation in stored.conversations:
        thread = stored.thread(conversation["id"])
        if [message["number"] for message in thread] != list(range(1, conversation["last_number"] + 1)):
            yield f"P3: last number {conversation['last_number']} over {len(thread)} messages"
        horizon = conversation["read_at"], conversation["read_key"]
        unread = [m for m in thread if m["direction"] == "incoming" and (horizon[0] is None or _position(m) > horizon)]
        if conversation["unread_count"] != len(unread):
            yield f"P2: unread {conversation['unread_count']} where {len(unread)} are"
        if thread and max(thread, key=_position)["id"] != conversation["last_message_id"]:
            yield "P4: the last message is not the newest"


def _position(message: Row) -> tuple[Any, str]:
    key = message["provider_message_id"] if message["direction"] == "incoming" else str(message["id"])
    return message["occurred_at"], key


def _told(stored: Stored) -> Iterator[str]:
    """Every stored change of a status is one event, and what was told never goes back behind evidence."""
    told: dict[UUID, list[tuple[int, str]]] = defaultdict(list)
    for event in stored.events:
        if event["type"] == "message.status":
            told[event["message_id"]].append((event["delta"]["version"], event["delta"]["status"]))
    for message in stored.messages:
        changes = sorted(told[message["id"]])
        if [version for version, _ in changes] != list(range(2, message["version"] + 1)):
            yield f"P3: version {message['version']} was told as {changes}"
        elif changes and changes[-1][1] != message["status"]:
            yield f"P3: {changes[-1][1]} was told of a message that is {message['status']}"
        proven = [RANK[status] for _, status in changes if RANK[status] >= RANK["sent"]]
        after = [RANK[status] for _, status in changes][-len(proven) :] if proven else []
        if proven != after or proven != sorted(set(proven)):
            yield f"P4: a status went back: {changes}"


def _accounted_for(stored: Stored) -> Iterator[str]:
    named = {id_ for row in stored.ledger for id_ in row["message_ids"]}
    incoming = {message["id"] for message in stored.messages if message["direction"] == "incoming"}
    if incoming - named:
        yield "P3: a message is stored without its webhook's ledger row"
    if named - {message["id"] for message in stored.messages}:
        yield "P3: the ledger names a message that is not there"


def _nothing_lost(world: World, stored: Stored) -> Iterator[str]:
    recorded = {bytes(row["body_hash"]) for row in stored.ledger}
    lost = [body for body in world.answered if hashlib.sha256(body).digest() not in recorded]
    if lost:
        yield f"P1: {len(lost)} webhooks were answered 200 and are nowhere"


def _final(world: World, stored: Stored) -> Iterator[str]:
    """P6, and that evidence healed what it could: what the gateway took is read, as its last status said."""
    for message in stored.messages:
        if message["direction"] != "outgoing":
            continue
        status, taken = message["status"], world.gateway.taken.get(str(message["id"]))
        if status in {"queued", "sending"}:
            yield f"P6: a message is {status} for ever"
        elif taken is not None and (status, message["provider_message_id"]) != ("read", taken):
            yield f"P4: the gateway told that {message['body']!r} was read, and it is {status}"
        elif taken is None and status not in {"unknown", "failed"}:
            yield f"P4: the gateway never took {message['body']!r}, and it is {status}"


def _same_key_same_message(world: World, stored: Stored) -> Iterator[str]:
    by_key = {message["client_key"]: message for message in stored.messages if message["client_key"]}
    for key, text in world.asked.items():
        message = by_key.get(key)
        if world.told[key] and (message is None or world.told[key] != {str(message["id"])}):
            yield f"P7: {key} was answered with {len(world.told[key])} messages"
        if message is not None and message["body"] != text:
            yield f"P7: {key} holds another text"
    if len(by_key) > len(world.asked):
        yield "P7: there are messages nobody asked for"


def _dense(stored: Stored) -> Iterator[str]:
    numbers = sorted(event["seq"] for event in stored.events)
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"P9: the log's numbers are {numbers}"
    versions: dict[UUID, int] = defaultdict(int)
    for event in sorted(stored.events, key=lambda event: event["seq"]):
        if event["type"] == "message.status":
            if event["delta"]["version"] < versions[event["message_id"]]:
                yield "P9: a message's events are out of order"
            versions[event["message_id"]] = event["delta"]["version"]
        elif event["type"] == "message.new":
            versions[event["message_id"]] = max(versions[event["message_id"]], 1)


def _agent_saw_everything(world: World, stored: Stored) -> Iterator[str]:
    """Every number the agent may hear is in a frame, and no frame leaves a hole behind the one before it."""
    if world.desk.listening_from is None:
        return
    reached = world.desk.listening_from
    audible = {event["seq"] for event in stored.events if "tenant" in event["topics"] and event["seq"] > reached}
    heard: set[int] = set()
    for frame in world.desk.frames:
        heard |= {event["seq"] for event in frame["events"]}
        if frame["from"] > reached and audible & set(range(reached + 1, frame["from"] + 1)) - heard:
            yield f"P9: a hole between {reached} and {frame['from']}"
        reached = max(reached, frame["to"])
    if audible - heard:
        yield f"P9: the agent never heard of {sorted(audible - heard)}"


def _nothing_left(world: World, stored: Stored) -> Iterator[str]:
    for name, queue in world.queues.items():
        if queue.dead_letters:
            yield f"P1: {len(queue.dead_letters)} dead letters in {name}"
    for state, rows in _by_state(stored.ledger).items():
        if state not in {"processed", "ignored"}:
            yield f"P10: {len(rows)} sound webhooks ended {state}: {rows[0]['reason']}"


def _by_state(rows: Iterable[Row]) -> dict[str, list[Row]]:
    by_state: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_state[row["state"]].append(row)
    return by_state
