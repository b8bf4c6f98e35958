-- name: take_turn
-- Take the next turn of every limit at once; `wait` is until the latest of them. Each limit lets `burst` turns go at
-- once, then one `every` so long.
with asked as (
  select subject, every, burst
  from jsonb_to_recordset(%(limits)s) as l(subject text, every interval, burst int)
), taken as (
  insert into pacing as p (tenant_id, integration_id, subject, tat)
  select %(tenant_id)s, %(integration_id)s, a.subject, now() + a.every from asked a order by a.subject
  on conflict on constraint pacing_pkey do update set tat = greatest(p.tat, now()) + (excluded.tat - now())
  returning subject, tat
)
select greatest(max(t.tat - a.every * a.burst - now()), interval '0') as wait
from taken t join asked a on a.subject = t.subject

-- name: foresee_turn
-- When a message behind `ahead` others of its conversation could go, if nobody else came.
select greatest(max(greatest(p.tat, now()) + l.every * (%(ahead)s + 1) - l.every * l.burst - now()), interval '0') as wait
from jsonb_to_recordset(%(limits)s) as l(subject text, every interval, burst int)
left join pacing p on p.tenant_id = %(tenant_id)s and p.integration_id = %(integration_id)s and p.subject = l.subject

-- name: day_is_full
-- How long until an account that has spent its day may send again; no row where it may.
select claimed_at + %(day)s - now() as wait
from attempts
where tenant_id = %(tenant_id)s and integration_id = %(integration_id)s and claimed_at > now() - %(day)s
order by claimed_at desc
offset %(per_day)s - 1 limit 1

-- name: lock_day
-- Only one at a time counts an account's day, in a statement younger than this lock.
select pg_advisory_xact_lock(hashtextextended('day:' || %(integration_id)s::text, 0))
