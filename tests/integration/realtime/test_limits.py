"""What a connection may: how long it lives, how much its person may say, and that a right taken away is gone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from parley.domain.metrics import unmeasured
from parley.domain.principal import Principal
from parley.domain.terms import Limits, Terms
from parley.services import tickets
from parley.services.housekeep import Housekeeper
from parley.services.push import Pusher
from parley.services.sweep import Reach, net
from parley.store.database import Database

Make = Callable[..., Any]


@pytest.fixture
def terms() -> Terms:
    """The usual terms."""
    return Terms.sped(1, Limits())


def until(principal: Principal, span: timedelta) -> Principal:
    """Somebody whose token is good for so long."""
    return Principal(
        principal.tenant_id, "user", principal.id, principal.name, principal.role, until=datetime.now(UTC) + span
    )


def seconds_left(frame: dict[str, Any]) -> float:
    return (datetime.fromisoformat(frame["expiresAt"]) - datetime.now(UTC)).total_seconds()


def test_ten_frames_a_second_are_answered_and_more_are_refused(office: Any, agent: Principal) -> None:
    one, other = office.connect(agent), office.connect(agent)
    answers = [office.say(connection, "ping") for connection in [one, other] * 8]

    refused = [answer for answer in answers if answer["type"] == "error"]
    assert [answer["type"] for answer in answers[:10]] == ["pong"] * 10
    assert len(refused) >= 4, "both connections are one person's"
    for error in refused:
        assert (error["id"], error["code"], error["temporary"]) == ("1", "rate_limited", True)
        assert 0 < error["retryAfterMs"] <= 1000


def test_who_was_refused_is_answered_again_in_time(database: Database, office: Any, agent: Principal) -> None:
    connection = office.connect(agent)
    while office.say(connection, "ping")["type"] == "pong":
        pass
    with database.transaction(agent.tenant_id) as tx:
        tx.execute("update rate_limits set tat = tat - interval '200 milliseconds'")
    assert office.say(connection, "ping")["type"] == "pong"


def test_one_persons_flood_is_no_other_ones(office: Any, agent: Principal, make_user: Make) -> None:
    flooding, quiet = office.connect(agent), office.connect(make_user(agent.tenant_id, "Otto"))
    for _ in range(20):
        office.say(flooding, "ping")
    assert office.say(quiet, "ping")["type"] == "pong"


def test_a_session_ends_with_the_token_it_was_opened_with(office: Any, agent: Principal) -> None:
    hello = {"v": 1, "cursor": None, "topics": ["tenant"]}
    short = office.say(office.connect(until(agent, timedelta(minutes=5))), "hello", **hello)
    long = office.say(office.connect(until(agent, timedelta(days=1))), "hello", **hello)

    assert 290 < seconds_left(short) <= 300
    assert 7190 < seconds_left(long) <= 7200


def test_a_ticket_hands_its_tokens_end_on_and_renews_up_to_there(
    database: Database, office: Any, agent: Principal
) -> None:
    def ticket(span: timedelta) -> str:
        issued: str = tickets.issue(database, until(agent, span), "ws://here", timedelta(seconds=30))["data"]["ticket"]
        return issued

    holder = tickets.consume(database, ticket(timedelta(minutes=5)))
    connection = office.connect(holder)
    welcome = office.say(connection, "hello", v=1, cursor=None, topics=[])
    renewed = office.say(connection, "auth", ticket=ticket(timedelta(minutes=30)))

    assert 290 < seconds_left(welcome) <= 300
    assert 1790 < seconds_left(renewed) <= 1800


class Trusting(Pusher):
    """A naive pusher: whoever was let in may stay."""

    def _push_once(self, tenant_id: Any, chunk: Any = None) -> Any:
        with self._database.transaction(tenant_id) as tx:
            # What it asked when they came, it never asks again.
            tx.execute("update users set disabled_at = null, rights_version = 0")
            tx.execute("update connections set expires_at = now() + interval '1 hour'")
        return super()._push_once(tenant_id)


ENDINGS = [
    ("update users set disabled_at = now() where id = %(id)s", "revoked", "never"),
    ("update users set rights_version = rights_version + 1 where id = %(id)s", "rights", "now"),
    ("update connections set expires_at = now() where user_id = %(id)s", "expired", "now"),
]


def sweep(database: Database, bucket: Any, queue: Any, wake: Any) -> None:
    reach = Reach(
        database=database,
        inbound=queue,
        outbound=queue,
        media=queue,
        bucket=bucket,
        wake=wake,
        silent_for=timedelta(seconds=75),
        stuck_for=timedelta(seconds=30),
    )
    Housekeeper(database, unmeasured, net(reach)).sweep()


@pytest.mark.parametrize(("change", "code", "reconnect"), ENDINGS)
def test_a_socket_that_may_not_go_on_is_closed_by_the_next_minute_though_nothing_happens(
    change: str,
    code: str,
    reconnect: str,
    database: Database,
    office: Any,
    agent: Principal,
    wires: Any,
    hints: Any,
    bucket: Any,
    queue: Any,
    make_user: Make,
) -> None:
    ended, stays = office.listen(agent), office.listen(make_user(agent.tenant_id, "Otto"))
    with database.transaction(agent.tenant_id) as tx:
        tx.execute(change, id=agent.id)

    sweep(database, bucket, queue, Pusher(database, wires, hints).wake)

    assert [(f["type"], f["code"], f["reconnect"]) for f in wires.frames[ended]] == [("bye", code, reconnect)]
    assert wires.closed == [ended]
    assert office.say(stays, "ping")["type"] == "pong"


def test_a_pusher_that_asks_nobody_leaves_the_revoked_where_they_are(
    database: Database, office: Any, agent: Principal, wires: Any, hints: Any, bucket: Any, queue: Any, raw: Any
) -> None:
    ended = office.listen(agent)
    with database.transaction(agent.tenant_id) as tx:
        tx.execute(ENDINGS[0][0], id=agent.id)
    raw.write(agent.tenant_id)

    sweep(database, bucket, queue, Trusting(database, wires, hints).wake)

    assert wires.closed == []
    assert wires.seqs(ended) == [1], "they go on hearing what they may not"


def test_a_revoked_person_hears_nothing_that_is_evaluated_after_the_revocation(
    database: Database, office: Any, agent: Principal, wires: Any, pusher: Pusher, raw: Any
) -> None:
    connection = office.listen(agent)
    raw.write(agent.tenant_id)
    pusher.wake(agent.tenant_id)
    with database.transaction(agent.tenant_id) as tx:
        tx.execute(ENDINGS[0][0], id=agent.id)
    raw.write(agent.tenant_id)
    pusher.wake(agent.tenant_id)

    assert wires.seqs(connection) == [1]
    assert wires.frames[connection][-1]["code"] == "revoked"


class Remembering(Pusher):
    """A naive pusher: it remembers who listens to what, since asking costs."""

    remembered: Any = None

    def _push_once(self, tenant_id: Any, chunk: Any = None) -> Any:
        with self._database.transaction(tenant_id) as tx:
            if self.remembered is None:
                type(self).remembered = tx.rows("select connection_id, topic from subscriptions")
            for row in self.remembered:
                tx.execute(
                    "insert into subscriptions values (%(tenant_id)s, %(connection_id)s, %(topic)s)"
                    " on conflict do nothing",
                    **row,
                )
        return super()._push_once(tenant_id)


@pytest.mark.parametrize(("kind", "heard"), [(Pusher, [1]), (Remembering, [1, 2])])
def test_a_subscription_taken_away_is_silent_from_the_next_frame_evaluated(
    kind: type[Pusher],
    heard: list[int],
    database: Database,
    office: Any,
    agent: Principal,
    wires: Any,
    hints: Any,
    raw: Any,
) -> None:
    pusher = kind(database, wires, hints)
    connection = office.listen(agent, topics=["tenant"])
    raw.write(agent.tenant_id)
    pusher.wake(agent.tenant_id)

    assert office.say(connection, "unsubscribe", topics=["tenant"])["type"] == "ok"
    raw.write(agent.tenant_id)
    pusher.wake(agent.tenant_id)

    assert wires.seqs(connection) == heard
