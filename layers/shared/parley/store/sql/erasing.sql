-- name: tombstones
-- Which of these hashes are erased, and when.
select hash, erased_at from tombstones where tenant_id = %(tenant_id)s and hash = any (%(hashes)s::bytea[])

-- name: bury
-- Keep what was erased erased; who is erased again is so from the later time on.
insert into tombstones as t (tenant_id, hash, erased_at)
select %(tenant_id)s, w.hash, %(erased_at)s from unnest(%(hashes)s::bytea[]) w(hash)
order by w.hash
on conflict on constraint tombstones_pkey do update set erased_at = excluded.erased_at
where excluded.erased_at > t.erased_at

-- name: erasure_of
-- The latest erasure of a contact, or of one that it was joined to.
select id, contact_id, erased_at, finished_at from erasures
where tenant_id = %(tenant_id)s and contact_ids @> array[%(contact)s::uuid]
order by created_at desc limit 1

-- name: lacks_erasure
-- Whether an erasure is not known, of a company that is.
select exists (select from tenants where id = %(tenant_id)s)
  and not exists (select from erasures where tenant_id = %(tenant_id)s and id = %(id)s)

-- name: lock_people
-- A contact and all that were joined to it, locked in the order in which everybody locks them.
select id, merged_into, erased_at from contacts
where tenant_id = %(tenant_id)s and (id = %(contact)s or merged_into = %(contact)s)
order by id
for no key update

-- name: aliases
-- Every address of these contacts.
select scope, kind, value, address from contact_aliases
where tenant_id = %(tenant_id)s and contact_id = any (%(contacts)s)
order by scope, kind, value

-- name: lock_conversations
-- Their conversations, locked in the order of their ids.
select id, last_message_at from conversations
where tenant_id = %(tenant_id)s and contact_id = any (%(contacts)s)
order by id
for no key update

-- name: now
-- The moment up to which they are erased: not before the last they said, and a little ahead of now, since what is on its
-- way bears the times of other clocks.
select greatest(clock_timestamp() + interval '2 seconds', %(latest)s::timestamptz)

-- name: insert_erasure
-- What is to be erased.
insert into erasures (tenant_id, id, contact_id, contact_ids, addresses, hashes, step, erased_at)
values (%(tenant_id)s, %(id)s, %(contact)s, %(contacts)s, %(addresses)s, %(hashes)s, %(step)s, %(erased_at)s)

-- name: note_erasure
-- An erasure of which nothing is left to do here.
insert into erasures (
  tenant_id, id, contact_id, contact_ids, addresses, hashes, step, erased_at, finished_at
)
values (
  %(tenant_id)s, %(id)s, %(contact)s, %(contacts)s, '[]', %(hashes)s, 'done', %(erased_at)s, clock_timestamp()
)
on conflict on constraint erasures_pkey do nothing

-- name: empty_contacts
-- From now on nobody finds them.
update contacts
set erased_at = %(erased_at)s, name = null, name_at = null, avatar_url = null, avatar_at = null, attributes = '{}',
  version = version + 1, updated_at = now()
where tenant_id = %(tenant_id)s and id = any (%(contacts)s)

-- name: empty_conversations
-- From now on nobody sees, answers or is given them.
update conversations
set status = 'resolved', snoozed_until = null, assignee_id = null, unread_count = 0, labels = '{}', last_message_id = null,
  reply_kind = null, reply_address = null, reply_at = null, reply_key = '', window_expires_at = null,
  version = version + 1, updated_at = now()
where tenant_id = %(tenant_id)s and contact_id = any (%(contacts)s)

-- name: delete_aliases
-- Their addresses.
delete from contact_aliases where tenant_id = %(tenant_id)s and contact_id = any (%(contacts)s)

-- name: find_erasures
-- Erasures that are not over.
select tenant_id, id from find_erasures(%(at_most)s)

-- name: lock_erasure
-- An erasure that is not over, for one at a time.
select id, contact_id, contact_ids, addresses, hashes, step, place, erased_at from erasures
where tenant_id = %(tenant_id)s and id = %(id)s and finished_at is null
for update skip locked

-- name: advance
-- How far it has come.
update erasures set step = %(step)s, place = %(place)s, updated_at = clock_timestamp()
where tenant_id = %(tenant_id)s and id = %(id)s

-- name: finish
-- All of it is gone, and so is what found it.
update erasures
set step = 'done', place = '{}', addresses = '[]', updated_at = clock_timestamp(), finished_at = clock_timestamp()
where tenant_id = %(tenant_id)s and id = %(id)s

-- name: next_thread
-- A conversation of theirs that has a message.
select c.id from conversations c
where c.tenant_id = %(tenant_id)s and c.contact_id = any (%(contacts)s)
  and exists (select from messages m where m.tenant_id = c.tenant_id and m.conversation_id = c.id)
order by c.id limit 1

-- name: lock_messages
-- The newest messages of a thread: what is still to be sent goes first.
select id, integration_id, provider_message_id from messages
where tenant_id = %(tenant_id)s and conversation_id = %(conversation)s
order by number desc limit %(at_most)s
for update

-- name: delete_attempts
-- The tries to send them.
delete from attempts where tenant_id = %(tenant_id)s and message_id = any (%(messages)s)

-- name: delete_files
-- Their files.
delete from attachments where tenant_id = %(tenant_id)s and message_id = any (%(messages)s)
returning object_key, sha256

-- name: delete_facts
-- What was said about them.
with about as (
  select w.integration_id, w.provider_message_id
  from jsonb_to_recordset(%(named)s) as w(integration_id uuid, provider_message_id text)
),
receipted as (
  delete from receipts r using about w
  where r.tenant_id = %(tenant_id)s and r.integration_id = w.integration_id
    and r.provider_message_id = w.provider_message_id
),
reacted as (
  delete from reactions r using about w
  where r.tenant_id = %(tenant_id)s and r.integration_id = w.integration_id
    and r.provider_message_id = w.provider_message_id
)
delete from revisions r using about w
where r.tenant_id = %(tenant_id)s and r.integration_id = w.integration_id
  and r.provider_message_id = w.provider_message_id

-- name: delete_messages
-- The messages themselves; their words go with them.
delete from messages where tenant_id = %(tenant_id)s and id = any (%(messages)s)

-- name: note_messages
-- Which they were, for the ledger.
insert into erased_messages (tenant_id, erasure_id, message_id)
select %(tenant_id)s, %(erasure)s, w.id from unnest(%(messages)s::uuid[]) w(id)
on conflict on constraint erased_messages_pkey do nothing

-- name: forget_messages
-- The ledger names them no more.
delete from erased_messages where tenant_id = %(tenant_id)s and erasure_id = %(erasure)s

-- name: set_objects_aside
-- Objects to be deleted once their rows are gone for certain.
insert into erased_objects (tenant_id, erasure_id, object_key)
select %(tenant_id)s, %(erasure)s, w.key from unnest(%(keys)s::text[]) w(key)
on conflict on constraint erased_objects_pkey do nothing

-- name: next_group
-- The next conversation of a group in which they were seen.
select c.id from conversations c
where c.tenant_id = %(tenant_id)s and (%(after)s::uuid is null or c.id > %(after)s)
  and c.group_id in (
    select g.group_id from group_members g where g.tenant_id = %(tenant_id)s and g.contact_id = any (%(contacts)s))
order by c.id limit 1

-- name: lock_conversation
-- Nobody writes into it meanwhile.
select id from conversations where tenant_id = %(tenant_id)s and id = %(id)s for no key update

-- name: group_page
-- The next messages of a group; `theirs` as sender_contact says it: an address that is somebody else's now is not.
select m.id, m.number, m.integration_id, m.provider_message_id, m.body, m.content,
  c.last_message_id is not distinct from m.id as is_last,
  m.sender_kind = 'contact' and (
    exists (
      select from jsonb_to_recordset(%(addresses)s) as a(scope uuid, kind text, value text)
      where a.kind = m.from_kind and a.value = m.from_key
        and a.scope = case a.kind when 'phone' then '00000000-0000-0000-0000-000000000000' else m.integration_id end
    )
    or (m.sender_id = any (%(contacts)s) and not exists (
      select from contact_aliases a
      where a.tenant_id = m.tenant_id and a.kind = m.from_kind and a.value = m.from_key
        and a.scope = case a.kind when 'phone' then '00000000-0000-0000-0000-000000000000' else m.integration_id end
    ))
  ) as theirs
from messages m
join conversations c on c.tenant_id = m.tenant_id and c.id = m.conversation_id
where m.tenant_id = %(tenant_id)s and m.conversation_id = %(conversation)s and m.number > %(after)s
order by m.number limit %(at_most)s

-- name: rewrite_messages
-- Others' messages without the addresses that were in them.
update messages m set body = w.body, content = w.content, version = m.version + 1, updated_at = now()
from jsonb_to_recordset(%(messages)s) as w(id uuid, body text, content jsonb)
where m.tenant_id = %(tenant_id)s and m.id = w.id

-- name: revisions_of
-- What edits of these messages said.
select r.integration_id, r.provider_message_id, r.kind, r.revision_key, r.body, r.content
from jsonb_to_recordset(%(named)s) as w(integration_id uuid, provider_message_id text)
join revisions r on r.tenant_id = %(tenant_id)s and r.integration_id = w.integration_id
  and r.provider_message_id = w.provider_message_id
where r.body is not null or r.content is not null

-- name: rewrite_revisions
-- The same without the addresses that were in them.
update revisions r set body = w.body, content = w.content
from jsonb_to_recordset(%(revisions)s) as w(
  integration_id uuid, provider_message_id text, kind text, revision_key text, body text, content jsonb
)
where r.tenant_id = %(tenant_id)s and r.integration_id = w.integration_id
  and r.provider_message_id = w.provider_message_id and r.kind = w.kind and r.revision_key = w.revision_key

-- name: delete_receipts_by
-- What they received or read in a group.
delete from receipts r
using jsonb_to_recordset(%(named)s) as w(integration_id uuid, provider_message_id text)
where r.tenant_id = %(tenant_id)s and r.integration_id = w.integration_id
  and r.provider_message_id = w.provider_message_id
  and split_part(split_part(r.participant, '@', 1), ':', 1) = any (%(spellings)s)

-- name: summarise_group
-- A group as the messages that stay make it.
with newest as (
  select id, occurred_at, case when sender_kind in ('user', 'bot') then id::text else provider_message_id end as key
  from messages where tenant_id = %(tenant_id)s and conversation_id = %(id)s
  order by occurred_at desc, provider_message_id desc, id desc limit 1
)
update conversations c
set last_message_id = n.id, last_message_at = n.occurred_at, last_message_key = coalesce(n.key, ''),
  unread_count = (
    select count(*) from messages m
    where m.tenant_id = c.tenant_id and m.conversation_id = c.id and m.direction = 'incoming'
      and (c.read_at is null or (m.occurred_at, m.provider_message_id) > (c.read_at, c.read_key))
  ),
  version = c.version + 1, updated_at = now()
from (select 1) one left join newest n on true
where c.tenant_id = %(tenant_id)s and c.id = %(id)s

-- name: delete_reactions
-- Their reactions, some at a time.
delete from reactions
where ctid = any (array(
  select ctid from reactions
  where tenant_id = %(tenant_id)s and contact_id = any (%(contacts)s) limit %(at_most)s for update))
  and tenant_id = %(tenant_id)s
returning integration_id, provider_message_id

-- name: delete_timeline
-- What happened to their conversations, some at a time.
delete from timeline
where tenant_id = %(tenant_id)s and id in (
  select t.id from conversations c
  join timeline t on t.tenant_id = c.tenant_id and t.conversation_id = c.id
  where c.tenant_id = %(tenant_id)s and c.contact_id = any (%(contacts)s) limit %(at_most)s)

-- name: delete_followers
-- Who followed their conversations.
delete from followers
where tenant_id = %(tenant_id)s and conversation_id in (
  select id from conversations where tenant_id = %(tenant_id)s and contact_id = any (%(contacts)s))

-- name: delete_moves
-- How their messages moved when they were joined or told apart.
delete from moves
where tenant_id = %(tenant_id)s and merge_id in (
  select id from merges
  where tenant_id = %(tenant_id)s and (kept_id = any (%(contacts)s) or merged_id = any (%(contacts)s)))

-- name: delete_merges
-- With whom they were joined, and what that rested on.
delete from merges
where tenant_id = %(tenant_id)s and (kept_id = any (%(contacts)s) or merged_id = any (%(contacts)s))

-- name: delete_memberships
-- Where they were seen.
delete from group_members where tenant_id = %(tenant_id)s and contact_id = any (%(contacts)s)

-- name: delete_conversations
-- Their conversations.
delete from conversations where tenant_id = %(tenant_id)s and contact_id = any (%(contacts)s)

-- name: delete_contacts
-- The contacts themselves.
delete from contacts where tenant_id = %(tenant_id)s and id = any (%(contacts)s)

-- name: ledger_end
-- Where the next piece of the ledger ends.
select day, id from (
  select day, id from ledger
  where tenant_id = %(tenant_id)s and day >= %(day)s and (day, id) > (%(day)s, %(id)s)
  order by day, id limit %(at_most)s
) piece
order by day desc, id desc limit 1

-- name: ledger_page
-- What in this piece of the ledger names them, or may: its contacts or its messages do, or its body has one of the
-- spellings, or it lies in the bucket.
select l.day, l.id, l.pointer, n.named, case when not n.named then l.body end as body
from ledger l
cross join lateral (
  select l.contact_ids && %(contacts)s or exists (
    select from erased_messages e
    where e.tenant_id = l.tenant_id and e.erasure_id = %(erasure)s and e.message_id = any (l.message_ids)) as named
) n
where l.tenant_id = %(tenant_id)s and l.day between %(day)s and %(last_day)s
  and (l.day, l.id) > (%(day)s, %(id)s) and (l.day, l.id) <= (%(last_day)s, %(last_id)s)
  and l.received_at <= %(until)s and (l.body is not null or l.pointer is not null)
  and (n.named or l.pointer is not null or exists (
    select from unnest(%(spellings)s::bytea[]) s where position(s in l.body) > 0))

-- name: empty_ledger
-- What was said is gone; that something was, and how it ended, stays.
update ledger l set body = null, pointer = null
from jsonb_to_recordset(%(rows)s) as w(day date, id uuid)
where l.tenant_id = %(tenant_id)s and l.day = w.day and l.id = w.id

-- name: forget_bodies
-- The same, of webhooks that came again.
update ledger l set body = null, pointer = null
from jsonb_to_recordset(%(webhooks)s) as w(day date, integration_id uuid, hash text)
where l.tenant_id = %(tenant_id)s and l.day = w.day and l.integration_id = w.integration_id
  and l.body_hash = decode(w.hash, 'hex') and (l.body is not null or l.pointer is not null)

-- name: events_end
-- Where the next piece of the event log ends.
select max(ordinal) from (
  select ordinal from events where tenant_id = %(tenant_id)s and ordinal > %(after)s order by ordinal limit %(at_most)s
) piece

-- name: events_page
-- What in this piece of the event log may name them: a gateway's words about an error, or about an account.
select ordinal, delta from events
where tenant_id = %(tenant_id)s and ordinal > %(after)s and ordinal <= %(last)s
  and exists (select from unnest(%(spellings)s::text[]) s where position(s in delta::text) > 0)

-- name: rewrite_event
-- The same without them.
update events set delta = %(delta)s where tenant_id = %(tenant_id)s and ordinal = %(ordinal)s

-- name: notices
-- Notices of gateways that may name them.
select id, detail from integration_notices
where tenant_id = %(tenant_id)s and (%(after)s::uuid is null or id > %(after)s)
  and exists (select from unnest(%(spellings)s::text[]) s where position(s in detail::text) > 0)
order by id limit %(at_most)s

-- name: rewrite_notice
-- The same without them.
update integration_notices set detail = %(detail)s where tenant_id = %(tenant_id)s and id = %(id)s

-- name: dead_letters
-- The next dead letters.
select id, payload from dead_letters
where tenant_id = %(tenant_id)s and (%(after)s::uuid is null or id > %(after)s)
order by id limit %(at_most)s

-- name: delete_dead_letters
-- Those that name them.
delete from dead_letters where tenant_id = %(tenant_id)s and id = any (%(ids)s)

-- name: next_objects
-- The next objects to be deleted, and whether somebody else has the same file.
select o.object_key, exists (
  select from attachments a where a.tenant_id = o.tenant_id and a.object_key = o.object_key) as needed
from erased_objects o
where o.tenant_id = %(tenant_id)s and o.erasure_id = %(erasure)s
order by o.object_key limit %(at_most)s

-- name: forget_objects
-- They are gone.
delete from erased_objects where tenant_id = %(tenant_id)s and erasure_id = %(erasure)s and object_key = any (%(keys)s)

-- name: is_needed
-- Whether a file of somebody lies there.
select exists (select from attachments where tenant_id = %(tenant_id)s and object_key = %(key)s)

-- name: alias_page
-- The next addresses of a company, for those who look for erased ones among them.
select scope, kind, value, contact_id from contact_aliases
where tenant_id = %(tenant_id)s and (scope, kind, value) > (%(scope)s, %(kind)s, %(value)s)
order by scope, kind, value limit %(at_most)s

-- name: known_before
-- Which of these contacts there are, that were there or said something at or before a time.
select p.id from contacts p
where p.tenant_id = %(tenant_id)s and p.id = any (%(contacts)s) and p.erased_at is null
  and (p.created_at <= %(at)s or exists (
    select from conversations c
    join messages m on m.tenant_id = c.tenant_id and m.conversation_id = c.id
    where c.tenant_id = p.tenant_id and c.contact_id = p.id and m.occurred_at <= %(at)s))
