-- name: people
-- The contact an id names now, and all that were joined to it.
select p.id from contacts c
join contacts p on p.tenant_id = c.tenant_id and coalesce(c.merged_into, c.id) in (p.id, p.merged_into)
where c.tenant_id = %(tenant_id)s and c.id = %(contact)s and c.erased_at is null
order by p.merged_into is not null, p.id

-- name: addresses
-- Every address, and how it came to be known.
select a.kind, a.address, nullif(a.scope, '00000000-0000-0000-0000-000000000000') as integration_id, a.evidence,
  a.created_at
from contact_aliases a
where a.tenant_id = %(tenant_id)s and a.contact_id = any (%(contacts)s)
order by a.created_at, a.value

-- name: joins
-- With whom they were found to be one person, and what they were called before.
select m.id, m.kept_id, m.merged_id, m.evidence, m.moved -> 'before' as before, m.created_at, m.undone_at
from merges m
where m.tenant_id = %(tenant_id)s and (m.kept_id = any (%(contacts)s) or m.merged_id = any (%(contacts)s))
order by m.ordinal

-- name: conversations
-- The next of their conversations, and of those of groups they were seen in.
select c.id, c.integration_id, c.group_id, g.name as group_name, g.address as group_address
from conversations c
left join groups g on g.tenant_id = c.tenant_id and g.id = c.group_id
where c.tenant_id = %(tenant_id)s and (%(after)s::uuid is null or c.id > %(after)s) and (
  c.contact_id = any (%(contacts)s)
  or c.group_id in (
    select m.group_id from group_members m where m.tenant_id = %(tenant_id)s and m.contact_id = any (%(contacts)s)))
order by c.id
limit %(at_most)s

-- name: happenings
-- What happened to their conversations next.
select t.id, t.conversation_id, t.kind, t.detail, t.actor_kind, t.actor_id, t.occurred_at
from conversations c
join timeline t on t.tenant_id = c.tenant_id and t.conversation_id = c.id
where c.tenant_id = %(tenant_id)s and c.contact_id = any (%(contacts)s) and (%(after)s::uuid is null or t.id > %(after)s)
order by t.id
limit %(at_most)s

-- name: threads
-- Where they wrote or were written to, from a place on.
select c.id, c.contact_id is not null as own from conversations c
where c.tenant_id = %(tenant_id)s and (%(from)s::uuid is null or c.id >= %(from)s) and (
  c.contact_id = any (%(contacts)s)
  or c.group_id in (
    select m.group_id from group_members m where m.tenant_id = %(tenant_id)s and m.contact_id = any (%(contacts)s)))
order by c.id

-- name: messages
-- The next messages of a thread: all of their own, and of a group's what they wrote, as sender_contact says it.
select m.id, m.number from messages m
where m.tenant_id = %(tenant_id)s and m.conversation_id = %(conversation)s and m.number > %(after)s
  and (%(own)s or (
    m.sender_kind = 'contact'
    and sender_contact(m.tenant_id, m.integration_id, m.from_kind, m.from_key, m.sender_id) = any (%(contacts)s)))
order by m.number
limit %(at_most)s

-- name: receipts
-- What the gateway told of these messages.
select m.id as message_id, r.status, r.participant, r.occurred_at, r.error
from messages m
join receipts r on r.tenant_id = m.tenant_id and r.integration_id = m.integration_id
  and r.provider_message_id = m.provider_message_id
where m.tenant_id = %(tenant_id)s and m.id = any (%(messages)s)
order by r.occurred_at, r.status, r.participant

-- name: revisions
-- What these messages said after they were changed, each time.
select m.id as message_id, r.kind, r.body, r.content, r.occurred_at
from messages m
join revisions r on r.tenant_id = m.tenant_id and r.integration_id = m.integration_id
  and r.provider_message_id = m.provider_message_id
where m.tenant_id = %(tenant_id)s and m.id = any (%(messages)s)
order by r.occurred_at, r.kind, r.revision_key

-- name: reactions
-- Their next reactions, and what to.
select r.integration_id, r.provider_message_id, r.emoji, r.occurred_at, m.id as message_id, m.conversation_id
from reactions r
left join messages m on m.tenant_id = r.tenant_id and m.integration_id = r.integration_id
  and m.provider_message_id = r.provider_message_id
where r.tenant_id = %(tenant_id)s and r.contact_id = any (%(contacts)s)
  and (%(after)s::uuid is null or (r.integration_id, r.provider_message_id) > (%(after)s, %(after_id)s))
order by r.integration_id, r.provider_message_id
limit %(at_most)s
