"""A big inbox, written at the speed of the disk: one company with almost all of it, a middling one and a small one of
ten thousand messages beside it, all in the same tables. The one rule: what is written is what the product itself would
have written, row for row (its triggers' work is done by their own functions), only not one message at a time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import psycopg

from bench.vocabulary import FIRST_NAMES, LAST_NAMES, vocabulary

if TYPE_CHECKING:
    from bench.bed import Bed
    from bench.company import Company

SMALL: Final = 10_000
YEARS: Final = 3
PIECE: Final = 250_000
EACH: Final = 40
"""Messages a conversation has in the middle; the first few have thousands."""
WORDS: Final = 40_000
LARGEST: Final = ("messages", "message_words", "events")
FILLED: Final = (*LARGEST, "conversations", "contacts", "contact_aliases", "contact_words")
# Only while it is filled; what is measured runs with the server's own settings.
FAST: Final = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "maintenance_work_mem": "1500MB",
    "max_wal_size": "3GB",
    "checkpoint_timeout": "30min",
}
SPOKEN = """
create unlogged table bench_words as
select w.n::int as n, w.word from unnest(%(words)s::text[]) with ordinality as w(word, n);
"""
# Rank r is said in proportion to 1/r. A fifth of what is said is short, as in a chat. Sentences are said more than
# once, as by people, and so stemmed once; one in seven messages has a number or an address of its own behind it.
SENTENCES = """
insert into bench_texts (n, body, words)
select t.n, t.body, search_words(t.body) from (
  select p.n, string_agg(w.word, ' ' order by p.place) as body from (
    select n, place, floor(power(%(words)s, random()))::int as rank
    from generate_series(%(first)s::int, %(last)s::int) n,
      generate_series(1, case when n %% 5 = 0 then 2 else 4 + n %% 13 end) place
  ) p join bench_words w on w.n = p.rank
  group by p.n
) t
"""
CONTACTS = (
    """
    insert into contacts (tenant_id, id, name, name_at, attributes, created_at)
    select %(tenant_id)s, uuidv7(make_interval(secs => (n - %(many)s)::float8 * %(seconds)s / %(many)s)),
      (%(first_names)s::text[])[1 + floor(power(random(), 2) * %(firsts)s)::int] || ' '
        || (%(last_names)s::text[])[1 + floor(power(random(), 2) * %(lasts)s)::int],
      now(), case when n %% 7 = 0 then jsonb_build_object('plan', 'ouro', 'code', n) else '{}' end, now()
    from generate_series(1, %(many)s) n
    """,
    """
    insert into contact_aliases (tenant_id, scope, kind, value, address, contact_id)
    select %(tenant_id)s, '00000000-0000-0000-0000-000000000000', 'phone', t.phone, t.phone, t.id from (
      select id, '55' || (11 + n %% 80) || '9' || lpad(((n * 7919) %% 100000000)::text, 8, '0') as phone
      from (select id, row_number() over (order by id) as n from contacts where tenant_id = %(tenant_id)s) p
    ) t on conflict do nothing
    """,
    """
    insert into conversations (tenant_id, id, integration_id, contact_id, status, assignee_id)
    select %(tenant_id)s, uuidv7(id_time - now()), (%(lines)s::uuid[])[1 + n %% 2], id,
      case when n %% 4 = 0 then 'open' else 'resolved' end,
      case when n %% 500 = 0 then %(agent)s::uuid end
    from (
      select id, uuid_extract_timestamp(id) as id_time, row_number() over (order by id) as n
      from contacts where tenant_id = %(tenant_id)s
    ) p
    """,
    """
    create unlogged table bench_threads as
    select (row_number() over (order by md5(id::text)))::int as n, id, integration_id, contact_id, 0::bigint as told
    from conversations where tenant_id = %(tenant_id)s
    """,
    "create unique index on bench_threads (n)",
    "analyze bench_threads",
)
# Who writes much writes very much: the first conversations are hundreds of times as long as the others.
MESSAGES = """
with drawn as materialized (
  select n, (n - %(messages)s)::float8 * %(seconds)s / %(messages)s as ago,
    1 + floor(power(random(), 1.5) * %(threads)s)::int as thread,
    1 + floor(random() * %(sentences)s)::int as sentence,
    case when random() < 0.15 then (array[
      'pedido ' || (1000000 + n), 'R$ ' || (n %% 9000) || ',90', 'https://loja.example/p/' || n,
      '+55 11 9' || (1000 + n %% 8999) || '-' || (1000 + n %% 7919)])[1 + n %% 4] end as tail,
    case when n %% 20 = 0 then 'internal' when n %% 20 < 8 then 'outgoing' else 'incoming' end as direction
  from generate_series(%(first)s::int, %(last)s::int) n
), told as materialized (
  select d.*, t.id as thread_id, t.integration_id, t.contact_id, uuidv7(make_interval(secs => d.ago)) as id,
    t.told + row_number() over (partition by d.thread order by d.n) as number,
    now() + make_interval(secs => d.ago) as at, concat_ws(' ', s.body, d.tail) as body,
    case when d.tail is null then s.words end as words
  from drawn d join bench_threads t on t.n = d.thread join bench_texts s on s.n = d.sentence
  order by d.n
), kept as (
  insert into messages (
    tenant_id, id, integration_id, conversation_id, number, direction, kind, body, provider_message_id, occurred_at,
    status, sender_kind, sender_id, created_at, updated_at)
  select %(tenant_id)s, id, integration_id, thread_id, number, direction, 'text', body,
    case when direction <> 'internal' then 'wamid.' || n || '.' || left(thread_id::text, 8) end, at,
    case direction when 'incoming' then 'received' when 'internal' then 'sent' else 'read' end,
    case direction when 'incoming' then 'contact' else 'user' end,
    case direction when 'incoming' then contact_id else %(agent)s::uuid end, at, at
  from told
), found as (
  insert into message_words (tenant_id, message_id, conversation_id, integration_id, occurred_at, words)
  select %(tenant_id)s, id, thread_id, integration_id, at, coalesce(words, search_words(body)) from told
), counted as (
  update bench_threads t set told = c.last from (select thread, max(number) as last from told group by thread) c
  where t.n = c.thread
)
insert into events (tenant_id, seq, id, type, conversation_id, message_id, topics, occurred_at)
select %(tenant_id)s, n, uuidv7(make_interval(secs => ago)), 'message.new', thread_id, id,
  array['tenant', 'conversation:' || thread_id], at
from told
"""
# When the indexes are there again.
SUMMARIES = (
    """
    update conversations c set last_message_id = m.id, last_message_at = m.occurred_at,
      last_message_key = coalesce(m.provider_message_id, ''), last_number = m.number,
      unread_count = case when c.status = 'open' then 2 else 0 end
    from conversations o cross join lateral (
      select id, occurred_at, provider_message_id, number from messages
      where tenant_id = o.tenant_id and conversation_id = o.id order by occurred_at desc limit 1
    ) m
    where c.tenant_id = o.tenant_id and c.id = o.id
    """,
    """
    insert into conversation_counts (tenant_id, integration_id, assignee_id, open, unread)
    select tenant_id, integration_id, assignee_id, count(*), count(*) from conversations
    where status = 'open' group by tenant_id, integration_id, assignee_id
    """,
    """
    update streams s set last_seq = e.last from (
      select tenant_id, max(seq) as last from events group by tenant_id
    ) e where e.tenant_id = s.tenant_id
    """,
)


@dataclass(frozen=True, slots=True)
class Volume:
    """What was written: the company with `many` messages, and the one with ten thousand."""

    many: int
    big: Company
    small: Company


def fill(bed: Bed, many: int) -> Volume:
    """Write it."""
    volume = Volume(many, bed.company("big"), bed.company("small"))
    began = time.monotonic()
    with _in_haste(bed) as admin:
        _sentences(bed, admin, max(2_000, min(many // 10, 400_000)))
        for company, messages in ((volume.small, SMALL), (bed.company("middle"), many // 50), (volume.big, many)):
            _company(bed, admin, company, messages)
        admin.execute("drop table bench_words, bench_texts")
        _rebuild(bed, admin)
        bed.say("what conversations say of their messages …")
        for statement in SUMMARIES:
            admin.execute(statement.encode())
    bed.say("vacuum, analyze …")
    with bed.administrator() as admin:
        admin.execute(f"vacuum (analyze) {', '.join(FILLED)}".encode())
        admin.execute("checkpoint")
        size = admin.execute("select pg_size_pretty(pg_database_size(current_database()))").fetchone()
    bed.say(f"{many} messages written in {time.monotonic() - began:.0f} s, {size[0] if size else '?'}")
    return volume


@contextmanager
def _in_haste(bed: Bed) -> Iterator[psycopg.Connection[Any]]:
    """A connection that fires no triggers, on a server that flushes nothing and keeps no index of what is filled."""
    with bed.administrator() as admin:
        for name, value in FAST.items():
            admin.execute(f"alter system set {name} = '{value}'".encode())
        admin.execute("select pg_reload_conf()")
        admin.execute("set session_replication_role = replica")
        admin.execute("set max_parallel_maintenance_workers = 0")
        admin.execute("set work_mem = '256MB'")
        try:
            _forget_indexes(admin)
            yield admin
        finally:
            for name in FAST:
                admin.execute(f"alter system reset {name}".encode())
            admin.execute("select pg_reload_conf()")


def _sentences(bed: Bed, admin: psycopg.Connection[Any], many: int) -> None:
    words = vocabulary(WORDS)
    admin.execute(SPOKEN.encode(), {"words": words})
    admin.execute("create unique index on bench_words (n)")
    admin.execute("create unlogged table bench_texts (n int, body text, words tsvector)")
    for first, last in _pieces(bed, "sentences", many, 50_000):
        admin.execute(SENTENCES.encode(), {"first": first, "last": last, "words": len(words)})
    admin.execute("create unique index on bench_texts (n)")
    admin.execute("analyze bench_words, bench_texts")


def _company(bed: Bed, admin: psycopg.Connection[Any], company: Company, messages: int) -> None:
    threads = max(1, messages // EACH)
    given: dict[str, Any] = {
        "tenant_id": company.id,
        "lines": [company.integration_id, company.another_line()],
        "agent": company.agent().id,
        "many": threads,
        "threads": threads,
        "messages": messages,
        "seconds": YEARS * 365 * 86400,
        "first_names": list(FIRST_NAMES),
        "last_names": list(LAST_NAMES),
        "firsts": len(FIRST_NAMES),
        "lasts": len(LAST_NAMES),
    }
    sentences = admin.execute("select count(*) from bench_texts").fetchone()
    for statement in CONTACTS:
        admin.execute(statement.encode(), given if "%" in statement else None)
    for first, last in _pieces(bed, "messages", messages, PIECE):
        size = {"first": first, "last": last, "sentences": sentences[0] if sentences else 0}
        admin.execute(MESSAGES.encode(), {**given, **size})
    admin.execute("drop table bench_threads")
    _contact_words(bed, admin, company.id, threads)


def _contact_words(bed: Bed, admin: psycopg.Connection[Any], tenant_id: UUID, many: int) -> None:
    found = admin.execute("select id from contacts where tenant_id = %s order by id", [tenant_id]).fetchall()
    ids = [row[0] for row in found]
    for first, last in _pieces(bed, "contacts", many, 20_000):
        admin.execute("select write_contact_words(%s, %s)", [tenant_id, ids[first - 1 : last]])


def _forget_indexes(admin: psycopg.Connection[Any]) -> None:
    """Let writing pass the indexes of the largest tables by; sorted and built at once they take a tenth of the time."""
    admin.execute(
        "update pg_index set indisready = false, indisvalid = false where indrelid = any (%s::regclass[])",
        [list(LARGEST)],
    )


def _rebuild(bed: Bed, admin: psycopg.Connection[Any]) -> None:
    found = admin.execute(
        "select indexrelid::regclass::text from pg_index where not indisvalid order by indrelid, indexrelid"
    ).fetchall()
    for (name,) in found:
        began = time.monotonic()
        admin.execute(f"reindex index {name}".encode())
        bed.say(f"index {name}: {time.monotonic() - began:.0f} s")


def _pieces(bed: Bed, what: str, many: int, size: int) -> Iterator[tuple[int, int]]:
    """The bounds of pieces of a number, telling how far it got after each."""
    began = time.monotonic()
    for first in range(1, many + 1, size):
        last = min(first + size - 1, many)
        yield first, last
        spent = time.monotonic() - began
        if many > size:
            bed.say(f"{what}: {last} of {many}, {spent:.0f} s, {spent / last * (many - last):.0f} s to go")
