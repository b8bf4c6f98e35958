-- name: lock_unresolved
-- The unresolved conversations of two contacts, locked in one order.
select id, integration_id, contact_id, status, unread_count, last_number, read_at, read_key, last_message_id,
  last_message_at, last_message_key, reply_kind, reply_address, reply_at, reply_key, window_expires_at
from conversations
where tenant_id = %(tenant_id)s and contact_id = any (%(contacts)s) and status <> 'resolved'
order by id
for no key update

-- name: move_messages
-- The younger conversation's messages follow the older one's, numbered anew.
update messages m set conversation_id = %(into)s, number = %(above)s + n.place, updated_at = now()
from (
  select id, row_number() over (order by number) as place from messages
  where tenant_id = %(tenant_id)s and conversation_id = %(from)s
) n
where m.tenant_id = %(tenant_id)s and m.id = n.id
returning m.id

-- name: close_conversation
-- The younger conversation is over: it went on in the older one.
update conversations set status = 'resolved', merged_into = %(into)s, unread_count = 0, last_number = 0,
  last_message_id = null, version = version + 1, updated_at = now()
where tenant_id = %(tenant_id)s and id = %(from)s

-- name: move_conversations
-- Every other conversation is now the kept contact's.
update conversations set contact_id = %(kept)s, version = version + 1, updated_at = now()
where tenant_id = %(tenant_id)s and contact_id = %(merged)s
returning id

-- name: move_aliases
-- The addresses of both are the kept contact's.
update contact_aliases set contact_id = %(kept)s
where tenant_id = %(tenant_id)s and contact_id = %(merged)s
returning scope, kind, value

-- name: move_senders
-- Who wrote, is the kept contact.
update messages set sender_id = %(kept)s
where tenant_id = %(tenant_id)s and sender_kind = 'contact' and sender_id = %(merged)s
returning id

-- name: move_reactions
-- Of two reactions of one person to a message the latest stays.
with moved as (
  delete from reactions where tenant_id = %(tenant_id)s and contact_id = %(merged)s
  returning integration_id, provider_message_id, emoji, occurred_at
)
insert into reactions as r (tenant_id, integration_id, provider_message_id, actor, contact_id, emoji, occurred_at)
select %(tenant_id)s, m.integration_id, m.provider_message_id, %(kept)s::text, %(kept)s, m.emoji, m.occurred_at
from moved m
on conflict on constraint reactions_pkey do update set emoji = excluded.emoji, occurred_at = excluded.occurred_at
where (excluded.occurred_at, coalesce(excluded.emoji, '')) > (r.occurred_at, coalesce(r.emoji, ''))

-- name: merge_contact
-- The kept contact has the name told last; the other points to it.
with gone as (
  update contacts set merged_into = %(kept)s, version = version + 1, updated_at = now()
  where tenant_id = %(tenant_id)s and id = %(merged)s
  returning name, name_at, avatar_url, avatar_at
)
update contacts c
set name = case when g.name is not null and (c.name_at is null or (g.name_at, g.name) > (c.name_at, c.name))
    then g.name else c.name end,
  name_at = case when g.name is not null then greatest(c.name_at, g.name_at) else c.name_at end,
  avatar_url = case when g.avatar_at > coalesce(c.avatar_at, '-infinity') then g.avatar_url else c.avatar_url end,
  avatar_at = greatest(c.avatar_at, g.avatar_at),
  version = c.version + 1, updated_at = now()
from gone g
where c.tenant_id = %(tenant_id)s and c.id = %(kept)s

-- name: insert_merge
-- The record by which it can be undone.
insert into merges (tenant_id, id, kept_id, merged_id, evidence, moved)
values (%(tenant_id)s, %(id)s, %(kept)s, %(merged)s, %(evidence)s, %(moved)s)
