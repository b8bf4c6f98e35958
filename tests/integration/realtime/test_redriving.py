"""P14 as a property: messages of every queue die, are drained, edited, thrown away and redriven in random order, amid
live traffic and a queue that fails halfway, and the inbox is the one that nothing had died in. The naive variant in
naive/redriving.py fails it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from parley.cloud.ports import QueuedMessage
from parley.domain.errors import NotFound, Unavailable
from parley.domain.outgoing import Accepted
from parley.domain.principal import Principal
from parley.domain.queues import QUEUES
from parley.domain.webhook import Webhook
from parley.providers.base import Download
from parley.providers.registry import app_of
from parley.services.deliver import Deliverer
from parley.services.drain import Drain
from parley.services.fetch_media import MediaFetcher, hint_all
from parley.services.hints import hint
from parley.services.process import Processor
from parley.services.push import Pusher
from parley.services.redrive import DeadLetters
from parley.services.send import SendRequest, send_message
from parley.services.take_apart import Splitter
from parley.store.database import Database
from parley.store.ids import new_id
from parley.store.push_leases import Chunk

PHONES = ("5511987654321", "553187654321")
PNG = b"\x89PNG\r\n\x1a\n" + b"picture" * 40
BROKEN = b'{"object": "whatsapp_business_account", "entry": [{"id"'
FATES = ("comes", "comes", "dies", "edited", "deleted")

ARRIVES, DRAINED = ("arrive", "inbound", 0), ("drain", "inbound", 0)
TURNS = st.one_of(
    st.just(ARRIVES),
    st.tuples(st.sampled_from(("take", "die")), st.sampled_from(QUEUES), st.integers(0, 3)),
    st.just(DRAINED),
    st.tuples(st.sampled_from(("redrive", "fail", "all")), st.sampled_from(QUEUES), st.integers(0, 3)),
)
DEAD_AND_FAILING = st.sampled_from((ARRIVES, DRAINED, ("fail", "inbound", 0), ("fail", "inbound", 1)))


@dataclass(frozen=True)
class History:
    """`messages`: phone, second, whether it is a picture, and what becomes of its webhook. `answers`: how many an agent
    writes. `turns`: what happens in which order; in the end, all that is left comes through.
    """

    messages: tuple[tuple[str, int, bool, str], ...]
    answers: int
    turns: tuple[tuple[str, str, int], ...]


@st.composite
def histories(
    draw: st.DrawFn, fates: Sequence[str] = FATES, turns: st.SearchStrategy[tuple[str, str, int]] = TURNS
) -> History:
    messages = st.tuples(st.sampled_from(PHONES), st.integers(0, 4), st.booleans(), st.sampled_from(fates))
    drawn = draw(st.lists(messages, min_size=1, max_size=5))
    return History(tuple(drawn), draw(st.integers(0, 2)), tuple(draw(st.lists(turns, min_size=4, max_size=25))))


class Pipe:
    """A live queue. `fails_after`: so many more are taken, and then one is not."""

    def __init__(self) -> None:
        self.waiting: list[str] = []
        self.fails_after: int | None = None

    def send(self, body: str, group_id: str, delay_seconds: int = 0) -> None:
        if self.fails_after is not None:
            if self.fails_after == 0:
                self.fails_after = None
                raise Unavailable
            self.fails_after -= 1
        self.waiting.append(body)

    def change_visibility(self, receipt: str, seconds: int) -> None:
        raise AssertionError("nobody should ask")


class Grave:
    """A dead letter queue."""

    def __init__(self) -> None:
        self.dead: list[str] = []

    def receive(self, hidden_seconds: int) -> Sequence[QueuedMessage]:
        return [QueuedMessage(body, body, datetime.now(UTC)) for body in self.dead[:10]]

    def delete(self, receipts: Sequence[str]) -> None:
        for receipt in receipts:
            self.dead.remove(receipt)


class World:
    """A company with an agent at a socket, its queues and those who take from them."""

    def __init__(self, given: SimpleNamespace, letters_class: type[DeadLetters]) -> None:
        self.given = given
        self.tenant: UUID = given.make_tenant()
        self.integration: UUID = given.make_integration(self.tenant, account_id=given.meta.account)
        self.door = type(given.door)(self.integration)
        self.admin: Principal = given.make_user(self.tenant, "Clara", role="admin")
        self.stranger: Principal = given.make_user(given.make_tenant("Other"), "Otto", role="admin")
        self.pipes: dict[str, Pipe] = {name: Pipe() for name in QUEUES}
        self.graves: dict[str, Grave] = {name: Grave() for name in QUEUES}
        database, providers = given.database, {"meta": given.gateway}
        sealer: Callable[[], Any] = lambda: given.sealer  # noqa: E731
        splitter = Splitter(database, given.bucket, app_of)
        self.drain = Drain(database, self.graves, splitter, given.bucket, providers).drain  # type: ignore[arg-type]
        self.letters = letters_class(database, self.pipes.__getitem__, lambda: given.bucket, providers)
        self.processor = Processor(database, given.bucket, providers, sealer)
        self.pusher = Pusher(database, given.wires, self.pipes["push"], pause=lambda _seconds: None, hold=timedelta(0))
        self.deliverer = Deliverer(
            database, providers, sealer, self.pipes["outbound"], self.wake,
            lease=timedelta(seconds=30), backoff=timedelta(seconds=2),
        )  # fmt: skip
        self.fetcher = MediaFetcher(
            database, providers, sealer, given.bucket, self.pipes["media"], self.wake, lambda _image: None,
            lease=timedelta(seconds=60), pauses=(timedelta(0), timedelta(0)),
        )  # fmt: skip
        self.socket = given.office.listen(given.make_user(self.tenant, "Ana"))
        self.edits: dict[str, bytes] = {}
        self.unwanted: set[str] = set()

    def wake(self, tenant_id: UUID) -> None:
        """Everything is pushed by way of the queue, so that a push can die too."""
        self.pipes["push"].waiting.append(json.dumps({"v": 1, "tenantId": str(tenant_id), "nonce": uuid.uuid4().hex}))

    def arrive(self, webhook: Webhook) -> None:
        self.pipes["inbound"].waiting.append(webhook.encode())

    def bury(self, webhook: Webhook) -> None:
        self.graves["inbound"].dead.append(webhook.encode())

    def answer(self, text: str) -> None:
        with self.given.database.transaction(self.tenant) as tx:
            conversation_id = tx.value("select id from conversations order by created_at limit 1")
        send_message(
            self.given.database, {"meta": self.given.gateway}, self.admin, conversation_id, SendRequest("text", text),
            None, uuid.uuid4(),
        )  # fmt: skip
        hint(self.pipes["outbound"], self.tenant, conversation_id, self.integration, correlation_id=uuid.uuid4())

    def take(self, queue: str, place: int) -> None:
        """One message is taken, out of any order, and comes through."""
        waiting = self.pipes[queue].waiting
        if not waiting:
            return
        body = waiting.pop(place % len(waiting))
        said = json.loads(body)
        if queue == "inbound":
            done = self.processor.process([Webhook.decode(body)])
            assert done.failed == {}
            hint_all(self.pipes["media"], done.files)
            self.wake(self.tenant)
        elif queue == "outbound":
            self.deliverer.deliver(self.tenant, UUID(said["conversationId"]), may_go_on=lambda: True)
        elif queue == "media":
            self.fetcher.fetch(self.tenant, UUID(said["attachmentId"]))
        else:
            self.pusher.push(self.tenant, Chunk(said.get("after") or "", said.get("upTo")))

    def die(self, queue: str, place: int) -> None:
        waiting = self.pipes[queue].waiting
        if waiting:
            self.graves[queue].dead.append(waiting.pop(place % len(waiting)))

    def redrive(self, queue: Any, place: int) -> None:
        """One letter, whichever: edited or thrown away where that is its fate."""
        found = self.letters.page(self.admin, queue, None, 100).items
        assert self.letters.page(self.stranger, queue, None, 100).items == []
        if found:
            self._settle(queue, found[place % len(found)])

    def _settle(self, queue: Any, letter: Mapping[str, Any]) -> None:
        id_ = UUID(letter["id"])
        with pytest.raises(NotFound):
            self.letters.redrive(self.stranger, queue, [id_], None, new_id())
        if letter["correlationId"] in self.unwanted:
            self.letters.delete(self.admin, queue, id_, new_id())
        else:
            new = self.edits.get(letter["correlationId"] or "")
            self.letters.redrive(self.admin, queue, [id_], new.decode() if new else None, new_id())

    def turn(self, what: str, queue: Any, place: int) -> None:
        if what == "take":
            self.take(queue, place)
        elif what == "die":
            self.die(queue, place)
        elif what == "drain":
            self.drain()
        elif what == "redrive":
            self.redrive(queue, place)
        elif what == "all":
            self._all(queue)
        else:
            self.pipes[queue].fails_after = place
            with suppress(Unavailable):
                self._all(queue)
            self.pipes[queue].fails_after = None

    def _all(self, queue: Any) -> None:
        """All at once, where none of them is to be edited or thrown away."""
        found = self.letters.page(self.admin, queue, None, 100).items
        if not any(one["correlationId"] in {*self.edits, *self.unwanted} for one in found):
            self.letters.redrive_all(self.admin, queue, new_id())

    def come_through(self) -> None:
        """Everything that is left, in the order in which it lies there."""
        for _ in range(50):
            if any(grave.dead for grave in self.graves.values()):
                self.drain()
            for queue in QUEUES:
                while self.letters.page(self.admin, queue, None, 1).items:
                    self.redrive(queue, 0)
                while self.pipes[queue].waiting:
                    self.take(queue, 0)
            if not any(pipe.waiting for pipe in self.pipes.values()):
                return
        raise AssertionError("it never ends")

    def result(self) -> dict[str, Any]:
        """What is to be the same."""
        with self.given.database.transaction(self.tenant) as tx:
            files = tx.rows(
                "select m.provider_message_id, a.state, a.sha256, a.tries from attachments a"
                " join messages m on m.tenant_id = a.tenant_id and m.id = a.message_id order by 1"
            )
            behind = tx.value(
                "select s.last_seq - greatest(c.sent_seq, c.eval_seq) from streams s"
                " join connections c on c.tenant_id = s.tenant_id and c.id = %(id)s",
                id=self.socket,
            )
        seqs = self.given.wires.seqs(self.socket)
        return {
            **self.given.inbox(self.tenant),
            "files": files,
            "pushed": (behind, seqs == sorted(set(seqs))),
            "left": {queue: len(self.letters.page(self.admin, queue, None, 100).items) for queue in QUEUES},
        }


class Play:
    """Plays a history, with and without what dies in it."""

    def __init__(self, given: SimpleNamespace) -> None:
        self.given = given

    def both(self, history: History, letters_class: type[DeadLetters] = DeadLetters) -> tuple[Any, Any]:
        kept = [message for message in history.messages if message[3] != "deleted"]
        calm = replace(history, messages=tuple((*message[:3], "comes") for message in kept), turns=())
        return self.play(calm, DeadLetters), self.play(history, letters_class)

    def play(self, history: History, letters_class: type[DeadLetters]) -> Any:
        world, meta = World(self.given, letters_class), self.given.meta
        sent: list[str] = []

        def accept(draft: Any) -> Accepted:
            sent.append(draft.text)
            return Accepted(f"wamid.{draft.text}")

        self.given.gateway.script = [accept] * 10
        world.arrive(world.door(meta.body(messages=[meta.text("wamid.first", PHONES[0], "first")])))
        world.come_through()
        pending: list[Callable[[], None]] = []
        kept = 0
        for phone, at, picture, fate in history.messages:
            body = meta.body(messages=[_message(meta, f"wamid.{kept}", phone, at, picture=picture)])
            kept += fate != "deleted"
            webhook = world.door(BROKEN if fate == "edited" else body)
            if fate == "edited":
                world.edits[str(webhook.correlation_id)] = body
            if fate == "deleted":
                webhook = world.door(meta.body(messages=[meta.text("wamid.unwanted", phone, "unwanted", at)]))
                world.unwanted.add(str(webhook.correlation_id))
            comes = fate == "comes"
            pending.append(partial(world.arrive if comes else world.bury, webhook))
        pending += [partial(world.answer, f"answer {n}") for n in range(history.answers)]
        for what, queue, place in history.turns:
            if what == "arrive" and pending:
                pending.pop(0)()
            elif what != "arrive":
                world.turn(what, queue, place)
        for arrive in pending:
            arrive()
        world.come_through()
        return {**world.result(), "sent": sent}


def _message(meta: Any, id_: str, phone: str, at: int, *, picture: bool) -> dict[str, Any]:
    text: dict[str, Any] = meta.text(id_, phone, f"text of {id_}", at)
    if not picture:
        return text
    del text["text"]
    return {**text, "type": "image", "image": {"id": "1", "mime_type": "image/png", "sha256": "", "caption": id_}}


@pytest.fixture
def play(
    database: Database, gateway: Any, bucket: Any, sealer: Any, meta: Any, door: Any, inbox: Any, office: Any,
    wires: Any, make_tenant: Any, make_user: Any, make_integration: Any,
) -> Play:  # fmt: skip
    @contextmanager
    def fetch(source: Mapping[str, Any], account: Any) -> Iterator[Download]:
        yield Download("image/png", len(PNG), iter([PNG]))

    gateway.fetch_media = fetch
    bucket.has = bucket.objects.__contains__
    return Play(SimpleNamespace(**{name: value for name, value in locals().items() if name != "fetch"}))


QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


def test_dead_letters_redriven_in_any_order_amid_live_traffic_give_the_inbox_in_which_none_died(
    play: Play, full_proof: bool
) -> None:
    examples = 1_000 if full_proof else 25

    @settings(max_examples=examples, deadline=None, suppress_health_check=QUIET, print_blob=True, database=None)
    @given(histories())
    def converges(history: History) -> None:
        calm, stormy = play.both(history)
        assert stormy == calm
        assert calm["pushed"] == (0, True)
        assert set(calm["left"].values()) == {0}

    converges()


def test_the_property_fails_on_the_naive_variant(play: Play, naive: Callable[[str], Any]) -> None:
    variant = naive("redriving").NaiveDeadLetters
    quick = settings(
        max_examples=200, deadline=None, suppress_health_check=QUIET, database=None, phases=(Phase.generate,)
    )

    def diverges(history: History) -> bool:
        calm, stormy = play.both(history, variant)
        return bool(calm != stormy)

    counterexample = find(histories(("dies",), DEAD_AND_FAILING), diverges, settings=quick)
    assert any(what == "fail" for what, _, _ in counterexample.turns)
