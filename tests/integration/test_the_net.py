"""The net, step by step: what each step finds is found by no other one, so whoever takes a step out of the list sees a
test fail.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from parley.domain.events import NewEvent
from parley.domain.metrics import Metric, unmeasured
from parley.domain.outgoing import Uncertain
from parley.services.accept import SPOOL
from parley.services.housekeep import Housekeeper, Step
from parley.services.sweep import Reach, net
from parley.store.database import Database
from parley.store.event_log import append_events
from parley.store.ids import new_id

TODAY = datetime.now(UTC).date()
InThreads = Callable[[Sequence[Callable[[], object]]], list[Any]]
CONNECT = """
insert into connections (tenant_id, id, user_id, state, seen_at, expires_at)
values (%(tenant_id)s, %(id)s, %(user)s, 'active', now() - make_interval(secs => %(quiet)s), now() + interval '1 hour')
"""


@dataclass
class House:
    """A company in which something was lost, and what the net did about it."""

    desk: Any
    inbound: Any
    outbound: Any
    media: Any
    bucket: Any
    own: Callable[[str], Any]
    door: Any
    meta: Any
    woken: list[UUID] = field(default_factory=list)
    announced: list[UUID] = field(default_factory=list)
    distributed: list[bool] = field(default_factory=list)
    measured: list[str] = field(default_factory=list)

    @property
    def database(self) -> Database:
        database: Database = self.desk.database
        return database

    def steps(self) -> list[Step]:
        def measure(metric: Metric, *_values: float) -> None:
            self.measured.append(metric)

        def distribute() -> int:
            self.distributed.append(True)
            return 0

        return net(
            Reach(
                database=self.database,
                inbound=self.inbound,
                outbound=self.outbound,
                media=self.media,
                bucket=self.bucket,
                wake=self.woken.append,
                silent_for=timedelta(seconds=75),
                stuck_for=timedelta(seconds=30),
                announce=self.announced.append,
                distribute=distribute,
                meter=measure,
            )
        )

    def sweep(self, without: str | None = None) -> None:
        steps = [step for step in self.steps() if step.name != without]
        assert Housekeeper(self.database, unmeasured, steps).sweep().failed == {}

    def do(self, query: str, **parameters: Any) -> None:
        with self.database.transaction(self.desk.agent.tenant_id) as tx:
            tx.execute(query, **parameters)

    def count(self, table: str, where: str = "true") -> int:
        with self.database.transaction(self.desk.agent.tenant_id) as tx:
            return int(tx.value(f"select count(*) from {table} where {where}"))

    def connect(self, quiet: int) -> None:
        self.do(CONNECT, id=str(uuid4()), user=self.desk.agent.id, quiet=quiet)

    def age_messages(self) -> None:
        self.do(
            "update messages m set created_at = m.created_at - o.hour, updated_at = m.updated_at - o.hour,"
            " lease_until = m.lease_until - o.hour, not_before = m.not_before - o.hour"
            " from (select interval '1 hour' as hour) o where m.direction = 'outgoing'"
        )


@pytest.fixture
def house(desk: Any, queue: Any, bucket: Any, owner_url: str, door: Any, meta: Any) -> Any:
    inbound, outbound, media = (type(queue)() for _ in range(3))
    with psycopg.connect(owner_url, autocommit=True) as connection:
        house = House(desk, inbound, outbound, media, bucket, connection.execute, door, meta)
        house.sweep()
        for made in (house.woken, house.announced, house.distributed, house.measured):
            made.clear()
        yield house


# What was lost, and whether somebody found it: by the name of the step.


def lose_a_partition(house: House) -> None:
    house.own(f"drop table ledger_{TODAY + timedelta(days=2):%Y%m%d}")


def a_partition_is_back(house: House) -> bool:
    found = house.own(f"select to_regclass('ledger_{TODAY + timedelta(days=2):%Y%m%d}') is not null").fetchone()
    return bool(found[0])


def lose_a_hint(house: House) -> None:
    house.desk.send("its hint was lost")
    house.age_messages()


def kill_a_sender(house: House) -> None:
    house.desk.send("its sender died")
    house.do("update messages set status = 'sending', lease_until = now(), attempt_id = id where status = 'queued'")
    house.age_messages()


def a_hint_went_out(house: House) -> bool:
    return str(house.desk.conversation_id) in [json.loads(body)["conversationId"] for body, _, _ in house.outbound.sent]


def lose_an_outcome(house: House) -> None:
    house.desk.gateway.script.append(Uncertain("no answer"))
    house.desk.send("who knows")
    house.desk.deliver()
    house.age_messages()


def people_were_told(house: House) -> bool:
    return house.count("timeline", "kind = 'send_unknown'") == 1


def spool_a_webhook(house: House) -> None:
    webhook = house.door(house.meta.body(messages=[house.meta.text("wamid.1", "5511987654321", "?")]))
    house.bucket.put(f"{SPOOL}1.json", webhook.encode().encode())


def the_spool_is_empty(house: House) -> bool:
    return not house.bucket.objects and len(house.inbound.sent) == 1


def leave_a_ghost(house: House) -> None:
    house.connect(quiet=100)


def the_ghost_is_gone(house: House) -> bool:
    return house.count("connections") == 0 and house.announced == [house.desk.agent.tenant_id]


def fall_behind(house: House) -> None:
    house.connect(quiet=0)
    with house.database.transaction(house.desk.agent.tenant_id) as tx:
        append_events(tx, [NewEvent("contact.updated", ("tenant",))])
    house.do("update events set occurred_at = now() - interval '10 seconds'")


def a_push_was_asked_for(house: House) -> bool:
    return house.desk.agent.tenant_id in house.woken


def lose_a_look(house: House) -> None:
    house.do("insert into presence_turns (tenant_id, due_at) values (%(tenant_id)s, now() - interval '1 minute')")


def somebody_looked(house: House) -> bool:
    return house.announced == [house.desk.agent.tenant_id]


def lose_a_file(house: House) -> None:
    house.do(
        "insert into attachments (tenant_id, id, message_id, integration_id, kind, state, due_at)"
        " select tenant_id, %(id)s, id, integration_id, 'image', 'pending', now() - interval '1 hour'"
        " from messages limit 1",
        id=new_id(),
    )


def a_file_was_hinted_at(house: House) -> bool:
    return len(house.media.sent) == 1


def upload_in_vain(house: House) -> None:
    house.desk.upload()
    house.do("update attachments set created_at = now() - interval '2 days'")


def the_upload_is_forgotten(house: House) -> bool:
    return house.count("attachments") == 0


def oversleep(house: House) -> None:
    house.do("update conversations set status = 'snoozed', snoozed_until = now() - interval '1 minute'")


def it_is_open_again(house: House) -> bool:
    return house.count("conversations", "status = 'open'") == 1


def schedule_soon(house: House) -> None:
    house.desk.send("for later", scheduled_at=datetime.now(UTC) + timedelta(hours=2))
    house.do("update messages set not_before = now() + interval '5 minutes' where status = 'scheduled'")


def wait_for_somebody(house: House) -> None:
    """The distributor has tests of its own; here it is only asked."""


def people_were_asked(house: House) -> bool:
    return house.distributed == [True]


def stop_half_way_of_a_join(house: House) -> None:
    other, merge, conversation = new_id(), new_id(), house.desk.conversation_id
    house.do("insert into contacts (tenant_id, id) values (%(tenant_id)s, %(id)s)", id=other)
    house.do(
        "insert into conversations (tenant_id, id, integration_id, contact_id, status)"
        " select tenant_id, %(id)s, integration_id, %(id)s, 'open' from conversations where id = %(like)s",
        id=other, like=conversation,
    )  # fmt: skip
    house.do(
        "insert into merges (tenant_id, id, kept_id, merged_id, evidence, moved)"
        " select tenant_id, %(id)s, contact_id, %(other)s, '{}', '{}' from conversations where id = %(like)s",
        id=merge, other=other, like=conversation,
    )  # fmt: skip
    house.do(
        "insert into moves (tenant_id, id, merge_id, from_id, into_id, low, high, shift)"
        " values (%(tenant_id)s, %(id)s, %(id)s, %(from)s, %(into)s, 1, 1, 0)",
        **{"id": merge, "from": conversation, "into": other},
    )


def the_join_is_over(house: House) -> bool:
    return house.count("moves", "done_at is null") == 0


def type_and_fall_silent(house: House) -> None:
    house.do(
        "insert into typists (tenant_id, conversation_id, actor, told_at)"
        " values (%(tenant_id)s, %(id)s, 'user:1', now() - interval '1 hour')",
        id=house.desk.conversation_id,
    )


def nobody_types(house: House) -> bool:
    return house.count("typists") == 0


def keep_an_old_partition(house: House) -> None:
    house.own("select make_partitions('2020-02-03')")


def the_old_partition_is_gone(house: House) -> bool:
    return bool(house.own("select to_regclass('ledger_20200203') is null").fetchone()[0])


def keep_old_events(house: House) -> None:
    house.do("update events set occurred_at = now() - interval '31 days'")


def the_old_events_are_gone(house: House) -> bool:
    return house.count("events", "occurred_at < now() - interval '30 days'") == 0


def count_much(house: House) -> None:
    for _ in range(5):
        house.do("update conversations set unread_count = 1 - least(unread_count, 1)")
    house.written = house.count("conversation_counts")  # type: ignore[attr-defined]


def the_counts_are_few(house: House) -> bool:
    return house.count("conversation_counts") < house.written  # type: ignore[attr-defined,no-any-return]


def have_sockets(house: House) -> None:
    house.connect(quiet=0)


def sockets_were_measured(house: House) -> bool:
    return house.measured == ["realtime.connections"]


LOSSES: list[tuple[str, Callable[[House], None], Callable[[House], bool]]] = [
    ("partitions", lose_a_partition, a_partition_is_back),
    ("stuck_sends", lose_a_hint, a_hint_went_out),
    ("stuck_sends", kill_a_sender, a_hint_went_out),
    ("unknown_sends", lose_an_outcome, people_were_told),
    ("spool", spool_a_webhook, the_spool_is_empty),
    ("silent_connections", leave_a_ghost, the_ghost_is_gone),
    ("lagging_listeners", fall_behind, a_push_was_asked_for),
    ("presence", lose_a_look, somebody_looked),
    ("unfetched_files", lose_a_file, a_file_was_hinted_at),
    ("unused_uploads", upload_in_vain, the_upload_is_forgotten),
    ("snoozes", oversleep, it_is_open_again),
    ("scheduled_messages", schedule_soon, a_hint_went_out),
    ("distribution", wait_for_somebody, people_were_asked),
    ("moved_messages", stop_half_way_of_a_join, the_join_is_over),
    ("spent_signals", type_and_fall_silent, nobody_types),
    ("expired_partitions", keep_an_old_partition, the_old_partition_is_gone),
    ("expired_rows", keep_old_events, the_old_events_are_gone),
    ("counters", count_much, the_counts_are_few),
    ("open_connections", have_sockets, sockets_were_measured),
]


def test_every_step_of_the_net_has_its_loss(house: House) -> None:
    assert [step.name for step in house.steps()] == list(dict.fromkeys(name for name, _, _ in LOSSES))


@pytest.mark.parametrize(("step", "lose", "found"), LOSSES, ids=[lose.__name__ for _, lose, _ in LOSSES])
def test_what_was_lost_is_found_by_its_step_and_by_no_other(
    step: str, lose: Callable[[House], None], found: Callable[[House], bool], house: House
) -> None:
    lose(house)
    house.sweep(without=step)
    assert not found(house)
    house.sweep()
    assert found(house)


@pytest.mark.parametrize(
    ("lose", "found"),
    [(lose, found) for _, lose, found in LOSSES[:15]],
    ids=[lose.__name__ for _, lose, _ in LOSSES[:15]],
)
def test_two_nets_at_once_find_it_and_do_no_harm(
    lose: Callable[[House], None], found: Callable[[House], bool], house: House, in_threads: InThreads
) -> None:
    lose(house)
    in_threads([house.sweep] * 2)
    harmless_twice = {a_hint_went_out, a_file_was_hinted_at, somebody_looked, the_ghost_is_gone, people_were_asked}
    if found in harmless_twice | {the_spool_is_empty}:
        return
    assert found(house)
    before = house.count("events")
    house.sweep()
    assert house.count("events") == before, "there is nothing left to do"


def test_a_full_spool_is_emptied_a_part_at_a_time(house: House) -> None:
    webhook = house.door(house.meta.body(messages=[house.meta.text("wamid.1", "5511987654321", "?")])).encode()
    for n in range(501):
        house.bucket.put(f"{SPOOL}{n:04}.json", webhook.encode())
    house.sweep()
    assert list(house.bucket.objects) == [f"{SPOOL}0500.json"]
    house.sweep()
    assert len(house.inbound.sent) == 501
