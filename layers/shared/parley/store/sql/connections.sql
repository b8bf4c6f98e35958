-- name: find_connection
-- Whose connection is this? A frame names no tenant.
select tenant_id, user_id from find_connection(%(id)s)

-- name: lock_user
-- One connection of a person is admitted at a time, else two could both be the last allowed.
select id from users where tenant_id = %(tenant_id)s and id = %(user_id)s for no key update

-- name: count_connections
-- How many connections the whole tenant has.
select count(*) as connections from connections where tenant_id = %(tenant_id)s

-- name: insert_connection
-- A connection that has said nothing yet. The gateway may repeat $connect with the same id.
-- It ends with the token it was opened with, if that ends sooner.
insert into connections (tenant_id, id, user_id, rights_version, expires_at)
values (%(tenant_id)s, %(id)s, %(user_id)s, %(rights_version)s, least(now() + %(term)s, %(until)s::timestamptz))
on conflict on constraint connections_pkey do nothing

-- name: delete_surplus
-- The oldest connections of a person above what is allowed.
delete from connections c
where c.tenant_id = %(tenant_id)s and c.id in (
  select o.id from connections o
  where o.tenant_id = %(tenant_id)s and o.user_id = %(user_id)s
  order by o.connected_at desc, o.id
  offset %(allowed)s
)
returning c.id

-- name: delete_connection
-- Forget a connection, and with it its subscriptions. Its person may be back in a moment, so the time is kept.
with gone as (
  delete from connections where tenant_id = %(tenant_id)s and id = %(id)s returning user_id
), left_now as (
  update presences p set left_at = clock_timestamp() from gone
  where p.tenant_id = %(tenant_id)s and p.user_id = gone.user_id
)
select count(*) as deleted from gone

-- name: touch
-- A frame came: the connection lives. What it may still do is read from the person's row as it is now. `stirred`:
-- whether its person may look otherwise present to others.
update connections c set
  seen_at = clock_timestamp(),
  visible = coalesce(%(visible)s::boolean, c.visible),
  idle_ms = coalesce(%(idle_ms)s::bigint, c.idle_ms)
from connections o
join users u on u.tenant_id = o.tenant_id and u.id = o.user_id
where c.tenant_id = %(tenant_id)s and c.id = %(id)s and o.tenant_id = c.tenant_id and o.id = c.id
returning c.id, c.user_id, u.name, c.state, c.sent_seq, c.eval_seq, c.rights_version, c.expires_at,
  c.expires_at <= now() as expired, c.rights_version <> u.rights_version as stale, u.disabled_at is not null as revoked,
  (c.visible, c.idle_ms < %(idle_limit)s) <> (o.visible, o.idle_ms < %(idle_limit)s) as stirred

-- name: activate
-- Hello: from here on frames are pushed. The client says where it is, so both positions are set, not raised.
update connections set
  state = 'active', sent_seq = %(seq)s, eval_seq = %(seq)s, hellos = hellos + 1, tab = %(tab)s, visible = %(visible)s,
  held_until = null
where tenant_id = %(tenant_id)s and id = %(id)s
returning hellos

-- name: clear_subscriptions
-- A hello names all its topics.
delete from subscriptions where tenant_id = %(tenant_id)s and connection_id = %(id)s

-- name: insert_subscriptions
-- Listen to these topics.
insert into subscriptions (tenant_id, connection_id, topic)
select %(tenant_id)s, %(id)s, topic from unnest(%(topics)s::text[]) topic
on conflict on constraint subscriptions_pkey do nothing

-- name: delete_subscriptions
-- Listen no more to these topics.
delete from subscriptions
where tenant_id = %(tenant_id)s and connection_id = %(id)s and topic = any (%(topics)s::text[])

-- name: count_subscriptions
-- How many topics a connection listens to.
select count(*) as topics from subscriptions where tenant_id = %(tenant_id)s and connection_id = %(id)s

-- name: known_conversations
-- Which of these conversations this tenant has.
select id from conversations where tenant_id = %(tenant_id)s and id = any (%(ids)s::uuid[])

-- name: renew
-- A new ticket on an open socket; it ends with the token behind the ticket, if that ends sooner.
update connections set expires_at = least(now() + %(term)s, %(until)s::timestamptz)
where tenant_id = %(tenant_id)s and id = %(id)s
returning expires_at

-- name: listener
-- One connection as an audience: its topics, and whether its rights are those its person has now.
select c.user_id, c.expires_at <= now() as expired,
  c.rights_version <> u.rights_version as stale, u.disabled_at is not null as revoked,
  array(
    select s.topic from subscriptions s where s.tenant_id = c.tenant_id and s.connection_id = c.id
  ) as topics
from connections c
join users u on u.tenant_id = c.tenant_id and u.id = c.user_id
where c.tenant_id = %(tenant_id)s and c.id = %(id)s

-- name: listeners
-- Every connection that is pushed to: positions, topics, and whether its rights are those its person has now. All of
-- the tenant's, or a chunk of them by id.
select c.id, c.user_id, c.sent_seq, c.eval_seq, c.hellos, c.expires_at <= now() as expired,
  c.rights_version <> u.rights_version as stale, u.disabled_at is not null as revoked,
  array(
    select s.topic from subscriptions s where s.tenant_id = c.tenant_id and s.connection_id = c.id
  ) as topics
from connections c
join users u on u.tenant_id = c.tenant_id and u.id = c.user_id
where c.tenant_id = %(tenant_id)s and c.state = 'active'
  and c.id > %(after)s and (%(up_to)s::text is null or c.id <= %(up_to)s)
  and coalesce(c.held_until, '-infinity') <= now()

-- name: page
-- The open sockets, the latest opened first, with their people and what they listen to.
select c.id, c.user_id, u.name, c.state, c.visible, c.connected_at, c.seen_at, c.expires_at,
  array(
    select s.topic from subscriptions s where s.tenant_id = c.tenant_id and s.connection_id = c.id order by s.topic
  ) as topics
from connections c
left join users u on u.tenant_id = c.tenant_id and u.id = c.user_id
where c.tenant_id = %(tenant_id)s and c.expires_at > now()
  and (%(after_at)s::timestamptz is null or (c.connected_at, c.id) < (%(after_at)s, %(after_id)s::text))
order by c.connected_at desc, c.id desc
limit %(limit)s

-- name: hold
-- Nothing is pushed to these for a while: they could not be reached, and others should not wait for that again.
update connections set held_until = clock_timestamp() + %(term)s
where tenant_id = %(tenant_id)s and id = any (%(ids)s)

-- name: hearers
-- Whom an ephemeral word on a topic reaches. `about`: the conversation it is about, which not everybody may see.
select c.id
from connections c
join subscriptions s on s.tenant_id = c.tenant_id and s.connection_id = c.id and s.topic = %(topic)s
join users u on u.tenant_id = c.tenant_id and u.id = c.user_id
where c.tenant_id = %(tenant_id)s and c.state = 'active' and c.expires_at > now()
  and u.disabled_at is null and u.rights_version = c.rights_version
  and coalesce(c.held_until, '-infinity') <= now() and c.id is distinct from %(but)s
  and (%(about)s::uuid is null or not exists (select from out_of_sight(array[c.user_id], array[%(about)s::uuid])))
order by c.id

-- name: raise_positions
-- Positions only ever rise; those of a connection that has said hello again since belong to that hello.
update connections c set
  sent_seq = greatest(c.sent_seq, p.sent_seq), eval_seq = greatest(c.eval_seq, p.eval_seq)
from jsonb_to_recordset(%(positions)s) as p(id text, hellos int, sent_seq bigint, eval_seq bigint)
where c.tenant_id = %(tenant_id)s and c.id = p.id and c.hellos = p.hellos
