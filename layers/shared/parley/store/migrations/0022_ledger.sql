-- The ledger, to search and to replay from.

-- generation: of the URL's token; null in rows from before this migration. believed: its signature was checked, so that a
-- replay need not check it again.
alter table ledger add column generation int;
alter table ledger add column believed boolean not null default false;

-- A partitioned table takes no index concurrently; each partition holds one day.
-- squawk-ignore require-concurrent-index-creation
create index ledger_by_time on ledger (tenant_id, received_at desc, id desc);
-- squawk-ignore require-concurrent-index-creation
create index ledger_by_integration on ledger (tenant_id, integration_id, received_at desc, id desc);
-- Reasons are few among many rows: whoever looks for a text asks which reasons hold it first (found_reasons). They are cut
-- at 500 characters when they are written; longer ones of earlier versions would not fit into an index.
-- squawk-ignore require-concurrent-index-creation
create index ledger_by_reason on ledger (tenant_id, reason, received_at desc, id desc) where length(reason) <= 500;

-- Whether a row stays as it is, whatever another try says: what was taken in once stays so, and a gateway's repetition
-- that is not believed says nothing against what waits to be replayed.
create function ledger_stays(was text, becomes text, repeated boolean) returns boolean
language sql immutable parallel safe
  return (was in ('processed', 'ignored') and becomes in ('parked', 'rejected'))
    or (was = 'parked' and becomes = 'rejected' and repeated);

-- The transaction's tenant's reasons that hold a text: from one reason to the next along the index, so that the cost is
-- that of the different reasons, not of the rows.
create function found_reasons(wanted text) returns setof text
language sql stable set search_path = public, pg_temp
as $$
  with recursive reasons as (
    (select l.reason from ledger l
     where l.tenant_id = current_tenant() and length(l.reason) <= 500 order by l.reason limit 1)
    union all
    select (
      select l.reason from ledger l
      where l.tenant_id = current_tenant() and length(l.reason) <= 500 and l.reason > r.reason order by l.reason limit 1)
    from reasons r where r.reason is not null
  )
  select r.reason from reasons r where strpos(lower(r.reason), lower(wanted)) > 0
$$;

-- A request to replay: which rows (`asked`, those received before `until`), how far it has come (`after_*`), who looks
-- after it until when, and how the rows ended. due_at: when somebody should look again at the latest.
create table replays (
  tenant_id uuid not null references tenants (id),
  id uuid not null,
  state text not null default 'running' check (state in ('running', 'done', 'cancelled')),
  asked jsonb not null,
  until timestamptz not null,
  after_received_at timestamptz not null default '1970-01-01 00:00:00+00',
  after_id uuid not null default '00000000-0000-0000-0000-000000000000',
  total bigint not null,
  processed bigint not null default 0,
  ignored bigint not null default 0,
  rejected bigint not null default 0,
  parked bigint not null default 0,
  gone bigint not null default 0,
  failures int not null default 0,
  lease_id uuid,
  lease_until timestamptz,
  due_at timestamptz not null default now(),
  actor_kind text not null,
  actor_id uuid,
  actor_name text,
  correlation_id uuid,
  created_at timestamptz not null default now(),
  finished_at timestamptz,
  constraint replays_pkey primary key (tenant_id, id)
);
create index replays_running on replays (due_at) where state = 'running';
create index replays_finished on replays (finished_at) where state <> 'running';
call protect_tenant_table('replays');
call open_to_definer('replays', true);

-- The rows a replay has come to. state: how the row ended this time; null as long as nobody knows; `gone`: the ledger no
-- longer had it.
create table replay_rows (
  tenant_id uuid not null,
  replay_id uuid not null,
  received_at timestamptz not null,
  ledger_id uuid not null,
  day date not null,
  integration_id uuid not null,
  state text check (state in ('processed', 'ignored', 'rejected', 'parked', 'gone')),
  reason text,
  replayed_at timestamptz,
  constraint replay_rows_pkey primary key (tenant_id, replay_id, received_at, ledger_id),
  constraint replay_rows_replay foreign key (tenant_id, replay_id) references replays (tenant_id, id)
);
create index replay_rows_waiting on replay_rows (tenant_id, replay_id, received_at, ledger_id) where state is null;
call protect_tenant_table('replay_rows');
call open_to_definer('replay_rows', true);

-- Replays that somebody should have gone on with.
create function find_stalled_replays(overdue interval, at_most int) returns table (tenant_id uuid, id uuid)
language sql stable security definer set search_path = public, pg_temp
as $$
  select r.tenant_id, r.id from replays r
  where r.state = 'running' and r.due_at < now() - overdue and coalesce(r.lease_until, '-infinity') < now()
  order by r.due_at limit at_most
$$;

-- Drops a bounded number of rows of replays that ended so long ago, and then the replays; answers how many.
create function forget_replays(older_than interval, at_most int) returns bigint
language sql security definer set search_path = public, pg_temp
as $$
  with old as (
    select r.tenant_id, r.id from replays r
    where r.state <> 'running' and r.finished_at < now() - older_than order by r.finished_at limit at_most
  ), spent as (
    delete from replay_rows d using (
      select w.tenant_id, w.replay_id, w.received_at, w.ledger_id
      from old join replay_rows w on w.tenant_id = old.tenant_id and w.replay_id = old.id limit at_most) s
    where d.tenant_id = s.tenant_id and d.replay_id = s.replay_id and d.received_at = s.received_at
      and d.ledger_id = s.ledger_id
    returning 1
  ), ended as (
    delete from replays r using old
    where r.tenant_id = old.tenant_id and r.id = old.id and not exists (
      select from replay_rows w where w.tenant_id = old.tenant_id and w.replay_id = old.id)
    returning 1
  )
  select (select count(*) from spent) + (select count(*) from ended)
$$;

-- A stray is the operator's: only the migration role lists strays and gives one back (returned_at), and only what was
-- given back is seen by the functions, who put it on the queue again.
alter table strays add column generation int not null default 0;
alter table strays add column returned_at timestamptz;
-- Strays are few.
-- squawk-ignore require-concurrent-index-creation
create index strays_returned on strays (returned_at) where returned_at is not null;
grant update, delete on strays to parley_definer;

-- One that could not be placed again is a stray as before.
create function record_stray(
  id uuid, provider text, integration_id text, body_hash bytea, headers jsonb, body bytea, pointer text, reason text,
  correlation_id uuid, received_at timestamptz, generation int
) returns void language sql security definer set search_path = public, pg_temp
as $$
  insert into strays (
    id, provider, integration_id, body_hash, headers, body, pointer, reason, correlation_id, received_at, generation)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
  on conflict on constraint strays_pkey do update
  set reason = excluded.reason, body = excluded.body, pointer = excluded.pointer, returned_at = null
$$;

create function list_strays(after_at timestamptz, after_id uuid, at_most int) returns table (
  id uuid, provider text, integration_id text, body_hash bytea, reason text, correlation_id uuid, received_at timestamptz,
  bytes bigint, returned_at timestamptz)
language sql stable security definer set search_path = public, pg_temp
as $$
  select s.id, s.provider, s.integration_id, s.body_hash, s.reason, s.correlation_id, s.received_at,
    octet_length(s.body)::bigint, s.returned_at
  from strays s where (s.received_at, s.id) > (after_at, after_id)
  order by s.received_at, s.id limit at_most
$$;

-- Gives strays back: all of webhooks, or one. What is no webhook (a dead letter of nobody) stays.
create function return_strays(wanted uuid) returns bigint
language sql security definer set search_path = public, pg_temp
as $$
  with given as (
    update strays s set returned_at = now()
    where (wanted is null or s.id = wanted) and s.provider <> 'none' and s.returned_at is null
    returning 1)
  select count(*) from given
$$;

create function returned_strays(at_most int) returns setof strays
language sql stable security definer set search_path = public, pg_temp
as $$ select s.* from strays s where s.returned_at is not null order by s.returned_at, s.id limit at_most $$;

-- The queue has it; unless it came back as a stray meanwhile.
create function forget_stray(taken uuid) returns void
language sql security definer set search_path = public, pg_temp
as $$ delete from strays s where s.id = taken and s.returned_at is not null $$;

grant create on schema public to parley_definer;
alter function find_stalled_replays(interval, int) owner to parley_definer;
alter function forget_replays(interval, int) owner to parley_definer;
alter function record_stray(uuid, text, text, bytea, jsonb, bytea, text, text, uuid, timestamptz, int)
  owner to parley_definer;
alter function list_strays(timestamptz, uuid, int) owner to parley_definer;
alter function return_strays(uuid) owner to parley_definer;
alter function returned_strays(int) owner to parley_definer;
alter function forget_stray(uuid) owner to parley_definer;
revoke create on schema public from parley_definer;
revoke all on function find_stalled_replays(interval, int) from public;
revoke all on function forget_replays(interval, int) from public;
revoke all on function record_stray(uuid, text, text, bytea, jsonb, bytea, text, text, uuid, timestamptz, int) from public;
revoke all on function list_strays(timestamptz, uuid, int) from public;
revoke all on function return_strays(uuid) from public;
revoke all on function returned_strays(int) from public;
revoke all on function forget_stray(uuid) from public;
grant execute on function find_stalled_replays(interval, int) to parley_runtime;
grant execute on function forget_replays(interval, int) to parley_runtime;
grant execute on function record_stray(uuid, text, text, bytea, jsonb, bytea, text, text, uuid, timestamptz, int)
  to parley_runtime;
grant execute on function returned_strays(int) to parley_runtime;
grant execute on function forget_stray(uuid) to parley_runtime;
-- The role that migrates is the operator's.
grant execute on function list_strays(timestamptz, uuid, int) to current_user;
grant execute on function return_strays(uuid) to current_user;
