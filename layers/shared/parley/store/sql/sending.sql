-- name: lock_conversation
-- The conversation a message is written into; its lock orders the writers and numbers their messages. An answer goes to
-- the group, else to the address that last wrote, else (nobody has) to the contact's strongest.
select c.id, c.merged_into, c.integration_id, c.owner_id, c.group_id is not null as is_group, c.last_number,
  c.last_message_at, c.last_message_key, coalesce(g.address, c.reply_address, a.address) as reply_address,
  c.window_expires_at, coalesce(c.window_expires_at <= clock_timestamp(), true) as window_closed, c.status,
  coalesce(p.blocked, false) as blocked, i.provider, i.settings
from conversations c
join integrations i on i.tenant_id = c.tenant_id and i.id = c.integration_id
left join contacts p on p.tenant_id = c.tenant_id and p.id = c.contact_id
left join groups g on g.tenant_id = c.tenant_id and g.id = c.group_id
left join lateral contact_address(c.tenant_id, c.contact_id, c.integration_id) a on c.reply_address is null
where c.tenant_id = %(tenant_id)s and c.id = %(id)s
  and not exists (
    select from contacts p where p.tenant_id = c.tenant_id and p.id = c.contact_id and p.erased_at is not null)
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

-- name: failed_message
-- A message that was not sent, with what it takes to send it again. resent: somebody did already.
select m.id, m.conversation_id, m.direction, m.status, m.kind, m.body, m.content, m.metadata, m.deleted_at,
  (
    select r.id from messages r
    where r.tenant_id = m.tenant_id and r.integration_id = m.integration_id and r.provider_message_id = m.reply_to
  ) as reply_to,
  exists (
    select from messages n where n.tenant_id = m.tenant_id and n.resend_of = m.id and n.status <> 'failed'
  ) as resent
from messages m
where m.tenant_id = %(tenant_id)s and m.id = %(id)s

-- name: conversation_of
-- Where a message is.
select conversation_id from messages where tenant_id = %(tenant_id)s and id = %(id)s

-- name: copy_files
-- The files of a message, for the one that is sent in its place.
insert into attachments (
  tenant_id, id, message_id, integration_id, position, kind, state, mime_type, file_name, size, sha256, voice, object_key,
  thumbnail_key
)
select a.tenant_id, w.id, %(to_message)s, a.integration_id, a.position, a.kind, a.state, a.mime_type, a.file_name, a.size,
  a.sha256, a.voice, a.object_key, a.thumbnail_key
from jsonb_to_recordset(%(copies)s) as w(id uuid, original uuid)
join attachments a on a.tenant_id = %(tenant_id)s and a.id = w.original

-- name: count_ahead
-- How many messages of this conversation go first.
select count(*) from messages
where tenant_id = %(tenant_id)s and conversation_id = %(conversation_id)s and status = 'queued'

-- name: insert_outgoing
-- A message to send, due at once or after a wait for its turn. Who inserts it hints at it for that time.
insert into messages (
  tenant_id, id, integration_id, conversation_id, number, direction, kind, body, content, metadata, occurred_at, status,
  reply_to, sender_kind, sender_id, principal, client_key, request_hash, resend_of, not_before, hinted_for,
  correlation_id
) values (
  %(tenant_id)s, %(id)s, %(integration_id)s, %(conversation_id)s, %(number)s, 'outgoing', %(kind)s, %(body)s,
  %(content)s, %(metadata)s, clock_timestamp(), 'queued', %(reply_to)s, %(sender_kind)s, %(sender_id)s, %(principal)s,
  %(client_key)s, %(request_hash)s, %(resend_of)s, now() + %(wait)s, now() + %(wait)s, %(correlation_id)s
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
select m.id, m.attempt_id, m.attempts, i.provider
from messages m
join integrations i on i.tenant_id = m.tenant_id and i.id = m.integration_id
where m.tenant_id = %(tenant_id)s and m.conversation_id = %(conversation_id)s and m.status = 'sending'
  and m.lease_until <= now()
for update of m

-- name: head
-- The oldest queued message of the conversation: nothing overtakes it, due or not. In a group a quoted message names its
-- author.
select m.id, m.integration_id, m.conversation_id, c.owner_id, m.kind, m.body, m.content, m.reply_to, m.attempts,
  m.correlation_id, m.has_turn, m.may_have_left, m.not_before is not distinct from m.hinted_for as hinted,
  case when g.address is not null then 'jid' when c.reply_address is not null then c.reply_kind else a.kind end
    as reply_kind,
  coalesce(g.address, c.reply_address, a.address) as reply_address,
  i.provider, i.account_id, i.credentials, i.settings, i.state = 'connected' and i.held_at is null as connected,
  coalesce(q.ours, false) as reply_to_ours, w.kind as author_kind, w.address as author_address,
  greatest(0, extract(epoch from coalesce(m.not_before, now()) - now()))::float8 as due_in,
  greatest(0, extract(epoch from clock_timestamp() - m.occurred_at))::float8 as waited,
  exists (
    select from messages s
    where s.tenant_id = m.tenant_id and s.conversation_id = m.conversation_id and s.status = 'sending'
  ) as busy
from messages m
join conversations c on c.tenant_id = m.tenant_id and c.id = m.conversation_id
join integrations i on i.tenant_id = m.tenant_id and i.id = m.integration_id
left join groups g on g.tenant_id = c.tenant_id and g.id = c.group_id
left join lateral contact_address(c.tenant_id, c.contact_id, c.integration_id) a on c.reply_address is null
left join lateral (
  select r.direction = 'outgoing' as ours, case when r.sender_kind = 'contact'
      then sender_contact(r.tenant_id, r.integration_id, r.from_kind, r.from_key, r.sender_id) end as author_id
  from messages r
  where r.tenant_id = m.tenant_id and r.integration_id = m.integration_id and r.provider_message_id = m.reply_to
) q on true
left join lateral contact_address(m.tenant_id, q.author_id, m.integration_id) w on c.group_id is not null
where m.tenant_id = %(tenant_id)s and m.conversation_id = %(conversation_id)s and m.status = 'queued'
order by m.number limit 1
for update of m

-- name: put_off
-- The head waits for its turn at the gateway's pace.
update messages m
set not_before = now() + %(wait)s, hinted_for = now() + %(wait)s, has_turn = %(has_turn)s, version = m.version + 1,
  updated_at = now()
from conversations c
where m.tenant_id = %(tenant_id)s and m.id = %(id)s and c.tenant_id = m.tenant_id and c.id = m.conversation_id
returning m.id, m.conversation_id, c.last_message_id = m.id as is_last

-- name: note_hint
-- Somebody was told to come when this message is due.
update messages set hinted_for = not_before where tenant_id = %(tenant_id)s and id = %(id)s

-- name: claim
-- Take a message for sending; the index messages_one_sending lets one through.
update messages
set status = 'sending', attempt_id = %(attempt_id)s, attempts = attempts + 1,
  lease_until = now() + %(lease)s, not_before = null, has_turn = false, version = version + 1, updated_at = now()
where tenant_id = %(tenant_id)s and id = %(id)s and status = 'queued'

-- name: insert_attempt
-- A claim, for the record of what was tried; integration_id where the account's attempts of a day are counted.
insert into attempts (tenant_id, id, message_id, lease_until, integration_id)
values (%(tenant_id)s, %(attempt_id)s, %(id)s, now() + %(lease)s, %(counted_for)s)

-- name: end_attempt
-- How a claim ended.
update attempts set outcome = %(outcome)s, detail = %(detail)s, ended_at = now()
where tenant_id = %(tenant_id)s and id = %(attempt_id)s

-- name: settle
-- Write how my claim ended, unless evidence already said more.
update messages m
set status = %(status)s, error = %(error)s, lease_until = null, not_before = now() + %(delay)s,
  may_have_left = m.may_have_left or %(may_have_left)s, version = m.version + 1, updated_at = now()
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

-- name: hand_back
-- My claim ended for the account's sake, not the message's: it waits as if it had not been tried.
update messages m
set status = 'queued', error = null, lease_until = null, not_before = null, attempts = greatest(m.attempts - 1, 0),
  version = m.version + 1, updated_at = now()
from conversations c
where m.tenant_id = %(tenant_id)s and m.id = %(id)s and m.attempt_id = %(attempt_id)s and m.status in ('sending', 'unknown')
  and c.tenant_id = m.tenant_id and c.id = m.conversation_id
returning m.id, m.conversation_id, m.status, m.error, m.version, m.updated_at, c.last_message_id = m.id as is_last

-- name: now
-- The database's clock.
select clock_timestamp()

-- name: start_check
-- A lost account is looked after by one at a time, and not too often.
update integrations set checked_at = now()
where tenant_id = %(tenant_id)s and id = %(id)s and state <> 'connected' and held_at is null
  and (checked_at is null or checked_at <= now() - %(every)s)
returning id, provider, account_id, settings, credentials

-- name: note_check
-- The account was just found lost: that is as good as a check.
update integrations set checked_at = now() where tenant_id = %(tenant_id)s and id = %(id)s

-- name: waiting_conversations
-- Where messages wait for an account, the longest waiting first.
select conversation_id from messages
where tenant_id = %(tenant_id)s and integration_id = %(id)s and status = 'queued'
group by conversation_id order by min(created_at) limit %(at_most)s
