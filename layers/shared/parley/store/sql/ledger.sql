-- name: record
-- One row a webhook and day. A repetition raises the counter, unless it is the same one processed again (the queue gave
-- it twice, or it was replayed); how it ended this time is told unless the row stays as it is, and ids add up.
insert into ledger as l (
  tenant_id, day, id, integration_id, provider, body_hash, headers, body, pointer, state, reason, message_ids,
  contact_ids, correlation_id, received_at, generation, believed
)
select
  %(tenant_id)s, (w.received_at at time zone 'UTC')::date, w.id, w.integration_id, w.provider, decode(w.hash, 'hex'),
  w.headers, decode(w.body, 'base64'), w.pointer, w.state, w.reason, w.message_ids, w.contact_ids, w.correlation_id,
  w.received_at, w.generation, w.believed
from jsonb_to_recordset(%(entries)s) as w(
  id uuid, integration_id uuid, provider text, hash text, headers jsonb, body text, pointer text, state text,
  reason text, message_ids uuid[], contact_ids uuid[], correlation_id uuid, received_at timestamptz, generation int,
  believed boolean
)
order by w.received_at::date, w.integration_id, w.hash
on conflict on constraint ledger_body do update
set (state, reason, processed_at) = (
    select k.state, k.reason, k.processed_at
    from (values
      (l.state, l.reason, l.processed_at,
       ledger_stays(l.state, excluded.state, excluded.correlation_id <> l.correlation_id)),
      (excluded.state, excluded.reason, now(),
       not ledger_stays(l.state, excluded.state, excluded.correlation_id <> l.correlation_id))
    ) as k(state, reason, processed_at, is_so)
    where k.is_so),
  repetitions = l.repetitions + (excluded.correlation_id <> l.correlation_id)::int,
  message_ids = l.message_ids || array(select id from unnest(excluded.message_ids) id where id <> all (l.message_ids)),
  contact_ids = l.contact_ids || array(select id from unnest(excluded.contact_ids) id where id <> all (l.contact_ids)),
  headers = case when excluded.believed and not l.believed then excluded.headers else l.headers end,
  generation = case when excluded.believed and not l.believed then excluded.generation else l.generation end,
  believed = l.believed or excluded.believed

-- name: record_dead
-- A webhook that died before it was processed: searchable from now on. A row that is there tells how another try ended.
insert into ledger (
  tenant_id, day, id, integration_id, provider, body_hash, headers, body, pointer, state, reason, correlation_id,
  received_at, generation, believed
)
select
  %(tenant_id)s, (w.received_at at time zone 'UTC')::date, w.id, w.integration_id, w.provider, decode(w.hash, 'hex'),
  w.headers, decode(w.body, 'base64'), w.pointer, w.state, w.reason, w.correlation_id, w.received_at, w.generation,
  w.believed
from jsonb_to_recordset(%(entries)s) as w(
  id uuid, integration_id uuid, provider text, hash text, headers jsonb, body text, pointer text, state text,
  reason text, correlation_id uuid, received_at timestamptz, generation int, believed boolean
)
on conflict on constraint ledger_body do nothing

-- name: record_stray
-- A webhook that names no tenant.
select record_stray(
  %(id)s, %(provider)s, %(integration_id)s, %(hash)s, %(headers)s, %(body)s, %(pointer)s, %(reason)s,
  %(correlation_id)s, %(received_at)s, %(generation)s
)

-- name: page
-- Rows by receipt time, the newest first. `found`: the reasons that hold the text, where one was asked for. The days only
-- spare the partitions that cannot hold any.
select l.id, l.integration_id, l.provider, l.state, l.reason, l.body_hash, l.repetitions, l.message_ids, l.contact_ids,
  l.correlation_id, l.received_at, l.processed_at
from ledger l
where l.tenant_id = %(tenant_id)s
  and (%(state)s::text is null or l.state = %(state)s)
  and (%(integration_id)s::uuid is null or l.integration_id = %(integration_id)s)
  and (%(since)s::timestamptz is null
    or (l.received_at >= %(since)s and l.day >= (%(since)s::timestamptz at time zone 'UTC')::date))
  and (%(until)s::timestamptz is null
    or (l.received_at < %(until)s and l.day <= (%(until)s::timestamptz at time zone 'UTC')::date))
  and (%(found)s::text[] is null or (l.reason = any (%(found)s) and length(l.reason) <= 500))
  and (%(correlation_id)s::uuid is null or l.correlation_id = %(correlation_id)s)
  and (%(before)s::timestamptz is null
    or ((l.received_at, l.id) < (%(before)s, %(before_id)s::uuid)
      and l.day <= (%(before)s::timestamptz at time zone 'UTC')::date))
order by l.received_at desc, l.id desc
limit %(limit)s

-- name: found_reasons
-- The reasons that hold a text.
select found_reasons(%(text)s) as reason

-- name: one
-- A row with headers and body. Its id says when it was made, and that was at most so long after it was received: each
-- day's partition is asked by its key.
select l.id, l.integration_id, l.provider, l.state, l.reason, l.body_hash, l.repetitions, l.message_ids, l.contact_ids,
  l.correlation_id, l.received_at, l.processed_at, l.headers, l.body, l.pointer, l.day
from ledger l
where l.tenant_id = %(tenant_id)s and l.id = %(id)s and l.day = any (%(days)s)

-- name: returned_strays
-- Strays that the operator gave back.
select id, provider, integration_id, body_hash, headers, body, pointer, correlation_id, received_at, generation
from returned_strays(%(at_most)s)

-- name: forget_stray
-- The queue has it.
select forget_stray(%(id)s)
