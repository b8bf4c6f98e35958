-- name: count
-- How many rows there are to replay.
select count(*) as rows
from ledger l
where l.tenant_id = %(tenant_id)s
  and (%(state)s::text is null or l.state = %(state)s)
  and (%(integration_id)s::uuid is null or l.integration_id = %(integration_id)s)
  and (%(since)s::timestamptz is null
    or (l.received_at >= %(since)s and l.day >= (%(since)s::timestamptz at time zone 'UTC')::date))
  and l.received_at < coalesce(%(until)s::timestamptz, now())
  and l.day <= (coalesce(%(until)s::timestamptz, now()) at time zone 'UTC')::date
  and (%(found)s::text[] is null or (l.reason = any (%(found)s) and length(l.reason) <= 500))

-- name: insert
-- A replay of what was received before now, or earlier where that was asked.
insert into replays (tenant_id, id, asked, until, total, actor_kind, actor_id, actor_name, correlation_id)
values (%(tenant_id)s, %(id)s, %(asked)s, least(%(until)s::timestamptz, now()), %(total)s, %(actor_kind)s, %(actor_id)s,
  %(actor_name)s, %(correlation_id)s)

-- name: one
-- A replay.
select id, state, asked, until, total, processed, ignored, rejected, parked, gone, failures, actor_kind, actor_id,
  actor_name, correlation_id, created_at, finished_at
from replays where tenant_id = %(tenant_id)s and id = %(id)s

-- name: page
-- Replays, the newest first.
select id, state, asked, until, total, processed, ignored, rejected, parked, gone, failures, actor_kind, actor_id,
  actor_name, correlation_id, created_at, finished_at
from replays
where tenant_id = %(tenant_id)s and (%(before)s::uuid is null or id < %(before)s)
order by id desc limit %(limit)s

-- name: rows
-- The rows a replay came to, in the order in which it took them.
select ledger_id, integration_id, received_at, state, reason, replayed_at
from replay_rows
where tenant_id = %(tenant_id)s and replay_id = %(id)s
  and (%(after)s::timestamptz is null or (received_at, ledger_id) > (%(after)s, %(after_id)s::uuid))
order by received_at, ledger_id limit %(limit)s

-- name: cancel
-- No further page; the one that somebody has is finished.
update replays set state = 'cancelled', finished_at = now()
where tenant_id = %(tenant_id)s and id = %(id)s and state = 'running'

-- name: lease
-- Take a replay, unless somebody has it or it is too early.
update replays
set lease_id = %(lease_id)s, lease_until = now() + %(lease)s, due_at = now() + %(lease)s
where tenant_id = %(tenant_id)s and id = %(id)s and state = 'running'
  and coalesce(lease_until, '-infinity') <= now() and due_at <= now()
returning asked, until, after_received_at, after_id, failures

-- name: waiting
-- Rows that were taken and of which nobody knows how they ended.
select received_at, ledger_id, day
from replay_rows
where tenant_id = %(tenant_id)s and replay_id = %(id)s and state is null
order by received_at, ledger_id limit %(limit)s

-- name: next
-- The next rows in the order of receipt. The days only spare the partitions that cannot hold any.
select l.id as ledger_id, l.day, l.integration_id, l.received_at
from ledger l
where l.tenant_id = %(tenant_id)s
  and (%(state)s::text is null or l.state = %(state)s)
  and (%(integration_id)s::uuid is null or l.integration_id = %(integration_id)s)
  and (%(since)s::timestamptz is null
    or (l.received_at >= %(since)s and l.day >= (%(since)s::timestamptz at time zone 'UTC')::date))
  and l.received_at < %(until)s and l.day <= (%(until)s::timestamptz at time zone 'UTC')::date
  and (%(found)s::text[] is null or (l.reason = any (%(found)s) and length(l.reason) <= 500))
  and (l.received_at, l.id) > (%(after)s, %(after_id)s::uuid)
  and l.day >= (%(after)s::timestamptz at time zone 'UTC')::date
order by l.received_at, l.id
limit %(limit)s

-- name: take
-- These rows are taken, and the replay stands behind the last of them.
with taken as (
  insert into replay_rows (tenant_id, replay_id, received_at, ledger_id, day, integration_id)
  select %(tenant_id)s, %(id)s, w.received_at, w.ledger_id, w.day, w.integration_id
  from jsonb_to_recordset(%(rows)s) as w(received_at timestamptz, ledger_id uuid, day date, integration_id uuid)
  on conflict on constraint replay_rows_pkey do nothing
)
update replays set after_received_at = %(after)s, after_id = %(after_id)s
where tenant_id = %(tenant_id)s and id = %(id)s and lease_id = %(lease_id)s

-- name: webhooks
-- Ledger rows as they are to be processed again. believed is known of rows that have a generation; of older ones, what was
-- taken in, or understood so far that its parser failed, had been believed.
select l.id, l.integration_id, l.provider, l.headers, l.body, l.pointer, l.body_hash, l.received_at, l.correlation_id,
  l.day,
  coalesce(l.generation, case when l.reason like 'old_url%%' then 0 else 2147483647 end) as generation,
  case when l.generation is not null then l.believed
    else l.state in ('processed', 'ignored') or l.reason like 'unknown_account%%'
      or (l.state = 'parked' and l.reason not like '%%sealed for this integration%%')
  end as believed
from jsonb_to_recordset(%(rows)s) as w(ledger_id uuid, day date)
join ledger l on l.tenant_id = %(tenant_id)s and l.day = w.day and l.id = w.ledger_id

-- name: settle
-- How rows ended; one that somebody settled meanwhile stays so, and each counts once.
with ended as (
  update replay_rows r set state = w.state, reason = w.reason, replayed_at = now()
  from jsonb_to_recordset(%(rows)s) as w(received_at timestamptz, ledger_id uuid, state text, reason text)
  where r.tenant_id = %(tenant_id)s and r.replay_id = %(id)s and r.received_at = w.received_at
    and r.ledger_id = w.ledger_id and r.state is null
  returning r.state
)
update replays set
  processed = processed + (select count(*) from ended where ended.state = 'processed'),
  ignored = ignored + (select count(*) from ended where ended.state = 'ignored'),
  rejected = rejected + (select count(*) from ended where ended.state = 'rejected'),
  parked = parked + (select count(*) from ended where ended.state = 'parked'),
  gone = gone + (select count(*) from ended where ended.state = 'gone')
where tenant_id = %(tenant_id)s and id = %(id)s

-- name: release
-- Let go of a replay; it is to be looked at again after a pause.
update replays
set lease_id = null, lease_until = null, failures = %(failures)s, due_at = now() + %(pause)s
where tenant_id = %(tenant_id)s and id = %(id)s and lease_id = %(lease_id)s

-- name: finish
-- There is no further row.
update replays set state = 'done', finished_at = now(), lease_id = null, lease_until = null
where tenant_id = %(tenant_id)s and id = %(id)s and lease_id = %(lease_id)s and state = 'running'

-- name: find_stalled
-- Replays that somebody should have gone on with.
select tenant_id, id from find_stalled_replays(%(overdue)s, %(at_most)s)

-- name: forget
-- Drop replays that ended long ago.
select forget_replays(%(older_than)s, %(at_most)s) as dropped
