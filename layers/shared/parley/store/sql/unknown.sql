-- name: find_unsaid
-- Sends of which nobody knows, and nobody was told.
select tenant_id, message_id from find_unsaid_unknowns(%(older_than)s, %(at_most)s)

-- name: lock_unsaid
-- One of them, if it still is one.
select id, conversation_id, integration_id, kind, body, content, correlation_id from messages
where tenant_id = %(tenant_id)s and id = %(id)s and status = 'unknown' and error is null
for no key update

-- name: echoes
-- What is said to have been typed on the phone between its first try and a little after its last one.
select e.id, e.kind, e.body, e.provider_message_id
from messages m
join lateral (
  select min(a.claimed_at) as first, max(coalesce(a.ended_at, a.lease_until)) as last
  from attempts a where a.tenant_id = m.tenant_id and a.message_id = m.id
) t on true
join messages e on e.tenant_id = m.tenant_id and e.conversation_id = m.conversation_id
  and e.direction = 'outgoing' and e.sender_kind = 'device'
  and e.created_at between t.first and t.last + interval '15 minutes'
where m.tenant_id = %(tenant_id)s and m.id = %(id)s
order by e.occurred_at, e.id

-- name: say
-- People are told so.
update messages m set error = %(error)s, version = m.version + 1, updated_at = now()
from conversations c
where m.tenant_id = %(tenant_id)s and m.id = %(id)s and c.tenant_id = m.tenant_id and c.id = m.conversation_id
returning m.id, m.conversation_id, m.status, m.error, m.version, m.updated_at, c.last_message_id = m.id as is_last
