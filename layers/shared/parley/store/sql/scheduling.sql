-- name: schedule
-- A message for later. hinted_for: where it is due soon, whoever inserts it hints at it.
update messages
set status = 'scheduled', scheduled_at = %(at)s, not_before = %(at)s,
  hinted_for = case when %(at)s <= now() + %(soon)s::interval then %(at)s::timestamptz end
where tenant_id = %(tenant_id)s and id = %(id)s

-- name: is_any_due
-- Whether a message of this conversation waits for nothing any more.
select exists (
  select from messages
  where tenant_id = %(tenant_id)s and conversation_id = %(conversation_id)s and status = 'scheduled'
    and deleted_at is null and not_before <= now()
) as found

-- name: release
-- Its time has come: it is queued, and as new as it is now.
update messages
set status = 'queued', occurred_at = clock_timestamp(), not_before = null, hinted_for = null, version = version + 1,
  updated_at = now()
where tenant_id = %(tenant_id)s and conversation_id = %(conversation_id)s and status = 'scheduled'
  and deleted_at is null and not_before <= now()
returning id, occurred_at, correlation_id

-- name: put_on_top
-- The conversation's newest message is this one.
update conversations
set last_message_id = %(message_id)s, last_message_at = %(occurred_at)s, last_message_key = %(message_id)s::text,
  version = version + 1, updated_at = now()
where tenant_id = %(tenant_id)s and id = %(id)s

-- name: find_due
-- Messages, of all tenants, that somebody should be told of.
select tenant_id, integration_id, conversation_id, message_id, due_in
from find_due_messages(%(within)s, %(overdue)s, %(at_most)s)

-- name: unsent
-- A message that no gateway has, and never had: a note, or one for later. `last`: what the conversation shows of it.
select m.id, m.conversation_id, m.direction, m.status, m.kind, m.sender_kind, m.sender_id, m.deleted_at
from messages m
where m.tenant_id = %(tenant_id)s and m.id = %(id)s and (m.direction = 'internal' or m.status = 'scheduled')
for update

-- name: rewrite
-- Another text.
update messages set body = %(text)s, edited_at = clock_timestamp(), version = version + 1, updated_at = now()
where tenant_id = %(tenant_id)s and id = %(id)s

-- name: withdraw
-- It is not there any more, for anybody.
update messages set body = null, content = '{}', deleted_at = clock_timestamp(), version = version + 1, updated_at = now()
where tenant_id = %(tenant_id)s and id = %(id)s
returning deleted_at
