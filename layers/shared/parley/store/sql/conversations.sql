-- name: lock
-- A conversation to change, and what the change is compared with.
select c.id, c.integration_id, c.status, c.snoozed_until, c.assignee_id, c.labels, c.priority, c.last_number, c.merged_into,
  c.group_id, c.version, clock_timestamp() as now
from conversations c
where c.tenant_id = %(tenant_id)s and c.id = %(id)s
  and not exists (
    select from contacts p where p.tenant_id = c.tenant_id and p.id = c.contact_id and p.erased_at is not null)
for no key update of c

-- name: change
-- What a person set.
update conversations
set status = %(status)s, snoozed_until = %(snoozed_until)s, priority = %(priority)s, labels = %(labels)s::text[],
  put_back = put_back and %(status)s <> 'resolved',
  version = version + 1, updated_at = now()
where tenant_id = %(tenant_id)s and id = %(id)s

-- name: assign
-- Whose it is now. `automatic`: nobody chose. What somebody puts back is given to nobody by turns before it is resolved.
update conversations
set assignee_id = %(assignee_id)s::uuid,
  auto_assigned_at = case when %(automatic)s::boolean then clock_timestamp() end,
  put_back = %(assignee_id)s::uuid is null and not %(automatic)s::boolean and status <> 'resolved',
  version = version + 1, updated_at = now()
where tenant_id = %(tenant_id)s and id = %(id)s

-- name: reopen
-- What was resolved goes on.
update conversations set status = 'open', version = version + 1, updated_at = now()
where tenant_id = %(tenant_id)s and id = %(id)s and status = 'resolved'

-- name: insert_timeline
-- What happened, by whom.
insert into timeline (tenant_id, id, conversation_id, kind, detail, actor_kind, actor_id)
select %(tenant_id)s, e.id, e.conversation_id, e.kind, e.detail, e.actor_kind, e.actor_id
from jsonb_to_recordset(%(entries)s)
  as e(id uuid, conversation_id uuid, kind text, detail jsonb, actor_kind text, actor_id uuid)

-- name: active_people
-- Which of these people are here and may still work.
select id from users where tenant_id = %(tenant_id)s and id = any (%(ids)s::uuid[]) and disabled_at is null

-- name: insert_note
-- A note: numbered like a message, sent to nobody.
insert into messages (
  tenant_id, id, integration_id, conversation_id, number, direction, kind, body, content, metadata, occurred_at, status,
  sender_kind, sender_id, principal, client_key, request_hash, correlation_id
) values (
  %(tenant_id)s, %(id)s, %(integration_id)s, %(conversation_id)s, %(number)s, 'internal', 'text', %(body)s, %(content)s,
  %(metadata)s, clock_timestamp(), 'sent', %(sender_kind)s, %(sender_id)s, %(principal)s, %(client_key)s,
  %(request_hash)s, %(correlation_id)s
)

-- name: count_number
-- The conversation has one message more; what customers see of it is as new as before.
update conversations set last_number = %(number)s, version = version + 1, updated_at = now()
where tenant_id = %(tenant_id)s and id = %(id)s

-- name: follow
-- One follower more.
insert into followers (tenant_id, conversation_id, user_id) values (%(tenant_id)s, %(id)s, %(user_id)s)
on conflict on constraint followers_pkey do nothing

-- name: unfollow
-- One follower less.
delete from followers where tenant_id = %(tenant_id)s and conversation_id = %(id)s and user_id = %(user_id)s

-- name: count_change
-- Something beside the row changed that is shown with it.
update conversations set version = version + 1, updated_at = now() where tenant_id = %(tenant_id)s and id = %(id)s

-- name: followers
-- Who follows a conversation.
select u.id, u.name from followers f
join users u on u.tenant_id = f.tenant_id and u.id = f.user_id
where f.tenant_id = %(tenant_id)s and f.conversation_id = %(id)s and u.disabled_at is null
order by f.created_at, u.id

-- name: find_due_snoozes
-- Conversations, of all tenants, that have slept enough.
select tenant_id, conversation_id from find_due_snoozes(%(at_most)s)

-- name: wake
-- A snooze is over.
update conversations set status = 'open', snoozed_until = null, version = version + 1, updated_at = now()
where tenant_id = %(tenant_id)s and id = %(id)s and status = 'snoozed' and snoozed_until <= now()
returning id

-- name: compact_counts
-- Few rows of counters instead of many.
select compact_conversation_counts(%(at_most)s)
