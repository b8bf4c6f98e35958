-- The event log, numbered by whoever reads first, and the connections it is pushed to.

create table streams (
  tenant_id uuid not null references tenants (id),
  epoch text not null,
  last_seq bigint not null default 0,
  constraint streams_pkey primary key (tenant_id)
);
call protect_tenant_table('streams');

-- Writers insert with seq null; readers number by ordinal (sql/events.sql). delta never holds what a person wrote.
create table events (
  tenant_id uuid not null references tenants (id),
  ordinal bigint generated always as identity,
  seq bigint,
  id uuid not null,
  type text not null,
  conversation_id uuid,
  message_id uuid,
  contact_id uuid,
  topics text[] not null,
  delta jsonb not null default '{}',
  actor jsonb,
  causation_id uuid,
  depth int not null default 0,
  correlation_id uuid,
  occurred_at timestamptz not null default now(),
  constraint events_pkey primary key (tenant_id, ordinal),
  constraint events_seq unique (tenant_id, seq)
);
create index events_unnumbered on events (tenant_id, ordinal) where seq is null;
call protect_tenant_table('events');
call open_to_definer('events');

-- These may vanish with a crash of the server: clients connect again, so a ping need not wait for the disk.
create unlogged table connections (
  tenant_id uuid not null references tenants (id),
  id text not null,
  user_id uuid,
  -- opening: no frame yet; active: hello was said.
  state text not null default 'opening' check (state in ('opening', 'active')),
  -- The end of the last frame posted, and of what was examined since with nothing to tell.
  sent_seq bigint not null default 0,
  eval_seq bigint not null default 0,
  -- Positions worked out before a hello do not count after it.
  hellos int not null default 0,
  rights_version int not null default 0,
  tab text,
  visible boolean not null default true,
  idle_ms bigint not null default 0,
  connected_at timestamptz not null default now(),
  seen_at timestamptz not null default now(),
  expires_at timestamptz not null,
  constraint connections_pkey primary key (tenant_id, id),
  constraint connections_user foreign key (tenant_id, user_id) references users (tenant_id, id)
);
create index connections_by_id on connections (id);
create index connections_by_user on connections (tenant_id, user_id, connected_at);
call protect_tenant_table('connections');
call open_to_definer('connections');

create unlogged table subscriptions (
  tenant_id uuid not null,
  connection_id text not null,
  topic text not null,
  constraint subscriptions_pkey primary key (tenant_id, connection_id, topic),
  constraint subscriptions_connection foreign key (tenant_id, connection_id)
    references connections (tenant_id, id) on delete cascade
);
call protect_tenant_table('subscriptions');

-- wanted: how often the pusher was woken; the holder lets go only if it saw the last of them.
create unlogged table push_leases (
  tenant_id uuid not null references tenants (id),
  wanted bigint not null default 0,
  lease uuid,
  lease_until timestamptz,
  constraint push_leases_pkey primary key (tenant_id)
);
call protect_tenant_table('push_leases');
call open_to_definer('push_leases');

-- hash: SHA-256 of the ticket; used once.
create table tickets (
  tenant_id uuid not null references tenants (id),
  hash bytea not null,
  user_id uuid not null,
  expires_at timestamptz not null,
  constraint tickets_pkey primary key (tenant_id, hash),
  constraint tickets_user foreign key (tenant_id, user_id) references users (tenant_id, id)
);
call protect_tenant_table('tickets');
