-- name: rules
-- The accounts whose conversations are given to people by turns, and how many a person gets there at most (null: any).
-- What an account says goes before what the company says.
select i.id, (r.rule ->> 'capacity')::int as capacity, t.settings ->> 'agentsSee' = 'integrations' as members_only
from tenants t
join integrations i on i.tenant_id = t.id
cross join lateral (
  select coalesce(i.settings -> 'autoAssignment', t.settings -> 'autoAssignment') as rule
) r
where t.id = %(tenant_id)s and r.rule ->> 'mode' = 'round_robin'

-- name: is_any_waiting
-- Whether a conversation of these accounts is nobody's, and nobody put it back.
select exists (
  select from conversations c
  where c.tenant_id = %(tenant_id)s and c.status = 'open' and c.assignee_id is null and not c.put_back
    and c.integration_id = any (%(integrations)s::uuid[])
) as found

-- name: take_the_turn
-- One gives at a time, so that nobody is given more than they have room for.
select pg_advisory_xact_lock(hashtextextended('distribute ' || %(tenant_id)s::text, 0))

-- name: note_who_is_here
-- Since when those who were given conversations have not been seen: without a connection, or idle on all of them.
update assignment_turns t set gone_at = case when h.here then null else now() end
from (
  select o.user_id, exists (
    select from connections c
    where c.tenant_id = o.tenant_id and c.user_id = o.user_id and c.state = 'active'
      and c.seen_at > now() - %(silence)s and c.expires_at > now() and c.idle_ms < %(idle_limit)s
  ) as here
  from assignment_turns o where o.tenant_id = %(tenant_id)s
) h
where t.tenant_id = %(tenant_id)s and t.user_id = h.user_id and h.here <> (t.gone_at is null)

-- name: people
-- Who is online and takes conversations: agents, and others for whom somebody set a capacity. Whoever was given one the
-- longest ago comes first.
select u.id, u.capacity, u.role, coalesce(l.open, 0)::int as load,
  array(
    select m.integration_id from integration_members m where m.tenant_id = u.tenant_id and m.user_id = u.id
  ) as integrations
from users u
left join (
  select assignee_id, sum(open) as open from conversation_counts where tenant_id = %(tenant_id)s group by assignee_id
) l on l.assignee_id = u.id
left join assignment_turns t on t.tenant_id = u.tenant_id and t.user_id = u.id
where u.tenant_id = %(tenant_id)s and u.disabled_at is null and u.status is null
  and (u.role = 'agent' or u.capacity is not null)
  and exists (
    select from connections c
    where c.tenant_id = u.tenant_id and c.user_id = u.id and c.state = 'active' and c.seen_at > now() - %(silence)s
      and c.expires_at > now() and c.visible and c.idle_ms < %(idle_limit)s)
order by t.assigned_at nulls first, u.id

-- name: unassigned
-- Conversations that are nobody's, the longest silence first; but for those that somebody put back.
select c.id, c.assignee_id, c.integration_id from conversations c
where c.tenant_id = %(tenant_id)s and c.status = 'open' and c.assignee_id is null and not c.put_back
  and c.integration_id = any (%(integrations)s::uuid[])
order by c.last_message_at, c.id
limit %(at_most)s
for no key update skip locked

-- name: left_behind
-- Conversations that were given to somebody who has gone since, where the customer waits for an answer.
select c.id, c.assignee_id, c.integration_id
from assignment_turns t
join conversations c on c.tenant_id = t.tenant_id and c.assignee_id = t.user_id
join messages m on m.tenant_id = c.tenant_id and m.id = c.last_message_id
where t.tenant_id = %(tenant_id)s and t.gone_at <= now() - %(grace)s
  and c.status = 'open' and c.auto_assigned_at is not null and c.integration_id = any (%(integrations)s::uuid[])
  and m.direction = 'incoming'
order by c.last_message_at, c.id
limit %(at_most)s
for no key update of c skip locked

-- name: count_turn
-- This person had a turn.
insert into assignment_turns (tenant_id, user_id, assigned_at) values (%(tenant_id)s, %(user_id)s, clock_timestamp())
on conflict on constraint assignment_turns_pkey do update set assigned_at = excluded.assigned_at, gone_at = null

-- name: find_tenants
-- Tenants in which conversations are given to people by turns.
select tenant_id from find_assigning_tenants()
