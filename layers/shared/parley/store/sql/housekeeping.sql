-- name: make_partitions
-- The partitions that are missing.
select make_due_partitions(%(days)s) as made

-- name: missing_partitions
-- The days and months without a partition.
select parent, first_missing from missing_partitions((now() at time zone 'UTC')::date, %(days)s)

-- name: forget_pacing
-- The paces of those who were not written to lately.
select forget_pacing()

-- name: forget_signals
-- What was said, limited or leased long ago.
select forget_signals()

-- name: count_open_connections
-- Open sockets.
select count_open_connections() as connections

-- name: find_stuck_sends
-- Conversations whose sending nobody looks after.
select tenant_id, integration_id, conversation_id from find_stuck_sends(%(older_than)s, %(at_most)s)

-- name: find_silent_connections
-- Connections unheard for too long.
select tenant_id, id from find_silent_connections(%(silent_for)s)

-- name: delete_silent_connections
-- Drop them, unless one spoke meanwhile; and say whose were revoked.
delete from connections c
where c.tenant_id = %(tenant_id)s and c.id = any (%(ids)s) and c.seen_at < now() - %(silent_for)s
returning c.id, exists (
  select from users u where u.tenant_id = c.tenant_id and u.id = c.user_id and u.disabled_at is not null) as revoked

-- name: delete_expired_tickets
-- Tickets nobody used in time.
delete from tickets where tenant_id = %(tenant_id)s and expires_at < now()

-- name: find_lagging_tenants
-- Tenants with listeners behind the log.
select tenant_id from find_lagging_tenants(%(older_than)s)

-- name: read
-- How each step went, the one that was begun the longest ago first.
select step, started_at, ended_at, last_ok_at, found, ms, error from read_housekeeping()

-- name: begin
-- A step begins.
select begin_housekeeping(%(step)s)

-- name: end
-- A step ended so.
select end_housekeeping(%(step)s, %(found)s, %(ms)s, %(error)s)

-- name: count_stuck_sends
-- How many conversations have a send that nobody looks after.
select count_stuck_sends(%(older_than)s, %(at_most)s) as stuck

-- name: now
-- The database's clock.
select now()
