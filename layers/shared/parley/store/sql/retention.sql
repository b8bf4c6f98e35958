-- name: drop_expired_partitions
-- Partitions that are past every tenant's term.
select drop_expired_partitions(%(ledger)s, %(attempts)s, %(at_most)s) as dropped

-- name: find_expired
-- Tenants with something that is past their own term.
select tenant_id, what, days from find_expired(%(events)s, %(ledger)s, %(attempts)s, %(at_most)s)

-- name: delete_events
-- The lowest of the log, up to the first that is young enough: what is left has no hole.
with lowest as (
  select seq, occurred_at from events
  where tenant_id = %(tenant_id)s and seq is not null order by seq limit %(at_most)s
), spent as (
  select max(l.seq) as up_to from lowest l
  where l.seq < coalesce((
    select min(k.seq) from lowest k where k.occurred_at >= now() - make_interval(days => %(days)s)), l.seq + 1)
)
delete from events e using spent s where e.tenant_id = %(tenant_id)s and e.seq <= s.up_to

-- name: delete_ledger
-- The oldest rows of the ledger, and where the bodies of large ones are.
with oldest as (
  select day, id from ledger
  where tenant_id = %(tenant_id)s and day < (now() at time zone 'UTC')::date - %(days)s::int
  order by day limit %(at_most)s
)
delete from ledger l using oldest o
where l.tenant_id = %(tenant_id)s and l.day = o.day and l.id = o.id
returning l.pointer

-- name: delete_attempts
-- The oldest attempts; their ids are in the order of time.
with oldest as (
  select id, claimed_at from attempts where tenant_id = %(tenant_id)s order by id limit %(at_most)s
)
delete from attempts a using oldest o
where a.tenant_id = %(tenant_id)s and a.id = o.id and a.claimed_at = o.claimed_at
  and o.claimed_at < now() - make_interval(days => %(days)s)
