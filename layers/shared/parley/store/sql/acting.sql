-- name: message
-- A message that something is to be done to, with its account and where its conversation is. In a group it names its
-- author.
select m.id, m.conversation_id, m.integration_id, m.direction, m.kind, m.provider_message_id,
  m.deleted_at is not null as deleted, m.direction = 'outgoing' as ours, c.group_id is not null as is_group,
  case when g.address is not null then 'jid' when c.reply_address is not null then c.reply_kind else a.kind end
    as reply_kind,
  coalesce(g.address, c.reply_address, a.address) as reply_address, w.kind as author_kind, w.address as author_address,
  i.provider, i.account_id, i.credentials, i.settings
from messages m
join conversations c on c.tenant_id = m.tenant_id and c.id = m.conversation_id
join integrations i on i.tenant_id = m.tenant_id and i.id = m.integration_id
left join groups g on g.tenant_id = c.tenant_id and g.id = c.group_id
left join lateral contact_address(c.tenant_id, c.contact_id, c.integration_id) a on c.reply_address is null
left join lateral contact_address(
  m.tenant_id, sender_contact(m.tenant_id, m.integration_id, m.from_kind, m.from_key, m.sender_id), m.integration_id
) w on c.group_id is not null and m.sender_kind = 'contact'
where m.tenant_id = %(tenant_id)s and m.id = %(id)s
  and not exists (
    select from contacts p where p.tenant_id = c.tenant_id and p.id = c.contact_id and p.erased_at is not null)

-- name: conversation
-- A conversation that something is to be done in, with its account.
select c.id, c.id as conversation_id, c.integration_id, c.group_id is not null as is_group,
  case when g.address is not null then 'jid' when c.reply_address is not null then c.reply_kind else a.kind end
    as reply_kind,
  coalesce(g.address, c.reply_address, a.address) as reply_address, i.provider, i.account_id, i.credentials, i.settings
from conversations c
join integrations i on i.tenant_id = c.tenant_id and i.id = c.integration_id
left join groups g on g.tenant_id = c.tenant_id and g.id = c.group_id
left join lateral contact_address(c.tenant_id, c.contact_id, c.integration_id) a on c.reply_address is null
where c.tenant_id = %(tenant_id)s and c.id = %(id)s
  and not exists (
    select from contacts p where p.tenant_id = c.tenant_id and p.id = c.contact_id and p.erased_at is not null)

-- name: lock_read_horizon
-- Up to where a conversation is read.
select read_at, read_key from conversations where tenant_id = %(tenant_id)s and id = %(id)s for no key update

-- name: move_read_horizon
-- Read up to this message, never back; unread is what customers wrote above it. No row where it was read already.
update conversations c
set read_at = m.occurred_at, read_key = coalesce(m.provider_message_id, ''), unread_count = (
    select count(*) from messages n
    where n.tenant_id = c.tenant_id and n.conversation_id = c.id and n.direction = 'incoming'
      and (n.occurred_at, n.provider_message_id) > (m.occurred_at, coalesce(m.provider_message_id, ''))
  ), version = c.version + 1, updated_at = now()
from messages m
where c.tenant_id = %(tenant_id)s and c.id = %(id)s and m.tenant_id = c.tenant_id and m.conversation_id = c.id
  and m.id = %(message_id)s
  and (c.read_at is null or (m.occurred_at, coalesce(m.provider_message_id, '')) > (c.read_at, c.read_key))
returning c.id, c.read_at, c.read_key

-- name: read_between
-- What customers wrote that was read just now, the newest last; of one second, what came to us last.
select provider_message_id, author_kind, author_address
from (
  select m.provider_message_id, m.occurred_at, m.number, w.kind as author_kind, w.address as author_address
  from messages m
  join conversations c on c.tenant_id = m.tenant_id and c.id = m.conversation_id
  left join lateral contact_address(
    m.tenant_id, sender_contact(m.tenant_id, m.integration_id, m.from_kind, m.from_key, m.sender_id), m.integration_id
  ) w on c.group_id is not null
  where m.tenant_id = %(tenant_id)s and m.conversation_id = %(id)s and m.direction = 'incoming'
    and (%(after_at)s::timestamptz is null or (m.occurred_at, m.provider_message_id) > (%(after_at)s, %(after_key)s))
    and (m.occurred_at, m.provider_message_id) <= (%(until_at)s, %(until_key)s)
  order by m.occurred_at desc, m.provider_message_id desc limit %(at_most)s
) newest
order by occurred_at, number

-- name: latest_incoming
-- The customer's newest message.
select provider_message_id from messages
where tenant_id = %(tenant_id)s and conversation_id = %(id)s and direction = 'incoming'
order by occurred_at desc, provider_message_id desc limit 1

-- name: react
-- The number's own reaction, done here by one of the company; it counts as later than any the gateway told.
insert into reactions as r (
  tenant_id, integration_id, provider_message_id, actor, emoji, occurred_at, sender_kind, sender_id
)
values (
  %(tenant_id)s, %(integration_id)s, %(provider_message_id)s, %(actor)s, %(emoji)s, clock_timestamp(), %(sender_kind)s,
  %(sender_id)s
)
on conflict on constraint reactions_pkey do update
set emoji = excluded.emoji, contact_id = null, sender_kind = excluded.sender_kind, sender_id = excluded.sender_id,
  occurred_at = greatest(excluded.occurred_at, r.occurred_at + interval '1 microsecond')
