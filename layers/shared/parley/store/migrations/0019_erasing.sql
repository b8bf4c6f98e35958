-- Erasing: contacts that are to be forgotten, how far that has come, and what keeps them forgotten.

-- Set in the moment from which on nobody finds the contact any more; its row goes with the last of what points to it.
alter table contacts add column erased_at timestamptz;

-- hash: of an address or of a message's id at its gateway, keyed (domain/tombstones.py), so that nobody can tell whose it
-- was. What an address said at or before erased_at is not taken in again, nor is anything about such a message.
create table tombstones (
  tenant_id uuid not null references tenants (id),
  hash bytea not null,
  erased_at timestamptz not null,
  constraint tombstones_pkey primary key (tenant_id, hash)
);
call protect_tenant_table('tombstones');

-- contact_ids: the contact and those that were joined to it. addresses: what finds the person where no id does; empty as
-- soon as all is done. step, place: what is to be done next, and how far that step has come.
create table erasures (
  tenant_id uuid not null references tenants (id),
  id uuid not null,
  contact_id uuid not null,
  contact_ids uuid[] not null,
  addresses jsonb not null,
  hashes bytea[] not null,
  step text not null,
  place jsonb not null default '{}',
  erased_at timestamptz not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  finished_at timestamptz,
  constraint erasures_pkey primary key (tenant_id, id)
);
create index erasures_open on erasures (updated_at) where finished_at is null;
create index erasures_by_contact on erasures using gin (tenant_id, contact_ids);
call protect_tenant_table('erasures');
call open_to_definer('erasures');

-- Objects in the bucket whose rows are gone.
create table erased_objects (
  tenant_id uuid not null,
  erasure_id uuid not null,
  object_key text not null,
  constraint erased_objects_pkey primary key (tenant_id, erasure_id, object_key),
  constraint erased_objects_erasure foreign key (tenant_id, erasure_id) references erasures (tenant_id, id)
);
call protect_tenant_table('erased_objects');

-- Messages that an erasure took, until it has been through the ledger, whose rows name them.
create table erased_messages (
  tenant_id uuid not null,
  erasure_id uuid not null,
  message_id uuid not null,
  constraint erased_messages_pkey primary key (tenant_id, erasure_id, message_id),
  constraint erased_messages_erasure foreign key (tenant_id, erasure_id) references erasures (tenant_id, id)
);
call protect_tenant_table('erased_messages');

-- The attempts of a message, which go with it. A partitioned table takes no index concurrently.
-- squawk-ignore require-concurrent-index-creation
create index attempts_by_message on attempts (tenant_id, message_id);

-- Erasures that are not over, the one that waited longest first.
create function find_erasures(at_most int) returns table (tenant_id uuid, id uuid)
language sql stable security definer set search_path = public, pg_temp
as $$ select e.tenant_id, e.id from erasures e where e.finished_at is null order by e.updated_at limit at_most $$;

grant create on schema public to parley_definer;
alter function find_erasures(int) owner to parley_definer;
revoke create on schema public from parley_definer;
revoke all on function find_erasures(int) from public;
grant execute on function find_erasures(int) to parley_runtime;
