-- name: lock_own
-- A message of ours, whose id at the gateway was just told.
select id, integration_id, conversation_id, kind, body, content, provider_message_id
from messages
where tenant_id = %(tenant_id)s and id = %(id)s and integration_id = %(integration_id)s and direction = 'outgoing'
for no key update

-- name: lock_holder
-- Who has a gateway's id.
select m.id, m.conversation_id, m.sender_kind
from messages m
where m.tenant_id = %(tenant_id)s and m.integration_id = %(integration_id)s
  and m.provider_message_id = %(provider_message_id)s
for update of m

-- name: drop_files
-- The files of an echo: what was sent has its own.
delete from attachments where tenant_id = %(tenant_id)s and message_id = %(id)s

-- name: drop_message
-- An echo that turned out to be ours; its conversation is looked at as if it had never come.
with gone as (
  delete from messages where tenant_id = %(tenant_id)s and id = %(id)s
  returning id, conversation_id
),
newest as (
  select m.id, m.occurred_at,
    case when m.sender_kind in ('user', 'bot') then m.id::text else m.provider_message_id end as key
  from gone g
  join messages m on m.tenant_id = %(tenant_id)s and m.conversation_id = g.conversation_id and m.id <> g.id
  order by m.occurred_at desc, 3 desc limit 1
)
update conversations c
set last_message_id = n.id, last_message_at = n.occurred_at, last_message_key = coalesce(n.key, ''),
  version = c.version + 1, updated_at = now()
from gone g
left join newest n on true
where c.tenant_id = %(tenant_id)s and c.id = g.conversation_id and c.last_message_id = g.id
returning c.id

-- name: set_provider_id
-- The id by which the gateway knows a message of ours.
update messages m set provider_message_id = %(provider_message_id)s, updated_at = now()
from conversations c
where m.tenant_id = %(tenant_id)s and m.id = %(id)s and c.tenant_id = m.tenant_id and c.id = m.conversation_id
returning c.last_message_id = m.id as is_last

-- name: restore_echo
-- What was typed on the company's own phone and had been taken for a message of ours with the same words. When it was
-- said, its receipt tells.
with place as (
  update conversations c set last_number = c.last_number + 1, version = c.version + 1, updated_at = now()
  from messages m
  where m.tenant_id = %(tenant_id)s and m.id = %(like)s and c.tenant_id = m.tenant_id and c.id = m.conversation_id
  returning c.id, c.last_number
)
insert into messages (
  tenant_id, id, integration_id, conversation_id, number, direction, kind, body, provider_message_id, occurred_at,
  status, sender_kind, correlation_id
)
select m.tenant_id, %(id)s, m.integration_id, p.id, p.last_number, 'outgoing', m.kind, m.body, %(provider_message_id)s,
  coalesce((
    select min(r.occurred_at) from receipts r
    where r.tenant_id = m.tenant_id and r.integration_id = m.integration_id
      and r.provider_message_id = %(provider_message_id)s and r.status = 'sent'
  ), m.occurred_at),
  'sent', 'device', %(correlation_id)s
from messages m, place p
where m.tenant_id = %(tenant_id)s and m.id = %(like)s

-- name: bring_up
-- A conversation's newest message may be this one.
update conversations c
set last_message_id = m.id, last_message_at = m.occurred_at, last_message_key = m.provider_message_id
from messages m
where m.tenant_id = %(tenant_id)s and m.id = %(id)s and c.tenant_id = m.tenant_id and c.id = m.conversation_id
  and (m.occurred_at, m.provider_message_id) > (c.last_message_at, c.last_message_key)
