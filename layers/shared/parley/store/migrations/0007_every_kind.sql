-- Every kind of message: groups, files, messages of the company's own phone, contents that come late, and people who
-- turn out to be one.

-- A group chat on one integration; address: the gateway's id of it.
create table groups (
  tenant_id uuid not null,
  id uuid not null,
  integration_id uuid not null,
  address text not null,
  name text,
  name_at timestamptz,
  created_at timestamptz not null default now(),
  constraint groups_pkey primary key (tenant_id, id),
  constraint groups_address unique (tenant_id, integration_id, address),
  constraint groups_integration foreign key (tenant_id, integration_id) references integrations (tenant_id, id)
);
call protect_tenant_table('groups');

-- A conversation is a contact's or a group's. merged_into: its messages moved there when two contacts became one.
-- squawk-ignore ban-drop-not-null
alter table conversations alter column contact_id drop not null;
alter table conversations add column group_id uuid;
alter table conversations add column merged_into uuid;
alter table conversations add constraint conversations_group
  foreign key (tenant_id, group_id) references groups (tenant_id, id) not valid;
alter table conversations add constraint conversations_of_one
  check ((contact_id is null) <> (group_id is null)) not valid;
-- Rewrites the table; conversations are few beside messages.
-- squawk-ignore adding-field-with-default
alter table conversations add column owner_id uuid generated always as (coalesce(contact_id, group_id)) stored;

alter table contacts add column merged_into uuid;
alter table contacts add column avatar_at timestamptz;

-- Contacts that were found to be one person: `kept` is the older one. moved: what pointed to `merged`, so that it can
-- be undone.
create table merges (
  tenant_id uuid not null,
  id uuid not null,
  kept_id uuid not null,
  merged_id uuid not null,
  evidence jsonb not null,
  moved jsonb not null,
  created_at timestamptz not null default now(),
  undone_at timestamptz,
  constraint merges_pkey primary key (tenant_id, id),
  constraint merges_kept foreign key (tenant_id, kept_id) references contacts (tenant_id, id),
  constraint merges_merged foreign key (tenant_id, merged_id) references contacts (tenant_id, id)
);
call protect_tenant_table('merges');

-- placeholder: the gateway could not read the message yet; its content comes under the same id.
alter table messages add column placeholder boolean not null default false;

-- A file: of a message, or uploaded and not used yet (message_id null). object_key: where it lies in the bucket.
-- source: what the adapter needs to fetch it. due_at: not before this may a pending one be claimed; a claim moves it to
-- its own end.
create table attachments (
  tenant_id uuid not null,
  id uuid not null,
  message_id uuid,
  integration_id uuid,
  position int not null default 0,
  kind text not null check (kind in ('image', 'audio', 'video', 'document', 'sticker')),
  state text not null default 'pending' check (state in ('pending', 'stored', 'failed')),
  reason text,
  mime_type text,
  file_name text,
  size bigint,
  sha256 text,
  voice boolean not null default false,
  source jsonb not null default '{}',
  object_key text,
  thumbnail_key text,
  tries int not null default 0,
  due_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint attachments_pkey primary key (tenant_id, id),
  constraint attachments_message foreign key (tenant_id, message_id) references messages (tenant_id, id),
  constraint attachments_stored check ((state = 'stored') = (object_key is not null))
);
create index attachments_by_message on attachments (tenant_id, message_id, position);
create index attachments_due on attachments (due_at) where state = 'pending' and message_id is not null;
create index attachments_unused on attachments (created_at) where message_id is null;
call protect_tenant_table('attachments');
call open_to_definer('attachments');

-- What the gateway last said of the account, and when we received it: state events compare receive times.
alter table integrations add column state_reason text;
alter table integrations add column state_at timestamptz;

-- Things an operator should know of an account: a template's status, a restriction, a quality rating.
create table integration_notices (
  tenant_id uuid not null,
  id uuid not null,
  integration_id uuid not null,
  kind text not null,
  detail jsonb not null,
  received_at timestamptz not null,
  constraint integration_notices_pkey primary key (tenant_id, id),
  constraint integration_notices_integration
    foreign key (tenant_id, integration_id) references integrations (tenant_id, id)
);
call protect_tenant_table('integration_notices');

-- tat: the "theoretical arrival time" of the generic cell rate algorithm: when the last granted turn would have come had
-- all turns kept their distance. subject: `account`, or `pair:` and a contact or group. May vanish with a crash.
create unlogged table pacing (
  tenant_id uuid not null,
  integration_id uuid not null,
  subject text not null,
  tat timestamptz not null,
  constraint pacing_pkey primary key (tenant_id, integration_id, subject),
  constraint pacing_integration foreign key (tenant_id, integration_id) references integrations (tenant_id, id)
);
call protect_tenant_table('pacing');

-- Attempts on an account with a limit a day name it, so that they can be counted.
alter table attempts add column integration_id uuid;
-- A partitioned table takes no index concurrently; this one is empty, since only new rows name their integration.
-- squawk-ignore require-concurrent-index-creation
create index attempts_of_the_day on attempts (tenant_id, integration_id, claimed_at) where integration_id is not null;

-- has_turn: `not_before` is this message's turn at the gateway's pace, so it need not ask for another one.
-- hinted_for: the due time that somebody was already told to come at.
alter table messages add column has_turn boolean not null default false;
alter table messages add column hinted_for timestamptz;

-- When a lost account was last looked after.
alter table integrations add column checked_at timestamptz;

-- Who of the company reacted, where it was done here: the gateway knows only the number.
alter table reactions add column sender_kind text check (sender_kind in ('user', 'bot'));
alter table reactions add column sender_id uuid;

-- Where a contact can be written to on an integration, the strongest address first.
create function contact_address(tenant uuid, contact uuid, integration uuid) returns contact_aliases
language sql stable as $$
  select a from contact_aliases a
  where a.tenant_id = tenant and a.contact_id = contact
    and a.scope in ('00000000-0000-0000-0000-000000000000', integration)
  order by array_position(array['phone', 'bsuid', 'jid', 'lid'], a.kind), a.created_at desc, a.value
  limit 1
$$;

-- Files that nobody fetches: their hint was lost or their fetcher died. One without a message waits for a browser.
create function find_stuck_media(older_than interval, at_most int)
returns table (tenant_id uuid, integration_id uuid, attachment_id uuid)
language sql stable security definer set search_path = public, pg_temp
as $$
  select a.tenant_id, a.integration_id, a.id from attachments a
  where a.state = 'pending' and a.message_id is not null and a.due_at < now() - older_than
  order by a.due_at limit at_most
$$;

-- Uploads that no message ever took.
create function find_unused_uploads(older_than interval, at_most int)
returns table (tenant_id uuid, attachment_id uuid)
language sql stable security definer set search_path = public, pg_temp
as $$
  select a.tenant_id, a.id from attachments a
  where a.message_id is null and a.created_at < now() - older_than
  order by a.created_at limit at_most
$$;

-- What has been paced long ago limits nobody.
create function forget_pacing() returns void
language sql security definer set search_path = public, pg_temp
as $$ delete from pacing where tat < now() - interval '1 minute' $$;
call open_to_definer('pacing', true);

grant create on schema public to parley_definer;
alter function find_stuck_media(interval, int) owner to parley_definer;
alter function find_unused_uploads(interval, int) owner to parley_definer;
alter function forget_pacing() owner to parley_definer;
revoke create on schema public from parley_definer;
revoke all on function find_stuck_media(interval, int) from public;
revoke all on function find_unused_uploads(interval, int) from public;
revoke all on function forget_pacing() from public;
grant execute on function find_stuck_media(interval, int) to parley_runtime;
grant execute on function find_unused_uploads(interval, int) to parley_runtime;
grant execute on function forget_pacing() to parley_runtime;
