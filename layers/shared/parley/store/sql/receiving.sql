-- name: find_aliases
-- Whose addresses are these? Everything of one contact is received by one transaction at a time, so they are locked.
select a.scope, a.kind, a.value, a.contact_id, c.name, c.name_at
from jsonb_to_recordset(%(aliases)s) as w(scope uuid, kind text, value text)
join contact_aliases a
  on a.tenant_id = %(tenant_id)s and a.scope = w.scope and a.kind = w.kind and a.value = w.value
join contacts c on c.tenant_id = %(tenant_id)s and c.id = a.contact_id
order by c.id
for no key update of c

-- name: insert_contacts
-- Create contacts by their first address: whoever inserts the address makes the contact; who comes second makes none.
with new_alias as (
  insert into contact_aliases (tenant_id, scope, kind, value, address, contact_id, evidence)
  select %(tenant_id)s, w.scope, w.kind, w.value, w.address, w.contact_id, w.evidence
  from jsonb_to_recordset(%(aliases)s)
    as w(scope uuid, kind text, value text, address text, contact_id uuid, evidence jsonb)
  order by w.scope, w.kind, w.value
  on conflict on constraint contact_aliases_pkey do nothing
  returning contact_id
)
insert into contacts (tenant_id, id) select %(tenant_id)s, contact_id from new_alias
returning id

-- name: insert_aliases
-- Further addresses of contacts that exist.
insert into contact_aliases (tenant_id, scope, kind, value, address, contact_id, evidence)
select %(tenant_id)s, w.scope, w.kind, w.value, w.address, w.contact_id, w.evidence
from jsonb_to_recordset(%(aliases)s)
  as w(scope uuid, kind text, value text, address text, contact_id uuid, evidence jsonb)
order by w.scope, w.kind, w.value
on conflict on constraint contact_aliases_pkey do nothing

-- name: rename_contacts
-- The names the gateways told last.
update contacts c
set name = w.name, name_at = w.name_at, version = c.version + 1, updated_at = now()
from jsonb_to_recordset(%(names)s) as w(id uuid, name text, name_at timestamptz)
where c.tenant_id = %(tenant_id)s and c.id = w.id

-- name: find_messages
-- Which of these provider ids are stored already?
select m.integration_id, m.provider_message_id, m.id
from jsonb_to_recordset(%(wanted)s) as w(integration_id uuid, provider_message_id text)
cross join lateral (
  select m.integration_id, m.provider_message_id, m.id from messages m
  where m.tenant_id = %(tenant_id)s
    and m.integration_id = w.integration_id and m.provider_message_id = w.provider_message_id
  limit 1
) m

-- name: lock_conversations
-- The conversation each contact's message belongs to: the unresolved one, else the last resolved.
select c.*
from jsonb_to_recordset(%(wanted)s) as w(integration_id uuid, contact_id uuid)
cross join lateral (
  select id, integration_id, contact_id, status, unread_count, last_number, read_at, read_key, last_message_id,
    last_message_at, last_message_key, reply_kind, reply_address, reply_at, reply_key, window_expires_at
  from conversations c
  where c.tenant_id = %(tenant_id)s and c.integration_id = w.integration_id and c.contact_id = w.contact_id
  order by (c.status <> 'resolved') desc, c.created_at desc, c.id desc
  limit 1
  for no key update
) c

-- name: insert_conversations
-- New conversations; a contact has one unresolved on each integration.
insert into conversations (tenant_id, id, integration_id, contact_id)
select %(tenant_id)s, w.id, w.integration_id, w.contact_id
from jsonb_to_recordset(%(conversations)s) as w(id uuid, integration_id uuid, contact_id uuid)
order by w.integration_id, w.contact_id
on conflict (tenant_id, integration_id, contact_id) where status <> 'resolved' do nothing

-- name: insert_messages
-- Customers' messages; one provider id is one message for ever.
insert into messages (
  tenant_id, id, integration_id, conversation_id, number, direction, kind, body, content, provider_message_id,
  occurred_at, status, reply_to, sender_kind, sender_id, correlation_id
)
select
  %(tenant_id)s, w.id, w.integration_id, w.conversation_id, w.number, 'incoming', w.kind, w.body, w.content,
  w.provider_message_id, w.occurred_at, 'received', w.reply_to, 'contact', w.sender_id, w.correlation_id
from jsonb_to_recordset(%(messages)s) as w(
  id uuid, integration_id uuid, conversation_id uuid, number bigint, kind text, body text, content jsonb,
  provider_message_id text, occurred_at timestamptz, reply_to text, sender_id uuid, correlation_id uuid
)
order by w.integration_id, w.provider_message_id
on conflict on constraint messages_provider_id do nothing
returning id

-- name: update_conversations
-- The summaries after the new messages, computed under the conversations' locks.
update conversations c
set status = w.status,
  snoozed_until = case when w.status = 'open' then null else c.snoozed_until end,
  unread_count = w.unread_count, last_number = w.last_number, last_message_id = w.last_message_id,
  last_message_at = w.last_message_at, last_message_key = w.last_message_key, reply_kind = w.reply_kind,
  reply_address = w.reply_address, reply_at = w.reply_at, reply_key = w.reply_key,
  window_expires_at = w.window_expires_at, version = c.version + 1, updated_at = now()
from jsonb_to_recordset(%(conversations)s) as w(
  id uuid, status text, unread_count int, last_number bigint, last_message_id uuid, last_message_at timestamptz,
  last_message_key text, reply_kind text, reply_address text, reply_at timestamptz, reply_key text,
  window_expires_at timestamptz
)
where c.tenant_id = %(tenant_id)s and c.id = w.id

-- name: lock_provider_ids
-- A receipt and the answer that names its message may arrive together and not see each other: one at a time.
select count(pg_advisory_xact_lock(hashtextextended(k, 0))) from unnest(%(keys)s::text[]) k

-- name: heal_references
-- The gateway echoed our own id: that message has this provider id, whatever became of the answer to its sending.
update messages m
set provider_message_id = w.provider_message_id, updated_at = now()
from jsonb_to_recordset(%(references)s) as w(integration_id uuid, provider_message_id text, message_id uuid)
where m.tenant_id = %(tenant_id)s and m.id = w.message_id and m.integration_id = w.integration_id
  and m.direction = 'outgoing' and m.provider_message_id is null
  and not exists (
    select from messages o
    where o.tenant_id = m.tenant_id and o.integration_id = m.integration_id
      and o.provider_message_id = w.provider_message_id
  )

-- name: insert_receipts
-- Every receipt is kept; of a repeated one the earliest time.
insert into receipts as r (tenant_id, integration_id, provider_message_id, status, participant, occurred_at, error)
select %(tenant_id)s, w.integration_id, w.provider_message_id, w.status, w.participant, w.occurred_at, w.error
from jsonb_to_recordset(%(receipts)s) as w(
  integration_id uuid, provider_message_id text, status text, participant text, occurred_at timestamptz, error jsonb
)
order by w.integration_id, w.provider_message_id, w.status, w.participant
on conflict on constraint receipts_pkey do update set occurred_at = excluded.occurred_at
where excluded.occurred_at < r.occurred_at

-- name: project_statuses
-- The status that all receipts of each message prove; only what moves up is touched.
with best as (
  select distinct on (r.integration_id, r.provider_message_id)
    r.integration_id, r.provider_message_id, r.status, r.error, r.occurred_at
  from jsonb_to_recordset(%(touched)s) as t(integration_id uuid, provider_message_id text)
  join receipts r on r.tenant_id = %(tenant_id)s
    and r.integration_id = t.integration_id and r.provider_message_id = t.provider_message_id
  order by r.integration_id, r.provider_message_id, status_rank(r.status) desc, r.occurred_at, r.participant
)
update messages m
set status = b.status, error = case when b.status = 'failed' then b.error end, lease_until = null,
  version = m.version + 1, updated_at = now()
from best b, conversations c
where m.tenant_id = %(tenant_id)s and m.integration_id = b.integration_id
  and m.provider_message_id = b.provider_message_id and m.direction = 'outgoing'
  and status_rank(b.status) > status_rank(m.status)
  and c.tenant_id = m.tenant_id and c.id = m.conversation_id
returning m.id, m.conversation_id, m.provider_message_id, m.integration_id, m.status, m.error, m.version,
  b.occurred_at, c.last_message_id = m.id as is_last
