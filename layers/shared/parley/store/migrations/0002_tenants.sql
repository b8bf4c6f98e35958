-- Companies, their people, their accounts on the gateways and their keys.

create table tenants (
  id uuid not null,
  name text not null check (name <> ''),
  settings jsonb not null default '{}',
  created_at timestamptz not null default now(),
  constraint tenants_pkey primary key (id)
);
call protect_tenant_table('tenants', 'id');

create table users (
  tenant_id uuid not null references tenants (id),
  id uuid not null,
  issuer text not null,
  subject text not null,
  name text not null,
  email text,
  role text not null check (role in ('owner', 'admin', 'agent')),
  rights_version int not null default 0,
  disabled_at timestamptz,
  created_at timestamptz not null default now(),
  constraint users_pkey primary key (tenant_id, id),
  constraint users_subject unique (tenant_id, issuer, subject)
);
call protect_tenant_table('users');

-- credentials: sealed by cloud/sealing.py; never readable here.
create table integrations (
  tenant_id uuid not null references tenants (id),
  id uuid not null,
  provider text not null,
  channel text not null,
  name text not null,
  account_id text not null,
  phone text,
  state text not null default 'connected' check (state in ('connected', 'disconnected', 'paused')),
  settings jsonb not null default '{}',
  credentials bytea not null,
  token_generation int not null default 1,
  version int not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint integrations_pkey primary key (tenant_id, id),
  constraint integrations_account unique (tenant_id, provider, account_id)
);
create index integrations_by_id on integrations (id);
call protect_tenant_table('integrations');
call open_to_definer('integrations');

-- secret_hash: SHA-256 of the secret part; the key itself is shown once and never stored.
create table api_keys (
  tenant_id uuid not null references tenants (id),
  id uuid not null,
  name text not null,
  secret_hash bytea not null,
  scopes text[] not null,
  expires_at timestamptz,
  revoked_at timestamptz,
  created_at timestamptz not null default now(),
  constraint api_keys_pkey primary key (tenant_id, id)
);
call protect_tenant_table('api_keys');

-- Which integration is this? Asked before the tenant is known, by the id in a webhook's URL.
create function find_integrations(wanted uuid[]) returns setof integrations
language sql stable security definer set search_path = public, pg_temp
as $$ select i.* from integrations i where i.id = any (wanted) $$;
revoke all on function find_integrations(uuid[]) from public;
grant execute on function find_integrations(uuid[]) to parley_runtime;
