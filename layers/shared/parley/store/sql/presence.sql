-- name: people
-- Who is here: has a live connection, or had one a moment ago; and what they are looking at. agents_differ: the
-- company's agents do not all see the same.
with live as (
  select c.id, c.user_id, c.seen_at, c.visible, c.idle_ms
  from connections c
  where c.tenant_id = %(tenant_id)s and c.state = 'active' and c.seen_at > now() - %(silence)s and c.expires_at > now()
), here as (
  select user_id, max(seen_at) as seen_at, bool_or(visible and idle_ms < %(idle_limit)s) as present
  from live group by user_id
), looking as (
  select l.user_id, array_agg(distinct s.topic order by s.topic) as topics
  from live l
  join subscriptions s on s.tenant_id = %(tenant_id)s and s.connection_id = l.id
  where l.visible and s.topic like 'conversation:%%'
  group by l.user_id
)
select u.id, u.name, coalesce(h.seen_at, p.left_at) as last_seen_at,
  case
    when h.user_id is null then p.state
    when u.status is not null then u.status
    when h.present then 'online'
    else 'away'
  end as state,
  coalesce(case when h.user_id is null then p.viewing else k.topics end, '{}') as viewing,
  case when h.user_id is null then extract(epoch from p.left_at + %(grace)s - now())::float end as leaves_in,
  exists (
    select from tenants t
    where t.id = %(tenant_id)s and coalesce(t.settings ->> 'agentsSee', 'everything') <> 'everything') as agents_differ
from users u
left join here h on h.user_id = u.id
left join looking k on k.user_id = u.id
left join presences p on p.tenant_id = u.tenant_id and p.user_id = u.id
where u.tenant_id = %(tenant_id)s and u.disabled_at is null
  and (h.user_id is not null or p.left_at > now() - %(grace)s)
order by u.name, u.id

-- name: set_status
-- What a person says of themselves.
update users set status = %(status)s, updated_at = now()
where tenant_id = %(tenant_id)s and id = %(user_id)s and status is distinct from %(status)s

-- name: ask_for_look
-- Somebody should look at presence within `delay`; no row where somebody will by then. One that should have been and
-- was not is lost.
insert into presence_turns as t (tenant_id, due_at)
values (%(tenant_id)s, clock_timestamp() + %(delay)s)
on conflict on constraint presence_turns_pkey do update set due_at = excluded.due_at
where t.due_at is null or t.due_at > excluded.due_at or t.due_at < clock_timestamp() - %(lost_after)s
returning true as asked

-- name: begin_look
-- One looks at a time, and whoever changes something from here on must ask for another look.
insert into presence_turns (tenant_id, due_at) values (%(tenant_id)s, null)
on conflict on constraint presence_turns_pkey do update set due_at = null

-- name: told
-- What was last told of each person.
select p.user_id, u.name, p.state, p.viewing, p.left_at
from presences p
join users u on u.tenant_id = p.tenant_id and u.id = p.user_id
where p.tenant_id = %(tenant_id)s

-- name: keep_told
-- This is told of these people.
insert into presences (tenant_id, user_id, state, viewing)
select %(tenant_id)s, w.user_id, w.state, w.viewing
from jsonb_to_recordset(%(people)s) as w(user_id uuid, state text, viewing text[])
order by w.user_id
on conflict on constraint presences_pkey do update set state = excluded.state, viewing = excluded.viewing

-- name: forget_told
-- It is told of these people that they went.
delete from presences where tenant_id = %(tenant_id)s and user_id = any (%(ids)s)

-- name: find_due
-- Tenants in which the look at presence is overdue.
select tenant_id from find_presence_due(%(older_than)s)

-- name: start_typing
-- Somebody types: to be told the first time, again after a while, and again after a message, which has cleared it.
insert into typists as t (tenant_id, conversation_id, actor, told_at)
values (%(tenant_id)s, %(conversation_id)s, %(actor)s, clock_timestamp())
on conflict on constraint typists_pkey do update set told_at = excluded.told_at
where t.told_at <= clock_timestamp() - %(every)s or exists (
  select from conversations c
  join messages m on m.tenant_id = c.tenant_id and m.conversation_id = c.id and m.number = c.last_number
  where c.tenant_id = t.tenant_id and c.id = t.conversation_id and m.created_at > t.told_at)
returning true as telling

-- name: stop_typing
-- Somebody types no more: to be told where others still believe it.
with ended as (
  delete from typists
  where tenant_id = %(tenant_id)s and conversation_id = %(conversation_id)s and actor = %(actor)s
  returning told_at
)
select told_at > clock_timestamp() - %(lifetime)s as telling from ended

-- name: conversation_of_customer
-- The thread of the customer who types, the unresolved one first; never a new one.
select c.id, p.id as contact_id, p.name
from jsonb_to_recordset(%(addresses)s) as w(scope uuid, kind text, value text)
join contact_aliases a
  on a.tenant_id = %(tenant_id)s and a.scope = w.scope and a.kind = w.kind and a.value = w.value
join contacts p on p.tenant_id = a.tenant_id and p.id = a.contact_id
join conversations c on c.tenant_id = a.tenant_id and c.contact_id = a.contact_id
  and c.integration_id = %(integration_id)s and c.merged_into is null
order by c.status = 'resolved', c.last_message_at desc nulls last, c.id desc
limit 1

-- name: take_turn
-- One more of what is limited: `wait` is null, or how many seconds until there may be another.
insert into rate_limits as r (tenant_id, subject, tat)
values (%(tenant_id)s, %(subject)s, clock_timestamp() + %(apart)s)
on conflict on constraint rate_limits_pkey do update
set tat = greatest(r.tat, clock_timestamp()) + %(apart)s
where r.tat <= clock_timestamp() + %(apart)s * (%(burst)s - 1)
returning true as granted

-- name: wait_for_turn
-- Seconds until there may be another of what is limited.
select extract(epoch from tat - clock_timestamp() - %(apart)s * (%(burst)s - 1))::float as seconds
from rate_limits where tenant_id = %(tenant_id)s and subject = %(subject)s
