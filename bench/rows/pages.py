"""The inbox's first page, a thread's page and the events after a cursor, at 10 thousand messages, beside a primary-key
read through the same connection and the same tenant's transaction. (At 10 million, and so whether it is flat, is left
to the load tests: filling a database takes longer than this whole benchmark.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bench.bed import Bed
from bench.company import Company
from bench.measure import Row, interleave, median, ms, timed
from parley.domain.principal import Principal
from parley.services import catch_up
from parley.services.read_inbox import ConversationFilter, Inbox

TITLE = "pages at 10 thousand messages, beside a primary-key read"
CONVERSATIONS, MESSAGES_EACH = 500, 20
PAGE = 50
POLLED = 10
"""What a client that polls every three seconds finds in a busy company."""
FILL = (
    """
    insert into contacts (tenant_id, id, name, name_at)
    select %(tenant_id)s, gen_random_uuid(), 'Customer ' || n, now() from generate_series(1, %(conversations)s) n
    """,
    """
    insert into conversations (tenant_id, id, integration_id, contact_id, last_number)
    select %(tenant_id)s, gen_random_uuid(), %(integration_id)s, id, %(each)s from contacts
    where tenant_id = %(tenant_id)s
    """,
    """
    insert into messages (
      tenant_id, id, integration_id, conversation_id, number, direction, kind, body, provider_message_id, occurred_at,
      status, sender_kind, sender_id)
    select %(tenant_id)s, gen_random_uuid(), %(integration_id)s, c.id, n, 'incoming', 'text',
      'Is the blue one still there?', 'wamid.' || c.id || '.' || n, now() - make_interval(secs => random() * 86400),
      'received', 'contact', c.contact_id
    from conversations c, generate_series(1, %(each)s) n where c.tenant_id = %(tenant_id)s
    """,
    """
    update conversations c set last_message_id = m.id, last_message_at = m.occurred_at,
      last_message_key = m.provider_message_id, unread_count = %(each)s
    from (
      select distinct on (conversation_id) * from messages where tenant_id = %(tenant_id)s
      order by conversation_id, occurred_at desc
    ) m
    where c.tenant_id = %(tenant_id)s and c.id = m.conversation_id
    """,
    """
    insert into events (tenant_id, id, type, conversation_id, message_id, topics)
    select tenant_id, gen_random_uuid(), 'message.new', conversation_id, id,
      array['tenant', 'conversation:' || conversation_id]
    from messages where tenant_id = %(tenant_id)s order by occurred_at
    """,
)
PRIMARY_KEY = "select * from messages where tenant_id = %(tenant_id)s and id = %(id)s"


def rows(bed: Bed) -> Iterator[Row]:
    """Measure."""
    company = bed.company("pages")
    agent = company.agent()
    bed.say(f"filling {CONVERSATIONS * MESSAGES_EACH} messages …")
    _fill(bed, company)
    bed.analyze()
    near, far = (_cursor(bed, agent, back) for back in (POLLED, PAGE))
    bed.analyze()  # again: until now no event had a number
    inbox = Inbox(bed.database)
    first = inbox.conversations(agent, ConversationFilter(status="open"), None, PAGE).items[0]["id"]
    message = inbox.thread(agent, first, None, 1).items[0]["id"]

    def by_primary_key() -> None:
        with bed.database.transaction(company.id) as tx:
            assert tx.row(PRIMARY_KEY, id=message)

    pieces: dict[str, tuple[int, Callable[[], object]]] = {
        "inbox page": (PAGE, lambda: inbox.conversations(agent, ConversationFilter(status="open"), None, PAGE).items),
        "message page": (MESSAGES_EACH, lambda: inbox.thread(agent, first, None, PAGE).items),
        "events after a cursor": (POLLED, lambda: catch_up.events_after(bed.database, agent, near, 100)["data"]),
        "events after a far cursor": (PAGE, lambda: catch_up.events_after(bed.database, agent, far, 100)["data"]),
    }
    for name, (expected, work) in pieces.items():
        found_items = work()
        assert isinstance(found_items, list)
        assert len(found_items) == expected, f"{len(found_items)} items in {name}"
        found = interleave({"ours": timed(work, 5), "key": timed(by_primary_key, 5)}, bed.size(40, 12))
        ours, key = median(found["ours"]), median(found["key"])
        note = f"{expected} items, to the answer's JSON values; 10 million messages: not measured here"
        title = f"{name}, 10 thousand messages"
        yield Row(title, ms(ours), f"primary-key read {ms(key)}", ours / key, "×", 5, 3, note=note)


def _fill(bed: Bed, company: Company) -> None:
    given = {"tenant_id": company.id, "integration_id": company.integration_id}
    size = {"conversations": CONVERSATIONS, "each": MESSAGES_EACH}
    with bed.administrator() as admin:
        # Foreign keys are triggers: these rows are known to be right.
        admin.execute("set session_replication_role = replica")
        for statement in FILL:
            admin.execute(statement.encode(), {**given, **size})


def _cursor(bed: Bed, agent: Principal, back: int) -> str:
    """A cursor so many events behind the head."""
    head: str = catch_up.events_after(bed.database, agent, None)["cursor"]
    epoch, _, seq = head.rpartition(":")
    return f"{epoch}:{int(seq) - back}"
