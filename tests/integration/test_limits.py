"""How often callers may ask: counted in one statement, granted at the rate, never twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID, uuid4

import pytest

from parley.domain.errors import RateLimited
from parley.domain.principal import Principal
from parley.services.limit import Limiter, Rates
from parley.store.database import Database

PASS = "update rate_limits set tat = tat - make_interval(secs => %(seconds)s) where tenant_id = %(tenant_id)s"


@pytest.fixture
def key(tenant: UUID) -> Principal:
    return Principal(tenant, "api_key", uuid4(), "Robot")


def granted(limiter: Limiter, caller: Principal, times: int, weight: str = "api") -> int:
    """How many of so many requests are granted."""
    count = 0
    for _ in range(times):
        try:
            limiter.take(caller, weight)  # type: ignore[arg-type]
            count += 1
        except RateLimited:
            pass
    return count


def test_a_minutes_worth_may_come_at_once_and_then_requests_come_at_the_rate(
    database: Database, key: Principal
) -> None:
    limiter = Limiter(database, Rates(key=6))
    first = limiter.take(key, "api")
    assert (first["ratelimit-limit"], first["ratelimit-remaining"]) == ("6", "5")
    assert int(first["ratelimit-reset"]) in (9, 10)
    assert granted(limiter, key, 10) == 5
    with pytest.raises(RateLimited) as refused:
        limiter.take(key, "api")
    assert refused.value.extra["headers"]["ratelimit-remaining"] == "0"
    assert refused.value.extra["retry_after"] in (9, 10)
    with database.transaction(key.tenant_id) as tx:
        tx.execute(PASS, seconds=10)
    assert granted(limiter, key, 3) == 1
    with database.transaction(key.tenant_id) as tx:
        tx.execute(PASS, seconds=3600)
    assert granted(limiter, key, 10) == 6, "who was silent for an hour has no more than a minute's worth"


def test_refused_requests_do_not_put_the_next_grant_off(database: Database, key: Principal) -> None:
    limiter = Limiter(database, Rates(key=6))
    granted(limiter, key, 6)
    granted(limiter, key, 50)
    with database.transaction(key.tenant_id) as tx:
        tx.execute(PASS, seconds=10)
    assert granted(limiter, key, 2) == 1


def test_requests_at_the_same_moment_are_counted_one_after_the_other(
    database: Database, key: Principal, in_threads: Callable[[Sequence[Callable[[], object]]], list[object]]
) -> None:
    limiter = Limiter(database, Rates(key=10))
    assert sum(int(str(one)) for one in in_threads([lambda: granted(limiter, key, 5)] * 6)) == 10


def test_sending_other_keys_other_companies_and_people_have_limits_of_their_own(
    database: Database, key: Principal, agent: Principal, make_tenant: Callable[..., UUID]
) -> None:
    limiter = Limiter(database, Rates(key=3, send=2, person=4))
    assert granted(limiter, key, 9) == 3
    assert granted(limiter, key, 9, "send") == 2
    assert granted(limiter, Principal(key.tenant_id, "api_key", uuid4(), "Other"), 9) == 3
    assert granted(limiter, Principal(make_tenant("Other"), "api_key", key.id, "Same id"), 9) == 3
    assert granted(limiter, Principal(key.tenant_id, "api_key", uuid4(), "Quick", per_minute=5), 9, "send") == 5
    assert granted(limiter, agent, 9) == 4


def test_a_person_without_a_limit_is_not_counted(database: Database, agent: Principal) -> None:
    limiter = Limiter(database, Rates(person=0))
    assert limiter.take(agent, "api") == {}
    with database.transaction(agent.tenant_id) as tx:
        assert tx.rows("select subject from rate_limits") == []
