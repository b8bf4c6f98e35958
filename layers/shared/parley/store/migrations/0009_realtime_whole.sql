-- Realtime, whole: who is here and who was told so, who types, limits by person, large audiences in chunks.

-- When a connection's session ends with the token it was opened with (tickets hand that on), and until when nothing is
-- pushed to one that could not be reached.
alter table tickets add column session_until timestamptz;
alter table connections add column held_until timestamptz;

-- Set by hand; presence is otherwise read from connections.
alter table users add column status text;
alter table users add constraint users_status check (status in ('busy')) not valid;

-- The other functions across tenants ask whose rights changed.
call open_to_definer('users');

-- A tenant's push is one lease; a chunk of a large audience has its own, named by the ids it lies between.
alter table push_leases add column chunk text not null default '';
-- One row a tenant: the index is built in no time, and no rule is lost meanwhile.
-- squawk-ignore ban-drop-constraint
alter table push_leases drop constraint push_leases_pkey;
-- squawk-ignore constraint-missing-not-valid, adding-serial-primary-key-field
alter table push_leases add constraint push_leases_pkey primary key (tenant_id, chunk);

-- What was last told of each person, and when the last of their connections went.
create unlogged table presences (
  tenant_id uuid not null,
  user_id uuid not null,
  state text not null check (state in ('online', 'away', 'busy')),
  viewing text[] not null default '{}',
  left_at timestamptz,
  constraint presences_pkey primary key (tenant_id, user_id),
  constraint presences_user foreign key (tenant_id, user_id) references users (tenant_id, id)
);
call protect_tenant_table('presences');

-- due_at: somebody will look then whether presence changed, so that others need not ask.
create unlogged table presence_turns (
  tenant_id uuid not null references tenants (id),
  due_at timestamptz,
  constraint presence_turns_pkey primary key (tenant_id)
);
call protect_tenant_table('presence_turns');
call open_to_definer('presence_turns');

-- Who was last said to be typing. actor: `user:`, `contact:` or `bot:` and an id.
create unlogged table typists (
  tenant_id uuid not null references tenants (id),
  conversation_id uuid not null,
  actor text not null,
  told_at timestamptz not null,
  constraint typists_pkey primary key (tenant_id, conversation_id, actor)
);
call protect_tenant_table('typists');
call open_to_definer('typists', true);

-- tat: the "theoretical arrival time" of the generic cell rate algorithm, as in `pacing`. subject: what is limited, and
-- whose.
create unlogged table rate_limits (
  tenant_id uuid not null references tenants (id),
  subject text not null,
  tat timestamptz not null,
  constraint rate_limits_pkey primary key (tenant_id, subject)
);
call protect_tenant_table('rate_limits');
call open_to_definer('rate_limits', true);

-- Tenants whose listeners lag behind the log, or have a connection whose time or right is over: pushing sees to both.
create or replace function find_lagging_tenants(older_than interval) returns table (tenant_id uuid)
language sql stable security definer set search_path = public, pg_temp
as $$
  select distinct c.tenant_id from connections c
  join users u on u.tenant_id = c.tenant_id and u.id = c.user_id
  where c.state = 'active' and (
    c.expires_at < now() or u.disabled_at is not null or u.rights_version <> c.rights_version
    or (coalesce(c.held_until, '-infinity') < now() and (
      exists (
        select from events e
        where e.tenant_id = c.tenant_id and e.seq is null and e.occurred_at < now() - older_than)
      or exists (
        select from events e
        where e.tenant_id = c.tenant_id and e.seq > greatest(c.sent_seq, c.eval_seq)
          and e.occurred_at < now() - older_than))))
$$;

-- Connections that have been silent for too long; one whose time is over hears so from the next push.
create or replace function find_silent_connections(silent_for interval) returns table (tenant_id uuid, id text)
language sql stable security definer set search_path = public, pg_temp
as $$ select c.tenant_id, c.id from connections c where c.seen_at < now() - silent_for $$;

-- Tenants in which somebody should have looked by now whether presence changed.
create function find_presence_due(older_than interval) returns table (tenant_id uuid)
language sql stable security definer set search_path = public, pg_temp
as $$ select t.tenant_id from presence_turns t where t.due_at < now() - older_than $$;

-- How many sockets are open, of all tenants.
create function count_open_connections() returns bigint
language sql stable security definer set search_path = public, pg_temp
as $$ select count(*) from connections $$;

-- What was said, limited or leased long ago is of no consequence any more.
create function forget_signals() returns void
language sql security definer set search_path = public, pg_temp
as $$
  delete from typists where told_at < now() - interval '1 minute';
  delete from rate_limits where tat < now() - interval '1 minute';
  delete from push_leases where chunk <> '' and lease_until < now() - interval '1 minute';
$$;
grant delete on push_leases to parley_definer;

grant create on schema public to parley_definer;
alter function find_presence_due(interval) owner to parley_definer;
alter function count_open_connections() owner to parley_definer;
alter function forget_signals() owner to parley_definer;
revoke create on schema public from parley_definer;
revoke all on function find_presence_due(interval) from public;
revoke all on function count_open_connections() from public;
revoke all on function forget_signals() from public;
grant execute on function find_presence_due(interval) to parley_runtime;
grant execute on function count_open_connections() to parley_runtime;
grant execute on function forget_signals() to parley_runtime;
