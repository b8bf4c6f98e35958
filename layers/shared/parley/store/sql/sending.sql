-- name: lock_conversation
-- The conversation a message is written into; its lock orders the writers and numbers their messages.
select c.id, c.integration_id, c.last_number, c.last_message_at, c.last_message_key, c.reply_kind, c.reply_address,
  c.window_expires_at, coalesce(c.window_expires_at <= clock_timestamp(), true) as window_closed, i.provider
from conversations c
join integrations i on i.tenant_id = c.tenant_id and i.id = c.integration_id
where c.tenant_id = %(tenant_id)s and c.id = %(id)s
for no key update of c

-- name: find_by_client_key
-- The message that a caller's idempotency key already made.
select id, integration_id, request_hash from messages
where tenant_id = %(tenant_id)s and principal = %(principal)s and client_key = %(client_key)s

-- name: unseen
-- What was written after the number its caller has seen.
select id, direction, sender_id from messages
where tenant_id = %(tenant_id)s and conversation_id = %(conversation_id)s and number > %(number)s
order by number limit 100

-- name: provider_id_of
-- The gateway's id of a message of this conversation, for a reply.
select provider_message_id from messages
where tenant_id = %(tenant_id)s and conversation_id = %(conversation_id)s and id = %(id)s

-- name: insert_outgoing
-- A message to send, due at once.
insert into messages (
  tenant_id, id, integration_id, conversation_id, number, direction, kind, body, content, metadata, occurred_at, status,
  reply_to, sender_kind, sender_id, principal, client_key, request_hash, correlation_id
) values (
  %(tenant_id)s, %(id)s, %(integration_id)s, %(conversation_id)s, %(number)s, 'outgoing', %(kind)s, %(body)s,
  %(content)s, %(metadata)s, clock_timestamp(), 'queued', %(reply_to)s, %(sender_kind)s, %(sender_id)s, %(principal)s,
  %(client_key)s, %(request_hash)s, %(correlation_id)s
)
returning occurred_at

-- name: append_to_conversation
-- The conversation with its new message, on top unless a customer's clock ran ahead.
update conversations
set last_number = %(number)s,
  last_message_id = case when newest then %(message_id)s else last_message_id end,
  last_message_at = case when newest then %(occurred_at)s else last_message_at end,
  last_message_key = case when newest then %(message_id)s::text else last_message_key end,
  version = version + 1, updated_at = now()
from (select %(newest)s::boolean as newest) n
where tenant_id = %(tenant_id)s and id = %(id)s

-- name: lapsed_claims
-- Messages of this conversation whose sender died: the lease on the database's clock is over.
select id, attempt_id from messages
where tenant_id = %(tenant_id)s and conversation_id = %(conversation_id)s and status = 'sending' and lease_until <= now()
for update

-- name: head
-- The oldest queued message of the conversation: nothing overtakes it, due or not.
select m.id, m.integration_id, m.kind, m.body, m.content, m.reply_to, m.attempts, m.correlation_id,
  c.reply_kind, c.reply_address, i.provider, i.account_id, i.credentials,
  greatest(0, extract(epoch from coalesce(m.not_before, now()) - now()))::float8 as due_in,
  exists (
    select from messages s
    where s.tenant_id = m.tenant_id and s.conversation_id = m.conversation_id and s.status = 'sending'
  ) as busy
from messages m
join conversations c on c.tenant_id = m.tenant_id and c.id = m.conversation_id
join integrations i on i.tenant_id = m.tenant_id and i.id = m.integration_id
where m.tenant_id = %(tenant_id)s and m.conversation_id = %(conversation_id)s and m.status = 'queued'
order by m.number limit 1
for update of m

-- name: claim
-- Take a message for sending; the index messages_one_sending lets one through.
update messages
set status = 'sending', attempt_id = %(attempt_id)s, attempts = attempts + 1,
  lease_until = now() + %(lease)s, not_before = null, version = version + 1, updated_at = now()
where tenant_id = %(tenant_id)s and id = %(id)s and status = 'queued'

-- name: insert_attempt
-- A claim, for the record of what was tried.
insert into attempts (tenant_id, id, message_id, lease_until)
values (%(tenant_id)s, %(attempt_id)s, %(id)s, now() + %(lease)s)

-- name: end_attempt
-- How a claim ended.
update attempts set outcome = %(outcome)s, detail = %(detail)s, ended_at = now()
where tenant_id = %(tenant_id)s and id = %(attempt_id)s

-- name: learn_provider_id
-- The gateway took it: this is its id there, unless a receipt told it first.
update messages m
set provider_message_id = %(provider_message_id)s, updated_at = now()
where m.tenant_id = %(tenant_id)s and m.id = %(id)s and m.attempt_id = %(attempt_id)s and m.provider_message_id is null
  and not exists (
    select from messages o
    where o.tenant_id = m.tenant_id and o.integration_id = m.integration_id
      and o.provider_message_id = %(provider_message_id)s
  )

-- name: settle
-- Write how my claim ended, unless evidence already said more.
update messages m
set status = %(status)s, error = %(error)s, lease_until = null, not_before = now() + %(delay)s,
  version = m.version + 1, updated_at = now()
from conversations c
where m.tenant_id = %(tenant_id)s and m.id = %(id)s and m.attempt_id = %(attempt_id)s and m.status in ('sending', 'unknown')
  and c.tenant_id = m.tenant_id and c.id = m.conversation_id
returning m.id, m.conversation_id, m.status, m.error, m.version, m.updated_at, c.last_message_id = m.id as is_last

-- name: shown
-- A message as its status event shows it.
select m.id, m.conversation_id, m.status, m.error, m.version, m.updated_at, c.last_message_id = m.id as is_last
from messages m
join conversations c on c.tenant_id = m.tenant_id and c.id = m.conversation_id
where m.tenant_id = %(tenant_id)s and m.id = %(id)s
