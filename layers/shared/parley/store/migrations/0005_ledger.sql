-- Every webhook answered 200 has a row here in the tenant it names, or is a stray.

-- body: the raw bytes as they came through the queue; pointer: the S3 key instead, for large ones.
create table ledger (
  tenant_id uuid not null references tenants (id),
  day date not null,
  id uuid not null,
  integration_id uuid not null,
  provider text not null,
  body_hash bytea not null,
  headers jsonb not null,
  body bytea,
  pointer text,
  state text not null check (state in ('processed', 'ignored', 'rejected', 'parked')),
  reason text,
  message_ids uuid[] not null default '{}',
  contact_ids uuid[] not null default '{}',
  correlation_id uuid not null,
  repetitions int not null default 0,
  received_at timestamptz not null,
  processed_at timestamptz not null default now(),
  constraint ledger_pkey primary key (tenant_id, day, id),
  constraint ledger_body unique (tenant_id, day, integration_id, body_hash)
) partition by range (day);
create index ledger_by_state on ledger (tenant_id, state, received_at desc);
call protect_tenant_table('ledger');
-- Never reached directly, so it has row-level security and neither policy nor grant.
create table ledger_default partition of ledger default;
alter table ledger_default enable row level security;
alter table ledger_default force row level security;

-- What names no tenant: the operator's alone, so the functions may add but not read.
create table strays (
  id uuid not null,
  provider text not null,
  integration_id text not null,
  body_hash bytea not null,
  headers jsonb not null,
  body bytea,
  pointer text,
  reason text not null,
  correlation_id uuid not null,
  received_at timestamptz not null,
  constraint strays_pkey primary key (id)
);
alter table strays enable row level security;
alter table strays force row level security;
create policy operator on strays using (false) with check (false);
create policy definer on strays to parley_definer using (true) with check (true);
grant select, insert on strays to parley_definer;

create function record_stray(
  id uuid, provider text, integration_id text, body_hash bytea, headers jsonb, body bytea, pointer text, reason text,
  correlation_id uuid, received_at timestamptz
) returns void language sql security definer set search_path = public, pg_temp
as $$ insert into strays values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict on constraint strays_pkey do nothing $$;

create table dead_letters (
  tenant_id uuid not null references tenants (id),
  id uuid not null,
  queue text not null,
  payload jsonb not null,
  error text,
  failure_count int not null default 1,
  correlation_id uuid,
  first_failed_at timestamptz not null,
  created_at timestamptz not null default now(),
  constraint dead_letters_pkey primary key (tenant_id, id)
);
call protect_tenant_table('dead_letters');

-- Makes one partition under row-level security, without a grant: it is reached through its parent only.
create function make_partition(parent regclass, name text, first_day date, next_day date) returns void
language plpgsql set search_path = public, pg_temp as $$
begin
  if to_regclass(name) is null then
    execute format('create table %I partition of %s for values from (%L) to (%L)', name, parent, first_day, next_day);
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
  end if;
end $$;
revoke all on function make_partition(regclass, text, date, date) from public;

-- Makes the partitions for one day of the ledger and one month of attempts. Owned by the migration role, who owns the
-- tables; harmless to repeat.
create function make_partitions(first_day date) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  first_of_month date := date_trunc('month', first_day)::date;
begin
  perform pg_advisory_xact_lock(hashtext('parley.partitions'));
  perform make_partition('ledger', 'ledger_' || to_char(first_day, 'YYYYMMDD'), first_day, first_day + 1);
  perform make_partition('attempts', 'attempts_' || to_char(first_of_month, 'YYYYMM'),
    first_of_month, (first_of_month + interval '1 month')::date);
end $$;
revoke all on function make_partitions(date) from public;
grant execute on function make_partitions(date) to parley_runtime;
