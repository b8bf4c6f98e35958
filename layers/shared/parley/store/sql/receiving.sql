-- name: find_aliases
-- Whose addresses are these? Everything of one contact is received by one transaction at a time, so they are locked.
select a.scope, a.kind, a.value, a.contact_id, c.name, c.name_at
from jsonb_to_recordset(%(aliases)s) as w(scope uuid, kind text, value text)
join contact_aliases a
  on a.tenant_id = %(tenant_id)s and a.scope = w.scope and a.kind = w.kind and a.value = w.value
join contacts c on c.tenant_id = %(tenant_id)s and c.id = a.contact_id and c.erased_at is null
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
-- Which of these provider ids are stored already, and which were edited or deleted, be it before they came?
select w.integration_id, w.provider_message_id, m.id, m.placeholder,
  exists (
    select from revisions r
    where r.tenant_id = %(tenant_id)s and r.integration_id = w.integration_id
      and r.provider_message_id = w.provider_message_id
  ) as revised
from jsonb_to_recordset(%(wanted)s) as w(integration_id uuid, provider_message_id text)
left join lateral (
  select m.id, m.placeholder from messages m
  where m.tenant_id = %(tenant_id)s
    and m.integration_id = w.integration_id and m.provider_message_id = w.provider_message_id
  limit 1
) m on true

-- name: lock_groups
-- Find or create groups; everything of one group is received by one transaction at a time.
insert into groups as g (tenant_id, id, integration_id, address, name, name_at)
select %(tenant_id)s, w.id, w.integration_id, w.address, w.name, w.name_at
from jsonb_to_recordset(%(groups)s) as w(id uuid, integration_id uuid, address text, name text, name_at timestamptz)
order by w.integration_id, w.address
on conflict on constraint groups_address do update set
  name = case when (excluded.name_at, excluded.name) > (g.name_at, g.name) or g.name is null
    then coalesce(excluded.name, g.name) else g.name end,
  name_at = case when excluded.name is not null then greatest(g.name_at, excluded.name_at) else g.name_at end
returning g.id, g.integration_id, g.address

-- name: lock_conversations
-- The conversation each contact's or group's message belongs to: the unresolved one, else the last resolved.
select c.*
from jsonb_to_recordset(%(wanted)s) as w(integration_id uuid, owner_id uuid)
cross join lateral (
  select id, integration_id, owner_id, status, unread_count, last_number, read_at, read_key, last_message_id,
    last_message_at, last_message_key, reply_kind, reply_address, reply_at, reply_key, window_expires_at,
    exists (
      select from contacts p where p.tenant_id = c.tenant_id and p.id = c.contact_id and p.blocked
    ) as muted
  from conversations c
  where c.tenant_id = %(tenant_id)s and c.integration_id = w.integration_id and c.owner_id = w.owner_id
    and c.merged_into is null
  order by (c.status <> 'resolved') desc, c.created_at desc, c.id desc
  limit 1
  for no key update
) c

-- name: insert_conversations
-- New conversations; a contact or group has one unresolved on each integration.
insert into conversations (tenant_id, id, integration_id, contact_id, group_id)
select %(tenant_id)s, w.id, w.integration_id, w.contact_id, w.group_id
from jsonb_to_recordset(%(conversations)s) as w(id uuid, integration_id uuid, contact_id uuid, group_id uuid)
order by w.integration_id, coalesce(w.contact_id, w.group_id)
on conflict (tenant_id, integration_id, owner_id) where status <> 'resolved' do nothing

-- name: insert_messages
-- Customers' messages, and those of the company's own phone; one provider id is one message for ever.
insert into messages (
  tenant_id, id, integration_id, conversation_id, number, direction, kind, body, content, provider_message_id,
  occurred_at, status, reply_to, sender_kind, sender_id, from_kind, from_key, from_address, placeholder, correlation_id
)
select
  %(tenant_id)s, w.id, w.integration_id, w.conversation_id, w.number, w.direction, w.kind, w.body, w.content,
  w.provider_message_id, w.occurred_at, w.status, w.reply_to, w.sender_kind, w.sender_id, w.from_kind, w.from_key,
  w.from_address, w.placeholder, w.correlation_id
from jsonb_to_recordset(%(messages)s) as w(
  id uuid, integration_id uuid, conversation_id uuid, number bigint, direction text, kind text, body text,
  content jsonb, provider_message_id text, occurred_at timestamptz, status text, reply_to text, sender_kind text,
  sender_id uuid, from_kind text, from_key text, from_address text, placeholder boolean, correlation_id uuid
)
order by w.integration_id, w.provider_message_id
on conflict on constraint messages_provider_id do nothing
returning id

-- name: fill_placeholders
-- The content that could not be read when its message came.
update messages m
set kind = w.kind, body = w.body, content = w.content, reply_to = coalesce(w.reply_to, m.reply_to), placeholder = false,
  version = m.version + 1, updated_at = now()
from jsonb_to_recordset(%(messages)s) as w(
  integration_id uuid, provider_message_id text, kind text, body text, content jsonb, reply_to text
)
where m.tenant_id = %(tenant_id)s and m.integration_id = w.integration_id
  and m.provider_message_id = w.provider_message_id and m.placeholder
returning m.id, m.conversation_id, m.integration_id, m.provider_message_id

-- name: insert_attachments
-- The files of new messages: stored already where the webhook carried them, else still to be fetched.
insert into attachments (
  tenant_id, id, message_id, integration_id, position, kind, state, reason, mime_type, file_name, size, sha256, voice,
  source, object_key
)
select %(tenant_id)s, w.id, w.message_id, w.integration_id, w.position, w.kind, w.state, w.reason, w.mime_type,
  w.file_name, w.size, w.sha256, w.voice, w.source, w.object_key
from jsonb_to_recordset(%(attachments)s) as w(
  id uuid, message_id uuid, integration_id uuid, position int, kind text, state text, reason text, mime_type text,
  file_name text, size bigint, sha256 text, voice boolean, source jsonb, object_key text
)

-- name: unconfirmed
-- Our own messages of these conversations that went out, or may have, without the gateway's id: an echo may be theirs.
select id, integration_id, conversation_id, kind, body, content, status
from messages
where tenant_id = %(tenant_id)s and conversation_id = any (%(conversations)s) and direction = 'outgoing'
  and provider_message_id is null and (status in ('sending', 'unknown') or (status = 'queued' and may_have_left))
order by (status = 'sending') desc, number
for no key update

-- name: confirm
-- The echo tells the gateway's id of our own message.
update messages m set provider_message_id = w.provider_message_id, updated_at = now()
from jsonb_to_recordset(%(echoes)s) as w(id uuid, provider_message_id text)
where m.tenant_id = %(tenant_id)s and m.id = w.id and m.provider_message_id is null

-- name: recount_unread
-- Unread is what customers wrote above the read horizon.
update conversations c
set unread_count = (
  select count(*) from messages m
  where m.tenant_id = c.tenant_id and m.conversation_id = c.id and m.direction = 'incoming'
    and (m.occurred_at, m.provider_message_id) > (c.read_at, c.read_key)
)
where c.tenant_id = %(tenant_id)s and c.id = any (%(ids)s) and c.read_at is not null

-- name: update_conversations
-- The summaries after the new messages, computed under the conversations' locks.
update conversations c
set status = w.status,
  snoozed_until = case when w.status = 'open' then null else c.snoozed_until end,
  unread_count = w.unread_count, read_at = w.read_at, read_key = w.read_key, last_number = w.last_number, last_message_id = w.last_message_id,
  last_message_at = w.last_message_at, last_message_key = w.last_message_key, reply_kind = w.reply_kind,
  reply_address = w.reply_address, reply_at = w.reply_at, reply_key = w.reply_key,
  window_expires_at = w.window_expires_at, version = c.version + 1, updated_at = now()
from jsonb_to_recordset(%(conversations)s) as w(
  id uuid, status text, unread_count int, read_at timestamptz, read_key text, last_number bigint, last_message_id uuid, last_message_at timestamptz,
  last_message_key text, reply_kind text, reply_address text, reply_at timestamptz, reply_key text,
  window_expires_at timestamptz
)
where c.tenant_id = %(tenant_id)s and c.id = w.id

-- name: lock_provider_ids
-- A receipt and the answer that names its message may arrive together and not see each other: one at a time.
select count(pg_advisory_xact_lock(hashtextextended(k, 0))) from unnest(%(keys)s::text[]) k

-- name: heal_references
-- The gateway echoed our own id: that message has this provider id, whatever became of the answer to its sending. What is
-- answered are those that have another one, or whose id somebody else has.
with healed as (
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
  returning m.id
)
select w.integration_id, w.provider_message_id, w.message_id
from jsonb_to_recordset(%(references)s) as w(integration_id uuid, provider_message_id text, message_id uuid)
join messages m on m.tenant_id = %(tenant_id)s and m.id = w.message_id and m.integration_id = w.integration_id
where m.direction = 'outgoing' and m.provider_message_id is distinct from w.provider_message_id
  and m.id not in (select id from healed)

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

-- name: upsert_reactions
-- Of one person's reactions to a message the latest counts. An echo of what was done here stays whose it is.
insert into reactions as r (tenant_id, integration_id, provider_message_id, actor, contact_id, emoji, occurred_at)
select %(tenant_id)s, w.integration_id, w.provider_message_id, w.actor, w.contact_id, w.emoji, w.occurred_at
from jsonb_to_recordset(%(reactions)s) as w(
  integration_id uuid, provider_message_id text, actor text, contact_id uuid, emoji text, occurred_at timestamptz
)
order by w.integration_id, w.provider_message_id, w.actor
on conflict on constraint reactions_pkey do update
set emoji = excluded.emoji, occurred_at = excluded.occurred_at, contact_id = excluded.contact_id,
  sender_kind = case when excluded.emoji is not distinct from r.emoji then r.sender_kind end,
  sender_id = case when excluded.emoji is not distinct from r.emoji then r.sender_id end
where (excluded.occurred_at, coalesce(excluded.emoji, '')) > (r.occurred_at, coalesce(r.emoji, ''))
returning r.integration_id, r.provider_message_id

-- name: touch_messages
-- Messages whose reactions changed are a new version of themselves.
update messages m set version = m.version + 1, updated_at = now()
from jsonb_to_recordset(%(touched)s) as t(integration_id uuid, provider_message_id text), conversations c
where m.tenant_id = %(tenant_id)s and m.integration_id = t.integration_id
  and m.provider_message_id = t.provider_message_id
  and c.tenant_id = m.tenant_id and c.id = m.conversation_id
returning m.id, m.conversation_id, m.integration_id, m.provider_message_id, m.version, c.last_message_id = m.id as is_last

-- name: insert_revisions
-- Edits and deletions, kept whether or not their message is there.
insert into revisions (
  tenant_id, integration_id, provider_message_id, revision_key, kind, body, occurred_at
)
select %(tenant_id)s, w.integration_id, w.provider_message_id, w.revision_key, w.kind, w.body, w.occurred_at
from jsonb_to_recordset(%(revisions)s) as w(
  integration_id uuid, provider_message_id text, revision_key text, kind text, body text, occurred_at timestamptz
)
order by w.integration_id, w.provider_message_id, w.kind, w.revision_key
on conflict on constraint revisions_pkey do nothing

-- name: project_revisions
-- The text of the latest edit, and whether the message was taken back; only what differs is touched.
with latest as (
  select t.integration_id, t.provider_message_id,
    e.body, e.occurred_at as edited_at, d.occurred_at as deleted_at
  from jsonb_to_recordset(%(touched)s) as t(integration_id uuid, provider_message_id text)
  left join lateral (
    select r.body, r.occurred_at from revisions r
    where r.tenant_id = %(tenant_id)s and r.integration_id = t.integration_id
      and r.provider_message_id = t.provider_message_id and r.kind = 'edit'
    order by r.occurred_at desc, r.revision_key desc limit 1
  ) e on true
  left join lateral (
    select min(r.occurred_at) as occurred_at from revisions r
    where r.tenant_id = %(tenant_id)s and r.integration_id = t.integration_id
      and r.provider_message_id = t.provider_message_id and r.kind = 'delete'
  ) d on true
)
update messages m
set body = case when l.edited_at is not null then l.body else m.body end,
  edited_at = coalesce(l.edited_at, m.edited_at), deleted_at = coalesce(l.deleted_at, m.deleted_at),
  version = m.version + 1, updated_at = now()
from latest l, conversations c
where m.tenant_id = %(tenant_id)s and m.integration_id = l.integration_id
  and m.provider_message_id = l.provider_message_id
  and c.tenant_id = m.tenant_id and c.id = m.conversation_id
  and ((l.edited_at is not null and (m.edited_at, m.body) is distinct from (l.edited_at, l.body))
    or (l.deleted_at is not null and m.deleted_at is distinct from l.deleted_at))
returning m.id, m.conversation_id, m.integration_id, m.provider_message_id, m.deleted_at,
  c.last_message_id = m.id as is_last
