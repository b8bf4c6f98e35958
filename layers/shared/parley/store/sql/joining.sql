-- name: lock_contacts
-- Contacts, locked in the order in which all who join lock them.
select id, merged_into, name, name_at, avatar_url, avatar_at, attributes, blocked
from contacts
where tenant_id = %(tenant_id)s and id = any (%(ids)s) and erased_at is null
order by id
for no key update

-- name: contact_now
-- Which contact this is: itself, or the one it was joined to.
select coalesce(merged_into, id) from contacts where tenant_id = %(tenant_id)s and id = %(id)s

-- name: lock_unresolved
-- The unresolved conversations of two contacts, locked in one order.
select id, integration_id, contact_id, status, unread_count, last_number, read_at, read_key, last_message_id,
  last_message_at, last_message_key, reply_kind, reply_address, reply_at, reply_key, window_expires_at
from conversations
where tenant_id = %(tenant_id)s and contact_id = any (%(contacts)s) and status <> 'resolved'
order by id
for no key update

-- name: close_conversation
-- The younger conversation is over: it went on in the older one.
update conversations set status = 'resolved', merged_into = %(into)s, unread_count = 0, last_number = 0,
  last_message_id = null, version = version + 1, updated_at = now()
where tenant_id = %(tenant_id)s and id = %(from)s

-- name: move_conversations
-- Every other conversation is now the kept contact's.
update conversations set contact_id = %(kept)s, version = version + 1, updated_at = now()
where tenant_id = %(tenant_id)s and contact_id = %(merged)s
returning id

-- name: move_aliases
-- The addresses of both are the kept contact's.
update contact_aliases set contact_id = %(kept)s
where tenant_id = %(tenant_id)s and contact_id = %(merged)s
returning scope, kind, value

-- name: move_followers
-- Who was found to be the merged contact is the kept one.
update contacts set merged_into = %(kept)s
where tenant_id = %(tenant_id)s and merged_into = %(merged)s
returning id

-- name: move_reactions
-- Of two reactions of one person to a message the latest stays.
with moved as (
  delete from reactions where tenant_id = %(tenant_id)s and contact_id = %(merged)s
  returning integration_id, provider_message_id, emoji, occurred_at
)
insert into reactions as r (tenant_id, integration_id, provider_message_id, actor, contact_id, emoji, occurred_at)
select %(tenant_id)s, m.integration_id, m.provider_message_id, %(kept)s::text, %(kept)s, m.emoji, m.occurred_at
from moved m
on conflict on constraint reactions_pkey do update set emoji = excluded.emoji, occurred_at = excluded.occurred_at
where (excluded.occurred_at, coalesce(excluded.emoji, '')) > (r.occurred_at, coalesce(r.emoji, ''))

-- name: move_memberships
-- Whose groups are whose: both were seen there as one.
with gone as (
  delete from group_members where tenant_id = %(tenant_id)s and contact_id = %(merged)s
  returning group_id, seen_at
),
kept as (
  insert into group_members as g (tenant_id, group_id, contact_id, seen_at)
  select %(tenant_id)s, group_id, %(kept)s, seen_at from gone
  on conflict on constraint group_members_pkey do update set seen_at = greatest(g.seen_at, excluded.seen_at)
)
select group_id, seen_at from gone

-- name: merge_contact
-- The kept contact has the name told last, and what either is known by; the other points to it.
with gone as (
  update contacts set merged_into = %(kept)s, version = version + 1, updated_at = now()
  where tenant_id = %(tenant_id)s and id = %(merged)s
  returning name, name_at, avatar_url, avatar_at, attributes, blocked
)
update contacts c
set name = case when g.name is not null and (c.name_at is null or (g.name_at, g.name) > (c.name_at, c.name))
    then g.name else c.name end,
  name_at = case when g.name is not null then greatest(c.name_at, g.name_at) else c.name_at end,
  avatar_url = case when g.avatar_at > coalesce(c.avatar_at, '-infinity') then g.avatar_url else c.avatar_url end,
  avatar_at = greatest(c.avatar_at, g.avatar_at),
  attributes = g.attributes || c.attributes, blocked = c.blocked or g.blocked,
  version = c.version + 1, updated_at = now()
from gone g
where c.tenant_id = %(tenant_id)s and c.id = %(kept)s

-- name: insert_merge
-- The record by which it can be undone.
insert into merges (tenant_id, id, kept_id, merged_id, evidence, moved)
values (%(tenant_id)s, %(id)s, %(kept)s, %(merged)s, %(evidence)s, %(moved)s)

-- name: insert_move
-- Messages that are to go from one conversation to another; their numbers there were set aside.
insert into moves (tenant_id, id, merge_id, from_id, into_id, low, high, shift, message_ids)
values (
  %(tenant_id)s, %(id)s, %(merge_id)s, %(from)s, %(into)s, %(low)s, %(high)s, %(shift)s, %(message_ids)s
)

-- name: lock_move
-- A move that is not over, for one mover at a time; `blocked` while an older one still brings messages to where it takes
-- them from.
select v.id, v.from_id, v.into_id, v.low, v.high, v.shift, v.message_ids is not null as named,
  exists (
    select from moves e
    where e.tenant_id = v.tenant_id and e.into_id = v.from_id and e.done_at is null and e.ordinal < v.ordinal
  ) as blocked
from moves v
where v.tenant_id = %(tenant_id)s and v.id = %(id)s and v.done_at is null
for no key update skip locked

-- name: move_numbered
-- The next messages of a range.
update messages m
set conversation_id = %(into_id)s, number = n.number + %(shift)s, version = m.version + 1, updated_at = now()
from (
  select id, number from messages
  where tenant_id = %(tenant_id)s and conversation_id = %(from_id)s and number > %(low)s and number <= %(high)s
  order by number limit %(at_most)s
) n
where m.tenant_id = %(tenant_id)s and m.id = n.id

-- name: move_named
-- The next messages of a list, each with the number that its place says.
update messages m
set conversation_id = %(into_id)s, number = %(shift)s + n.place, version = m.version + 1, updated_at = now()
from (
  select w.id, w.place
  from moves v
  cross join unnest(v.message_ids) with ordinality as w(id, place)
  join messages o on o.tenant_id = v.tenant_id and o.id = w.id and o.conversation_id = v.from_id
  where v.tenant_id = %(tenant_id)s and v.id = %(id)s
  order by w.place limit %(at_most)s
) n
where m.tenant_id = %(tenant_id)s and m.id = n.id

-- name: finish_move
-- All of it has arrived.
update moves set done_at = now(), message_ids = null where tenant_id = %(tenant_id)s and id = %(id)s

-- name: find_moves
-- Moves that are not over.
select tenant_id, id from find_moves(%(at_most)s)

-- name: last_merge
-- The join that would be undone: the last one of a kept contact.
select id, kept_id, merged_id, evidence, moved, created_at
from merges
where tenant_id = %(tenant_id)s and kept_id = %(contact)s and undone_at is null
order by ordinal desc limit 1
for no key update

-- name: merge_of
-- The join that made a contact another one.
select id, kept_id from merges
where tenant_id = %(tenant_id)s and merged_id = %(contact)s and undone_at is null
order by ordinal desc limit 1

-- name: is_moving
-- Whether messages of a contact's conversations are still on their way.
select exists (
  select from moves v
  join conversations c on c.tenant_id = v.tenant_id and c.id in (v.from_id, v.into_id)
  where v.tenant_id = %(tenant_id)s and v.done_at is null and c.contact_id = %(contact)s
)

-- name: finish_merge
-- It is undone, and by whom.
update merges set undone_at = now(), evidence = evidence || %(evidence)s
where tenant_id = %(tenant_id)s and id = %(id)s

-- name: conversations_of
-- All conversations of a contact, locked in one order; `touched` where something happened after the join.
select id, integration_id, status, last_number, read_at, read_key, merged_into, updated_at > %(since)s as touched
from conversations
where tenant_id = %(tenant_id)s and contact_id = %(contact)s
order by id
for no key update

-- name: give_back_aliases
-- The addresses that were the other contact's, and those that were seen beside them since.
with recursive theirs as (
  select a.scope, a.kind, a.value from jsonb_to_recordset(%(aliases)s) as a(scope uuid, kind text, value text)
  union
  select a.scope, a.kind, a.value
  from theirs t
  join contact_aliases a on a.tenant_id = %(tenant_id)s and a.contact_id = %(kept)s and a.created_at > %(since)s
    and a.evidence ->> 'beside' = t.kind || ':' || t.value
)
update contact_aliases a set contact_id = %(merged)s
from theirs t
where a.tenant_id = %(tenant_id)s and a.scope = t.scope and a.kind = t.kind and a.value = t.value
  and a.contact_id = %(kept)s
returning a.scope, a.kind, a.value

-- name: give_back_followers
-- Who was found to be the other contact before the join.
update contacts set merged_into = %(merged)s
where tenant_id = %(tenant_id)s and id = any (%(ids)s) and merged_into = %(kept)s

-- name: give_back_conversations
-- What was the other contact's.
update conversations set contact_id = %(merged)s, version = version + 1, updated_at = now()
where tenant_id = %(tenant_id)s and id = any (%(ids)s) and contact_id = %(kept)s

-- name: give_back_memberships
-- Where the other contact was seen; whether the kept one was there too, nobody can tell.
insert into group_members (tenant_id, group_id, contact_id, seen_at)
select %(tenant_id)s, w.group_id, %(merged)s, w.seen_at
from jsonb_to_recordset(%(memberships)s) as w(group_id uuid, seen_at timestamptz)
on conflict on constraint group_members_pkey do nothing

-- name: part_contacts
-- The other contact is somebody again; the kept one is called as before, where it has the other one's name.
with back as (
  update contacts set merged_into = null, version = version + 1, updated_at = now()
  where tenant_id = %(tenant_id)s and id = %(merged)s
  returning name, name_at, avatar_url, avatar_at, attributes, blocked
)
update contacts c
set name = case when n.named then w.name else c.name end, name_at = case when n.named then w.name_at else c.name_at end,
  avatar_url = case when n.pictured then w.avatar_url else c.avatar_url end,
  avatar_at = case when n.pictured then w.avatar_at else c.avatar_at end,
  attributes = case when c.attributes = b.attributes || w.attributes then w.attributes else c.attributes end,
  blocked = case when c.blocked = (b.blocked or w.blocked) then w.blocked else c.blocked end,
  version = c.version + 1, updated_at = now()
from back b
cross join jsonb_to_record(%(before)s) as w(
  name text, name_at timestamptz, avatar_url text, avatar_at timestamptz, attributes jsonb, blocked boolean
)
cross join lateral (
  select o.name is not distinct from b.name as named, o.avatar_url is not distinct from b.avatar_url as pictured
  from contacts o where o.tenant_id = %(tenant_id)s and o.id = %(kept)s
) n
where c.tenant_id = %(tenant_id)s and c.id = %(kept)s

-- name: reopen_conversation
-- A conversation that went on in another one is itself again, as open as that one is.
update conversations
set merged_into = null, status = %(status)s, last_number = %(last_number)s, version = version + 1, updated_at = now()
where tenant_id = %(tenant_id)s and id = %(id)s

-- name: open_conversation
-- What is unanswered in the one it was taken from is unanswered here.
update conversations set status = 'open', version = version + 1, updated_at = now()
where tenant_id = %(tenant_id)s and id = %(id)s and status = 'resolved'

-- name: number_before
-- The last message that was there at a time.
select coalesce(
  (
    select number from messages
    where tenant_id = %(tenant_id)s and conversation_id = %(id)s and created_at <= %(at)s
    order by number desc limit 1
  ), 0)

-- name: written_by
-- What was written above a number by one of two contacts who were one: what a customer wrote is of whoever has its
-- address, an answer of whom it answers, and what nobody can tell of the kept contact.
select w.id
from (
  select n.id, n.number,
    coalesce(first_value(n.theirs) over (partition by n.said order by n.number), false) as theirs
  from (
    select m.id, m.number, m.theirs, count(m.theirs) over (order by m.number) as said
    from (
      select m.id, m.number, case when m.direction = 'incoming' then exists (
          select from contact_aliases a
          where a.tenant_id = m.tenant_id and a.contact_id = %(merged)s and a.kind = m.from_kind and a.value = m.from_key
            and a.scope = case m.from_kind when 'phone' then '00000000-0000-0000-0000-000000000000'
              else m.integration_id end
        ) end as theirs
      from messages m
      where m.tenant_id = %(tenant_id)s and m.conversation_id = %(id)s and m.number > %(above)s
    ) m
  ) n
) w
where w.theirs = %(of_merged)s
order by w.number

-- name: set_aside
-- Numbers for messages that are on their way; answer the last one before them.
update conversations set last_number = last_number + %(count)s, version = version + 1, updated_at = now()
where tenant_id = %(tenant_id)s and id = %(id)s
returning last_number - %(count)s

-- name: summarise
-- A conversation as its messages make it, those included that are on their way to it: the newest on top, the address
-- that last wrote, what is unread above the horizon, how long one may answer.
with these as materialized (select * from messages_of(%(tenant_id)s, %(id)s)),
newest as (
  select id, occurred_at, case when sender_kind in ('user', 'bot') then id::text else provider_message_id end as key
  from these order by occurred_at desc, 3 desc limit 1
),
heard as (
  select from_kind, coalesce(from_address, from_key) as address, occurred_at, provider_message_id as key
  from these where direction = 'incoming' order by occurred_at desc, provider_message_id desc limit 1
)
update conversations c
set last_message_id = n.id, last_message_at = n.occurred_at, last_message_key = coalesce(n.key, ''),
  reply_kind = h.from_kind, reply_address = h.address, reply_at = h.occurred_at, reply_key = coalesce(h.key, ''),
  read_at = w.read_at, read_key = coalesce(w.read_key, ''),
  unread_count = (
    select count(*) from these t
    where t.direction = 'incoming'
      and (w.read_at is null or (t.occurred_at, t.provider_message_id) > (w.read_at, coalesce(w.read_key, '')))
  ),
  window_expires_at = h.occurred_at + %(window)s, version = c.version + 1, updated_at = now()
from (select %(read_at)s::timestamptz as read_at, %(read_key)s::text as read_key) w
left join newest n on true
left join heard h on true
where c.tenant_id = %(tenant_id)s and c.id = %(id)s

-- name: provider_of
-- Which gateway a conversation is on.
select i.provider from conversations c
join integrations i on i.tenant_id = c.tenant_id and i.id = c.integration_id
where c.tenant_id = %(tenant_id)s and c.id = %(id)s

-- name: give_back_reactions
-- Who reacts in a contact's own conversation is that contact.
update reactions r set actor = %(merged)s::text, contact_id = %(merged)s
from messages m
join conversations c on c.tenant_id = m.tenant_id and c.id = m.conversation_id
where r.tenant_id = %(tenant_id)s and r.contact_id = %(kept)s
  and m.tenant_id = r.tenant_id and m.integration_id = r.integration_id and m.provider_message_id = r.provider_message_id
  and c.contact_id = %(merged)s
