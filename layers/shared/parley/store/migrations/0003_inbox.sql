-- The inbox: contacts, conversations, messages, and the facts that messages are projected from.

create table contacts (
  tenant_id uuid not null references tenants (id),
  id uuid not null,
  name text,
  -- When the gateway last told the name: the youngest telling wins, in whatever order they come.
  name_at timestamptz,
  avatar_url text,
  attributes jsonb not null default '{}',
  blocked boolean not null default false,
  version int not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint contacts_pkey primary key (tenant_id, id)
);
call protect_tenant_table('contacts');

-- scope: the integration an address belongs to, or the nil UUID where it names one person in the whole tenant.
-- value: the canonical key; address: as the gateway last wrote it.
create table contact_aliases (
  tenant_id uuid not null,
  scope uuid not null,
  kind text not null check (kind in ('phone', 'lid', 'bsuid', 'jid')),
  value text not null,
  address text not null,
  contact_id uuid not null,
  evidence jsonb not null default '{}',
  created_at timestamptz not null default now(),
  constraint contact_aliases_pkey primary key (tenant_id, scope, kind, value),
  constraint contact_aliases_contact foreign key (tenant_id, contact_id) references contacts (tenant_id, id)
);
create index contact_aliases_by_contact on contact_aliases (tenant_id, contact_id);
call protect_tenant_table('contact_aliases');

-- read_*, last_*, reply_*: positions by (provider time, provider id), so that they do not depend on arrival.
create table conversations (
  tenant_id uuid not null,
  id uuid not null,
  integration_id uuid not null,
  contact_id uuid not null,
  status text not null default 'open' check (status in ('open', 'pending', 'resolved', 'snoozed')),
  snoozed_until timestamptz,
  assignee_id uuid,
  labels text[] not null default '{}',
  priority text not null default 'none' check (priority in ('none', 'low', 'medium', 'high', 'urgent')),
  unread_count int not null default 0 check (unread_count >= 0),
  read_at timestamptz,
  read_key text not null default '',
  last_number bigint not null default 0,
  last_message_id uuid,
  last_message_at timestamptz,
  last_message_key text not null default '',
  reply_kind text,
  reply_address text,
  reply_at timestamptz,
  reply_key text not null default '',
  window_expires_at timestamptz,
  version int not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint conversations_pkey primary key (tenant_id, id),
  constraint conversations_integration foreign key (tenant_id, integration_id) references integrations (tenant_id, id),
  constraint conversations_contact foreign key (tenant_id, contact_id) references contacts (tenant_id, id),
  constraint conversations_assignee foreign key (tenant_id, assignee_id) references users (tenant_id, id)
);
create unique index conversations_one_unresolved on conversations (tenant_id, integration_id, contact_id)
  where status <> 'resolved';
create index conversations_by_contact on conversations (tenant_id, contact_id, integration_id, created_at desc);
create index conversations_by_activity on conversations (tenant_id, last_message_at desc, id desc);
create index conversations_open on conversations (tenant_id, last_message_at desc, id desc) where status <> 'resolved';
call protect_tenant_table('conversations');

-- number: the order of storing, for expectedNumber; threads are ordered by (occurred_at, provider_message_id, id).
-- principal, client_key, request_hash: the message is its own idempotency record.
-- not_before: a queued message is due from then on. attempt_id, lease_until: whose claim `sending` is.
create table messages (
  tenant_id uuid not null,
  id uuid not null,
  integration_id uuid not null,
  conversation_id uuid not null,
  number bigint not null,
  direction text not null check (direction in ('incoming', 'outgoing', 'internal')),
  kind text not null,
  body text,
  content jsonb not null default '{}',
  metadata jsonb not null default '{}',
  provider_message_id text,
  occurred_at timestamptz not null,
  status text not null,
  error jsonb,
  reply_to text,
  sender_kind text not null check (sender_kind in ('contact', 'user', 'bot', 'device', 'system')),
  sender_id uuid,
  principal text,
  client_key text,
  request_hash bytea,
  scheduled_at timestamptz,
  not_before timestamptz,
  attempts int not null default 0,
  attempt_id uuid,
  lease_until timestamptz,
  resend_of uuid,
  edited_at timestamptz,
  deleted_at timestamptz,
  correlation_id uuid,
  version int not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint messages_pkey primary key (tenant_id, id),
  constraint messages_provider_id unique (tenant_id, integration_id, provider_message_id),
  constraint messages_client_key unique (tenant_id, principal, client_key),
  constraint messages_number unique (tenant_id, conversation_id, number),
  constraint messages_status check (
    (direction = 'incoming' and status = 'received') or (direction = 'internal' and status = 'sent')
    or (direction = 'outgoing' and status_rank(status) is not null)),
  constraint messages_claim check ((status = 'sending') = (lease_until is not null)),
  constraint messages_conversation foreign key (tenant_id, conversation_id) references conversations (tenant_id, id)
);
-- The order of sending lives here: one message of a conversation on its way at a time.
create unique index messages_one_sending on messages (tenant_id, conversation_id) where status = 'sending';
create index messages_queued on messages (tenant_id, conversation_id, number) where status = 'queued';
create index messages_thread on messages (tenant_id, conversation_id, occurred_at desc, provider_message_id desc, id desc);
create index messages_on_their_way on messages (updated_at) where status in ('queued', 'sending');
call protect_tenant_table('messages');
call open_to_definer('messages');

-- Facts are keyed by the gateway's message id and stored whether or not the message is there yet.
create table receipts (
  tenant_id uuid not null,
  integration_id uuid not null,
  provider_message_id text not null,
  status text not null check (status in ('sent', 'failed', 'delivered', 'read', 'played')),
  participant text not null default '',
  occurred_at timestamptz not null,
  error jsonb,
  created_at timestamptz not null default now(),
  constraint receipts_pkey primary key (tenant_id, integration_id, provider_message_id, status, participant),
  constraint receipts_integration foreign key (tenant_id, integration_id) references integrations (tenant_id, id)
);
call protect_tenant_table('receipts');

-- One reaction a person and message; emoji null: taken back. The latest provider time wins.
create table reactions (
  tenant_id uuid not null,
  integration_id uuid not null,
  provider_message_id text not null,
  actor text not null,
  contact_id uuid,
  emoji text,
  occurred_at timestamptz not null,
  created_at timestamptz not null default now(),
  constraint reactions_pkey primary key (tenant_id, integration_id, provider_message_id, actor),
  constraint reactions_integration foreign key (tenant_id, integration_id) references integrations (tenant_id, id)
);
call protect_tenant_table('reactions');

-- Edits, deletions and late contents of a message; revision_key tells the edits of one message apart.
create table revisions (
  tenant_id uuid not null,
  integration_id uuid not null,
  provider_message_id text not null,
  revision_key text not null,
  kind text not null check (kind in ('edit', 'delete', 'content')),
  body text,
  content jsonb,
  occurred_at timestamptz not null,
  created_at timestamptz not null default now(),
  constraint revisions_pkey primary key (tenant_id, integration_id, provider_message_id, kind, revision_key),
  constraint revisions_integration foreign key (tenant_id, integration_id) references integrations (tenant_id, id)
);
call protect_tenant_table('revisions');

-- Each claim of a send, and how it ended; `outcome` null: still out, or its claimer died.
create table attempts (
  tenant_id uuid not null,
  id uuid not null,
  message_id uuid not null,
  claimed_at timestamptz not null default now(),
  lease_until timestamptz not null,
  outcome text check (outcome in ('accepted', 'refused', 'not_sent', 'uncertain', 'lapsed')),
  detail jsonb,
  ended_at timestamptz,
  constraint attempts_pkey primary key (tenant_id, id, claimed_at),
  constraint attempts_message foreign key (tenant_id, message_id) references messages (tenant_id, id)
) partition by range (claimed_at);
call protect_tenant_table('attempts');
-- Never reached directly, so it has row-level security and neither policy nor grant.
create table attempts_default partition of attempts default;
alter table attempts_default enable row level security;
alter table attempts_default force row level security;
