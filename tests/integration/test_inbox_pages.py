"""Pages of the inbox while it changes: none of the conversations is left out, and the walk ends."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any
from uuid import UUID

import pytest

from parley.domain.principal import Principal
from parley.services.read_inbox import ConversationFilter, ConversationPosition, Inbox
from parley.store.database import Database
from parley.store.ids import new_id

from .naive.paging import walk_by_offset

InThreads = Callable[[Sequence[Callable[[], object]]], list[Any]]
CONVERSATIONS = 200
LIMIT = 10
WRITERS = 50

INSERT = """
with contact as (insert into contacts (tenant_id, id) values (%(tenant_id)s, %(contact_id)s) returning id)
insert into conversations (tenant_id, id, integration_id, contact_id, last_message_at)
select %(tenant_id)s, %(id)s, %(integration_id)s, contact.id, %(at)s from contact
"""
MOVE = "update conversations set last_message_at = clock_timestamp() where tenant_id = %(tenant_id)s and id = %(id)s"


@pytest.fixture
def ids(database: Database, tenant: UUID, integration: UUID) -> list[UUID]:
    """The conversations of a busy inbox."""
    made = [new_id() for _ in range(CONVERSATIONS)]
    start = datetime.now(UTC) - timedelta(days=1)
    with database.transaction(tenant) as tx:
        for place, id_ in enumerate(random.sample(made, len(made))):
            at = start + timedelta(seconds=place)
            tx.execute(INSERT, id=id_, contact_id=new_id(), integration_id=integration, at=at)
    return made


def walk(database: Database, caller: Principal, sort: str) -> tuple[list[UUID], int]:
    """The ids of the whole inbox page by page, and how many pages that took."""
    inbox, wanted = Inbox(database), ConversationFilter(sort=sort)  # type: ignore[arg-type]
    found: list[UUID] = []
    after: ConversationPosition | None = None
    pages = 0
    while True:
        page = inbox.conversations(caller, wanted, after, LIMIT)
        found += [UUID(view["id"]) for view in page.items]
        pages, after = pages + 1, page.after
        if after is None:
            return found, pages


def while_they_move(database: Database, tenant: UUID, ids: list[UUID], in_threads: InThreads, read: Any) -> Any:
    """Read while fifty writers move conversations to the top; answer what was read."""
    done = Event()
    moved: list[UUID] = []

    def write() -> None:
        while not done.is_set():
            id_ = random.choice(ids)
            with database.transaction(tenant) as tx:
                tx.execute(MOVE, id=id_)
            moved.append(id_)

    def reading() -> Any:
        try:
            return read()
        finally:
            done.set()

    result = in_threads([reading, *[write] * WRITERS])[0]
    assert len(set(moved)) > CONVERSATIONS // 4, "the inbox was busy"
    return result


@pytest.mark.parametrize("sort", ["newest", "oldest"])
def test_a_walk_through_a_busy_inbox_ends_and_leaves_nobody_out(
    database: Database, agent: Principal, tenant: UUID, ids: list[UUID], in_threads: InThreads, sort: str
) -> None:
    found, pages = while_they_move(database, tenant, ids, in_threads, lambda: walk(database, agent, sort))
    assert set(found) == set(ids)
    assert pages <= 2 * CONVERSATIONS // LIMIT + 2, "what moved comes once more, no more"


def test_pages_counted_from_the_top_leave_some_out(
    database: Database, tenant: UUID, ids: list[UUID], in_threads: InThreads
) -> None:
    found = while_they_move(database, tenant, ids, in_threads, lambda: walk_by_offset(database, tenant, LIMIT))
    assert set(found) < set(ids)


@pytest.mark.parametrize("sort", ["newest", "oldest"])
def test_a_quiet_inbox_is_walked_once(database: Database, agent: Principal, ids: list[UUID], sort: str) -> None:
    found, pages = walk(database, agent, sort)
    assert (sorted(found), pages) == (sorted(ids), CONVERSATIONS // LIMIT)


def test_a_move_that_is_under_way_when_the_walk_begins_and_seen_after_it_hides_nothing(
    database: Database, database_url: str, agent: Principal, tenant: UUID, ids: list[UUID]
) -> None:
    inbox, wanted = Inbox(database), ConversationFilter()
    last = walk(database, agent, "newest")[0][-1]
    writer = Database(database_url)
    with writer.transaction(tenant) as tx:
        tx.execute(MOVE, id=last)
        page = inbox.conversations(agent, wanted, None, LIMIT)
    writer.close()
    found = [UUID(view["id"]) for view in page.items]
    while page.after is not None:
        page = inbox.conversations(agent, wanted, page.after, LIMIT)
        found += [UUID(view["id"]) for view in page.items]
    assert (set(found), found[-1]) == (set(ids), last)
