"""P2 and P4 as a property: any permutation, repetition and batching of webhooks gives the same inbox. The naive
variant in naive/receiving.py fails it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

from parley.cloud.sealing import Sealer
from parley.domain.outgoing import Accepted
from parley.domain.principal import Principal
from parley.services.deliver import Deliverer
from parley.services.process import Processor
from parley.services.send import SendRequest, send_message
from parley.store.database import Database

# 5531… with and without the ninth digit is one person.
PHONES = ("5511987654321", "553187654321", "5531987654321")
STATUSES = ("sent", "delivered", "read", "failed")
DELIVER = "the gateway's answer to our own send"

messages = st.tuples(
    st.integers(0, 5), st.sampled_from(PHONES), st.integers(0, 4), st.sampled_from((None, "Marta", "Zoe"))
)
statuses = st.tuples(st.integers(0, 1), st.sampled_from(STATUSES), st.integers(0, 9))


@dataclass(frozen=True)
class History:
    """Webhooks, and two ways they may come: each once in order, and `order`: indexes shuffled, repeated and batched."""

    messages: tuple[tuple[int, str, int, str | None], ...]
    statuses: tuple[tuple[int, str, int], ...]
    order: tuple[tuple[int, ...], ...]


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Up to six messages and six statuses; an id is one message, so its sender and time are the first drawn for it."""
    drawn = draw(st.lists(messages, min_size=1, max_size=6, unique_by=lambda m: m[0]))
    told = draw(st.lists(statuses, max_size=6, unique_by=lambda s: (s[0], s[1])))
    count = len(drawn) + len(told) + 1
    indexes = [index for index in range(count) for _ in range(draw(st.integers(1, 3)))]
    shuffled = draw(st.permutations(indexes))
    batches: list[tuple[int, ...]] = []
    while shuffled:
        size = draw(st.integers(1, 4))
        batches.append(tuple(shuffled[:size]))
        shuffled = shuffled[size:]
    return History(tuple(drawn), tuple(told), tuple(batches))


class Bench:
    """Plays a history into a fresh tenant and answers its inbox."""

    def __init__(
        self,
        database: Database,
        gateway: Any,
        sealer: Sealer,
        meta: SimpleNamespace,
        make: SimpleNamespace,
        inbox: Callable[[UUID], dict[str, Any]],
        queue: Any,
        door_class: Any,
    ) -> None:
        self.database, self.gateway, self.sealer, self.meta = database, gateway, sealer, meta
        self.make, self.inbox, self.queue, self.door_class = make, inbox, queue, door_class

    def play(self, history: History, order: tuple[tuple[int, ...], ...], make_processor: Callable[[UUID], Any]) -> Any:
        tenant = self.make.tenant()
        integration = self.make.integration(tenant, account_id=self.meta.account)
        door, processor = self.door_class(integration), make_processor(tenant)
        meta = self.meta
        processor.process([door(meta.body(messages=[meta.text("wamid.first", PHONES[0], "first")]))])
        deliver = self._queue_two(tenant)
        bodies = [
            meta.body(
                messages=[meta.text(f"wamid.{id_}", phone, f"text {id_}", at=at)], names={phone: name} if name else None
            )
            for id_, phone, at, name in history.messages
        ] + [
            meta.body(statuses=[meta.status(f"wamid.out.{which}", status, at=at)])
            for which, status, at in history.statuses
        ]
        for batch in order:
            processor.process([door(bodies[index]) for index in batch if index < len(bodies)])
            if any(index == len(bodies) for index in batch):
                deliver()
        return self.inbox(tenant)

    def _queue_two(self, tenant: UUID) -> Callable[[], object]:
        """Two answers wait to be sent; the gateway will give them known ids."""
        agent: Principal = self.make.user(tenant)
        with self.database.transaction(tenant) as tx:
            conversation_id = tx.value("select id from conversations")
            # The naive variant knows no window.
            tx.execute(
                "update conversations set window_expires_at = now() + interval '1 hour' where window_expires_at is null"
            )
        providers = {"meta": self.gateway}
        for text in ("one", "two"):
            send_message(
                self.database,
                providers,
                agent,
                conversation_id,
                SendRequest("text", text),
                None,
                correlation_id=uuid4(),
            )
        deliverer = Deliverer(
            self.database,
            providers,
            lambda: self.sealer,
            self.queue,
            lambda tenant_id: None,
            lease=self.make.lease,
            backoff=self.make.lease,
        )

        def deliver() -> object:
            self.gateway.script = [Accepted("wamid.out.0"), Accepted("wamid.out.1")]
            return deliverer.deliver(tenant, conversation_id, may_go_on=lambda: True)

        return deliver

    def both(self, history: History, make_processor: Callable[[UUID], Any]) -> tuple[Any, Any]:
        """The inbox with each webhook once and in order, and with the history's own order."""
        count = len(history.messages) + len(history.statuses) + 1
        in_order = tuple((index,) for index in range(count))
        return self.play(history, in_order, make_processor), self.play(history, history.order, make_processor)


@pytest.fixture
def bench(
    database: Database,
    gateway: Any,
    sealer: Sealer,
    meta: SimpleNamespace,
    inbox: Callable[[UUID], dict[str, Any]],
    queue: Any,
    door: Any,
    make_tenant: Callable[..., UUID],
    make_user: Callable[..., Principal],
    make_integration: Callable[..., UUID],
) -> Bench:
    from datetime import timedelta

    make = SimpleNamespace(
        tenant=make_tenant, user=make_user, integration=make_integration, lease=timedelta(seconds=30)
    )
    return Bench(database, gateway, sealer, meta, make, inbox, queue, type(door))


@pytest.fixture
def naive(database: Database, gateway: Any) -> Callable[[UUID], Any]:
    path = Path(__file__).parent / "naive" / "receiving.py"
    spec = importlib.util.spec_from_file_location("naive_receiving", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return lambda tenant_id: module.NaiveProcessor(database, gateway, tenant_id)


QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


def test_any_order_and_repetition_of_webhooks_gives_the_same_inbox(
    bench: Bench, processor: Processor, full_proof: bool
) -> None:
    examples = 2_000 if full_proof else 60

    @settings(max_examples=examples, deadline=None, suppress_health_check=QUIET, print_blob=True, database=None)
    @given(histories())
    def converges(history: History) -> None:
        in_order, shuffled = bench.both(history, lambda tenant_id: processor)
        assert shuffled == in_order

    converges()


def test_the_property_fails_on_the_naive_variant(bench: Bench, naive: Callable[[UUID], Any]) -> None:
    quick = settings(max_examples=200, deadline=None, suppress_health_check=QUIET, database=None)

    def diverges(history: History) -> bool:
        in_order, shuffled = bench.both(history, naive)
        return bool(in_order != shuffled)

    counterexample = find(histories(), diverges, settings=quick)
    assert counterexample.messages
