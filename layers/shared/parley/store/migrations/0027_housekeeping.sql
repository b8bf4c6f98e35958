-- How each of the housekeeper's steps went the last time. It belongs to the deployment, not to a tenant, so it is reached
-- through functions only. A row without `ended_at` is a step that is under way, or that ended its run.
create table housekeeping (
  step text not null,
  started_at timestamptz not null default now(),
  ended_at timestamptz,
  last_ok_at timestamptz,
  found bigint not null default 0,
  ms bigint not null default 0,
  error text,
  constraint housekeeping_pkey primary key (step)
);
alter table housekeeping enable row level security;
alter table housekeeping force row level security;
create policy operator on housekeeping using (false) with check (false);
call open_to_definer('housekeeping', true);

create function begin_housekeeping(begun text) returns void
language sql security definer set search_path = public, pg_temp
as $$
  insert into housekeeping as h (step) values (begun)
  on conflict on constraint housekeeping_pkey do update set started_at = now(), ended_at = null
$$;

create function end_housekeeping(ended text, found bigint, ms bigint, error text) returns void
language sql security definer set search_path = public, pg_temp
as $$
  update housekeeping h set ended_at = now(), found = $2, ms = $3, error = $4,
    last_ok_at = case when $4 is null then now() else h.last_ok_at end
  where h.step = ended
$$;

create function read_housekeeping() returns setof housekeeping
language sql stable security definer set search_path = public, pg_temp
as $$ select h.* from housekeeping h order by h.started_at, h.step $$;

grant create on schema public to parley_definer;
alter function begin_housekeeping(text) owner to parley_definer;
alter function end_housekeeping(text, bigint, bigint, text) owner to parley_definer;
alter function read_housekeeping() owner to parley_definer;
revoke create on schema public from parley_definer;
revoke all on function begin_housekeeping(text) from public;
revoke all on function end_housekeeping(text, bigint, bigint, text) from public;
revoke all on function read_housekeeping() from public;
grant execute on function begin_housekeeping(text) to parley_runtime;
grant execute on function end_housekeeping(text, bigint, bigint, text) to parley_runtime;
grant execute on function read_housekeeping() to parley_runtime;

-- ── Sends of which nobody knows whether they left ───────────────────────────────────────────────────────────────────────

-- What the timeline then says. The check is made good in 0028, beside the traffic.
-- The one below allows more, and takes its place in the same transaction.
-- squawk-ignore ban-drop-constraint
alter table timeline drop constraint timeline_kind_check;
alter table timeline add constraint timeline_kind_check
  check (kind in ('status', 'assigned', 'labels', 'priority', 'send_unknown')) not valid;

-- Those that have been so for a while and that nobody was told of: error is set once somebody was.
create function find_unsaid_unknowns(older_than interval, at_most int) returns table (tenant_id uuid, message_id uuid)
language sql stable security definer set search_path = public, pg_temp
as $$
  select m.tenant_id, m.id from messages m
  where m.status = 'unknown' and m.error is null and m.updated_at < now() - older_than
  order by m.updated_at limit at_most
$$;

-- How many conversations have a send that nobody looks after, at most so many.
create function count_stuck_sends(older_than interval, at_most int) returns bigint
language sql stable security definer set search_path = public, pg_temp
as $$ select count(*) from find_stuck_sends(older_than, at_most) $$;

-- ── Partitions ──────────────────────────────────────────────────────────────────────────────────────────────────────────

-- Makes one partition. Rows of its days that landed in the default partition, because this one was missing, move into it:
-- Postgres makes no partition as long as the default one holds rows of it. Forced row-level security hides those rows
-- even from the owner, so it is not forced while they move; nobody else sees the table meanwhile.
create or replace function make_partition(parent regclass, name text, first_day date, next_day date) returns void
language plpgsql set search_path = public, pg_temp as $$
declare
  leftover text := parent::text || '_default';
  key text := pg_get_partkeydef(parent);
  columns text;
begin
  if to_regclass(name) is not null then return; end if;
  begin
    execute format('create table %I partition of %s for values from (%L) to (%L)', name, parent, first_day, next_day);
  exception when check_violation then
    key := substring(key from '\((.*)\)');
    select string_agg(quote_ident(attname), ', ' order by attnum) into columns
    from pg_attribute where attrelid = parent and attnum > 0 and not attisdropped and attgenerated = '';
    execute format('lock table %s in access exclusive mode', parent);
    execute format('alter table %I no force row level security', leftover);
    execute format('create table %I (like %s including all)', name, parent);
    execute format(
      'with moved as (delete from only %1$I where %2$I >= %3$L and %2$I < %4$L returning %5$s)'
      ' insert into %6$I (%5$s) select %5$s from moved', leftover, key, first_day, next_day, columns, name);
    execute format('alter table %s attach partition %I for values from (%L) to (%L)', parent, name, first_day, next_day);
    execute format('alter table %I force row level security', leftover);
  end;
  execute format('alter table %I enable row level security', name);
  execute format('alter table %I force row level security', name);
end $$;

-- The days of the ledger and the months of attempts that have no partition, from a day on.
create function missing_partitions(first_day date, days int) returns table (parent text, first_missing date)
language sql stable security definer set search_path = public, pg_temp
as $$
  select 'ledger', d::date from generate_series(first_day::timestamp, first_day + days, interval '1 day') d
  where to_regclass('ledger_' || to_char(d, 'YYYYMMDD')) is null
  union all
  select 'attempts', m::date
  from generate_series(date_trunc('month', first_day), first_day + days, interval '1 month') m
  where to_regclass('attempts_' || to_char(m, 'YYYYMM')) is null
  order by 1 desc, 2
$$;

-- The days of rows in a default partition, which nobody but its owner can see, and only while they are not hidden from
-- their owner. Asked only where the statistics know of rows.
create function leftover_days(leftover regclass, key text) returns setof date
language plpgsql set search_path = public, pg_temp as $$
begin
  if pg_stat_get_live_tuples(leftover) > 0 then
    execute format('alter table %s no force row level security', leftover);
    return query execute format('select distinct %I::date from only %s limit 31', key, leftover);
    execute format('alter table %s force row level security', leftover);
  end if;
end $$;

-- Makes what is missing from yesterday to so many days ahead, and for rows in a default partition; answers how many.
create function make_due_partitions(days int) returns int
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  today date := (now() at time zone 'UTC')::date;
  due date;
  made int := 0;
begin
  perform pg_advisory_xact_lock(hashtext('parley.partitions'));
  -- Whoever is in the way is not waited for, nor anybody held up behind this: there is a week of time.
  perform set_config('lock_timeout', '500ms', true);
  for due in
    select m.first_missing from missing_partitions(today - 1, days + 1) m
    union select leftover_days('ledger_default', 'day')
    union select leftover_days('attempts_default', 'claimed_at')
    order by 1
  loop
    perform make_partitions(due);
    made := made + 1;
  end loop;
  return made;
end $$;

-- Drops partitions that end before a day, the oldest first, so many at most; answers how many. Whoever is in the way is
-- not waited for: the next minute comes.
create function drop_partitions(parent regclass, before_day date, at_most int) returns int
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  old text;
  dropped int := 0;
begin
  perform pg_advisory_xact_lock(hashtext('parley.partitions'));
  perform set_config('lock_timeout', '500ms', true);
  for old in
    select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = parent
      and substring(pg_get_expr(c.relpartbound, c.oid) from 'TO \(''([^'']+)''\)')::timestamptz <= before_day
    order by c.relname limit at_most
  loop
    execute format('drop table %I', old);
    dropped := dropped + 1;
  end loop;
  return dropped;
end $$;
revoke all on function missing_partitions(date, int) from public;
revoke all on function drop_partitions(regclass, date, int) from public;
grant execute on function missing_partitions(date, int) to parley_runtime;

-- ── Retention ───────────────────────────────────────────────────────────────────────────────────────────────────────────

-- For how many days a tenant keeps something: as it has chosen, else as is usual.
create function term_of(settings jsonb, of_what text, usual int) returns int
language sql immutable parallel safe
as $$
  select case when jsonb_typeof(settings -> 'retention' -> of_what) = 'number'
    then greatest(1, (settings -> 'retention' ->> of_what)::numeric::int) else usual end
$$;

-- The longest term that any tenant has.
create function longest_term(of_what text, usual int) returns int
language sql stable security definer set search_path = public, pg_temp
as $$ select greatest(2, usual, max(term_of(t.settings, of_what, usual))) from tenants t $$;

-- Drops what is older than the longest term any tenant has, of these two tables only.
create function drop_expired_partitions(usual_ledger int, usual_attempts int, at_most int) returns int
language sql security definer set search_path = public, pg_temp
as $$
  select drop_partitions('ledger', (now() at time zone 'UTC')::date - longest_term('ledger', usual_ledger), at_most)
    + drop_partitions('attempts', (now() at time zone 'UTC')::date - longest_term('attempts', usual_attempts), at_most)
$$;

-- Tenants who have something past its term: events, which no partition takes away, and rows of the ledger and of attempts
-- where others keep theirs for longer. Only each tenant's oldest row is looked at.
create function find_expired(usual_events int, usual_ledger int, usual_attempts int, at_most int)
returns table (tenant_id uuid, what text, days int)
language sql stable security definer set search_path = public, pg_temp
as $$
  with terms as materialized (
    select t.id, term_of(t.settings, 'events', usual_events) as events, term_of(t.settings, 'ledger', usual_ledger) as ledger,
      term_of(t.settings, 'attempts', usual_attempts) as attempts,
      max(term_of(t.settings, 'ledger', usual_ledger)) over () as longest_ledger,
      max(term_of(t.settings, 'attempts', usual_attempts)) over () as longest_attempts
    from tenants t
  )
  select t.id, 'events', t.events from terms t
  cross join lateral (select e.occurred_at from events e where e.tenant_id = t.id order by e.ordinal limit 1) o
  where o.occurred_at < now() - make_interval(days => t.events)
  union all
  select t.id, 'ledger', t.ledger from terms t
  where t.ledger < greatest(usual_ledger, t.longest_ledger) and exists (
    select from ledger l where l.tenant_id = t.id and l.day < (now() at time zone 'UTC')::date - t.ledger)
  union all
  select t.id, 'attempts', t.attempts from terms t
  cross join lateral (select a.claimed_at from attempts a where a.tenant_id = t.id order by a.id limit 1) o
  where t.attempts < greatest(usual_attempts, t.longest_attempts)
    and o.claimed_at < now() - make_interval(days => t.attempts)
  limit at_most
$$;

grant create on schema public to parley_definer;
alter function find_unsaid_unknowns(interval, int) owner to parley_definer;
alter function count_stuck_sends(interval, int) owner to parley_definer;
alter function longest_term(text, int) owner to parley_definer;
alter function find_expired(int, int, int, int) owner to parley_definer;
revoke create on schema public from parley_definer;
revoke all on function find_unsaid_unknowns(interval, int) from public;
revoke all on function count_stuck_sends(interval, int) from public;
revoke all on function longest_term(text, int) from public;
revoke all on function drop_expired_partitions(int, int, int) from public;
revoke all on function find_expired(int, int, int, int) from public;
revoke all on function leftover_days(regclass, text) from public;
revoke all on function make_due_partitions(int) from public;
grant execute on function find_unsaid_unknowns(interval, int) to parley_runtime;
grant execute on function count_stuck_sends(interval, int) to parley_runtime;
grant execute on function drop_expired_partitions(int, int, int) to parley_runtime;
grant execute on function find_expired(int, int, int, int) to parley_runtime;
grant execute on function make_due_partitions(int) to parley_runtime;
