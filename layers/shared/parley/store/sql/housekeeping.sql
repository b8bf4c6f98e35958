-- name: make_partitions
-- A week of partitions ahead.
select make_partitions((now() at time zone 'UTC')::date + n) from generate_series(0, 7) n

-- name: forget_pacing
-- The paces of those who were not written to lately.
select forget_pacing()

-- name: find_stuck_sends
-- Conversations whose sending nobody looks after.
select tenant_id, integration_id, conversation_id from find_stuck_sends(%(older_than)s, %(at_most)s)

-- name: find_silent_connections
-- Connections unheard for too long.
select tenant_id, id from find_silent_connections(%(silent_for)s)

-- name: delete_silent_connections
-- Drop them, unless one spoke meanwhile.
delete from connections
where tenant_id = %(tenant_id)s and id = any (%(ids)s) and (seen_at < now() - %(silent_for)s or expires_at < now())

-- name: delete_expired_tickets
-- Tickets nobody used in time.
delete from tickets where tenant_id = %(tenant_id)s and expires_at < now()

-- name: find_lagging_tenants
-- Tenants with listeners behind the log.
select tenant_id from find_lagging_tenants(%(older_than)s)
