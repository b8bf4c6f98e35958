-- name: timeline
-- What happened to a conversation, the latest first; at the end that it was made.
select h.id, h.kind, h.detail, h.actor_kind, h.actor_id, h.occurred_at, coalesce(u.name, k.name) as actor_name
from (
  select t.id, t.kind, t.detail, t.actor_kind, t.actor_id, t.occurred_at from timeline t
  where t.tenant_id = %(tenant_id)s and t.conversation_id = %(conversation_id)s
  union all
  select c.id, 'created', '{}', 'system', null, c.created_at from conversations c
  where c.tenant_id = %(tenant_id)s and c.id = %(conversation_id)s
) h
left join users u on h.actor_kind = 'user' and u.tenant_id = %(tenant_id)s and u.id = h.actor_id
left join api_keys k on h.actor_kind = 'bot' and k.tenant_id = %(tenant_id)s and k.id = h.actor_id
where not %(resumes)s or (h.occurred_at, h.id) < (%(after_at)s::timestamptz, %(after_id)s::uuid)
order by h.occurred_at desc, h.id desc
limit %(limit)s

-- name: place
-- Where a message stands in its thread.
select conversation_id, occurred_at, provider_message_id, id, integration_id from messages
where tenant_id = %(tenant_id)s and id = %(id)s

-- name: newer_in_thread
-- The messages that follow a place in a thread, the next first: the thread's order (inbox.sql) turned round.
select m.id, m.occurred_at, m.provider_message_id
from messages m
where m.tenant_id = %(tenant_id)s and m.conversation_id = %(conversation_id)s and m.occurred_at >= %(at)s
  and (
    m.occurred_at > %(at)s
    or (%(key)s::text is not null and (m.provider_message_id > %(key)s or m.provider_message_id is null))
    or (m.provider_message_id is not distinct from %(key)s and m.id > %(id)s::uuid)
  )
order by m.occurred_at, m.provider_message_id, m.id
limit %(limit)s

-- name: receipts
-- What the gateway told of a message, in the order in which it happened.
select status, participant, occurred_at, error from receipts
where tenant_id = %(tenant_id)s and integration_id = %(integration_id)s and provider_message_id = %(provider_message_id)s
  and (
    not %(resumes)s
    or (occurred_at, status, participant) > (%(after_at)s::timestamptz, %(after_status)s, %(after_participant)s)
  )
order by occurred_at, status, participant
limit %(limit)s

-- name: messages
-- A page of all messages, the latest written first. Ids grow with time, so they bound what must be read; ids and times
-- are not of the same instant, hence both.
select id from messages
where tenant_id = %(tenant_id)s and (%(after)s::uuid is null or id < %(after)s)
  and (%(lowest)s::uuid is null or id >= %(lowest)s) and (%(highest)s::uuid is null or id <= %(highest)s)
  and (%(status)s::text is null or status = %(status)s)
  and (%(status)s::text is distinct from 'scheduled' or deleted_at is null)
  and (%(integration_id)s::uuid is null or integration_id = %(integration_id)s)
  and (%(since)s::timestamptz is null or created_at >= %(since)s)
  and (%(before)s::timestamptz is null or created_at < %(before)s)
order by id desc
limit %(limit)s

-- name: members
-- Who was seen in a conversation's group; somebody who turned out to be two contacts is there once.
select p.id, max(m.seen_at) as seen_at
from conversations c
join group_members m on m.tenant_id = c.tenant_id and m.group_id = c.group_id
join contacts o on o.tenant_id = m.tenant_id and o.id = m.contact_id
join contacts p on p.tenant_id = o.tenant_id and p.id = coalesce(o.merged_into, o.id) and p.erased_at is null
where c.tenant_id = %(tenant_id)s and c.id = %(conversation_id)s and (%(after)s::uuid is null or p.id > %(after)s)
group by p.id
order by p.id
limit %(limit)s

-- name: see_members
-- Who wrote in a group is in it.
insert into group_members as g (tenant_id, group_id, contact_id, seen_at)
select %(tenant_id)s, m.group_id, m.contact_id, max(m.seen_at)
from jsonb_to_recordset(%(members)s) as m(group_id uuid, contact_id uuid, seen_at timestamptz)
group by m.group_id, m.contact_id
order by m.group_id, m.contact_id
on conflict on constraint group_members_pkey do update set seen_at = excluded.seen_at
where g.seen_at < excluded.seen_at
